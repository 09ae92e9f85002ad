//! The formats of strings that the server knows: a format's name and a text in, whether the text has the format out. Of
//! e-mail addresses and URIs the usual forms are told from others; what Go's parsers make of the rarer ones is left out.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::LazyLock;

use super::pattern::Pattern;
use crate::server::names;
use jiff::civil::Date;

/// Whether the server knows a format. It does not see the dashes in a format's name.
#[must_use]
pub fn is_known(format: &str) -> bool {
    check(format).is_some()
}

/// Whether a text has a format.
#[must_use]
pub fn matches(format: &str, text: &str) -> bool {
    check(format).is_none_or(|check| check(text))
}

fn check(format: &str) -> Option<fn(&str) -> bool> {
    Some(match format.replace('-', "").as_str() {
        "bsonobjectid" => |text| text.len() == 24 && text.bytes().all(|byte| byte.is_ascii_hexdigit()),
        "uri" => is_uri,
        "email" => is_email,
        "hostname" => is_hostname,
        "ipv4" => |text| text.contains('.') && is_ip(text),
        "ipv6" => |text| text.contains(':') && is_ip(text),
        "cidr" => is_cidr,
        "mac" => |text| MAC.matches(text),
        "uuid" => |text| is_uuid(text, None, ""),
        "uuid3" => |text| is_uuid(text, Some('3'), ""),
        "uuid4" => |text| is_uuid(text, Some('4'), "89ab"),
        "uuid5" => |text| is_uuid(text, Some('5'), "89ab"),
        "isbn" => |text| is_isbn10(text) || is_isbn13(text),
        "isbn10" => is_isbn10,
        "isbn13" => is_isbn13,
        "creditcard" => is_credit_card,
        "ssn" => |text| text.len() == 11 && SSN.matches(text),
        "hexcolor" => |text| HEX_COLOR.matches(text),
        "rgbcolor" => |text| RGB_COLOR.matches(text),
        "byte" => |text| BASE64.matches(text),
        "password" => |_| true,
        "date" => is_date,
        "duration" => is_duration,
        "datetime" => is_date_time,
        "k8sshortname" => |text| names::label(text).is_empty(),
        "k8slongname" => |text| names::subdomain(text).is_empty(),
        _ => return None,
    })
}

static MAC: LazyLock<Pattern> = LazyLock::new(|| {
    let colons = "(?:[0-9a-fA-F]{2}:){5}(?:(?:[0-9a-fA-F]{2}:){2}|(?:[0-9a-fA-F]{2}:){14})?[0-9a-fA-F]{2}";
    let dots = "(?:[0-9a-fA-F]{4}\\.){2}(?:[0-9a-fA-F]{4}\\.|(?:[0-9a-fA-F]{4}\\.){7})?[0-9a-fA-F]{4}";
    Pattern::new(&format!(
        "^(?:{colons}|{}|{dots})$",
        colons.replace(':', "-").replace("(?-", "(?:")
    ))
});
static SSN: LazyLock<Pattern> = LazyLock::new(|| Pattern::new("^[0-9]{3}[- ]?[0-9]{2}[- ]?[0-9]{4}$"));
static HEX_COLOR: LazyLock<Pattern> = LazyLock::new(|| Pattern::new("^#?(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})$"));
static RGB_COLOR: LazyLock<Pattern> = LazyLock::new(|| {
    let byte = "(?:0|[1-9][0-9]?|1[0-9][0-9]?|2[0-4][0-9]|25[0-5])";
    Pattern::new(&format!("^rgb\\(\\s*{byte}\\s*,\\s*{byte}\\s*,\\s*{byte}\\s*\\)$"))
});
static BASE64: LazyLock<Pattern> =
    LazyLock::new(|| Pattern::new("^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})$"));
static CREDIT_CARD: LazyLock<Pattern> = LazyLock::new(|| {
    Pattern::new(
        "^(?:4[0-9]{12}(?:[0-9]{3})?|5[1-5][0-9]{14}|6(?:011|5[0-9][0-9])[0-9]{12}|3[47][0-9]{13}|\
         3(?:0[0-5]|[68][0-9])[0-9]{11}|(?:2131|1800|35[0-9]{3})[0-9]{11})$",
    )
});
static HOSTNAME: LazyLock<Pattern> = LazyLock::new(|| {
    let start = "[a-zA-Z0-9\\p{S}\\p{L}]";
    let middle = "[a-zA-Z0-9\\-\\p{S}\\p{L}]";
    Pattern::new(&format!(
        "^({start}((-?{start}{{0,62}})?)|({start}(({middle}{{0,61}}{start})?)(\\.)){{1,}}([a-zA-Z\\p{{L}}]){{2,63}})$"
    ))
});
static TIME: LazyLock<Pattern> =
    LazyLock::new(|| Pattern::new("^([0-9]{2}):([0-9]{2}):([0-9]{2})(.[0-9]+)?(z|([+-][0-9]{2}:[0-9]{2}))$"));
