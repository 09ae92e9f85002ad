//! What calls cost when they are evaluated: the name of a function and its operands in, a cost in Kubernetes' units out. The
//! rules are those of the estimate, with sizes that are known; where Kubernetes counts otherwise, it is told here.

use kube_cel::cel::Value as Cel;
use kube_cel::cel::common::ast::operators;
use kube_cel::cel::objects::OptionalValue;

use super::calls::{Sizes, call_cost};
use super::functions::name_of_type;
use super::library::{Overload, overloads};
use super::range::{Range, scaled};
use super::types::Type;

/// To go through a text costs this much a character.
const TEXT: f64 = 0.1;
/// The length of the patterns of most named formats.
const FORMAT_PATTERN: f64 = 30.0;

/// What a call costs, if that does not depend on its result.
pub(super) fn of_call(name: &str, is_method: bool, operands: &[Cel]) -> Option<u64> {
    if let Some(cost) = of_operator(name, operands) {
        return Some(cost);
    }
    let sizes: Vec<u64> = operands.iter().map(size).collect();
    let size = |index: usize| sizes.get(index).copied().unwrap_or(1);
    let kinds: Vec<Type<'static>> = operands.iter().map(kind).collect();
    let rule = rule(name, is_method, &kinds);
    let text = |index: usize| scaled(size(index), TEXT);
    Some(match rule {
        "slice" | "join" => return None,
        "read-argument" => text(0),
        "traversal" => operands.first().map_or(0, traversal),
        "validation" => scaled(size(1) + 1, TEXT).saturating_mul(scaled(1, FORMAT_PATTERN * 0.25)),
        "contains-ip" => 1,
        "contains-text" => text(1).saturating_add(1),
        "contains-cidr" => 3,
        "contains-cidr-text" => text(1).saturating_add(3),
        // The operators that have a value at hand are not counted as calls.
        "alternative" => 0,
        "distinct" if !matches!(kinds.first(), Some(Type::List(item)) if is_text(item)) => sorted(size(0), 2.0),
        "sort" => sorted(size(0), 2.0),
        "sort-texts" | "distinct" => sorted(size(0), 2.0 + TEXT),
        _ => {
            let operands: Vec<Sizes<'_>> = sizes.iter().zip(&kinds).zip(operands).map(sized).collect();
            call_cost(rule, &operands).0.most
        }
    })
}

/// The operators, of which there are many in every loop.
fn of_operator(name: &str, operands: &[Cel]) -> Option<u64> {
    let is_text = |value: &Cel| matches!(value, Cel::String(_) | Cel::Bytes(_));
    let is_known = |value: &Cel| !matches!(value, Cel::Opaque(_)) || <&OptionalValue>::try_from(value).is_ok();
    let [left, right] = operands else {
        return matches!(name, operators::LOGICAL_NOT | operators::NEGATE).then_some(1);
    };
    match name {
        operators::EQUALS | operators::NOT_EQUALS if is_known(left) => Some(scaled(size(left).min(size(right)), TEXT)),
        operators::LESS | operators::LESS_EQUALS | operators::GREATER | operators::GREATER_EQUALS if is_text(left) => {
            Some(scaled(size(left).min(size(right)), TEXT))
        }
        operators::ADD if is_text(left) => Some(scaled(size(left).saturating_add(size(right)), TEXT)),
        operators::IN if matches!(right, Cel::List(_)) => Some(size(right)),
        name if name.starts_with('_') || name == operators::IN => Some(1),
        _ => None,
    }
}

/// What a call costs whose result decides.
pub(super) fn of_result(name: &str, result: &Cel) -> u64 {
    match name {
        "join" => scaled(size(result), 2.0 * TEXT),
        _ => size(result).saturating_add(11),
    }
}

fn rule(name: &str, is_method: bool, kinds: &[Type<'static>]) -> &'static str {
    let fits = |overload: &&Overload| {
        let mut bound = Vec::new();
        let mut pairs = overload.operands.iter().zip(kinds);
        overload.is_method == is_method
            && overload.operands.len() == kinds.len()
            && pairs.all(|(declared, given)| declared.accepts(given, &mut bound))
    };
    overloads(name).iter().find(fits).map_or("", |overload| overload.cost)
}

fn sized<'a>(((size, kind), value): ((&u64, &'a Type<'static>), &Cel)) -> Sizes<'a> {
    let size = Range::exactly(*size);
    let number = match value {
        Cel::Int(number) => Some(*number),
        _ => None,
    };
    Sizes {
        kind,
        known: Some(size),
        size,
        items: Range::exactly(1),
        number,
    }
}

/// The type of a value, as far as it decides which overload is meant: the first item of a list stands for all.
fn kind(value: &Cel) -> Type<'static> {
    match value {
        Cel::List(items) => Type::List(Box::new(items.first().map_or(Type::Dyn, kind))),
        Cel::Map(_) => Type::Map(Box::new(Type::Dyn), Box::new(Type::Dyn)),
        Cel::Opaque(opaque) => match opaque.runtime_type_name() {
            "optional_type" => Type::Optional(Box::new(Type::Dyn)),
            "net.IP" => Type::Named("net.IP"),
            "net.CIDR" => Type::Named("net.CIDR"),
            "kubernetes.Quantity" => Type::Named("kubernetes.Quantity"),
            "kubernetes.Semver" => Type::Named("kubernetes.Semver"),
            "kubernetes.URL" => Type::Named("kubernetes.URL"),
            _ => Type::Named("kubernetes.NamedFormat"),
        },
        value => Type::Named(name_of_type(value)),
    }
}

/// What has no size has the size one.
fn size(value: &Cel) -> u64 {
    let size = match value {
        Cel::String(text) => text.chars().count(),
        Cel::Bytes(bytes) => bytes.len(),
        Cel::List(items) => items.len(),
        Cel::Map(map) => map.map.len(),
        value => match <&OptionalValue>::try_from(value) {
            Ok(within) => return within.value().map_or(1, self::size),
            Err(_) => 1,
        },
    };
    size as u64
}

fn is_text(kind: &Type<'_>) -> bool {
    matches!(kind, Type::Named("string" | "bytes"))
}

fn sorted(size: u64, factor: f64) -> u64 {
    let compared = size.saturating_mul(size) as f64 * factor;
    (compared as u64).saturating_add(11)
}

fn traversal(value: &Cel) -> u64 {
    // What is not a whole unit does not count here.
    let text = |bytes: usize| (bytes as f64 * TEXT) as u64;
    match value {
        Cel::String(value) => text(value.len()),
        Cel::Bytes(value) => text(value.len()),
        Cel::List(items) => items.iter().map(traversal).sum(),
        Cel::Map(map) => map.map.values().map(traversal).sum(),
        _ => 1,
    }
}
