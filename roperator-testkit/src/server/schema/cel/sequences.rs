//! The functions of lists, and of pieces of texts, whose results or errors are others in the evaluator crate: the name of one and
//! its operands in, a value or an error in Kubernetes' words out.

use std::cmp::Ordering;
use std::sync::Arc;

use kube_cel::cel::{ExecutionError, Value as Cel};

use super::functions::{name_of_type, worded};
use super::macros::SORT_BY;
use super::times;

type Result<T> = std::result::Result<T, ExecutionError>;

/// The result of a function; `None` for those that are the evaluator crate's.
pub(super) fn apply(name: &str, operands: &[Cel]) -> Option<Result<Cel>> {
    let cannot = |why: String| Some(Err(worded(why)));
    match (name, operands) {
        ("sort", [Cel::List(list)]) => Some(sorted(list, list)),
        (SORT_BY, [Cel::List(list), Cel::List(keys)]) => Some(sorted(list, keys)),
        ("sum", [Cel::List(items)]) => total(items),
        ("max" | "min", [Cel::List(items)]) if items.is_empty() => cannot(format!("{name} called on empty list")),
        ("lists.range", [Cel::Int(..=0)]) => Some(Ok(Cel::List(Arc::default()))),
        ("flatten", [Cel::List(_), Cel::Int(..=-1)]) => cannot("level must be non-negative".to_owned()),
        ("slice", [Cel::List(items), Cel::Int(start), Cel::Int(end)]) => Some(slice(items, *start, *end)),
        ("substring", [Cel::String(_), Cel::Int(start), Cel::Int(end)]) if start > end => {
            cannot(format!("invalid substring range. start: {start}, end: {end}"))
        }
        ("indexOf" | "lastIndexOf", [Cel::String(_), Cel::String(piece), Cel::Int(from @ ..=-1)])
            if !piece.is_empty() =>
        {
            cannot(format!("index out of range: {from}"))
        }
        _ => None,
    }
}

/// What two values are together.
pub(super) fn sum(left: Cel, right: Cel) -> Result<Cel> {
    match (&left, &right) {
        (Cel::Bytes(one), Cel::Bytes(other)) => Ok(Cel::Bytes(Arc::new([one.as_slice(), other.as_slice()].concat()))),
        _ => times::sum(&left, &right).unwrap_or_else(|| left + right),
    }
}

/// A list in the order of its keys, which are all of one type.
fn sorted(list: &[Cel], keys: &[Cel]) -> Result<Cel> {
    if let Some(first) = keys.first() {
        if matches!(first, Cel::Null | Cel::List(_) | Cel::Map(_) | Cel::Opaque(_)) {
            return Err(worded("list elements must be comparable"));
        }
        if keys.iter().any(|key| name_of_type(key) != name_of_type(first)) {
            return Err(worded("list elements must have the same type"));
        }
    }
    let mut pairs: Vec<(&Cel, &Cel)> = keys.iter().zip(list).collect();
    pairs.sort_by(|(left, _), (right, _)| order(left, right));
    let items = pairs.into_iter().map(|(_, item)| item.clone());
    Ok(Cel::List(Arc::new(items.collect())))
}

/// What is no number has a place among numbers, too.
fn order(left: &Cel, right: &Cel) -> Ordering {
    match (left, right) {
        (Cel::Bytes(left), Cel::Bytes(right)) => left.cmp(right),
        (Cel::Float(left), Cel::Float(right)) => left.partial_cmp(right).unwrap_or_else(|| left.total_cmp(right)),
        _ => left.partial_cmp(right).unwrap_or(Ordering::Equal),
    }
}

/// All items together; those of no list are the evaluator crate's.
fn total(items: &[Cel]) -> Option<Result<Cel>> {
    let (first, rest) = items.split_first()?;
    Some(
        rest.iter()
            .try_fold(first.clone(), |total, item| sum(total, item.clone())),
    )
}

fn slice(items: &[Cel], start: i64, end: i64) -> Result<Cel> {
    let cannot = |why: &str| Err(worded(format!("cannot slice({start}, {end}), {why}")));
    let (Ok(first), Ok(last)) = (usize::try_from(start), usize::try_from(end)) else {
        return cannot("negative indexes not supported");
    };
    match items.get(first..last) {
        Some(part) => Ok(Cel::List(Arc::new(part.to_vec()))),
        None if first > last => cannot("start index must be less than or equal to end index"),
        None => cannot(&format!("list is length {}", items.len())),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn list(items: Vec<Cel>) -> Cel {
        Cel::List(Arc::new(items))
    }

    #[test]
    fn what_cannot_be_done_is_told_as_the_server_does() {
        let one = list(vec![Cel::Int(1)]);
        let cases = [
            (
                "sort",
                vec![list(vec![Cel::Int(1), Cel::Float(1.0)])],
                "list elements must have the same type",
            ),
            ("sort", vec![list(vec![Cel::Null])], "list elements must be comparable"),
            ("min", vec![list(Vec::new())], "min called on empty list"),
            (
                "slice",
                vec![one.clone(), Cel::Int(-1), Cel::Int(1)],
                "cannot slice(-1, 1), negative indexes not supported",
            ),
            (
                "slice",
                vec![one.clone(), Cel::Int(1), Cel::Int(0)],
                "cannot slice(1, 0), start index must be less than or equal to end index",
            ),
            (
                "slice",
                vec![one, Cel::Int(0), Cel::Int(2)],
                "cannot slice(0, 2), list is length 1",
            ),
        ];
        for (name, operands, why) in cases {
            assert_eq!(apply(name, &operands), Some(Err(worded(why))), "{name}");
        }
    }

    #[test]
    fn a_sum_that_is_too_large_overflows() {
        let items = vec![Cel::Int(i64::MAX), Cel::Int(1)];
        assert!(apply("sum", &[list(items)]).unwrap().is_err());
    }

    proptest! {
        #[test]
        fn any_numbers_can_be_sorted(numbers in prop::collection::vec(any::<f64>(), 0..64)) {
            let items: Vec<Cel> = numbers.into_iter().map(Cel::Float).collect();
            let Ok(Cel::List(sorted)) = sorted(&items, &items) else { panic!("a list") };
            prop_assert_eq!(sorted.len(), items.len());
        }
    }
}
