//! Which texts Kubernetes takes as a name, a finalizer and a field manager.

use crate::names::kebab;

/// What is wrong with a text, as the end of a sentence that begins with the text.
type Complaint = String;

/// The longest DNS label, and the longest label value.
const LABEL: usize = 63;
const SUBDOMAIN: usize = 253;
const FIELD_MANAGER: usize = 128;

/// A DNS-1123 label. An operator's name is one because it is also a label value and a part of qualified names.
pub(super) fn label(text: &str) -> Result<(), Complaint> {
    let plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    if text.is_empty() {
        return Err("is empty".to_owned());
    }
    if let Some(letter) = text.chars().find(|&letter| !plain(letter) && letter != '-') {
        return Err(format!("contains {letter:?}"));
    }
    if !text.starts_with(plain) || !text.ends_with(plain) {
        return Err("begins or ends with `-`".to_owned());
    }
    within(text, LABEL)
}

/// `domain/name`, as finalizers have to be.
pub(super) fn qualified(text: &str) -> Result<(), Complaint> {
    let Some((domain, name)) = text.split_once('/') else {
        return Err("has no domain".to_owned());
    };
    domain.split('.').try_for_each(|part| match label(part) {
        Err(_) if part.is_empty() => Err(format!("has the domain `{domain}`, with an empty part")),
        judged => judged.map_err(|complaint| format!("has the domain `{domain}`, of which `{part}` {complaint}")),
    })?;
    within(domain, SUBDOMAIN).map_err(|complaint| format!("has a domain that {complaint}"))?;
    if let Some(letter) = name
        .chars()
        .find(|&letter| !letter.is_ascii_alphanumeric() && !matches!(letter, '-' | '_' | '.'))
    {
        return Err(format!("contains {letter:?} after the domain"));
    }
    if !name.starts_with(|letter: char| letter.is_ascii_alphanumeric())
        || !name.ends_with(|letter: char| letter.is_ascii_alphanumeric())
    {
        return Err("has a name that does not begin and end with a letter or digit".to_owned());
    }
    within(name, LABEL).map_err(|complaint| format!("has a name that {complaint}"))
}

/// What the API server takes as a field manager.
pub(super) fn field_manager(text: &str) -> Result<(), Complaint> {
    if text.is_empty() {
        return Err("is empty".to_owned());
    }
    if let Some(letter) = text
        .chars()
        .find(|&letter| letter.is_control() || (letter.is_whitespace() && letter != ' '))
    {
        return Err(format!("contains {letter:?}"));
    }
    within(text, FIELD_MANAGER)
}

/// The label nearest to a text, for a mend: `Echo Server` → `echo-server`.
pub(super) fn as_label(text: &str) -> Option<String> {
    let plain: String = text
        .chars()
        .map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' })
        .collect();
    let candidate = kebab(&plain);
    label(&candidate).is_ok().then_some(candidate)
}

/// The API server counts bytes.
fn within(text: &str, most: usize) -> Result<(), Complaint> {
    if text.len() > most {
        return Err(format!("has {} characters, where {most} is the most", text.len()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_dns_labels() {
        for good in ["a", "echo", "echo-2", "0", &"x".repeat(63)] {
            assert_eq!(label(good), Ok(()), "{good}");
        }
        for (bad, part) in [
            ("", "empty"),
            ("Echo", "'E'"),
            ("a_b", "'_'"),
            ("a.b", "'.'"),
            ("-a", "begins"),
            ("a-", "ends"),
            (&"x".repeat(64), "64"),
        ] {
            assert!(label(bad).is_err_and(|complaint| complaint.contains(part)), "{bad}");
        }
    }

    #[test]
    fn finalizers_are_qualified() {
        for good in ["example.com/cleanup", "roperator.dev/echo", "local/A.b_c-d"] {
            assert_eq!(qualified(good), Ok(()), "{good}");
        }
        for (bad, part) in [
            ("cleanup", "no domain"),
            ("example..com/x", "empty part"),
            ("/x", "empty part"),
            ("Example.com/x", "'E'"),
            ("example.com/", "begin and end"),
            ("example.com/a/b", "'/'"),
            ("example.com/a b", "' '"),
            (&format!("example.com/{}", "x".repeat(64)), "64"),
            (&format!("{}com/x", "example.".repeat(32)), "259"),
        ] {
            let judged = qualified(bad);
            assert!(
                judged.clone().is_err_and(|complaint| complaint.contains(part)),
                "{bad} {judged:?}"
            );
        }
    }

    #[test]
    fn field_managers_are_printable() {
        assert_eq!(field_manager("echo by example.com"), Ok(()));
        for bad in ["", "a\nb", "a\u{a0}b", &"x".repeat(129)] {
            assert!(field_manager(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_label_is_offered_where_there_is_one() {
        assert_eq!(as_label("EchoServer").as_deref(), Some("echo-server"));
        assert_eq!(as_label("echo.server_").as_deref(), Some("echo-server"));
        assert_eq!(as_label("é"), None);
    }
}
