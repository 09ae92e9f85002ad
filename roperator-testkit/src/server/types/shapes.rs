//! The shapes of all built-in kinds, as merging has to know them. In go the table's types, with what OpenAPI says of their
//! lists and maps and what their tags say to strategic merge patches; out come [`Shapes`]. It merges nothing.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use super::Types;
use super::table::{Field, Form, Special, StructId, TypeId};
use crate::server::shape::{self, MapKey, Scalar, Shape, ShapeId, Shapes, Strategic, Topology};

/// The shapes of all kinds, and where each struct's is.
#[derive(Debug, Default)]
pub(super) struct Built {
    shapes: Shapes,
    structs: HashMap<(StructId, bool), ShapeId>,
}

impl Types {
    /// The shapes that the built-in kinds are made of.
    pub fn shapes(&self) -> &Shapes {
        &self.built().shapes
    }

    /// The shape of a kind's objects.
    #[must_use]
    pub fn shape(&self, kind: StructId) -> ShapeId {
        let atomic = self.table.get(kind).atomic;
        // A kind that is not in the table is nowhere in the shapes, and thus deduced.
        self.built()
            .structs
            .get(&(kind, atomic))
            .copied()
            .unwrap_or(ShapeId(u32::MAX))
    }

    fn built(&self) -> &Built {
        self.shapes.get_or_init(|| {
            let mut builder = Builder {
                types: self,
                built: Built::default(),
            };
            for (id, found) in self.table.structs() {
                builder.object(id, found.atomic);
            }
            builder.built
        })
    }
}

struct Builder<'t> {
    types: &'t Types,
    built: Built,
}

impl Builder<'_> {
    fn object(&mut self, id: StructId, atomic: bool) -> ShapeId {
        if let Some(known) = self.built.structs.get(&(id, atomic)) {
            return *known;
        }
        // The place is taken before the fields are looked at, for they may refer to it.
        let place = self.built.shapes.add(Shape::Deduced);
        self.built.structs.insert((id, atomic), place);
        let mut fields = BTreeMap::new();
        for json in &self.types.table.get(id).json {
            let field = json.field;
            let shape = self.value(field.of, Some(&field));
            let strategic = strategic(&field);
            fields.insert(field.name.to_owned(), shape::Field { shape, strategic });
        }
        self.built.shapes.set(
            place,
            Shape::Struct(shape::Struct {
                fields,
                atomic,
                others: None,
            }),
        );
        place
    }

    /// The shape of a type; what a field says of its lists and maps holds for the outermost one.
    fn value(&mut self, of: TypeId, field: Option<&Field>) -> ShapeId {
        let map = field.and_then(|field| field.map);
        match self.types.table.of(of).form {
            Form::Pointer(inner) => self.value(inner, field),
            Form::Struct(id) => {
                let atomic = map.map_or(self.types.table.get(id).atomic, |map| map == "atomic");
                self.object(id, atomic)
            }
            Form::List(of) => {
                let items = self.value(of, None);
                let topology = self.topology(of, field.and_then(|field| field.list));
                self.built.shapes.add(Shape::List { items, topology })
            }
            Form::Map { values } => {
                let values = self.value(values, None);
                let atomic = map == Some("atomic");
                self.built.shapes.add(Shape::Map { values, atomic })
            }
            Form::Special(Special::Raw) => {
                let values = self.built.shapes.add(Shape::Deduced);
                self.built.shapes.add(Shape::Map { values, atomic: true })
            }
            Form::Special(
                Special::Fields
                | Special::Json
                | Special::SchemaOrBool
                | Special::SchemaOrArray
                | Special::SchemaOrStrings,
            ) => self.built.shapes.add(Shape::Deduced),
            form => self.built.shapes.add(Shape::Scalar(scalar(form))),
        }
    }

    fn topology(&self, items: TypeId, list: Option<&str>) -> Topology {
        if list == Some("set") {
            return Topology::Set;
        }
        let Some(keys) = list.and_then(|list| list.strip_prefix("map:")) else {
            return Topology::Atomic;
        };
        let items = match self.types.table.of(items).form {
            Form::Struct(id) => Some(self.types.table.get(id)),
            _ => None,
        };
        let key = |name: &str| MapKey {
            name: name.to_owned(),
            default: items.and_then(|items| self.types.default(&items.json_field(name)?.field)),
        };
        Topology::Map(keys.split(',').map(key).collect())
    }
}

