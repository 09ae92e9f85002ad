//! Lists that are sets or maps by their schema: values in; whether they are equal, and what they are together, out. A list of CEL
//! does not know what it is: those that are more are kept here, and known by where they are.

use std::collections::HashMap;
use std::sync::Arc;

use kube_cel::cel::Value as Cel;
use kube_cel::cel::objects::{Key, OptionalValue};

use super::super::structural::ListType;
use super::conversions::convert;
use super::escaping::escape;

/// What tells the items of a list apart.
#[derive(Debug, Clone)]
enum Identity {
    /// What they are.
    Value,
    /// What they have at these keys.
    Keys(Vec<Key>),
}

/// The lists whose order does not count.
#[derive(Debug, Clone, Default)]
pub(super) struct Associative {
    lists: HashMap<*const Vec<Cel>, (Arc<Vec<Cel>>, Identity)>,
}

impl Associative {
    /// Keeps a list, if it is one of these.
    pub(super) fn keep(&mut self, list: &Arc<Vec<Cel>>, kind: &ListType) {
        let identity = match kind {
            ListType::Atomic => return,
            ListType::Set => Identity::Value,
            ListType::Map(keys) => {
                let key = |key: &String| Key::from(escape(key).unwrap_or_else(|| key.clone()));
                Identity::Keys(keys.iter().map(key).collect())
            }
        };
        self.insert(list, identity);
    }

    fn insert(&mut self, list: &Arc<Vec<Cel>>, identity: Identity) {
        self.lists.insert(Arc::as_ptr(list), (Arc::clone(list), identity));
    }

    /// Whether two values are equal. It is the first one that says what counts.
    pub(super) fn equal(&self, one: &Cel, other: &Cel) -> bool {
        if self.lists.is_empty() {
            return one == other;
        }
        match (one, other) {
            (Cel::List(left), Cel::List(right)) if left.len() != right.len() => false,
            (Cel::List(left), Cel::List(right)) => match self.lists.get(&Arc::as_ptr(left)) {
                None => left.iter().zip(right.iter()).all(|(one, other)| self.equal(one, other)),
                Some((_, identity)) => {
                    let known = Index::new(identity, left);
                    right.iter().all(|item| {
                        let same = known.find(left, item).and_then(|place| left.get(place));
                        same.is_some_and(|known| self.equal(known, item))
                    })
                }
            },
            (Cel::Map(left), Cel::Map(right)) => {
                let is_equal = |(key, one)| right.map.get(key).is_some_and(|other| self.equal(one, other));
                left.map.len() == right.map.len() && left.map.iter().all(is_equal)
            }
            (Cel::Opaque(_), Cel::Opaque(_)) => {
                match (<&OptionalValue>::try_from(one), <&OptionalValue>::try_from(other)) {
                    (Ok(left), Ok(right)) => match (left.value(), right.value()) {
                        (Some(left), Some(right)) => self.equal(left, right),
                        (left, right) => left.is_none() && right.is_none(),
                    },
                    _ => one == other,
                }
            }
            _ => one == other,
        }
    }

    /// Whether an item, which says what counts, is in a list; `None` for what is no list.
    pub(super) fn contains(&self, list: &Cel, item: &Cel) -> Option<bool> {
        match list {
            Cel::List(items) if !self.lists.is_empty() => Some(items.iter().any(|known| self.equal(item, known))),
            _ => None,
        }
    }

    /// A list with what another one adds to it, or has instead; `None` if the order of the first one counts.
    pub(super) fn sum(&mut self, one: &Cel, other: &Cel) -> Option<Cel> {
        let (Cel::List(left), Cel::List(right)) = (one, other) else {
            return None;
        };
        let identity = self
            .lists
            .get(&Arc::as_ptr(left))
            .map(|(_, identity)| identity.clone())?;
        let mut sum = left.to_vec();
        let mut known = Index::new(&identity, left);
        for item in right.iter() {
            match known.find(&sum, item).and_then(|place| sum.get_mut(place)) {
                Some(known) => *known = item.clone(),
                None => {
                    known.add(sum.len(), item);
                    sum.push(item.clone());
                }
            }
        }
        let sum = Arc::new(sum);
        self.insert(&sum, identity);
        Some(Cel::List(sum))
    }
}

/// Where the items of a list are, by what tells them apart.
struct Index<'i> {
    identity: &'i Identity,
    places: HashMap<Vec<Option<Key>>, usize>,
    /// Where those are that are only found by comparing.
    others: Vec<usize>,
}

impl<'i> Index<'i> {
    fn new(identity: &'i Identity, items: &[Cel]) -> Self {
        let mut index = Self {
            identity,
            places: HashMap::new(),
            others: Vec::new(),
        };
        for (place, item) in items.iter().enumerate() {
            index.add(place, item);
        }
        index
    }

