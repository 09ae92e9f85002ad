//! Places in JSON: pointers as in RFC 6901, where `*` stands for every member and `key=value` for the first member that
//! has it (`metadata.name=a` looks deeper).

use serde_json::Value;

/// All values that the pointer selects, in order.
pub fn select<'a>(value: &'a Value, pointer: &str) -> Vec<&'a Value> {
    let mut found = vec![value];
    for segment in pointer.split('/').skip(1) {
        found = found.into_iter().flat_map(|value| members(value, segment)).collect();
    }
    found
}

/// What the pointer selects, as one value; a text where it selects nothing.
pub fn kept(value: &Value, pointer: &str) -> Value {
    let found = select(value, pointer);
    match found.as_slice() {
        _ if pointer.split('/').any(|segment| segment == "*") => found.into_iter().cloned().collect(),
        [] => "<nothing>".into(),
        [first, ..] => (*first).clone(),
    }
}

/// Hides the content of what the pointer selects, but not its type.
pub fn mask(value: &mut Value, pointer: &str) {
    let (segment, rest) = match pointer.strip_prefix('/') {
        None => {
            *value = match value {
                Value::Null => "<null>",
                Value::Bool(_) => "<bool>",
                Value::Number(_) => "<number>",
                Value::String(_) => "<string>",
                Value::Array(_) => "<array>",
                Value::Object(_) => "<object>",
            }
            .into();
            return;
        }
        Some(pointer) => pointer
            .split_once('/')
            .map_or((pointer, String::new()), |(segment, rest)| {
                (segment, format!("/{rest}"))
            }),
    };
    match value {
        Value::Object(entries) if segment == "*" => entries.values_mut().for_each(|value| mask(value, &rest)),
        Value::Array(items) if segment == "*" => items.iter_mut().for_each(|value| mask(value, &rest)),
        Value::Object(entries) => {
            if let Some(value) = entries.get_mut(&unescape(segment)) {
                mask(value, &rest);
            }
        }
        Value::Array(items) => {
            let index = position(items, segment);
            if let Some(value) = index.and_then(|index| items.get_mut(index)) {
                mask(value, &rest);
            }
        }
        _ => {}
    }
}

/// Puts a text at a place, where the last key need not exist yet. Plain pointers only.
pub fn put(value: &mut Value, pointer: &str, text: &str) {
    let Some((parent, key)) = pointer.rsplit_once('/') else {
        *value = text.into();
        return;
    };
    match value.pointer_mut(parent) {
        Some(Value::Object(entries)) => {
            entries.insert(unescape(key), text.into());
        }
        Some(Value::Array(items)) => {
            if let Some(item) = key.parse().ok().and_then(|index: usize| items.get_mut(index)) {
                *item = text.into();
            }
        }
        _ => {}
    }
}

/// The pointers to all places where two values differ.
pub fn differences(one: &Value, other: &Value) -> Vec<String> {
    let mut found = Vec::new();
    compare(one, other, "", &mut found);
    found
}

fn compare(one: &Value, other: &Value, place: &str, found: &mut Vec<String>) {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            let keys: std::collections::BTreeSet<&String> = one.keys().chain(other.keys()).collect();
            for key in keys {
                let place = format!("{place}/{}", key.replace('~', "~0").replace('/', "~1"));
                match (one.get(key), other.get(key)) {
                    (Some(one), Some(other)) => compare(one, other, &place, found),
                    _ => found.push(place),
                }
            }
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            for (index, (one, other)) in one.iter().zip(other).enumerate() {
                compare(one, other, &format!("{place}/{index}"), found);
            }
        }
        _ if one != other => found.push(place.to_owned()),
        _ => {}
    }
}

fn members<'a>(value: &'a Value, segment: &str) -> Vec<&'a Value> {
    match value {
        Value::Object(entries) if segment == "*" => entries.values().collect(),
        Value::Array(items) if segment == "*" => items.iter().collect(),
        Value::Object(entries) => entries.get(&unescape(segment)).into_iter().collect(),
        Value::Array(items) => position(items, segment)
            .and_then(|index| items.get(index))
            .into_iter()
            .collect(),
        _ => Vec::new(),
    }
}

fn position(items: &[Value], segment: &str) -> Option<usize> {
    match segment.split_once('=') {
        None => segment.parse().ok(),
        Some((path, wanted)) => items.iter().position(|item| {
            let found = path.split('.').try_fold(item, |item, key| item.get(key));
            found.is_some_and(|found| found == wanted)
        }),
    }
}

fn unescape(segment: &str) -> String {
    segment.replace("~1", "/").replace("~0", "~")
}
