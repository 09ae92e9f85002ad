//! Sets of fields, as trees: what a manager owns, what a write changed. The algebra is that of structured-merge-diff.
//! Data only; the JSON form is in `fields_v1`.

use std::cmp::Ordering;

use super::path::PathElement;

/// A set of fields, each a path into an object. The object itself is never a member.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldSet {
    /// Sorted by element; no node is empty.
    nodes: Vec<(PathElement, Node)>,
}

/// What a set knows of one field.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Node {
    /// The field is itself in the set.
    pub member: bool,
    /// What of the field is in the set.
    pub children: FieldSet,
}

impl Node {
    /// A field that is in the set, and nothing below it.
    #[must_use]
    pub fn leaf() -> Self {
        Self {
            member: true,
            children: FieldSet::default(),
        }
    }

    /// Whether neither the field nor anything below it is in the set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.member && self.children.is_empty()
    }
}

impl FieldSet {
    /// The set of these paths.
    #[must_use]
    pub fn of(paths: &[&[PathElement]]) -> Self {
        let mut set = Self::default();
        for path in paths {
            set.insert(path);
        }
        set
    }

    /// The set of these paths of fields.
    #[must_use]
    pub fn of_fields(paths: &[&[&str]]) -> Self {
        let mut set = Self::default();
        for path in paths {
            let path: Vec<PathElement> = path.iter().map(|name| PathElement::field(name)).collect();
            set.insert(&path);
        }
        set
    }

    /// Adds a path, but not its parents.
    pub fn insert(&mut self, path: &[PathElement]) {
        let Some((first, rest)) = path.split_first() else {
            return;
        };
        let node = match rest {
            [] => Node::leaf(),
            rest => Node {
                member: false,
                children: Self::of(&[rest]),
            },
        };
        self.add(first.clone(), node);
    }

    /// Unites what is known of a field with `node`. Cheap if fields come in order.
    pub fn add(&mut self, element: PathElement, node: Node) {
        if node.is_empty() {
            return;
        }
        match self.position(&element) {
            Ok(place) => {
                if let Some((_, known)) = self.nodes.get_mut(place) {
                    known.member |= node.member;
                    known.children = known.children.union(&node.children);
                }
            }
            Err(place) => self.nodes.insert(place, (element, node)),
        }
    }

    /// Whether a path is in the set.
    #[must_use]
    pub fn has(&self, path: &[PathElement]) -> bool {
        match path.split_first() {
            None => false,
            Some((only, [])) => self.get(only).is_some_and(|node| node.member),
            Some((first, rest)) => self.get(first).is_some_and(|node| node.children.has(rest)),
        }
    }

    /// What is known of a field.
    #[must_use]
    pub fn get(&self, element: &PathElement) -> Option<&Node> {
        let place = self.position(element).ok()?;
        self.nodes.get(place).map(|(_, node)| node)
    }

    /// What is known of a field by its name.
    #[must_use]
    pub fn get_field(&self, name: &str) -> Option<&Node> {
        let order = |element: &PathElement| match element {
            PathElement::Field(field) => (**field).cmp(name),
            _ => Ordering::Greater,
        };
        let place = self.nodes.binary_search_by(|(element, _)| order(element)).ok()?;
        self.nodes.get(place).map(|(_, node)| node)
    }

