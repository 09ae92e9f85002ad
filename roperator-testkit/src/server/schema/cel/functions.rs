//! The functions that the evaluator crate does not have as Kubernetes has them: CEL values in, CEL values out.

use std::sync::Arc;

use kube_cel::KubeCelExt as _;
use kube_cel::cel::extractors::This;
use kube_cel::cel::objects::{Key, OptionalValue};
use kube_cel::cel::{Context, ExecutionError, Value as Cel};

/// What stands for the function in errors that have Kubernetes' words.
pub(super) const WORDED: &str = "";

type Result<T> = std::result::Result<T, ExecutionError>;

/// The functions that the evaluator crate calls.
pub(super) fn library() -> Context<'static> {
    let mut library = Context::default().with_all();
    library.add_function("optional.unwrap", |list: Arc<Vec<Cel>>| {
        Ok::<Cel, ExecutionError>(unwrap(&list))
    });
    library.add_function("unwrapOpt", |This(list): This<Arc<Vec<Cel>>>| {
        Ok::<Cel, ExecutionError>(unwrap(&list))
    });
    library
}

/// How many characters, bytes, items or entries there are.
pub(super) fn size(value: &Cel) -> Result<Cel> {
    let size = match value {
        Cel::String(text) => text.chars().count(),
        Cel::Bytes(bytes) => bytes.len(),
        Cel::List(items) => items.len(),
        Cel::Map(map) => map.map.len(),
        _ => return Err(ExecutionError::NoSuchOverload),
    };
    Ok(Cel::Int(i64::try_from(size).unwrap_or(i64::MAX)))
}

/// The turns of a loop over a list or a map: the item or key; or, for two variables, the index or key and the value.
pub(super) fn elements(range: &Cel, two: bool) -> Result<Box<dyn Iterator<Item = (Cel, Option<Cel>)> + '_>> {
    match range {
        Cel::List(items) if two => {
            let items = (0_i64..).zip(items.iter());
            Ok(Box::new(
                items.map(|(index, item)| (Cel::Int(index), Some(item.clone()))),
            ))
        }
        Cel::List(items) => Ok(Box::new(items.iter().map(|item| (item.clone(), None)))),
        Cel::Map(map) => {
            let entries = map.map.iter();
            Ok(Box::new(
                entries.map(move |(key, value)| (Cel::from(key), two.then(|| value.clone()))),
            ))
        }
        _ => Err(ExecutionError::NoSuchOverload),
    }
}

/// A map with more entries: of a key and a value, or of another map. A key cannot be there already.
pub(super) fn insert(operands: Vec<Cel>) -> Result<Cel> {
    let mut operands = operands.into_iter();
    let (Some(Cel::Map(mut map)), Some(first), second) = (operands.next(), operands.next(), operands.next()) else {
        return Err(ExecutionError::NoSuchOverload);
    };
    let more: Vec<(Key, Cel)> = match (first, second) {
        (key, Some(value)) => vec![(key.try_into().map_err(ExecutionError::UnsupportedKeyType)?, value)],
        (Cel::Map(more), None) => {
            let entries = more.map.iter();
            entries.map(|(key, value)| (key.clone(), value.clone())).collect()
        }
        _ => return Err(ExecutionError::NoSuchOverload),
    };
    let entries = Arc::make_mut(&mut map.map);
    for (key, value) in more {
        let shown = key.to_string();
        if entries.insert(key, value).is_some() {
            let why = format!("insert failed: key {shown} already exists");
            return Err(ExecutionError::function_error("insert", why));
        }
    }
    Ok(Cel::Map(map))
}

/// An error that has Kubernetes' words.
pub(super) fn worded(message: impl Into<String>) -> ExecutionError {
    ExecutionError::function_error(WORDED, message.into())
}

/// A number that is too large for its type.
pub(super) fn integer_overflow() -> ExecutionError {
    worded("integer overflow")
}

/// Types are values; a text that no rule will write stands for one.
pub(super) fn type_named(name: &str) -> Cel {
    Cel::String(Arc::new(format!("\0{name}")))
}

/// The type of a value.
pub(super) fn type_of(value: &Cel) -> Cel {
    match value {
        Cel::String(text) if text.starts_with('\0') => type_named("type"),
        Cel::Opaque(opaque) => type_named(opaque.runtime_type_name()),
        value => type_named(shown_type(name_of_type(value))),
    }
}

/// What a type is called as a value.
pub(super) fn shown_type(name: &str) -> &str {
    match name {
        "duration" => "google.protobuf.Duration",
        "timestamp" => "google.protobuf.Timestamp",
        other => other,
    }
}

/// What CEL calls the type of a value.
pub(super) fn name_of_type(value: &Cel) -> &'static str {
    match value {
        Cel::Bool(_) => "bool",
        Cel::Bytes(_) => "bytes",
        Cel::Float(_) => "double",
        Cel::Int(_) => "int",
        Cel::List(_) => "list",
        Cel::Map(_) => "map",
        Cel::Null => "null_type",
        Cel::String(_) => "string",
        Cel::Duration(_) => "duration",
        Cel::Timestamp(_) => "timestamp",
        Cel::UInt(_) => "uint",
        _ => "unknown",
    }
}

/// The values of those that have one.
fn unwrap(list: &[Cel]) -> Cel {
    let values = list
        .iter()
        .filter_map(|item| <&OptionalValue>::try_from(item).ok()?.value());
    Cel::List(Arc::new(values.cloned().collect()))
}
