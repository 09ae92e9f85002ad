//! How merging looks at a value: as a map, as a list or as a scalar, by its shape and, where the shape leaves that
//! open, by what the value is. Data in: shapes and values. Data out: views of them. Nothing is changed.

use serde_json::{Map, Value};

use super::path::PathElement;
use crate::server::field::quote;
use crate::server::shape::{MapKey, Scalar, Shape, ShapeId, Shapes, Struct, Topology};

/// The shape of what no shape names.
const DEDUCED: ShapeId = ShapeId(u32::MAX);

/// The shape of one kind's objects in one version.
#[derive(Debug, Clone, Copy)]
pub struct Schema<'a> {
    /// All shapes.
    pub shapes: &'a Shapes,
    /// The one of the whole object.
    pub root: ShapeId,
}

/// What a value may be. Only a [`Shape::Deduced`] leaves more than one open.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Atom<'a> {
    pub map: Option<MapAtom<'a>>,
    pub list: Option<ListAtom<'a>>,
    pub scalar: Option<Scalar>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum MapAtom<'a> {
    Struct(&'a Struct),
    Map { values: ShapeId, atomic: bool },
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum ListAtom<'a> {
    Atomic { items: ShapeId },
    Set { items: ShapeId },
    Map { items: ShapeId, keys: &'a [MapKey] },
}

/// The one thing that a value is taken for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kind<'a> {
    Map(MapAtom<'a>),
    List(ListAtom<'a>),
    Scalar(Scalar),
}

impl<'a> Schema<'a> {
    pub(super) fn atom(self, shape: ShapeId) -> Atom<'a> {
        let none = Atom {
            map: None,
            list: None,
            scalar: None,
        };
        match self.shapes.get(shape) {
            Shape::Scalar(scalar) => Atom {
                scalar: Some(*scalar),
                ..none
            },
            Shape::Deduced => Atom {
                map: Some(MapAtom::Map {
                    values: DEDUCED,
                    atomic: false,
                }),
                list: Some(ListAtom::Atomic { items: DEDUCED }),
                scalar: Some(Scalar::Any),
            },
            Shape::Struct(fields) => Atom {
                map: Some(MapAtom::Struct(fields)),
                ..none
            },
            Shape::Map { values, atomic } => Atom {
                map: Some(MapAtom::Map {
                    values: *values,
                    atomic: *atomic,
                }),
                ..none
            },
            Shape::List { items, topology } => Atom {
                list: Some(match topology {
                    Topology::Atomic => ListAtom::Atomic { items: *items },
                    Topology::Set => ListAtom::Set { items: *items },
                    Topology::Map(keys) => ListAtom::Map { items: *items, keys },
                }),
                ..none
            },
        }
    }
}

impl<'a> Atom<'a> {
    /// The atom, narrowed to what the value is; unchanged if that does not fit.
    pub fn deduce(self, value: Option<&Value>) -> Self {
        let none = Self {
            map: None,
            list: None,
            scalar: None,
        };
        match value {
            Some(Value::Number(_) | Value::String(_) | Value::Bool(_)) if self.scalar.is_some() => Self {
                scalar: self.scalar,
                ..none
            },
            Some(Value::Array(_)) if self.list.is_some() => Self {
                list: self.list,
                ..none
            },
            Some(Value::Object(_)) if self.map.is_some() => Self { map: self.map, ..none },
            _ => self,
        }
    }

    /// What to take a value for; where more is open, a map before a scalar before a list.
    pub fn kind(self) -> Kind<'a> {
        match self {
            Self { map: Some(map), .. } => Kind::Map(map),
            Self {
                scalar: None,
                list: Some(list),
                ..
            } => Kind::List(list),
            Self { scalar, .. } => Kind::Scalar(scalar.unwrap_or(Scalar::Any)),
        }
    }
}

impl<'a> MapAtom<'a> {
    pub fn is_atomic(self) -> bool {
        match self {
            Self::Struct(fields) => fields.atomic,
            Self::Map { atomic, .. } => atomic,
        }
    }

    /// The shape of a field's value.
    pub fn field(self, name: &str) -> ShapeId {
        self.declared(name).unwrap_or(match self {
            Self::Struct(fields) => fields.others.unwrap_or(DEDUCED),
            Self::Map { values, .. } => values,
        })
    }

