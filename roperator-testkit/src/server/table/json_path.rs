//! The paths of custom columns: text in, the value that it finds in an object out. Understood are fields (`.a`, `['a']`),
//! items (`[0]`, `[-1]`, `[*]`), slices (`[1:-1:2]`) and items with a field (`[?(@.a=="b")]`); unions and descents are not.

use serde_json::Value;

/// A path, from the root of an object.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct JsonPath {
    steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq)]
enum Step {
    Field(String),
    Index(i64),
    Slice(Slice),
    All,
    Where(Vec<String>, String, Value),
}

/// Some items, in steps. A place that is negative counts from the end.
#[derive(Debug, Clone, PartialEq)]
struct Slice {
    start: Option<i64>,
    end: Option<i64>,
    step: Option<i64>,
}

impl JsonPath {
    /// Understands a path; `None` if it is none, or none of those that are understood.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut rest = text.strip_prefix('$').unwrap_or(text);
        let mut steps = Vec::new();
        while !rest.is_empty() {
            let (step, after) = match rest.strip_prefix('[') {
                Some(inner) => bracket(inner)?,
                None => field(rest.strip_prefix('.')?)?,
            };
            steps.push(step);
            rest = after;
        }
        Some(Self { steps })
    }

    /// The first value that it finds.
    #[must_use]
    pub fn first<'a>(&self, object: &'a Value) -> Option<&'a Value> {
        let mut found = vec![object];
        for step in &self.steps {
            found = found.into_iter().flat_map(|value| step.take(value)).collect();
        }
        found.into_iter().next()
    }
}

impl Step {
    fn take<'a>(&self, value: &'a Value) -> Vec<&'a Value> {
        match (self, value) {
            (Self::Field(name), _) => value.get(name).into_iter().collect(),
            (Self::Index(index), Value::Array(items)) => {
                let found = place(*index, items).and_then(|index| items.get(index));
                found.into_iter().collect()
            }
            (Self::Slice(slice), Value::Array(items)) => slice.take(items).unwrap_or_default(),
            (Self::All, Value::Array(items)) => items.iter().collect(),
            (Self::All, Value::Object(fields)) => fields.values().collect(),
            (Self::Where(path, operator, wanted), Value::Array(items)) => items
                .iter()
                .filter(|item| holds(item, path, operator, wanted))
                .collect(),
            _ => Vec::new(),
        }
    }
}

impl Slice {
    /// `None` where the slice reaches over an end of the list, or leads nowhere.
    fn take<'a>(&self, items: &'a [Value]) -> Option<Vec<&'a Value>> {
        let start = place(self.start.unwrap_or(0), items)?;
        let end = self.end.map_or(Some(items.len()), |end| place(end, items))?;
        let step = usize::try_from(self.step.unwrap_or(1)).ok().filter(|step| *step > 0)?;
        Some(items.get(start..end)?.iter().step_by(step).collect())
    }
}

/// Which place of a list is meant.
fn place(index: i64, items: &[Value]) -> Option<usize> {
    match usize::try_from(index) {
        Ok(index) => Some(index),
        Err(_) => items.len().checked_sub(usize::try_from(index.unsigned_abs()).ok()?),
    }
}

fn holds(item: &Value, path: &[String], operator: &str, wanted: &Value) -> bool {
    let found = path.iter().try_fold(item, |value, name| value.get(name));
    let Some(found) = found else {
        return false;
    };
    let order = match (found, wanted) {
        (Value::Number(found), Value::Number(wanted)) => found.as_f64().partial_cmp(&wanted.as_f64()),
        (Value::String(found), Value::String(wanted)) => Some(found.cmp(wanted)),
        _ => None,
    };
    match operator {
        "==" => found == wanted || order.is_some_and(|order| order.is_eq()),
        "!=" => found != wanted && !order.is_some_and(|order| order.is_eq()),
        "<=" => order.is_some_and(|order| order.is_le()),
        ">=" => order.is_some_and(|order| order.is_ge()),
        "<" => order.is_some_and(|order| order.is_lt()),
        _ => order.is_some_and(|order| order.is_gt()),
    }
}

/// A field's name, up to the next dot or bracket that no backslash escapes.
fn field(text: &str) -> Option<(Step, &str)> {
    let mut name = String::new();
    let mut characters = text.char_indices();
    let mut end = text.len();
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => name.push(characters.next()?.1),
            '.' | '[' => {
                end = at;
                break;
            }
            other => name.push(other),
        }
    }
    if name == "*" {
        return Some((Step::All, text.get(end..)?));
    }
    (!name.is_empty()).then_some((Step::Field(name), text.get(end..)?))
}

