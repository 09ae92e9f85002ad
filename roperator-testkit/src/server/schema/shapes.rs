//! How custom resources merge: a schema in, the shapes that server-side apply works with out.

use std::collections::BTreeMap;

use super::structural::{Additional, ListType, Node, Structural};
use crate::server::shape::{Field, MapKey, Scalar, Shape, ShapeId, Shapes, Strategic, Struct, Topology};

impl Structural {
    /// All shapes of the resource, and the shape of the whole object.
    #[must_use]
    pub fn shapes(&self) -> (Shapes, ShapeId) {
        let mut shapes = Shapes::default();
        let scalar = shapes.add(Shape::Scalar(Scalar::Any));
        let deduced = shapes.add(Shape::Deduced);
        let mut builder = Builder {
            metadata: object_meta(&mut shapes, deduced),
            shapes,
            scalar,
            deduced,
        };
        let root = builder.object(self.root(), true, false);
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
    /// The shape of a node; `open` where one above it keeps unknown fields.
    fn shape(&mut self, node: &Node, open: bool) -> ShapeId {
        match node.kind.as_str() {
            "object" => self.object(node, node.embedded, open),
            "array" => self.list(node, open || node.preserves_unknown),
            "" if !node.properties.is_empty() => self.object(node, node.embedded, open),
            "" if !node.int_or_string => self.deduced,
            "integer" | "number" => self.shapes.add(Shape::Scalar(Scalar::Number)),
            "boolean" => self.shapes.add(Shape::Scalar(Scalar::Boolean)),
            "string" if matches!(node.format.as_str(), "" | "byte") => self.shapes.add(Shape::Scalar(Scalar::String)),
            _ => self.scalar,
        }
    }

    fn object(&mut self, node: &Node, resource: bool, open: bool) -> ShapeId {
        let open = open || node.preserves_unknown;
        let others = match &node.additional {
            Additional::Schema(values) => Some(self.shape(values, open)),
            Additional::Any => Some(self.deduced),
            Additional::Unset if open || node.properties.is_empty() && !resource => Some(self.deduced),
            Additional::Unset | Additional::Forbidden => None,
        };
        let atomic = node.atomic_map;
        match others {
            Some(others) if node.properties.is_empty() && !resource => {
                if others == self.deduced && !atomic {
                    return self.deduced;
                }
                return self.shapes.add(Shape::Map { values: others, atomic });
            }
            _ => {}
        }
        let mut fields = BTreeMap::new();
        for (name, property) in &node.properties {
            fields.insert(name.clone(), field(self.shape(property, open)));
        }
        if resource {
            let text = self.shapes.add(Shape::Scalar(Scalar::String));
            fields.insert("apiVersion".to_owned(), field(text));
            fields.insert("kind".to_owned(), field(text));
            fields.insert("metadata".to_owned(), field(self.metadata));
        }
        self.shapes.add(Shape::Struct(Struct { fields, atomic, others }))
    }

    fn list(&mut self, node: &Node, open: bool) -> ShapeId {
        let Some(inner) = node.items.as_deref() else {
            return self.deduced;
        };
        let items = self.shape(inner, open);
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
fn object_meta(shapes: &mut Shapes, deduced: ShapeId) -> ShapeId {
    let mut scalar = |scalar| shapes.add(Shape::Scalar(scalar));
    let (text, number, truth) = (scalar(Scalar::String), scalar(Scalar::Number), scalar(Scalar::Boolean));
    let time = scalar(Scalar::Any);
    let named = |names: &[&str], shape: ShapeId| -> Vec<(String, Field)> {
        names.iter().map(|name| ((*name).to_owned(), field(shape))).collect()
    };
    let texts = shapes.add(Shape::Map {
        values: text,
        atomic: false,
    });
    let finalizers = shapes.add(Shape::List {
        items: text,
        topology: Topology::Set,
    });
    let mut of_owner = named(&["apiVersion", "kind", "name", "uid"], text);
    of_owner.extend(named(&["blockOwnerDeletion", "controller"], truth));
    let owner = shapes.add(Shape::Struct(Struct {
        fields: of_owner.into_iter().collect(),
        atomic: true,
        others: None,
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
    let texts_of = [
        "generateName",
        "name",
        "namespace",
        "resourceVersion",
        "selfLink",
        "uid",
    ];
    let mut fields = named(&texts_of, text);
    fields.extend(named(&["creationTimestamp", "deletionTimestamp"], time));
    fields.extend(named(&["deletionGracePeriodSeconds", "generation"], number));
    fields.extend(named(&["annotations", "labels"], texts));
    for (name, shape) in [
        ("finalizers", finalizers),
        ("ownerReferences", owners),
        ("managedFields", managed),
    ] {
        fields.extend(named(&[name], shape));
    }
    shapes.add(Shape::Struct(Struct {
        fields: fields.into_iter().collect(),
        atomic: false,
        others: None,
    }))
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
        assert_eq!(shape("either"), &Shape::Scalar(Scalar::Any));
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
