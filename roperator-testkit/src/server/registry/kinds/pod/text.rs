//! Which texts Kubernetes takes in workloads beyond names: text in, what is wrong with it out, in the real server's
//! words.

/// What is wrong with a number that must be in a range.
#[must_use]
pub fn in_range(number: i64, least: i64, most: i64) -> Vec<String> {
    if (least..=most).contains(&number) {
        return Vec::new();
    }
    vec![format!("must be between {least} and {most}, inclusive")]
}

/// What is wrong with a port's number.
#[must_use]
pub fn port_number(port: i64) -> Vec<String> {
    in_range(port, 1, 65_535)
}

/// What is wrong with a port's name.
#[must_use]
pub fn port_name(name: &str) -> Vec<String> {
    let bytes = name.as_bytes();
    let lower = |byte: &u8| byte.is_ascii_lowercase();
    let rules = [
        (name.len() > 15, "must be no more than 15 characters"),
        (
            name.is_empty()
                || !bytes
                    .iter()
                    .all(|byte| lower(byte) || byte.is_ascii_digit() || *byte == b'-'),
            "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)",
        ),
        (!bytes.iter().any(lower), "must contain at least one letter (a-z)"),
        (name.contains("--"), "must not contain consecutive hyphens"),
        (
            name.starts_with('-') || name.ends_with('-'),
            "must not begin or end with a hyphen",
        ),
    ];
    let broken = rules.into_iter().filter(|(broken, _)| *broken);
    broken.map(|(_, words)| words.to_owned()).collect()
}

/// What is wrong with the name of an environment variable.
#[must_use]
pub fn env_name(name: &str) -> Vec<String> {
    if name.is_empty() {
        return vec!["environment variable name must be non-empty".to_owned()];
    }
    if name.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'=') {
        return Vec::new();
    }
    vec!["a valid environment variable name must consist only of printable ASCII characters other than '='".to_owned()]
}

/// What is wrong with a key of a config map or a secret.
#[must_use]
pub fn config_key(key: &str) -> Vec<String> {
    let mut problems = Vec::new();
    if key.len() > 253 {
        problems.push("must be no more than 253 characters".to_owned());
    }
    let good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if key.is_empty() || !key.bytes().all(good) {
        problems.push(
            "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or \
             'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
                .to_owned(),
        );
    }
    match key {
        "." | ".." => problems.push(format!("must not be '{key}'")),
        _ if key.starts_with("..") => problems.push("must not start with '..'".to_owned()),
        _ => {}
    }
    problems
}

/// What is wrong with the name of an HTTP header.
#[must_use]
pub fn header_name(name: &str) -> Vec<String> {
    if !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        return Vec::new();
    }
    vec![
        "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used for \
         validation is '[-A-Za-z0-9]+')"
            .to_owned(),
    ]
}

/// What is wrong with a percentage.
#[must_use]
pub fn percent(text: &str) -> Vec<String> {
    if percent_value(text).is_some() {
        return Vec::new();
    }
    vec![
        "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used \
         for validation is '[0-9]+%')"
            .to_owned(),
    ]
}

/// The number of a percentage, if it is one.
#[must_use]
pub fn percent_value(text: &str) -> Option<i64> {
    let digits = text.strip_suffix('%')?;
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(digits.parse().unwrap_or(i64::MAX))
}

/// What is wrong with a domain in a search list: a subdomain that may have underscores.
#[must_use]
pub fn search_domain(domain: &str) -> Vec<String> {
    let mut problems = Vec::new();
    if domain.len() > 253 {
        problems.push("must be no more than 253 characters".to_owned());
    }
    if !domain.split('.').all(is_underscore_label) {
        problems.push(
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and \
             must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is \
             '_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?(\\._?[a-z0-9]([-_a-z0-9]*[a-z0-9])?)*')"
                .to_owned(),
        );
    }
    problems
}

fn is_underscore_label(label: &str) -> bool {
    let lower = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = label.strip_prefix('_').unwrap_or(label).as_bytes();
    bytes.first().is_some_and(lower)
        && bytes.last().is_some_and(lower)
        && bytes.iter().all(|byte| lower(byte) || matches!(byte, b'-' | b'_'))
}

/// What is wrong with an IP address. Leading zeros of IPv4 are taken, as the real server takes them for old fields.
#[must_use]
pub fn ip_address(address: &str) -> Vec<String> {
    let plain = |part: &str| {
        let digits = part.trim_start_matches('0');
        if digits.is_empty() && !part.is_empty() {
            "0".to_owned()
        } else {
            digits.to_owned()
        }
    };
    let without_zeros: Vec<String> = address.split('.').map(plain).collect();
    let is_v4 = without_zeros.join(".").parse::<std::net::Ipv4Addr>().is_ok();
    if is_v4 || address.parse::<std::net::Ipv6Addr>().is_ok() {
        return Vec::new();
    }
    vec!["must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)".to_owned()]
}

/// What is wrong with a path that must stay within its directory.
#[must_use]
pub fn no_backsteps(path: &str) -> Vec<String> {
    if path.split('/').any(|part| part == "..") {
        return vec!["must not contain '..'".to_owned()];
    }
    Vec::new()
}

/// What is wrong with a path that must be relative and stay within its directory.
#[must_use]
pub fn descending_path(path: &str) -> Vec<String> {
    let mut problems = Vec::new();
    if path.starts_with('/') {
        problems.push("must be a relative path".to_owned());
    }
    problems.extend(no_backsteps(path));
    problems
}

/// What is wrong with the path of a file in a volume that Kubernetes fills: a descending one not of a reserved name.
#[must_use]
pub fn projected_path(path: &str) -> Vec<String> {
    let mut problems = descending_path(path);
    if path.starts_with("..") && !path.starts_with("../") {
        problems.push("must not start with '..'".to_owned());
    }
    problems
}

/// A list as Go's `%q` writes it: `["a" "b"]`.
#[must_use]
pub fn quoted_list(texts: &[&str]) -> String {
    let quoted: Vec<String> = texts.iter().map(|text| crate::server::field::quote(text)).collect();
    format!("[{}]", quoted.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_judged() {
        assert!(port_name("http-1").is_empty());
        assert_eq!(port_name("--").len(), 3);
        assert_eq!(port_name("").len(), 2);
        assert!(env_name("a b.c").is_empty() && !env_name("a=").is_empty() && !env_name("ä").is_empty());
        assert_eq!(config_key(".."), ["must not be '..'"]);
        assert_eq!(percent_value("25%"), Some(25));
        assert_eq!(percent_value("%"), None);
        assert!(ip_address("010.0.0.1").is_empty() && ip_address("::1").is_empty() && !ip_address("1.2").is_empty());
        assert_eq!(projected_path("..x"), ["must not start with '..'"]);
        assert_eq!(projected_path("../x"), ["must not contain '..'"]);
        assert!(search_domain("_tcp.example").is_empty() && !search_domain("a..b").is_empty());
        assert_eq!(quoted_list(&["a", "b"]), r#"["a" "b"]"#);
    }
}
