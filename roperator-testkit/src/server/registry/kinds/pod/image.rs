//! Names of container images, only as far as defaults need them: whether a name is one, and its tag.

/// Whether an image is pulled always unless asked otherwise: those of the tag `latest`, which is also the default.
/// Names that are none have no tag.
#[must_use]
pub fn is_latest(image: &str) -> bool {
    tag(image) == Some("latest")
}

/// The tag of an image; `None` if it has a digest alone or is no image's name.
fn tag(image: &str) -> Option<&str> {
    if image.len() == 64 && image.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    let (name, digest) = match image.split_once('@') {
        Some((name, digest)) => (name, Some(digest)),
        None => (image, None),
    };
    let (domain, rest) = match name.split_once('/') {
        Some((first, rest)) if is_domain_part(first) => (first, rest),
        _ => ("", name),
    };
    let (path, tag) = match rest.split_once(':') {
        Some((path, tag)) => (path, Some(tag)),
        None => (rest, None),
    };
    let good = (domain.is_empty() || is_domain(domain) || is_path_component(domain))
        && path.split('/').all(is_path_component)
        && domain.len() + path.len() < 255
        && tag.is_none_or(is_tag)
        && digest.is_none_or(is_digest);
    match (good, tag, digest) {
        (false, _, _) | (_, None, Some(_)) => None,
        (_, tag, _) => Some(tag.unwrap_or("latest")),
    }
}

/// Whether what stands before the first slash names a registry rather than a directory.
fn is_domain_part(first: &str) -> bool {
    first.contains(['.', ':']) || first == "localhost" || first.bytes().any(|byte| byte.is_ascii_uppercase())
}

fn is_domain(domain: &str) -> bool {
    let (host, port) = domain.split_once(':').unwrap_or((domain, "0"));
    let is_host_part = |part: &str| {
        let alphanumeric = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        let bytes = part.as_bytes();
        alphanumeric(bytes.first())
            && alphanumeric(bytes.last())
            && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
    };
    let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    domain.starts_with('[') || (digits && host.split('.').all(is_host_part))
}

/// Lower-case letters and digits, between them one dot, one or two underscores, or hyphens.
fn is_path_component(component: &str) -> bool {
    let lower = |character: char| character.is_ascii_lowercase() || character.is_ascii_digit();
    if !component.starts_with(lower) || !component.ends_with(lower) {
        return false;
    }
    let separators = component.split(lower).filter(|separator| !separator.is_empty());
    separators
        .into_iter()
        .all(|separator| matches!(separator, "." | "_" | "__") || separator.bytes().all(|byte| byte == b'-'))
}

fn is_tag(tag: &str) -> bool {
    let word = |character: char| character.is_ascii_alphanumeric() || character == '_';
    tag.len() <= 128
        && tag.starts_with(word)
        && tag
            .chars()
            .all(|character| word(character) || matches!(character, '.' | '-'))
}

fn is_digest(digest: &str) -> bool {
    digest.split_once(':').is_some_and(|(algorithm, hex)| {
        !algorithm.is_empty() && hex.len() >= 32 && hex.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latest_is_the_default_of_good_names() {
        for image in ["x", "x:latest", "a/b", "localhost:5000/a", "Reg.io/a", "a__b", "a--b/c"] {
            assert!(is_latest(image), "{image}");
        }
        let digest = format!("x@sha256:{}", "a".repeat(64));
        for image in ["x:1", "A", "", " ", "x:", "a/B", digest.as_str(), "a..b", "a_-b"] {
            assert!(!is_latest(image), "{image}");
        }
    }
}
