//! What is wrong with where a webhook is: its URL or its Service in, errors out. URLs are taken apart as Go does.

use serde_json::Value;

use crate::server::field::{FieldError, FieldPath};
use crate::server::names;
use crate::server::schema::fields::text;

const FORM: &str = "desired format: https://host[/path]";

/// What is wrong with a URL.
pub(super) fn validate_url(url: &str, path: &FieldPath) -> Vec<FieldError> {
    let parts = match Parts::of(url) {
        Ok(parts) => parts,
        Err(why) => {
            let why = format!("url must be a valid URL: parse {url:?}: {why}; {FORM}");
            return vec![FieldError::required(path, why)];
        }
    };
    let mut found = Vec::new();
    if parts.scheme != "https" {
        let why = format!("'https' is the only allowed URL scheme; {FORM}");
        found.push(FieldError::invalid(path, parts.scheme, why));
    }
    if parts.host.is_empty() {
        let why = format!("host must be specified; {FORM}");
        found.push(FieldError::invalid(path, parts.host, why));
    }
    for (part, what) in [
        (parts.user, "user information is"),
        (parts.fragment, "fragments are"),
        (parts.query, "query parameters are"),
    ] {
        if let Some(part) = part {
            found.push(FieldError::invalid(
                path,
                part,
                format!("{what} not permitted in the URL"),
            ));
        }
    }
    found
}

/// What is wrong with the Service of a webhook.
pub(super) fn validate_service(service: &Value, path: &FieldPath) -> Vec<FieldError> {
    let mut found = Vec::new();
    for field in ["name", "namespace"] {
        if text(service, field).is_empty() {
            found.push(FieldError::required(&path.child(field), ""));
        }
    }
    if let Some(port) = service.get("port").and_then(Value::as_i64)
        && !(1..=65535).contains(&port)
    {
        let why = "port is not valid: must be between 1 and 65535, inclusive";
        found.push(FieldError::invalid(&path.child("port"), port, why));
    }
    let given = text(service, "path");
    if given.is_empty() || given == "/" {
        return found;
    }
    let mut refuse = |why: String| found.push(FieldError::invalid(&path.child("path"), given.as_str(), why));
    if !given.starts_with('/') {
        refuse("must start with a '/'".to_owned());
    }
    // The real server takes the first character for the slash, whatever it is.
    let mut rest = given.chars();
    rest.next();
    let rest = rest.as_str();
    for (index, segment) in rest.strip_suffix('/').unwrap_or(rest).split('/').enumerate() {
        if segment.is_empty() {
            refuse(format!("segment[{index}] may not be empty"));
            continue;
        }
        for problem in names::subdomain(segment) {
            refuse(format!("segment[{index}]: {problem}"));
        }
    }
    found
}

/// A URL taken apart. What comes after its `?`, `#` and before its `@` is there if it is not empty.
#[derive(Debug, PartialEq, Eq)]
struct Parts<'a> {
    scheme: String,
    user: Option<&'a str>,
    host: &'a str,
    query: Option<&'a str>,
    fragment: Option<&'a str>,
}

impl<'a> Parts<'a> {
    fn of(url: &'a str) -> Result<Self, String> {
        if url.bytes().any(|byte| byte < b' ' || byte == 0x7f) {
            return Err("net/url: invalid control character in URL".to_owned());
        }
        let (rest, fragment) = url.split_once('#').unwrap_or((url, ""));
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (scheme, rest) = split_scheme(rest)?;
        let authority = rest.strip_prefix("//").filter(|rest| !rest.starts_with("//"));
        let (authority, path) =
            authority.map_or(("", rest), |rest| rest.split_at(rest.find('/').unwrap_or(rest.len())));
        let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
        check_port(host)?;
        for part in [user, host, path, fragment] {
            check_escapes(part)?;
        }
        let filled = |part: &'a str| (!part.is_empty()).then_some(part);
        Ok(Self {
            scheme: scheme.to_ascii_lowercase(),
            user: filled(user),
            host,
            query: filled(query),
            fragment: filled(fragment),
        })
    }
}

fn split_scheme(url: &str) -> Result<(&str, &str), String> {
    let is_part = |char: char| char.is_ascii_alphanumeric() || "+-.".contains(char);
    match url.split_once(':') {
        Some(("", _)) => Err("missing protocol scheme".to_owned()),
        Some((scheme, rest))
            if scheme.chars().all(is_part) && scheme.starts_with(|first: char| first.is_ascii_alphabetic()) =>
        {
            Ok((scheme, rest))
        }
        Some((before, _)) if !before.contains('/') => Err("first path segment in URL cannot contain colon".to_owned()),
        _ => Ok(("", url)),
    }
}

fn check_port(host: &str) -> Result<(), String> {
    let after = host.rsplit_once(']').map_or(host, |(_, after)| after);
    let Some(colon) = after.rfind(':') else { return Ok(()) };
    let port = after.get(colon..).unwrap_or_default();
    if port.bytes().skip(1).all(|byte| byte.is_ascii_digit()) {
        return Ok(());
    }
    Err(format!("invalid port {port:?} after host"))
}

fn check_escapes(part: &str) -> Result<(), String> {
    for (at, _) in part.match_indices('%') {
        let escape = part.as_bytes().get(at..).unwrap_or_default();
        let is_whole = matches!(escape, [_, a, b, ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit());
        if !is_whole {
            let shown: String = part.get(at..).unwrap_or_default().chars().take(3).collect();
            return Err(format!("invalid URL escape {shown:?}"));
        }
    }
    Ok(())
}
