//! How custom resources merge: a schema in, the shapes that server-side apply works with out.

use std::collections::BTreeMap;

use super::structural::{Additional, ListType, Node, Structural};
use crate::server::shape::{Field, MapKey, Shape, ShapeId, Shapes, Strategic, Struct, Topology};

impl Structural {
    /// All shapes of the resource, and the shape of the whole object.
    #[must_use]
    pub fn shapes(&self) -> (Shapes, ShapeId) {
        let mut shapes = Shapes::default();
        let scalar = shapes.add(Shape::Scalar);
        let deduced = shapes.add(Shape::Deduced);
        let mut builder = Builder {
            metadata: object_meta(&mut shapes, scalar, deduced),
            shapes,
            scalar,
            deduced,
        };
        let root = builder.object(self.root(), true);
        (builder.shapes, root)
    }
}

struct Builder {
    shapes: Shapes,
    scalar: ShapeId,
    deduced: ShapeId,
    metadata: ShapeId,
}

impl Builder {
    fn shape(&mut self, node: &Node) -> ShapeId {
        match node.kind.as_str() {
            "object" => self.object(node, node.embedded),
            "array" => self.list(node),
            "" if !node.properties.is_empty() => self.object(node, node.embedded),
            "" if !node.int_or_string => self.deduced,
            _ => self.scalar,
        }
    }

    fn object(&mut self, node: &Node, resource: bool) -> ShapeId {
        if node.properties.is_empty() && !resource {
            return match (&node.additional, node.atomic_map) {
                (Additional::Schema(values), atomic) => {
                    let values = self.shape(values);
                    self.shapes.add(Shape::Map { values, atomic })
                }
                (_, true) => {
                    let values = self.deduced;
                    self.shapes.add(Shape::Map { values, atomic: true })
                }
                (_, false) => self.deduced,
            };
        }
        let mut fields = BTreeMap::new();
        for (name, property) in &node.properties {
            fields.insert(name.clone(), field(self.shape(property)));
        }
        if resource {
            fields.insert("apiVersion".to_owned(), field(self.scalar));
            fields.insert("kind".to_owned(), field(self.scalar));
            fields.insert("metadata".to_owned(), field(self.metadata));
        }
        let atomic = node.atomic_map;
        self.shapes.add(Shape::Struct(Struct { fields, atomic }))
    }

    fn list(&mut self, node: &Node) -> ShapeId {
        let Some(inner) = node.items.as_deref() else {
            return self.deduced;
        };
        let items = self.shape(inner);
        let topology = match &node.list {
            ListType::Atomic => Topology::Atomic,
            ListType::Set => Topology::Set,
            ListType::Map(keys) => Topology::Map(keys.iter().map(|key| map_key(key, inner)).collect()),
        };
        self.shapes.add(Shape::List { items, topology })
    }
}

fn map_key(name: &str, inner: &Node) -> MapKey {
    MapKey {
        name: name.to_owned(),
        default: inner.properties.get(name).and_then(|property| property.default.clone()),
    }
}

fn field(shape: ShapeId) -> Field {
    Field {
        shape,
        strategic: Strategic::default(),
    }
}

/// The shape of `metadata`, which is the same for all kinds.
fn object_meta(shapes: &mut Shapes, scalar: ShapeId, deduced: ShapeId) -> ShapeId {
    let scalars = |names: &[&str]| -> BTreeMap<String, Field> {
        names.iter().map(|name| ((*name).to_owned(), field(scalar))).collect()
    };
    let texts = shapes.add(Shape::Map {
        values: scalar,
        atomic: false,
    });
    let finalizers = shapes.add(Shape::List {
        items: scalar,
        topology: Topology::Set,
    });
    let owner = shapes.add(Shape::Struct(Struct {
        fields: scalars(&["apiVersion", "blockOwnerDeletion", "controller", "kind", "name", "uid"]),
        atomic: true,
    }));
    let uid = MapKey {
        name: "uid".to_owned(),
        default: None,
    };
    let owners = shapes.add(Shape::List {
        items: owner,
        topology: Topology::Map(vec![uid]),
    });
    let managed = shapes.add(Shape::List {
        items: deduced,
        topology: Topology::Atomic,
    });
    let mut fields = scalars(&[
        "creationTimestamp",
        "deletionGracePeriodSeconds",
        "deletionTimestamp",
        "generateName",
        "generation",
        "name",
        "namespace",
        "resourceVersion",
        "selfLink",
        "uid",
    ]);
    let compounds = [
        ("annotations", texts),
        ("labels", texts),
        ("finalizers", finalizers),
        ("ownerReferences", owners),
        ("managedFields", managed),
    ];
    fields.extend(compounds.map(|(name, shape)| (name.to_owned(), field(shape))));
    shapes.add(Shape::Struct(Struct { fields, atomic: false }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn shapes_follow_the_schema() {
        let schema = Structural::new(
            &json!({"type": "object", "properties": {"spec": {"type": "object", "properties": {
                "ports": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["port", "protocol"],
                    "items": {"type": "object", "properties": {
                        "port": {"type": "integer"}, "protocol": {"type": "string", "default": "TCP"}}}},
                "tags": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
                "words": {"type": "array", "items": {"type": "string"}},
                "any": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
                "one": {"type": "object", "x-kubernetes-map-type": "atomic", "properties": {"a": {"type": "string"}}},
                "either": {"x-kubernetes-int-or-string": true},
                "labels": {"type": "object", "additionalProperties": {"type": "string"}},
                "pod": {"type": "object", "x-kubernetes-embedded-resource": true, "x-kubernetes-preserve-unknown-fields": true},
            }}}}),
        );
        let (shapes, root) = schema.shapes();
        let fields = |id: ShapeId| match shapes.get(id) {
            Shape::Struct(inner) => inner.fields.clone(),
            other => panic!("{other:?}"),
        };
        let spec = fields(fields(root)["spec"].shape);
        let shape = |name: &str| shapes.get(spec[name].shape);
        let Shape::List {
            topology: Topology::Map(keys),
            ..
        } = shape("ports")
        else {
            panic!()
        };
        assert_eq!(keys[1].default, Some(json!("TCP")));
        assert!(matches!(
            shape("tags"),
            Shape::List {
                topology: Topology::Set,
                ..
            }
        ));
        assert!(matches!(
            shape("words"),
            Shape::List {
                topology: Topology::Atomic,
                ..
            }
        ));
        assert_eq!(shape("any"), &Shape::Deduced);
        assert!(matches!(shape("one"), Shape::Struct(Struct { atomic: true, .. })));
        assert_eq!(shape("either"), &Shape::Scalar);
        assert!(matches!(shape("labels"), Shape::Map { atomic: false, .. }));
        let metadata = fields(root)["metadata"].shape;
        assert_eq!(fields(spec["pod"].shape)["metadata"].shape, metadata);
        assert!(matches!(
            shapes.get(fields(metadata)["ownerReferences"].shape),
            Shape::List {
                topology: Topology::Map(_),
                ..
            }
        ));
    }
}
