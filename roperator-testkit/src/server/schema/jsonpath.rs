//! The part of Kubernetes' JSONPath that definitions use: a path and a value in, the values it leads to out. Known are
//! fields (`.a`, `['a']`, `\.` for a dot in a name), `[0]`, `[-1]`, `[*]`, `.*`, `[1:3]` and `[?(@.a=="b")]` with the six
//! comparisons. Not known, and no path: `..`, unions, and nested braces.

use serde_json::Value;

/// A parsed path.
#[derive(Debug, Clone, PartialEq)]
pub struct JsonPath {
    steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq)]
enum Step {
    Field(String),
    Index(i64),
    Slice(Option<i64>, Option<i64>),
    All,
    Filter(Vec<Step>, Comparison, Value),
    Exists(Vec<Step>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Equal,
    Different,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

impl JsonPath {
    /// Parses a path without braces; `None` for what is none, or is not known here.
    #[must_use]
    pub fn parse(path: &str) -> Option<Self> {
        let path = path.strip_prefix('$').unwrap_or(path);
        steps(path).map(|steps| Self { steps })
    }

    /// The values that the path leads to. An absent field leads nowhere.
    ///
    /// # Errors
    ///
    /// A path that goes through a value of a wrong type, or beyond the end of a list.
    pub fn find<'a>(&self, value: &'a Value) -> Result<Vec<&'a Value>, NoSuchPath> {
        follow(&self.steps, value)
    }
}

/// A path that goes through a value of a wrong type, or beyond the end of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no such path")]
pub struct NoSuchPath;

fn follow<'a>(steps: &[Step], value: &'a Value) -> Result<Vec<&'a Value>, NoSuchPath> {
    let mut found = vec![value];
    for step in steps {
        let mut next = Vec::new();
        for value in found {
            next.extend(step.take(value)?);
        }
        found = next;
    }
    Ok(found)
}

impl Step {
    fn take<'a>(&self, value: &'a Value) -> Result<Vec<&'a Value>, NoSuchPath> {
        Ok(match (self, value) {
            (Self::Field(name), Value::Object(map)) => map.get(name).into_iter().collect(),
            (Self::Field(_), Value::Null) => Vec::new(),
            (Self::Index(index), Value::Array(items)) => vec![
                items
                    .get(position(*index, items.len()).ok_or(NoSuchPath)?)
                    .ok_or(NoSuchPath)?,
            ],
            (Self::Slice(from, to), Value::Array(items)) => {
                let from = position(from.unwrap_or(0), items.len()).ok_or(NoSuchPath)?;
                let to = to
                    .map_or(Some(items.len()), |to| position(to, items.len()))
                    .ok_or(NoSuchPath)?;
                items.get(from..to.min(items.len())).ok_or(NoSuchPath)?.iter().collect()
            }
            (Self::All, Value::Array(items)) => items.iter().collect(),
            (Self::All, Value::Object(map)) => map.values().collect(),
            (Self::Filter(path, comparison, wanted), Value::Array(items)) => items
                .iter()
                .filter(|item| {
                    let found = follow(path, item).unwrap_or_default();
                    found.first().is_some_and(|found| comparison.holds(found, wanted))
                })
                .collect(),
            (Self::Exists(path), Value::Array(items)) => items
                .iter()
                .filter(|item| follow(path, item).is_ok_and(|found| !found.is_empty()))
                .collect(),
            _ => return Err(NoSuchPath),
        })
    }
}

impl Comparison {
    fn holds(self, left: &Value, right: &Value) -> bool {
        use std::cmp::Ordering::{Equal, Greater, Less};
        let order = match (left, right) {
            (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
            (Value::Bool(left), Value::Bool(right)) => Some(left.cmp(right)),
            (left, right) => left
                .as_f64()
                .zip(right.as_f64())
                .and_then(|(left, right)| left.partial_cmp(&right)),
        };
        match self {
            Self::Equal => order == Some(Equal),
            Self::Different => order.is_some_and(|order| order != Equal),
            Self::Less => order == Some(Less),
            Self::AtMost => matches!(order, Some(Less | Equal)),
            Self::Greater => order == Some(Greater),
            Self::AtLeast => matches!(order, Some(Greater | Equal)),
        }
    }
}

/// An index that may count from the end.
fn position(index: i64, length: usize) -> Option<usize> {
    if index >= 0 {
        return usize::try_from(index).ok();
    }
    length.checked_sub(usize::try_from(index.unsigned_abs()).ok()?)
}

fn steps(path: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        if let Some(bracket) = rest.strip_prefix('[') {
            let end = closing(bracket)?;
            let (inner, after) = bracket.split_at_checked(end)?;
            steps.push(bracketed(inner.trim())?);
            rest = after.strip_prefix(']')?;
            continue;
        }
        let dotted = rest.strip_prefix('.')?;
        if dotted.starts_with('.') {
            return None;
        }
        let (name, after) = name(dotted);
        match name.as_str() {
            "" if after.is_empty() || after.starts_with('[') => {}
            "" => return None,
            "*" => steps.push(Step::All),
            _ => steps.push(Step::Field(name)),
        }
        rest = after;
    }
    Some(steps)
}