static DURATION: LazyLock<Pattern> = LazyLock::new(|| {
    let exact = "ns|us|µs|ms|s|m|h|hr|d|w|wk";
    let prefixes = "nano|micro|milli|sec|min|hour|day|week";
    Pattern::new(&format!("(?i)[0-9]\\s*(?:(?:{exact})(?:[^a-zµ]|$)|{prefixes})"))
});
static GO_DURATION: LazyLock<Pattern> =
    LazyLock::new(|| Pattern::new("^[-+]?(?:0|(?:(?:[0-9]+(?:\\.[0-9]*)?|\\.[0-9]+)(?:ns|us|µs|μs|ms|s|m|h))+)$"));

fn is_uri(text: &str) -> bool {
    if text.is_empty() || text.bytes().any(|byte| byte < 0x20 || byte == 0x7f || byte == b' ') {
        return false;
    }
    if text.starts_with('/') {
        return true;
    }
    let Some((scheme, rest)) = text.split_once(':') else {
        return text == "*";
    };
    let scheme_is_one = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme
            .chars()
            .all(|character| character.is_ascii_alphanumeric() || "+-.".contains(character));
    let port_is_one = rest.strip_prefix("//").is_none_or(|authority| {
        let host = authority.split(['/', '?', '#']).next().unwrap_or_default();
        let after_brackets = host.rsplit(']').next().unwrap_or_default();
        after_brackets
            .split_once(':')
            .is_none_or(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()))
    });
    scheme_is_one && port_is_one
}

fn is_email(text: &str) -> bool {
    let address = match (text.rsplit_once('<'), text.strip_suffix('>')) {
        (Some((_, rest)), Some(_)) => rest.trim_end_matches('>'),
        _ => text.trim(),
    };
    let Some((local, domain)) = address.rsplit_once('@') else {
        return false;
    };
    let atoms = |part: &str| {
        part.split('.').all(|atom| {
            !atom.is_empty()
                && atom.chars().all(|character| {
                    character.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(character) || !character.is_ascii()
                })
        })
    };
    let quoted = local.len() > 1 && local.starts_with('"') && local.ends_with('"');
    (quoted || atoms(local)) && atoms(domain)
}

fn is_hostname(text: &str) -> bool {
    HOSTNAME.matches(text) && text.len() <= 255 && text.split('.').all(|part| part.len() <= 63)
}

/// An address; leading zeros are tolerated in version 4.
fn is_ip(text: &str) -> bool {
    if text.contains(':') {
        return text.parse::<Ipv6Addr>().is_ok();
    }
    let stripped: Vec<&str> = text
        .split('.')
        .map(|part| match part.trim_start_matches('0') {
            "" if !part.is_empty() => "0",
            stripped => stripped,
        })
        .collect();
    stripped.join(".").parse::<Ipv4Addr>().is_ok()
}

fn is_cidr(text: &str) -> bool {
    let Some((address, bits)) = text.split_once('/') else {
        return false;
    };
    let most = if address.contains(':') { 128 } else { 32 };
    let is_number = !bits.is_empty() && bits.bytes().all(|byte| byte.is_ascii_digit());
    is_ip(address) && is_number && bits.parse::<u32>().is_ok_and(|bits| bits <= most)
}

fn is_uuid(text: &str, version: Option<char>, variants: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let groups = [8, 4, 4, 4, 12];
    let mut rest = lower.as_str();
    let mut digits = String::new();
    for (index, length) in groups.into_iter().enumerate() {
        if index > 0 {
            rest = rest.strip_prefix('-').unwrap_or(rest);
        }
        let Some((group, after)) = rest.split_at_checked(length) else {
            return false;
        };
        digits.push_str(group);
        rest = after;
    }
    let at = |index: usize| digits.chars().nth(index);
    rest.is_empty()
        && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
        && version.is_none_or(|version| at(12) == Some(version))
        && (variants.is_empty() || at(16).is_some_and(|variant| variants.contains(variant)))
}

