//! Which fields a write through an endpoint does not count for: those that the endpoint puts back to what they were.
//! Data in: a set of fields. Data out: the part of it that counts.

use super::path::PathElement;
use super::set::{FieldSet, Node};

/// Which fields an endpoint resets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Reset {
    /// None.
    #[default]
    Nothing,
    /// These, and all that is below them.
    Fields(FieldSet),
    /// All but those that match one of these.
    AllBut(Vec<Pattern>),
}

/// The beginning of a path; `None` stands for any element.
pub type Pattern = Vec<Option<PathElement>>;

impl Reset {
    /// The fields of a set that count.
    #[must_use]
    pub fn filter(&self, set: FieldSet) -> FieldSet {
        match self {
            Self::Nothing => set,
            Self::Fields(fields) if fields.iter().all(|(element, _)| set.get(element).is_none()) => set,
            Self::Fields(fields) => set.recursive_difference(fields),
            Self::AllBut(patterns) => {
                let patterns: Vec<&[Option<PathElement>]> = patterns.iter().map(Vec::as_slice).collect();
                matching(&set, &patterns)
            }
        }
    }
}

/// The fields that are on the way to, at or below a place that matches.
fn matching(set: &FieldSet, patterns: &[&[Option<PathElement>]]) -> FieldSet {
    if patterns.iter().any(|pattern| pattern.is_empty()) {
        return set.clone();
    }
    let mut kept = FieldSet::default();
    for (element, node) in set.iter() {
        let rest: Vec<&[Option<PathElement>]> = patterns
            .iter()
            .filter_map(|pattern| pattern.split_first())
            .filter(|(first, _)| first.as_ref().is_none_or(|first| first == element))
            .map(|(_, rest)| rest)
            .collect();
        if !rest.is_empty() {
            let children = matching(&node.children, &rest);
            kept.add(
                element.clone(),
                Node {
                    member: node.member,
                    children,
                },
            );
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_reset_does_not_count() {
        let set = FieldSet::of_fields(&[
            &["spec"],
            &["spec", "a"],
            &["status"],
            &["status", "b"],
            &["status", "b", "c"],
        ]);
        let reset = Reset::Fields(FieldSet::of_fields(&[&["status"]]));
        assert_eq!(
            reset.filter(set.clone()),
            FieldSet::of_fields(&[&["spec"], &["spec", "a"]])
        );
        let any = vec![Some(PathElement::field("status")), None, Some(PathElement::field("c"))];
        let kept = FieldSet::of_fields(&[&["status"], &["status", "b"], &["status", "b", "c"]]);
        assert_eq!(Reset::AllBut(vec![any]).filter(set.clone()), kept);
        assert_eq!(Reset::Nothing.filter(set.clone()), set);
    }
}
