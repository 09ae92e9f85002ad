//! Which names, labels and qualified keys Kubernetes takes: text in, what is wrong with it out, in the real server's words.

const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', \
    and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is \
    '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must \
    start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is \
    '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const LABEL_1035: &str = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an \
    alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for \
    validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
const QUALIFIED: &str = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with \
    an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is \
    '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const LABEL_VALUE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', \
    and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for \
    validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

const fn is_lower(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

fn is_label(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.first().copied().is_some_and(is_lower)
        && bytes.last().copied().is_some_and(is_lower)
        && bytes.iter().all(|byte| is_lower(*byte) || *byte == b'-')
}

fn is_qualified(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.first().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.last().is_some_and(u8::is_ascii_alphanumeric)
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

/// The unit is part of the message: names are counted in characters, the parts of labels in bytes.
fn at_most(length: usize, most: usize, unit: &str, problems: &mut Vec<String>) {
    if length > most {
        problems.push(format!("must be no more than {most} {unit}"));
    }
}

/// What is wrong with a DNS subdomain: the name of most objects.
#[must_use]
pub fn subdomain(name: &str) -> Vec<String> {
    subdomain_in(name, "characters")
}

fn subdomain_in(name: &str, unit: &str) -> Vec<String> {
    let mut problems = Vec::new();
    at_most(name.len(), 253, unit, &mut problems);
    if !name.split('.').all(is_label) {
        problems.push(SUBDOMAIN.to_owned());
    }
    problems
}

/// What is wrong with a DNS label: the name of a namespace.
#[must_use]
pub fn label(name: &str) -> Vec<String> {
    let mut problems = Vec::new();
    at_most(name.len(), 63, "characters", &mut problems);
    if !is_label(name) {
        let dotted = name.split('.').all(is_label);
        problems.push(if dotted { "must not contain dots" } else { LABEL }.to_owned());
    }
    problems
}

/// What is wrong with a DNS label as of RFC 1035: a name that starts with a letter.
#[must_use]
pub fn label_1035(name: &str) -> Vec<String> {
    let mut problems = Vec::new();
    at_most(name.len(), 63, "characters", &mut problems);
    if !is_label(name) || !name.as_bytes().first().is_some_and(u8::is_ascii_lowercase) {
        problems.push(LABEL_1035.to_owned());
    }
    problems
}

/// What is wrong with a name that is only a segment of a path: the names of roles.
#[must_use]
pub fn path_segment(name: &str) -> Vec<String> {
    if matches!(name, "." | "..") {
        return vec![format!("may not be '{name}'")];
    }
    ["/", "%"]
        .iter()
        .filter(|part| name.contains(**part))
        .map(|part| format!("may not contain '{part}'"))
        .collect()
}

/// What is wrong with a qualified name: the key of a label or an annotation, a finalizer.
#[must_use]
pub fn qualified(name: &str) -> Vec<String> {
    let mut problems = Vec::new();
    let (prefix, part) = match name.split_once('/') {
        None => (None, name),
        Some((_, rest)) if rest.contains('/') => {
            let problem = "a valid label key must consist of alphanumeric characters, '-', '_' or '.', and must start and \
                end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation \
                is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an optional DNS subdomain prefix and '/' (e.g. \
                'example.com/MyName')";
            return vec![problem.to_owned()];
        }
        Some((prefix, part)) => (Some(prefix), part),
    };
    match prefix {
        Some("") => problems.push("prefix part must be non-empty".to_owned()),
        Some(prefix) => problems.extend(
            subdomain_in(prefix, "bytes")
                .into_iter()
                .map(|problem| format!("prefix part {problem}")),
        ),
        None => {}
    }
    if part.is_empty() {
        problems.push("name part must be non-empty".to_owned());
    } else {
        let mut long = Vec::new();
        at_most(part.len(), 63, "bytes", &mut long);
        problems.extend(long.into_iter().map(|problem| format!("name part {problem}")));
    }
    if !is_qualified(part) {
        problems.push(QUALIFIED.to_owned());
    }
    problems
}

/// What is wrong with a label's value.
#[must_use]
pub fn label_value(value: &str) -> Vec<String> {
    let mut problems = Vec::new();
    at_most(value.len(), 63, "bytes", &mut problems);
    if !value.is_empty() && !is_qualified(value) {
        problems.push(LABEL_VALUE.to_owned());
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_judged() {
        assert!(subdomain("a.b-c.1").is_empty());
        assert!(!subdomain("a..b").is_empty() && !subdomain("A").is_empty() && !subdomain("a.").is_empty());
        assert!(label("a-1").is_empty() && !label("a.b").is_empty());
        assert!(label_1035("a1").is_empty() && !label_1035("1a").is_empty());
        assert!(qualified("example.com/My_name").is_empty() && !qualified("a/b/c").is_empty());
        assert_eq!(qualified("/x"), ["prefix part must be non-empty"]);
        assert!(label_value("").is_empty() && !label_value("-x").is_empty());
        assert_eq!(path_segment("a/b"), ["may not contain '/'"]);
    }
}