fn isbn_digits(text: &str, length: usize) -> Option<Vec<u32>> {
    let stripped: Vec<char> = text
        .chars()
        .filter(|character| !character.is_whitespace() && *character != '-')
        .collect();
    let digits: Option<Vec<u32>> = stripped
        .iter()
        .enumerate()
        .map(|(index, character)| match character {
            'X' if length == 10 && index == 9 => Some(10),
            digit => digit.to_digit(10),
        })
        .collect();
    digits.filter(|digits| digits.len() == length)
}

fn is_isbn10(text: &str) -> bool {
    isbn_digits(text, 10).is_some_and(|digits| {
        let sum: u32 = (1..).zip(&digits).map(|(weight, digit)| weight * digit).sum();
        sum.is_multiple_of(11)
    })
}

fn is_isbn13(text: &str) -> bool {
    isbn_digits(text, 13).is_some_and(|digits| {
        let weights = [1, 3].into_iter().cycle();
        let sum: u32 = weights.zip(&digits).map(|(weight, digit)| weight * digit).sum();
        sum.is_multiple_of(10)
    })
}

fn is_credit_card(text: &str) -> bool {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let doubled = |(index, digit): (usize, u32)| match (index % 2, digit * 2) {
        (0, _) => digit,
        (_, twice) if twice >= 10 => twice % 10 + 1,
        (_, twice) => twice,
    };
    let sum: u32 = digits
        .chars()
        .rev()
        .filter_map(|digit| digit.to_digit(10))
        .enumerate()
        .map(doubled)
        .sum();
    CREDIT_CARD.matches(&digits) && sum.is_multiple_of(10)
}

fn is_date(text: &str) -> bool {
    let shape = text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    shape && text.parse::<Date>().is_ok()
}

fn is_date_time(text: &str) -> bool {
    let lower = text.to_lowercase();
    let mut parts = lower.split('t');
    let (Some(date), Some(time)) = (parts.next(), parts.next()) else {
        return false;
    };
    let at_most = |at: usize, most: &str| time.get(at..at + 2).is_some_and(|found| found <= most);
    is_date(date) && TIME.matches(time) && at_most(0, "23") && at_most(3, "59") && at_most(6, "59")
}

/// A duration of Go, or anything that has a number with a unit in it.
fn is_duration(text: &str) -> bool {
    GO_DURATION.matches(text) || DURATION.matches(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_told_apart() {
        let cases = [
            ("date-time", "2020-01-01T00:00:00Z", true),
            ("date-time", "2020-01-01t00:00:00.123+01:00", true),
            ("date-time", "2020-13-01T00:00:00Z", false),
            ("date-time", "2020-01-01", false),
            ("date", "2020-02-30", false),
            ("date", "2020-02-28", true),
            ("duration", "1h30m", true),
            ("duration", "2 days", true),
            ("duration", "x", false),
            ("ipv4", "010.0.0.1", true),
            ("ipv4", "1.2.3", false),
            ("ipv6", "::1", true),
            ("cidr", "10.0.0.0/33", false),
            ("cidr", "10.0.0.0/8", true),
            ("uuid4", "8f14e45f-ceea-467f-a26b-3d4e5f6a7b8c", true),
            ("uuid3", "8f14e45f-ceea-467f-a26b-3d4e5f6a7b8c", false),
            ("email", "a@b.c", true),
            ("email", "Joe <joe@example.com>", true),
            ("email", "a", false),
            ("uri", "https://example.com:80/x", true),
            ("uri", "example", false),
            ("hostname", "a.example.com", true),
            ("hostname", "-a", false),
            ("mac", "01:23:45:67:89:ab", true),
            ("mac", "01-23-45-67-89-ab", true),
            ("mac", "0123.4567.89ab", true),
            ("mac", "01:23", false),
            ("isbn", "978-0321751041", true),
            ("isbn10", "0321751043", true),
            ("isbn10", "0321751044", false),
            ("creditcard", "4111 1111 1111 1111", true),
            ("creditcard", "4111 1111 1111 1112", false),
            ("ssn", "111-22-3333", true),
            ("hexcolor", "#FFF", true),
            ("rgbcolor", "rgb(255,0,10)", true),
            ("byte", "YQ==", true),
            ("byte", "YQ=", false),
            ("k8s-short-name", "a-1", true),
            ("k8s-long-name", "a..b", false),
            ("nonsense", "", true),
        ];
        for (format, text, fits) in cases {
            assert_eq!(matches(format, text), fits, "{format} {text}");
        }
        assert!(is_known("date-time") && is_known("k8s-long-name") && !is_known("nonsense"));
    }
}