    /// The shape of a field's value, if the field is named. Only fields of structs are.
    pub fn declared(self, name: &str) -> Option<ShapeId> {
        match self {
            Self::Struct(fields) => fields.fields.get(name).map(|field| field.shape),
            Self::Map { .. } => None,
        }
    }

    /// Whether the field should be named, and is not.
    pub fn is_undeclared(self, name: &str) -> bool {
        matches!(self, Self::Struct(fields) if fields.others.is_none() && !fields.fields.contains_key(name))
    }

    /// Whether nothing at all is known of the map, so that a change from granular to atomic cannot be seen.
    pub fn is_deduced(self, schema: Schema<'_>) -> bool {
        match self {
            Self::Struct(_) => false,
            Self::Map { values, .. } => *schema.shapes.get(values) == Shape::Deduced,
        }
    }
}

impl ListAtom<'_> {
    pub fn is_atomic(self) -> bool {
        matches!(self, Self::Atomic { .. })
    }

    pub fn items(self) -> ShapeId {
        match self {
            Self::Atomic { items } | Self::Set { items } | Self::Map { items, .. } => items,
        }
    }

    /// What tells an item of the list apart.
    ///
    /// # Errors
    ///
    /// Why the item cannot be in such a list.
    pub fn element(self, item: &Value) -> Result<PathElement, String> {
        match self {
            Self::Atomic { .. } => Err("invalid indexing of non-associative list".to_owned()),
            Self::Set { .. } => element_of_set(item),
            Self::Map { keys, .. } => element_by_keys(keys, item),
        }
    }
}

fn element_of_set(item: &Value) -> Result<PathElement, String> {
    let why = match item {
        Value::Object(_) => "associative list without keys has an element that's a map type",
        Value::Array(_) => "not supported: associative list with lists as elements",
        Value::Null => "associative list without keys has an element that's an explicit null",
        scalar => return Ok(PathElement::value(scalar.clone())),
    };
    Err(why.to_owned())
}

fn element_by_keys(keys: &[MapKey], item: &Value) -> Result<PathElement, String> {
    let fields = match item {
        Value::Object(fields) => fields,
        Value::Null => return Err("associative list with keys may not have a null element".to_owned()),
        _ => return Err("associative list with keys may not have non-map elements".to_owned()),
    };
    let named: Vec<(String, Value)> = keys
        .iter()
        .filter_map(|key| {
            let value = fields.get(&key.name).or(key.default.as_ref())?;
            Some((key.name.clone(), value.clone()))
        })
        .collect();
    if named.is_empty() {
        let names: Vec<String> = keys.iter().map(|key| quote(&key.name)).collect();
        return Err(format!(
            "associative list with keys has an element that omits all key fields [{}] \
             (and doesn't have default values for any key fields)",
            names.join(" ")
        ));
    }
    Ok(PathElement::key(named))
}

/// The fields of a value that is taken for a map; `None` for null and for what is none.
pub(super) fn as_map(value: Option<&Value>) -> Option<&Map<String, Value>> {
    value.and_then(Value::as_object)
}

/// The items of a value that is taken for a list; `None` for null and for what is none.
pub(super) fn as_list(value: Option<&Value>) -> Option<&[Value]> {
    value.and_then(Value::as_array).map(Vec::as_slice)
}

/// The names of two maps' fields in order, with their values.
pub(super) fn zip_maps<'v>(
    left: Option<&'v Map<String, Value>>,
    right: Option<&'v Map<String, Value>>,
    mut visit: impl FnMut(&'v str, Option<&'v Value>, Option<&'v Value>),
) {
    let mut left = left.into_iter().flatten().peekable();
    let mut right = right.into_iter().flatten().peekable();
    loop {
        match (left.peek(), right.peek()) {
            (None, None) => return,
            (Some((name, value)), other) if other.is_none_or(|(theirs, _)| name < theirs) => {
                visit(name, Some(value), None);
                left.next();
            }
            (ours, Some((name, value))) if ours.is_none_or(|(mine, _)| name < mine) => {
                visit(name, None, Some(value));
                right.next();
            }
            _ => {
                if let (Some((name, ours)), Some((_, theirs))) = (left.next(), right.next()) {
                    visit(name, Some(ours), Some(theirs));
                }
            }
        }
    }
}
