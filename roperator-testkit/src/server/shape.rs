//! The shape of a kind's objects, as far as merging has to know it: which lists are sets or maps with which keys, and what
//! is replaced as a whole. Built from the table of built-in types or from a CustomResourceDefinition's schema; read by
//! server-side apply and by strategic merge. Data only.

use std::collections::BTreeMap;

use serde_json::Value;

/// A shape's place in its [`Shapes`]. Shapes refer to each other by it, so that they may be recursive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ShapeId(pub u32);

/// All shapes that one kind, or the whole table of built-in kinds, is made of.
#[derive(Debug, Clone, Default)]
pub struct Shapes {
    shapes: Vec<Shape>,
}

impl Shapes {
    /// Adds a shape and says where it is.
    pub fn add(&mut self, shape: Shape) -> ShapeId {
        let id = ShapeId(u32::try_from(self.shapes.len()).unwrap_or(u32::MAX));
        self.shapes.push(shape);
        id
    }

    /// Replaces a shape that was added as a placeholder, for recursion.
    pub fn set(&mut self, id: ShapeId, shape: Shape) {
        if let Some(place) = self.shapes.get_mut(id.0 as usize) {
            *place = shape;
        }
    }

    /// The shape at a place; [`Shape::Deduced`] where there is none.
    #[must_use]
    pub fn get(&self, id: ShapeId) -> &Shape {
        self.shapes.get(id.0 as usize).unwrap_or(&Shape::Deduced)
    }
}

/// What merging has to know of a value.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Shape {
    /// Anything but an object or a list.
    Scalar(Scalar),
    /// Nothing is known: objects merge field by field, lists are atomic.
    #[default]
    Deduced,
    /// An object with known fields.
    Struct(Struct),
    /// An object with any keys.
    Map {
        /// The shape of the values.
        values: ShapeId,
        /// Owned and replaced as a whole.
        atomic: bool,
    },
    /// A list.
    List {
        /// The shape of the items.
        items: ShapeId,
        /// How items are told apart.
        topology: Topology,
    },
}

/// What a scalar may be. Null always may be one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scalar {
    /// A number.
    Number,
    /// A string.
    String,
    /// A boolean.
    Boolean,
    /// Any of them: quantities, times, int-or-string.
    Any,
}

/// An object with known fields.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Struct {
    /// The fields by their JSON names.
    pub fields: BTreeMap<String, Field>,
    /// Owned and replaced as a whole.
    pub atomic: bool,
    /// The shape of the values of all other fields; without it there must be none.
    pub others: Option<ShapeId>,
}

/// A field of a [`Struct`].
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// The shape of its value.
    pub shape: ShapeId,
    /// How a strategic merge patch treats it (built-in kinds only).
    pub strategic: Strategic,
}

/// How a strategic merge patch treats a field: `patchStrategy` and `patchMergeKey`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Strategic {
    /// `merge`: lists are merged instead of replaced.
    pub merge: bool,
    /// The field that tells the items of a merged list apart; `None` for lists of scalars.
    pub key: Option<String>,
    /// `retainKeys`: a patch may name the only fields that are kept.
    pub retain_keys: bool,
}

/// How the items of a list are told apart.
#[derive(Debug, Clone, PartialEq)]
pub enum Topology {
    /// Not at all: the list is owned and replaced as a whole.
    Atomic,
    /// By their values.
    Set,
    /// By these fields of theirs.
    Map(Vec<MapKey>),
}

/// A field that is part of the identity of a list's items.
#[derive(Debug, Clone, PartialEq)]
pub struct MapKey {
    /// Its name.
    pub name: String,
    /// What it is where it is absent (`protocol: TCP`).
    pub default: Option<Value>,
}
