//! Lays a configuration over an object. Data in: two valid values and their shape. Data out: what both together say,
//! the configuration winning; lists that are merged keep the order of the object as far as the configuration allows
//! it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde_json::{Map, Value};

use super::path::PathElement;
use super::schema::{Kind, ListAtom, MapAtom, Schema, as_list, as_map, zip_maps};
use crate::server::shape::ShapeId;

impl Schema<'_> {
    /// Lays a configuration over an object.
    #[must_use]
    pub fn merge(self, live: &Value, config: &Value) -> Value {
        self.merged(self.root, Some(live), Some(config)).unwrap_or(Value::Null)
    }

    fn merged(self, shape: ShapeId, live: Option<&Value>, config: Option<&Value>) -> Option<Value> {
        // Most of a configuration is there already.
        if live == config {
            return config.cloned();
        }
        let atom = self.atom(shape);
        let kind = match config {
            None => atom.deduce(live).kind(),
            Some(_) => atom.deduce(config).kind(),
        };
        match kind {
            Kind::Map(map) => {
                let (left, right) = (as_map(live), as_map(config));
                let empty = left.is_none_or(Map::is_empty) && right.is_none_or(Map::is_empty);
                if !map.is_atomic() && !empty {
                    return self.merged_fields(map, left, right);
                }
            }
            Kind::List(list) => {
                let (left, right) = (as_list(live).unwrap_or_default(), as_list(config).unwrap_or_default());
                let empty = left.is_empty() && right.is_empty();
                if !list.is_atomic() && !empty {
                    let items = self.merged_items(list, left, right);
                    return (!items.is_empty()).then_some(Value::Array(items));
                }
            }
            Kind::Scalar(_) => {}
        }
        config.or(live).cloned()
    }

    fn merged_fields(
        self,
        map: MapAtom<'_>,
        live: Option<&Map<String, Value>>,
        config: Option<&Map<String, Value>>,
    ) -> Option<Value> {
        let mut fields = Map::new();
        zip_maps(live, config, |name, live, config| {
            let merged = match (live, config) {
                // What is on the live side alone stays as it is.
                (Some(live), None) => Some(live.clone()),
                _ => self.merged(map.field(name), live, config),
            };
            if let Some(value) = merged {
                fields.insert(name.to_owned(), value);
            }
        });
        (!fields.is_empty()).then_some(Value::Object(fields))
    }

    fn merged_items(self, list: ListAtom<'_>, live: &[Value], config: &[Value]) -> Vec<Value> {
        let (left, right) = (Items::of(list, live), Items::of(list, config));
        let mut merged = Vec::with_capacity(left.order.len().max(right.order.len()));
        for step in interleave(&left, &right) {
            let value = match step {
                Step::Live(place) => left.order.get(place).map(|(_, item)| (*item).clone()),
                Step::Config(place) => right.order.get(place).and_then(|(element, item)| {
                    let live = left.by_element.get(element).copied();
                    self.merged(list.items(), live, Some(item))
                }),
            };
            merged.extend(value);
        }
        merged
    }
}

/// Items that stand for those of the live list that cannot be told apart: merged with, they count for nothing.
const AMBIGUOUS: &Value = &Value::Null;

struct Items<'v> {
    order: Vec<(PathElement, &'v Value)>,
    by_element: BTreeMap<PathElement, &'v Value>,
}

impl<'v> Items<'v> {
    fn of(list: ListAtom<'_>, items: &'v [Value]) -> Self {
        let mut order = Vec::with_capacity(items.len());
        let mut by_element = BTreeMap::new();
        for item in items {
            if let Ok(element) = list.element(item) {
                by_element
                    .entry(element.clone())
                    .and_modify(|known| *known = AMBIGUOUS)
                    .or_insert(item);
                order.push((element, item));
            }
        }
        Self { order, by_element }
    }

    fn at(&self, place: usize) -> Option<&PathElement> {
        self.order.get(place).map(|(element, _)| element)
    }

    fn has(&self, element: &PathElement) -> bool {
        self.by_element.contains_key(element)
    }
}

/// Where the next item of a merged list comes from.
enum Step {
    /// This item of the live list, which is not in the configuration.
    Live(usize),
    /// This item of the configuration, merged with its live twin.
    Config(usize),
}

/// The order of a merged list: the configuration's for its own items; live items stay behind the item that they follow.
fn interleave(live: &Items<'_>, config: &Items<'_>) -> Vec<Step> {
    let mut shared: VecDeque<&PathElement> = config
        .order
        .iter()
        .map(|(element, _)| element)
        .filter(|element| live.has(element))
        .collect();
    let mut next_shared = shared.pop_front();
    let mut taken: BTreeSet<&PathElement> = BTreeSet::new();
    let mut steps = Vec::new();
    let (mut left, mut right) = (0, 0);
    while left < live.order.len() || right < config.order.len() {
        if let (Some(ours), Some(theirs)) = (live.at(left), config.at(right)) {
            if ours == theirs {
                taken.insert(theirs);
                steps.push(Step::Config(right));
                left += 1;
                right += 1;
                next_shared = shared.pop_front();
                continue;
            }
            // A shared item whose turn has not come yet.
            if config.has(ours) && next_shared.is_some_and(|next| next != ours) {
                left += 1;
                continue;
            }
        }
        if let Some(ours) = live.at(left) {
            if !config.has(ours) {
                steps.push(Step::Live(left));
                left += 1;
                continue;
            } else if taken.contains(ours) {
                left += 1;
            }
        }
        if let Some(theirs) = config.at(right) {
            taken.insert(theirs);
            steps.push(Step::Config(right));
            right += 1;
            if next_shared == Some(theirs) {
                next_shared = shared.pop_front();
            }
        }
    }
    steps
}
