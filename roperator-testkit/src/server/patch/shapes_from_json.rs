//! Shapes from a compact JSON form, for tests: `"scalar"`, `"deduced"`, `{"ref": name}`, `{"fields": {...}}`,
//! `{"values": shape}`, `{"items": shape}` with `atomic`, `set`, `keys` or `open`; fields with `merge`, `key` and `retainKeys`
//! have their shape in `shape`.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::server::shape::{Field, MapKey, Scalar, Shape, ShapeId, Shapes, Strategic, Struct, Topology};

/// Shapes with the names that they have in a test.
#[derive(Debug, Default)]
pub struct Named {
    /// The shapes.
    pub shapes: Shapes,
    names: BTreeMap<String, ShapeId>,
}

impl Named {
    /// The shapes of Kubernetes' own kinds, and of a custom one, that tests work on.
    #[must_use]
    pub fn recorded() -> Self {
        Self::parse(&serde_json::from_str(include_str!("testdata/shapes.json")).unwrap())
    }

    /// Shapes by their names.
    #[must_use]
    pub fn parse(json: &Value) -> Self {
        let mut named = Self::default();
        let json = json.as_object().unwrap();
        for name in json.keys() {
            let id = named.shapes.add(Shape::Deduced);
            named.names.insert(name.clone(), id);
        }
        for (name, json) in json {
            let shape = named.shape(json);
            named.shapes.set(named.names[name], shape);
        }
        named
    }

    /// Where a named shape is.
    #[must_use]
    pub fn id(&self, name: &str) -> ShapeId {
        self.names[name]
    }

    fn add(&mut self, json: &Value) -> ShapeId {
        if let Some(name) = json.get("ref").and_then(Value::as_str) {
            return self.names[name];
        }
        let shape = self.shape(json);
        self.shapes.add(shape)
    }

    fn shape(&mut self, json: &Value) -> Shape {
        let atomic = json.get("atomic").is_some();
        if let Some(fields) = json.get("fields").and_then(Value::as_object) {
            let fields = self.fields(fields);
            let others = json.get("open").map(|_| self.shapes.add(Shape::Deduced));
            return Shape::Struct(Struct { fields, atomic, others });
        }
        if let Some(values) = json.get("values") {
            let values = self.add(values);
            return Shape::Map { values, atomic };
        }
        if let Some(items) = json.get("items") {
            let items = self.add(items);
            let topology = match json.get("keys").and_then(Value::as_array) {
                Some(keys) => Topology::Map(keys.iter().map(map_key).collect()),
                None if json.get("set").is_some() => Topology::Set,
                None => Topology::Atomic,
            };
            return Shape::List { items, topology };
        }
        if json == "scalar" {
            Shape::Scalar(Scalar::Any)
        } else {
            Shape::Deduced
        }
    }

    fn fields(&mut self, json: &Map<String, Value>) -> BTreeMap<String, Field> {
        json.iter()
            .map(|(name, json)| {
                let strategic = Strategic {
                    merge: json.get("merge").is_some(),
                    key: json.get("key").and_then(Value::as_str).map(str::to_owned),
                    retain_keys: json.get("retainKeys").is_some(),
                };
                let shape = self.add(json.get("shape").unwrap_or(json));
                (name.clone(), Field { shape, strategic })
            })
            .collect()
    }
}

fn map_key(json: &Value) -> MapKey {
    MapKey {
        name: json["name"].as_str().unwrap().to_owned(),
        default: json.get("default").cloned(),
    }
}