/// What is between brackets, of which the first is read already.
fn bracket(text: &str) -> Option<(Step, &str)> {
    if let Some(condition) = text.strip_prefix("?(") {
        let (condition, rest) = condition.split_once(")]")?;
        return Some((filter(condition)?, rest));
    }
    for quote in ['\'', '"'] {
        if let Some(name) = text.strip_prefix(quote) {
            let (name, rest) = name.split_once(&format!("{quote}]"))?;
            return Some((Step::Field(name.to_owned()), rest));
        }
    }
    let (index, rest) = text.split_once(']')?;
    let step = match (index, index.split_once(':')) {
        ("*", _) => Step::All,
        (_, Some((start, rest))) => {
            let (end, step) = rest.split_once(':').unwrap_or((rest, ""));
            let [start, end, step] = [number(start)?, number(end)?, number(step)?];
            Step::Slice(Slice { start, end, step })
        }
        (_, None) => Step::Index(index.trim().parse().ok()?),
    };
    Some((step, rest))
}

/// A number that may be left out; `None` if it is none.
fn number(text: &str) -> Option<Option<i64>> {
    if text.is_empty() {
        return Some(None);
    }
    text.parse().ok().map(Some)
}

fn filter(condition: &str) -> Option<Step> {
    let operators = ["==", "!=", "<=", ">=", "<", ">"];
    let (operator, (path, wanted)) = operators
        .iter()
        .filter_map(|operator| Some((*operator, condition.split_once(operator)?)))
        .min_by_key(|(_, (path, _))| path.len())?;
    let path = path.trim().strip_prefix("@.")?;
    let names = path.split('.').map(str::to_owned).collect();
    let wanted = wanted.trim();
    let quoted = ['\'', '"']
        .iter()
        .find_map(|quote| wanted.strip_prefix(*quote)?.strip_suffix(*quote));
    let wanted = match quoted {
        Some(text) => Value::from(text),
        None => serde_json::from_str(wanted).ok()?,
    };
    Some(Step::Where(names, operator.to_owned(), wanted))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_found() {
        let object = json!({
            "spec": {"a.b": 1, "list": [1, 2, 3], "n": {"m": "x"}},
            "status": {"conditions": [{"type": "A", "status": "False"}, {"type": "Ready", "status": "True", "n": 3}]}
        });
        let cases = [
            (".spec.n.m", Some(json!("x"))),
            ("$.spec.n.m", Some(json!("x"))),
            (r".spec.a\.b", Some(json!(1))),
            (".spec['a.b']", Some(json!(1))),
            (".spec[\"n\"].m", Some(json!("x"))),
            (".spec.list[0]", Some(json!(1))),
            (".spec.list[-1]", Some(json!(3))),
            (".spec.list[9]", None),
            (".spec.list[*]", Some(json!(1))),
            (".spec.list[:]", Some(json!(1))),
            (".spec.list[1:]", Some(json!(2))),
            (".spec.list[-1:]", Some(json!(3))),
            (".spec.list[-2:-1:2]", Some(json!(2))),
            (".spec.list[2:1]", None),
            (".spec.list[1:9]", None),
            (".spec.list[::0]", None),
            (r#".status.conditions[?(@.type=="Ready")].status"#, Some(json!("True"))),
            (".status.conditions[?(@.type == 'Ready')].status", Some(json!("True"))),
            (".status.conditions[?(@.n>=3)].type", Some(json!("Ready"))),
            (r#".status.conditions[?(@.type!="A")].type"#, Some(json!("Ready"))),
            (".missing.deep", None),
        ];
        for (path, found) in cases {
            assert_eq!(JsonPath::parse(path).unwrap().first(&object), found.as_ref(), "{path}");
        }
        assert_eq!(JsonPath::parse("spec"), None);
        assert_eq!(JsonPath::parse(".a[1:b]"), None);
        assert_eq!(JsonPath::parse(".a[1,2]"), None);
    }

    proptest! {
        #[test]
        fn no_text_is_too_much(text in any::<String>(), path in "[.$a\\[\\]?()@='\"0-9*-]{0,12}") {
            let _ = JsonPath::parse(&text);
            if let Some(path) = JsonPath::parse(&path) {
                let _ = path.first(&json!({"a": [{"a": 1}]}));
            }
        }
    }
}