impl Types {
    /// The default of a field that OpenAPI tells: what the table has, or the zero value of what must be there.
    pub(super) fn default(&self, field: &Field) -> Option<Value> {
        if let Some(default) = field.default {
            return serde_json::from_str(default).ok();
        }
        match self.table.of(field.of).form {
            Form::Struct(_) => Some(Value::Object(serde_json::Map::new())),
            _ if field.omit_empty => None,
            Form::String => Some("".into()),
            Form::Bool => Some(false.into()),
            Form::Int32 | Form::Int64 | Form::Float64 => Some(0.into()),
            _ => None,
        }
    }
}

fn scalar(form: Form) -> Scalar {
    match form {
        Form::Int32 | Form::Int64 | Form::Float64 => Scalar::Number,
        Form::String | Form::Bytes => Scalar::String,
        Form::Bool => Scalar::Boolean,
        _ => Scalar::Any,
    }
}

fn strategic(field: &Field) -> Strategic {
    let has = |wanted: &str| {
        field
            .patch_strategy
            .unwrap_or_default()
            .split(',')
            .any(|strategy| strategy == wanted)
    };
    Strategic {
        merge: has("merge"),
        key: field.patch_key.map(str::to_owned),
        retain_keys: has("retainKeys"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(path: &[&str]) -> (Shape, Strategic) {
        let types = Types::kubernetes();
        let mut shape = types
            .shapes()
            .get(types.shape(types.kind("apps", "v1", "Deployment").unwrap()))
            .clone();
        let mut hints = Strategic::default();
        for name in path {
            let next = match &shape {
                Shape::Struct(found) => {
                    hints = found.fields[*name].strategic.clone();
                    found.fields[*name].shape
                }
                Shape::List { items, .. } => *items,
                other => panic!("{other:?}"),
            };
            shape = types.shapes().get(next).clone();
        }
        (shape, hints)
    }

    #[test]
    fn lists_have_the_keys_and_defaults_of_openapi() {
        let (ports, hints) = at(&["spec", "template", "spec", "containers", "items", "ports"]);
        let Shape::List {
            topology: Topology::Map(keys),
            ..
        } = ports
        else {
            panic!("{ports:?}");
        };
        let keys: Vec<_> = keys.into_iter().map(|key| (key.name, key.default)).collect();
        assert_eq!(
            keys,
            [
                ("containerPort".into(), Some(json!(0))),
                ("protocol".into(), Some(json!("TCP")))
            ]
        );
        assert_eq!(
            (hints.merge, hints.key.as_deref(), hints.retain_keys),
            (true, Some("containerPort"), false)
        );
        let (volumes, hints) = at(&["spec", "template", "spec", "volumes"]);
        assert!(matches!(
            volumes,
            Shape::List {
                topology: Topology::Map(_),
                ..
            }
        ));
        assert!(hints.merge && hints.retain_keys);
        let (finalizers, _) = at(&["metadata", "finalizers"]);
        assert!(matches!(
            finalizers,
            Shape::List {
                topology: Topology::Set,
                ..
            }
        ));
        let (command, _) = at(&["spec", "template", "spec", "containers", "items", "command"]);
        assert!(matches!(
            command,
            Shape::List {
                topology: Topology::Atomic,
                ..
            }
        ));
    }

    #[test]
    fn maps_and_structs_are_atomic_where_openapi_says_so() {
        assert!(matches!(
            at(&["metadata", "labels"]).0,
            Shape::Map { atomic: false, .. }
        ));
        assert!(matches!(
            at(&["spec", "selector"]).0,
            Shape::Struct(shape::Struct { atomic: true, .. })
        ));
        let selector = at(&["spec", "template", "spec", "nodeSelector"]).0;
        assert!(matches!(selector, Shape::Map { atomic: true, .. }));
        assert_eq!(at(&["metadata", "creationTimestamp"]).0, Shape::Scalar(Scalar::Any));
        assert_eq!(at(&["spec", "replicas"]).0, Shape::Scalar(Scalar::Number));
        assert!(at(&["spec", "strategy"]).1.retain_keys);
    }

    #[test]
    fn recursive_types_end() {
        let types = Types::kubernetes();
        let definition = types
            .kind("apiextensions.k8s.io", "v1", "CustomResourceDefinition")
            .unwrap();
        assert!(matches!(types.shapes().get(types.shape(definition)), Shape::Struct(_)));
    }
}
