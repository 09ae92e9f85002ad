//! What the rules of a schema may cost: the estimated cost of every rule and message in, errors for those that are too
//! expensive, and for all of them together, out.

use std::cmp::Reverse;

use crate::server::field::{FieldError, FieldPath};

/// What one rule or message may cost.
const LIMIT: u64 = 10_000_000;
/// What all of a schema's may cost together.
const TOTAL_LIMIT: u64 = 100_000_000;
/// What costs less is not named among the most expensive.
const NOTABLE: u64 = TOTAL_LIMIT / 100;
/// So many of the most expensive are named.
const MOST_NAMED: usize = 4;

/// The costs of a schema so far.
#[derive(Debug, Default)]
pub(super) struct Costs {
    /// Whether none is too expensive by itself.
    lenient: bool,
    total: u64,
    expensive: Vec<(FieldPath, u64)>,
}

impl Costs {
    /// An update that leaves the schema as it is may keep what older servers took.
    pub(super) fn new(unchanged: bool) -> Self {
        Self {
            lenient: unchanged,
            ..Self::default()
        }
    }

    /// Adds what costs something, and says if it is too expensive by itself.
    pub(super) fn add(&mut self, path: FieldPath, what: &str, cost: u64) -> Option<FieldError> {
        let error = (cost > LIMIT && !self.lenient)
            .then(|| FieldError::forbidden(&path, exceeded(&format!("estimated {what} cost"), cost, LIMIT)));
        self.total = self.total.saturating_add(cost);
        if cost >= NOTABLE {
            self.expensive.push((path, cost));
            self.expensive.sort_by_key(|(_, cost)| Reverse(*cost));
            self.expensive.truncate(MOST_NAMED);
        }
        error
    }

    /// What is wrong with the sum.
    pub(super) fn total(self, path: &FieldPath) -> Vec<FieldError> {
        if self.total <= TOTAL_LIMIT {
            return Vec::new();
        }
        let why = "contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema";
        let expensive = self.expensive.iter();
        let mut found: Vec<_> = expensive.map(|(path, _)| FieldError::forbidden(path, why)).collect();
        let what = "x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema";
        found.push(FieldError::forbidden(path, exceeded(what, self.total, TOTAL_LIMIT)));
        found
    }
}

fn exceeded(what: &str, cost: u64, limit: u64) -> String {
    let factor = cost as f64 / limit as f64;
    let factor = if factor > 100.0 {
        "more than 100x".to_owned()
    } else if factor < 1.5 {
        format!("{factor:.6}x")
    } else {
        format!("{factor:.1}x")
    };
    format!(
        "{what} exceeds budget by factor of {factor} (try simplifying the rule, or adding maxItems, maxProperties, and \
         maxLength where arrays, maps, and strings are declared)"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_expensive_are_named_first() {
        let mut costs = Costs::default();
        let rule = |index: usize| FieldPath::new("rules").index(index);
        for (index, cost) in [5, 30, 0, 40, 30, 9].into_iter().enumerate() {
            assert_eq!(costs.add(rule(index), "rule", cost * 1_000_000).is_some(), cost > 10);
        }
        let named: Vec<String> = costs
            .total(&FieldPath::new("schema"))
            .iter()
            .map(|error| error.path.to_string())
            .collect();
        assert_eq!(named, ["rules[3]", "rules[1]", "rules[4]", "rules[5]", "schema"]);
    }

    #[test]
    fn factors_are_precise_where_they_are_small() {
        let cases = [
            (10_000_001, "1.000000x "),
            (14_999_999, "1.500000x "),
            (15_000_000, "1.5x "),
            (2_000_000_000, "more than 100x "),
        ];
        for (cost, factor) in cases {
            let error = Costs::default().add(FieldPath::root(), "rule", cost);
            assert!(error.is_some_and(|error| error.detail.contains(&format!("by factor of {factor}"))));
        }
        let mut lenient = Costs::new(true);
        assert!(lenient.add(FieldPath::root(), "rule", 1_000_000_000).is_none());
        assert_eq!(lenient.total(&FieldPath::root()).len(), 2);
    }
}
