//! The order of a merged list: items of the patch as the patch has them, the others as they were, and both woven
//! together as they were. Data in: lists. Data out: a list.

use std::cmp::Ordering;

use serde_json::Value;

use super::lists::{Merging, keyed};
use super::{DIRECTIVE, Fault};

impl Merging<'_, '_> {
    /// Orders a merged list. Items in `wanted` come in its order, the others in that of `before`.
    pub fn order(self, merged: Vec<Value>, wanted: &[Value], before: &[Value]) -> Result<Vec<Value>, Fault> {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for item in merged {
            if self.wants(wanted, &item)? {
                ours.push(item);
            } else {
                theirs.push(item);
            }
        }
        let ours = self.sort(ours, wanted)?;
        let theirs = self.sort(theirs, before)?;
        Ok(self.weave(theirs, ours, before))
    }

    fn wants(self, wanted: &[Value], item: &Value) -> Result<bool, Fault> {
        let Some(key) = self.key else {
            return Ok(wanted.contains(item));
        };
        let named = keyed(item, key)?;
        for (index, wanted) in wanted.iter().enumerate() {
            if !wanted.is_object() {
                return Err(Fault::Other(format!("value for key {index} is not a map")));
            }
            if wanted.get(key) == Some(named) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn sort(self, items: Vec<Value>, order: &[Value]) -> Result<Vec<Value>, Fault> {
        let (mut kept, mut deleting) = (Vec::new(), Vec::new());
        if let Some(key) = self.key {
            for item in items.iter().chain(order) {
                keyed(item, key)?;
            }
        }
        for item in items {
            if self.key.is_some() && item.get(DIRECTIVE).is_some_and(|directive| directive == "delete") {
                deleting.push(item);
            } else {
                kept.push(item);
            }
        }
        self.insertion_sort(&mut kept, order);
        kept.append(&mut deleting);
        Ok(kept)
    }

    /// The real server's comparison is no order where an item is unknown, so that the algorithm matters.
    fn insertion_sort(self, items: &mut [Value], order: &[Value]) {
        let places: Vec<Option<usize>> = items.iter().map(|item| self.place(order, item)).collect();
        let mut sorted: Vec<(Option<usize>, Value)> = Vec::with_capacity(items.len());
        for (place, item) in places.into_iter().zip(items.iter_mut().map(Value::take)) {
            let before = |known: &(Option<usize>, Value)| match (place, known.0) {
                (Some(ours), Some(theirs)) => ours < theirs,
                _ => true,
            };
            let end = sorted
                .iter()
                .rposition(|known| !before(known))
                .map_or(0, |last| last + 1);
            sorted.insert(end, (place, item));
        }
        for (slot, (_, item)) in items.iter_mut().zip(sorted) {
            *slot = item;
        }
    }

    fn weave(self, theirs: Vec<Value>, ours: Vec<Value>, before: &[Value]) -> Vec<Value> {
        let mut woven = Vec::with_capacity(theirs.len() + ours.len());
        let (mut theirs, mut ours) = (theirs.into_iter().peekable(), ours.into_iter().peekable());
        loop {
            let take_theirs = match (theirs.peek(), ours.peek()) {
                (None, None) => return woven,
                (Some(_), None) => true,
                (None, Some(_)) => false,
                (Some(left), Some(right)) => match (self.place(before, left), self.place(before, right)) {
                    (Some(left), Some(right)) => left.cmp(&right) == Ordering::Less,
                    _ => false,
                },
            };
            woven.extend(if take_theirs { theirs.next() } else { ours.next() });
        }
    }

    fn place(self, order: &[Value], item: &Value) -> Option<usize> {
        order.iter().position(|other| match self.key {
            Some(key) if item.is_object() => item.get(key) == other.get(key),
            _ => item == other,
        })
    }
}
