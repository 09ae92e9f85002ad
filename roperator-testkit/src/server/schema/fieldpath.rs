//! The paths that definitions write to point into a schema (`.spec.x['a.b']`): a path and a schema in, where it points out.

use super::structural::{Additional, Node};
use crate::server::field::FieldPath;

/// Where a path points: the path as errors write it, and the schema there (`None` where the values have no schema).
///
/// # Errors
///
/// Why the path points nowhere, in the server's words.
pub(super) fn resolve<'a>(
    path: &str,
    node: &'a Node,
    with_brackets: bool,
) -> Result<(FieldPath, Option<&'a Node>), String> {
    let mut tokens = tokens(path).into_iter();
    let mut here = FieldPath::root();
    let mut node = Some(node);
    while let Some(token) = tokens.next() {
        let name = match token {
            "." => tokens.next().ok_or("unexpected end of JSON path")?.to_owned(),
            "[" if !with_brackets => return Err("array notation is not allowed".to_owned()),
            "[" => {
                let name = unquote(tokens.next().ok_or("unexpected end of JSON path")?)?;
                match tokens.next() {
                    Some("]") => name,
                    Some(other) => return Err(format!("expected ] but got {other}")),
                    None => return Err("unexpected end of JSON path".to_owned()),
                }
            }
            other => return Err(format!("expected [ or . but got: {other}")),
        };
        (here, node) = step(&here, node, &name)?;
    }
    Ok((here, node))
}

fn step<'a>(here: &FieldPath, node: Option<&'a Node>, name: &str) -> Result<(FieldPath, Option<&'a Node>), String> {
    let nowhere = || "does not refer to a valid field".to_owned();
    let node = node.ok_or_else(nowhere)?;
    if !node.properties.is_empty() {
        let property = node.properties.get(name).ok_or_else(nowhere)?;
        return Ok((here.child(name), Some(property)));
    }
    match &node.additional {
        Additional::Unset => Err(nowhere()),
        additional => Ok((here.key(name), additional.schema())),
    }
}

/// Delimiters, quoted strings, and what is between them.
fn tokens(path: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        let length = if rest.starts_with('\'') {
            let mut before = '\'';
            let end = rest.char_indices().skip(1).find(|(_, character)| {
                let closes = *character == '\'' && before != '\\';
                before = *character;
                closes
            });
            end.map_or(rest.len(), |(at, _)| at + 1)
        } else {
            match rest.find(['.', '[', ']']) {
                Some(0) => 1,
                Some(at) => at,
                None => rest.len(),
            }
        };
        let (token, after) = rest.split_at(length);
        tokens.push(token);
        rest = after;
    }
    tokens
}

fn unquote(token: &str) -> Result<String, String> {
    let inner = token.strip_prefix('\'').and_then(|token| token.strip_suffix('\''));
    let inner = inner.ok_or_else(|| format!("expected single quoted string but got {token}"))?;
    let mut text = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            text.push(character);
            continue;
        }
        text.push(match characters.next() {
            Some('a') => '\u{7}',
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('v') => '\u{b}',
            Some(same @ ('\'' | '\\')) => same,
            other => {
                let other: String = other.into_iter().collect();
                return Err(format!("invalid string literal: invalid escape char \\{other}"));
            }
        });
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_point_into_schemas() {
        let node = Node::new(&json!({"type": "object", "properties": {
            "a.b": {"type": "object", "properties": {"c": {"type": "string"}}},
            "map": {"type": "object", "additionalProperties": {"type": "integer"}},
        }}));
        let path = |text: &str| {
            resolve(text, &node, true).map(|(path, node)| (path.to_string(), node.map(|n| n.kind.clone())))
        };
        assert_eq!(path("['a.b'].c"), Ok(("a.b.c".to_owned(), Some("string".to_owned()))));
        assert_eq!(path(".map['x']"), Ok(("map[x]".to_owned(), Some("integer".to_owned()))));
        assert_eq!(path(".nope"), Err("does not refer to a valid field".to_owned()));
        assert_eq!(path("map"), Err("expected [ or . but got: map".to_owned()));
        assert_eq!(
            path(".map[x]"),
            Err("expected single quoted string but got x".to_owned())
        );
        assert_eq!(path("."), Err("unexpected end of JSON path".to_owned()));
    }
}
