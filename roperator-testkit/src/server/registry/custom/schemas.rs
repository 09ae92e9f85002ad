//! The schemas of a definition's versions: the versions in, what decoding, judging and merging by them takes out. Versions
//! that say the same share it.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Map, Value};

use super::text;
use crate::server::{
    schema::Structural,
    shape::{ShapeId, Shapes},
};

/// A version's schema.
#[derive(Debug)]
pub(super) struct Schema {
    /// The version's name. What was stored under this very schema, and may be shown as it is, shares it.
    pub(super) name: Arc<str>,
    /// What it says, shared by all versions that say the same: whether two do is told without reading them.
    pub(super) meaning: Arc<Meaning>,
}

/// What a schema says, as decoding and judging use it, and as merging does.
#[derive(Debug)]
pub(super) struct Meaning {
    pub(super) structural: Structural,
    pub(super) shapes: Shapes,
    pub(super) root: ShapeId,
}

/// The schemas of a definition's versions, by name.
pub(super) type Schemas = Arc<BTreeMap<String, Arc<Schema>>>;

impl Schema {
    /// The schemas of versions.
    pub(super) fn all(versions: &[Value]) -> Schemas {
        let none = Value::Object(Map::new());
        let mut compiled: Vec<(&Value, Arc<Meaning>)> = Vec::new();
        let mut all = BTreeMap::new();
        for version in versions {
            let source = version.pointer("/schema/openAPIV3Schema").unwrap_or(&none);
            let known = compiled.iter().find(|(known, _)| *known == source);
            let meaning = match known {
                Some((_, meaning)) => Arc::clone(meaning),
                None => Arc::new(Meaning::new(source)),
            };
            compiled.push((source, Arc::clone(&meaning)));
            let name = text(version, "/name");
            let schema = Self {
                name: name.into(),
                meaning,
            };
            all.insert(name.to_owned(), Arc::new(schema));
        }
        Arc::new(all)
    }

    /// Whether two say the same.
    pub(super) fn says_as(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.meaning, &other.meaning)
    }
}

impl Meaning {
    fn new(source: &Value) -> Self {
        let structural = Structural::new(source);
        let (shapes, root) = structural.shapes();
        Self {
            structural,
            shapes,
            root,
        }
    }
}
