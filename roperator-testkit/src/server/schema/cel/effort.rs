//! What an evaluation goes through at most, whatever Kubernetes' units say: values in, what is left out. Those units count a list
//! that is added to another as one, and a text that replaces others not at all, so that a short rule could take all memory.

use std::sync::Arc;

use kube_cel::cel::Value as Cel;
use kube_cel::cel::common::ast::operators;
use kube_cel::cel::objects::OptionalValue;

/// How many values are gone through or copied at most. Rules that Kubernetes has the time for stay far below.
const MOST: usize = 20_000_000;
/// So many bytes are as much as a value.
const BYTES: usize = 16;
/// What takes the same time whatever its operands are.
const QUICK: [&str; 14] = [
    operators::INDEX,
    operators::OPT_INDEX,
    operators::OPT_SELECT,
    "dyn",
    "first",
    "hasValue",
    "last",
    "optional.none",
    "optional.of",
    "or",
    "orValue",
    "size",
    "type",
    "value",
];

/// What is left.
#[derive(Debug, Clone, Copy)]
pub(super) struct Effort {
    left: usize,
}

impl Default for Effort {
    fn default() -> Self {
        Self { left: MOST }
    }
}

impl Effort {
    /// What is left after a call; nothing if it is too much.
    pub(super) fn after_call(self, name: &str, operands: &[Cel]) -> Option<Self> {
        let made = match (name, operands) {
            (operators::IN, [item, Cel::Map(_)]) => return self.after(item),
            ("replace", [Cel::String(text), Cel::String(piece), Cel::String(by), ..]) => {
                text.matches(piece.as_str()).count().saturating_mul(by.len()) / BYTES
            }
            ("join", [Cel::List(items), Cel::String(separator)]) => items.len().saturating_mul(separator.len()) / BYTES,
            (name, _) if QUICK.contains(&name) => return Some(self),
            _ => 0,
        };
        operands.iter().try_fold(self.less(made)?, Self::after)
    }

    /// What is left after a sum. A list that nobody else has is not copied.
    pub(super) fn after_sum(self, one: &Cel, other: &Cel) -> Option<Self> {
        let (Cel::List(one), Cel::List(other)) = (one, other) else {
            return Some(self);
        };
        let copied = if Arc::strong_count(one) > 1 { one.len() } else { 0 };
        self.less(copied.saturating_add(other.len()))
    }

    fn after(self, value: &Cel) -> Option<Self> {
        let left = self.less(1)?;
        match value {
            Cel::String(text) => left.less(text.len() / BYTES),
            Cel::Bytes(bytes) => left.less(bytes.len() / BYTES),
            Cel::List(items) => items.iter().try_fold(left, Self::after),
            Cel::Map(map) => map.map.values().try_fold(left, Self::after),
            Cel::Opaque(_) => match <&OptionalValue>::try_from(value).ok().and_then(OptionalValue::value) {
                Some(within) => left.after(within),
                None => Some(left),
            },
            _ => Some(left),
        }
    }

    fn less(self, count: usize) -> Option<Self> {
        let left = self.left.checked_sub(count)?;
        Some(Self { left })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_doubles_with_every_step_ends() {
        let mut value = Cel::Int(1);
        for _ in 0..64 {
            value = Cel::List(Arc::new(vec![value.clone(), value]));
        }
        assert!(
            Effort::default()
                .after_call(operators::EQUALS, &[value.clone(), value.clone()])
                .is_none()
        );
        assert!(Effort::default().after_call("size", &[value]).is_some());
        let text = Cel::from("a".repeat(1 << 20));
        let operands = [text.clone(), Cel::from("a".to_owned()), text];
        assert!(Effort::default().after_call("replace", &operands).is_none());
    }

    #[test]
    fn a_list_that_grows_where_it_is_counts_once() {
        let mut effort = Effort::default();
        let grown = Cel::List(Arc::new(vec![Cel::Null; 1000]));
        let one = Cel::List(Arc::new(vec![Cel::Null]));
        for _ in 0..100_000 {
            effort = effort.after_sum(&grown, &one).unwrap();
        }
        let other = grown.clone();
        assert_eq!(
            effort.after_sum(&other, &one).map(|less| effort.left - less.left),
            Some(1001)
        );
    }
}