    fn add(&mut self, place: usize, item: &Cel) {
        match self.identity.of(item) {
            Some(identity) => _ = self.places.entry(identity).or_insert(place),
            None => self.others.push(place),
        }
    }

    /// Where the same item is.
    fn find(&self, items: &[Cel], item: &Cel) -> Option<usize> {
        match self.identity.of(item) {
            Some(identity) => self.places.get(&identity).copied(),
            None => {
                let mut others = self.others.iter().copied();
                others.find(|place| {
                    items
                        .get(*place)
                        .is_some_and(|known| self.identity.is_same(known, item))
                })
            }
        }
    }
}

impl Identity {
    /// What tells an item apart, if that can be looked up.
    fn of(&self, item: &Cel) -> Option<Vec<Option<Key>>> {
        match (self, item) {
            (Self::Value, item) => Some(vec![Some(scalar(item)?)]),
            (Self::Keys(keys), Cel::Map(fields)) => {
                let values = keys.iter().map(|key| fields.map.get(key));
                values
                    .map(|value| value.map_or(Some(None), |value| scalar(value).map(Some)))
                    .collect()
            }
            _ => None,
        }
    }

    fn is_same(&self, one: &Cel, other: &Cel) -> bool {
        match (self, one, other) {
            (Self::Keys(keys), Cel::Map(one), Cel::Map(other)) => {
                keys.iter().all(|key| one.map.get(key) == other.map.get(key))
            }
            _ => one == other,
        }
    }
}

/// A value as the key of a map; numbers are equal whatever their types are.
fn scalar(value: &Cel) -> Option<Key> {
    match value {
        Cel::String(text) => Some(Key::String(Arc::clone(text))),
        Cel::Bool(truth) => Some(Key::Bool(*truth)),
        Cel::Int(number) => Some(Key::Int(*number)),
        Cel::UInt(number) => i64::try_from(*number).ok().map(Key::Int),
        Cel::Float(number) => match convert("int", value) {
            Some(Ok(Cel::Int(whole))) if whole as f64 == *number => Some(Key::Int(whole)),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn list(items: &[i64]) -> Cel {
        Cel::List(Arc::new(items.iter().copied().map(Cel::Int).collect()))
    }

    fn kept(lists: &mut Associative, items: &[i64]) -> Cel {
        let Cel::List(list) = list(items) else { panic!("a list") };
        lists.keep(&list, &ListType::Set);
        Cel::List(list)
    }

    #[test]
    fn the_first_list_says_what_counts() {
        let mut lists = Associative::default();
        let set = kept(&mut lists, &[1, 2]);
        assert!(lists.equal(&set, &list(&[2, 1])));
        assert!(!lists.equal(&list(&[2, 1]), &set));
        assert_eq!(
            lists.contains(&Cel::List(Arc::new(vec![set.clone()])), &list(&[2, 1])),
            Some(false)
        );
        assert_eq!(lists.sum(&list(&[1]), &set), None);
    }

    #[test]
    fn what_has_the_same_keys_is_replaced() {
        let item = |key: &str, value: i64| {
            Cel::from(HashMap::from([
                ("k", Cel::from(key.to_owned())),
                ("v", Cel::Int(value)),
            ]))
        };
        let mut lists = Associative::default();
        let map = Arc::new(vec![item("a", 1), item("b", 2)]);
        lists.keep(&map, &ListType::Map(vec!["k".to_owned()]));
        let map = Cel::List(map);
        let more = Cel::List(Arc::new(vec![item("a", 3), item("c", 4)]));
        let sum = lists.sum(&map, &more).unwrap();
        assert_eq!(sum, Cel::List(Arc::new(vec![item("a", 3), item("b", 2), item("c", 4)])));
        assert!(lists.equal(&map, &Cel::List(Arc::new(vec![item("b", 2), item("a", 1)]))));
        assert!(!lists.equal(&map, &Cel::List(Arc::new(vec![item("b", 2), item("a", 2)]))));
    }

    proptest! {
        #[test]
        fn sets_add_up_whatever_the_order(one in prop::collection::btree_set(0_i64..9, 0..6), other in prop::collection::btree_set(0_i64..9, 0..6)) {
            let mut lists = Associative::default();
            let (one, other): (Vec<i64>, Vec<i64>) = (one.into_iter().collect(), other.into_iter().collect());
            let (left, right) = (kept(&mut lists, &one), kept(&mut lists, &other));
            let (sum, reverse) = (lists.sum(&left, &right).unwrap(), lists.sum(&right, &left).unwrap());
            prop_assert!(lists.equal(&sum, &reverse));
            prop_assert_eq!(lists.equal(&left, &right), one == other);
            let again = lists.sum(&sum, &right).unwrap();
            prop_assert!(lists.equal(&again, &sum));
        }
    }
}