    /// The fields of the first step, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&PathElement, &Node)> {
        self.nodes.iter().map(|(element, node)| (element, node))
    }

    /// Whether nothing is in the set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// How many fields are in the set.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.iter()
            .map(|(_, node)| usize::from(node.member) + node.children.len())
            .sum()
    }

    /// All paths in the set, in the order in which conflicts are listed: the members of a level before what is below.
    #[must_use]
    pub fn paths(&self) -> Vec<Vec<PathElement>> {
        let mut paths = Vec::new();
        self.collect_paths(&mut Vec::new(), &mut paths);
        paths
    }

    fn collect_paths(&self, prefix: &mut Vec<PathElement>, paths: &mut Vec<Vec<PathElement>>) {
        for (element, _) in self.iter().filter(|(_, node)| node.member) {
            let mut path = prefix.clone();
            path.push(element.clone());
            paths.push(path);
        }
        for (element, node) in self.iter() {
            prefix.push(element.clone());
            node.children.collect_paths(prefix, paths);
            prefix.pop();
        }
    }

    /// What is in either.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        if self.is_empty() {
            return other.clone();
        }
        self.zip(other, |left, right| match (left, right) {
            (Some(left), Some(right)) => Node {
                member: left.member || right.member,
                children: left.children.union(&right.children),
            },
            (Some(one), None) | (None, Some(one)) => one.clone(),
            (None, None) => Node::default(),
        })
    }

    /// What is in both.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        if self.is_empty() || other.is_empty() {
            return Self::default();
        }
        self.zip(other, |left, right| match (left, right) {
            (Some(left), Some(right)) => Node {
                member: left.member && right.member,
                children: left.children.intersection(&right.children),
            },
            _ => Node::default(),
        })
    }

    /// What is in this set and not in the other; what is below a field of the other stays.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        self.zip(other, |left, right| match (left, right) {
            (Some(left), Some(right)) => Node {
                member: left.member && !right.member,
                children: left.children.difference(&right.children),
            },
            (Some(left), None) => left.clone(),
            _ => Node::default(),
        })
    }

    /// Takes out what is in the other, as [`difference`](Self::difference), but touches only that.
    pub fn subtract(&mut self, other: &Self) {
        for (element, theirs) in other.iter() {
            let Ok(place) = self.position(element) else {
                continue;
            };
            if let Some((_, ours)) = self.nodes.get_mut(place) {
                ours.member &= !theirs.member;
                ours.children.subtract(&theirs.children);
                if ours.is_empty() {
                    self.nodes.remove(place);
                }
            }
        }
    }

    /// What is in this set, and neither in the other nor below a field of the other.
    #[must_use]
    pub fn recursive_difference(&self, other: &Self) -> Self {
        self.zip(other, |left, right| match (left, right) {
            (Some(_), Some(right)) if right.member => Node::default(),
            (Some(left), Some(right)) => Node {
                member: left.member,
                children: left.children.recursive_difference(&right.children),
            },
            (Some(left), None) => left.clone(),
            _ => Node::default(),
        })
    }

    /// Whether everything in this set is in the other.
    #[must_use]
    pub fn is_subset(&self, other: &Self) -> bool {
        self.iter().all(|(element, node)| match other.get(element) {
            Some(theirs) => (theirs.member || !node.member) && node.children.is_subset(&theirs.children),
            None => false,
        })
    }

    /// The fields below which nothing is in the set.
    #[cfg(test)]
    pub fn leaves(&self) -> Self {
        self.map(|node| Node {
            member: node.member && node.children.is_empty(),
            children: node.children.leaves(),
        })
    }

    /// The set with every node changed by `change`; nodes that become empty are dropped.
    #[cfg(test)]
    fn map(&self, change: impl Fn(&Node) -> Node) -> Self {
        let nodes = self
            .nodes
            .iter()
            .map(|(element, node)| (element.clone(), change(node)))
            .filter(|(_, node)| !node.is_empty())
            .collect();
        Self { nodes }
    }

    /// Walks two sets in step and builds a third.
    fn zip(&self, other: &Self, combine: impl Fn(Option<&Node>, Option<&Node>) -> Node) -> Self {
        let mut nodes = Vec::with_capacity(self.nodes.len().max(other.nodes.len()));
        let (mut left, mut right) = (self.nodes.iter().peekable(), other.nodes.iter().peekable());
        loop {
            let order = match (left.peek(), right.peek()) {
                (None, None) => break,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some((left, _)), Some((right, _))) => left.cmp(right),
            };
            let ours = if order.is_le() { left.next() } else { None };
            let theirs = if order.is_ge() { right.next() } else { None };
            let node = combine(ours.map(|(_, node)| node), theirs.map(|(_, node)| node));
            if let Some((element, _)) = ours.or(theirs).filter(|_| !node.is_empty()) {
                nodes.push((element.clone(), node));
            }
        }
        Self { nodes }
    }

    fn position(&self, element: &PathElement) -> Result<usize, usize> {
        // Most sets are built in order, so the end is the likely place.
        match self.nodes.last().map(|(last, _)| last.cmp(element)) {
            None | Some(Ordering::Less) => Err(self.nodes.len()),
            _ => self.nodes.binary_search_by(|(known, _)| known.cmp(element)),
        }
    }
}
