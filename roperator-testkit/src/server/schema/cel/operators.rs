//! The operators, and the functions that Kubernetes has and the evaluator crate has not, or slower: the name of one and its
//! operands in, a value out.

use std::cmp::Ordering;
use std::sync::Arc;

use kube_cel::cel::common::ast::operators;
use kube_cel::cel::objects::{KeyRef, Map, OptionalValue};
use kube_cel::cel::{ExecutionError, Value as Cel};

use super::conversions::convert;
use super::escaping::{RESERVED, escape};
use super::formatting::format;
use super::functions::{size, type_of, worded};
use super::patterns;
use super::sequences;
use super::times;

/// The functions that convert, each of which is called as the type that it converts to.
pub(super) const CONVERSIONS: [&str; 9] = [
    "bool",
    "bytes",
    "double",
    "duration",
    "dyn",
    "int",
    "string",
    "timestamp",
    "uint",
];

type Result<T> = std::result::Result<T, ExecutionError>;

/// The result of an operator or function; `None` for those that are the evaluator crate's.
pub(super) fn apply(name: &str, operands: &[Cel]) -> Option<Result<Cel>> {
    let compared = |left: &Cel, right: &Cel, fits: fn(Ordering) -> bool| {
        let order = comparison(left, right)?;
        Ok(Cel::Bool(fits(order)))
    };
    Some(match (name, operands) {
        (operators::LOGICAL_NOT, [Cel::Bool(value)]) => Ok(Cel::Bool(!value)),
        (operators::NEGATE, [Cel::Int(value)]) => {
            let negated = value.checked_neg().map(Cel::Int);
            negated.ok_or_else(|| ExecutionError::Overflow("minus", Cel::Int(*value), Cel::Null))
        }
        (operators::LESS, [left, right]) => compared(left, right, Ordering::is_lt),
        (operators::LESS_EQUALS, [left, right]) => compared(left, right, Ordering::is_le),
        (operators::GREATER, [left, right]) => compared(left, right, Ordering::is_gt),
        (operators::GREATER_EQUALS, [left, right]) => compared(left, right, Ordering::is_ge),
        (operators::SUBSTRACT, [left, right]) => {
            times::difference(left, right).unwrap_or_else(|| left.clone() - right.clone())
        }
        (operators::MULTIPLY, [left, right]) => left.clone() * right.clone(),
        (operators::DIVIDE, [left, right]) => left.clone() / right.clone(),
        (operators::MODULO, [left, right]) => left.clone() % right.clone(),
        (operators::INDEX, [of, index]) => indexed(of, index, false),
        (operators::OPT_INDEX | operators::OPT_SELECT, [of, index]) => indexed(of, index, true),
        (operators::IN, [item, of]) => contains(of, item),
        ("size", [value]) => size(value),
        ("type", [value]) => Ok(type_of(value)),
        ("first", [Cel::List(items)]) => Ok(optional(items.first())),
        ("last", [Cel::List(items)]) => Ok(optional(items.last())),
        ("optional.of", [value]) => Ok(optional(Some(value))),
        ("optional.none", []) => Ok(optional(None)),
        ("matches" | "find" | "findAll", operands) => return patterns::apply(name, operands),
        ("hasValue" | "value" | "or" | "orValue", [Cel::Opaque(_), ..]) => return chosen(name, operands),
        ("format", [Cel::String(template), Cel::List(values)]) => {
            format(template, values).map(|text| Cel::String(Arc::new(text)))
        }
        (name, [value]) if CONVERSIONS.contains(&name) => return convert(name, value),
        (name, operands) => return times::part(name, operands).or_else(|| sequences::apply(name, operands)),
    })
}

/// An optional value.
pub(super) fn optional(value: Option<&Cel>) -> Cel {
    let value = value.cloned().map_or_else(OptionalValue::none, OptionalValue::of);
    Cel::Opaque(Arc::new(value))
}

/// What is made of an optional value.
fn chosen(name: &str, operands: &[Cel]) -> Option<Result<Cel>> {
    let (of, other) = operands.split_first()?;
    let value = <&OptionalValue>::try_from(of).ok()?.value();
    match (name, value, other) {
        ("hasValue", value, _) => Some(Ok(Cel::Bool(value.is_some()))),
        ("value" | "orValue", Some(value), _) => Some(Ok(value.clone())),
        ("or", Some(_), _) => Some(Ok(of.clone())),
        ("or" | "orValue", None, [other]) => Some(Ok(other.clone())),
        _ => None,
    }
}

/// What is at an index; an optional value if that is asked for, or if it is an optional value that has the index.
pub(super) fn indexed(of: &Cel, index: &Cel, is_optional: bool) -> Result<Cel> {
    if let Ok(within) = <&OptionalValue>::try_from(of) {
        return Ok(match within.value() {
            Some(value) => optional(entry(value, index)?),
            None => optional(None),
        });
    }
    match (entry(of, index)?, is_optional) {
        (value, true) => Ok(optional(value)),
        (Some(value), false) => Ok(value.clone()),
        (None, false) => Err(match (of, index) {
            (Cel::List(_), _) => ExecutionError::IndexOutOfBounds(index.clone()),
            (_, Cel::String(key)) => ExecutionError::NoSuchKey(Arc::clone(key)),
            (_, Cel::Int(key)) => ExecutionError::no_such_key(&key.to_string()),
            _ => ExecutionError::NoSuchOverload,
        }),
    }
}

/// Whether an item is in a list, or a key in a map.
pub(super) fn contains(of: &Cel, item: &Cel) -> Result<Cel> {
    match of {
        Cel::List(items) => Ok(Cel::Bool(items.contains(item))),
        Cel::Map(_) => Ok(Cel::Bool(entry(of, item)?.is_some())),
        _ => Err(ExecutionError::NoSuchOverload),
    }
}

/// What a list has at an index, or a map at a key.
pub(super) fn entry<'a>(of: &'a Cel, index: &Cel) -> Result<Option<&'a Cel>> {
    match (of, index) {
        (Cel::List(items), Cel::Int(index)) => Ok(usize::try_from(*index).ok().and_then(|index| items.get(index))),
        (Cel::List(items), Cel::UInt(index)) => Ok(usize::try_from(*index).ok().and_then(|index| items.get(index))),
        (Cel::Map(map), key) => match KeyRef::try_from(key) {
            Ok(key) => Ok(map.get(&key).or_else(|| reserved(map, &key))),
            Err(_) => Err(ExecutionError::NoSuchOverload),
        },
        _ => Err(ExecutionError::NoSuchOverload),
    }
}

/// What an object has in a field whose name is a reserved word.
fn reserved<'a>(fields: &'a Map, name: &KeyRef<'_>) -> Option<&'a Cel> {
    match name {
        KeyRef::String(name) if RESERVED.contains(name) => fields.get(&KeyRef::String(&escape(name)?)),
        _ => None,
    }
}

/// The order of two values.
fn comparison(left: &Cel, right: &Cel) -> Result<Ordering> {
    let is_number = |value: &Cel| matches!(value, Cel::Int(_) | Cel::UInt(_) | Cel::Float(_));
    match (left, right) {
        (Cel::Bytes(left), Cel::Bytes(right)) => Ok(left.cmp(right)),
        (Cel::Null, _) => Err(ExecutionError::NoSuchOverload),
        _ => match left.partial_cmp(right) {
            None if is_number(left) && is_number(right) => Err(worded("NaN values cannot be ordered")),
            order => order.ok_or(ExecutionError::NoSuchOverload),
        },
    }
}