/// A field's name up to the next dot or bracket that is not escaped.
fn name(text: &str) -> (String, &str) {
    let mut name = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '.' | '[' => return (name, text.get(at..).unwrap_or_default()),
            '\\' => name.extend(characters.next().map(|(_, escaped)| escaped)),
            other => name.push(other),
        }
    }
    (name, "")
}

/// Where the bracket that was opened closes.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0;
    let mut quote = None;
    for (at, character) in text.char_indices() {
        match (quote, character) {
            (Some(open), _) if open == character => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(character),
            (None, '[') => depth += 1,
            (None, ']') if depth == 0 => return Some(at),
            (None, ']') => depth -= 1,
            _ => {}
        }
    }
    None
}

fn bracketed(inner: &str) -> Option<Step> {
    if inner == "*" {
        return Some(Step::All);
    }
    if let Some(filter) = inner.strip_prefix("?(").and_then(|filter| filter.strip_suffix(')')) {
        return filtered(filter);
    }
    if let Some(name) = unquoted(inner) {
        return Some(Step::Field(name.to_owned()));
    }
    if let Some((from, to)) = inner.split_once(':') {
        let bound = |text: &str| {
            if text.is_empty() {
                Some(None)
            } else {
                text.parse().ok().map(Some)
            }
        };
        return Some(Step::Slice(bound(from)?, bound(to)?));
    }
    inner.parse().ok().map(Step::Index)
}

fn filtered(filter: &str) -> Option<Step> {
    const COMPARISONS: [(&str, Comparison); 6] = [
        ("==", Comparison::Equal),
        ("!=", Comparison::Different),
        ("<=", Comparison::AtMost),
        (">=", Comparison::AtLeast),
        ("<", Comparison::Less),
        (">", Comparison::Greater),
    ];
    let path = |text: &str| steps(text.trim().strip_prefix('@')?);
    for (sign, comparison) in COMPARISONS {
        if let Some((left, right)) = filter.split_once(sign) {
            let right = right.trim();
            let wanted = unquoted(right).map_or_else(|| serde_json::from_str(right).ok(), |text| Some(text.into()));
            return Some(Step::Filter(path(left)?, comparison, wanted?));
        }
    }
    Some(Step::Exists(path(filter)?))
}

fn unquoted(text: &str) -> Option<&str> {
    ['\'', '"']
        .iter()
        .find_map(|quote| text.strip_prefix(*quote)?.strip_suffix(*quote))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_lead_to_values() {
        let object = json!({"spec": {"a.b": 1, "list": [1, 2, 3], "m": {"x": null}}, "status": {"conditions": [
            {"type": "Ready", "status": "True", "n": 1}, {"type": "Old", "status": "False"}]}});
        let find = |path: &str| -> Option<Vec<Value>> {
            JsonPath::parse(path)?
                .find(&object)
                .ok()
                .map(|found| found.into_iter().cloned().collect())
        };
        let cases = [
            (".spec.a\\.b", Some(json!([1]))),
            (".spec['a.b']", Some(json!([1]))),
            (".spec.list[0]", Some(json!([1]))),
            (".spec.list[-1]", Some(json!([3]))),
            (".spec.list[1:]", Some(json!([2, 3]))),
            (".spec.list[9]", None),
            (".spec.list.x", None),
            (".spec.none.deep", Some(json!([]))),
            (".spec.list[*]", Some(json!([1, 2, 3]))),
            (".spec.m.x", Some(json!([null]))),
            (".status.conditions[?(@.type==\"Ready\")].status", Some(json!(["True"]))),
            (".status.conditions[?(@.type!='Ready')].status", Some(json!(["False"]))),
            (".status.conditions[?(@.n>=1)].type", Some(json!(["Ready"]))),
            (".status.conditions[?(@.n)].type", Some(json!(["Ready"]))),
            ("spec", None),
            ("..spec", None),
            (".spec[", None),
        ];
        for (path, found) in cases {
            assert_eq!(find(path).map(Value::from), found, "{path}");
        }
    }
}
