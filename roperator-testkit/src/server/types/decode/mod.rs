//! What Go's typed decoder and encoder make of an object: fields that the type does not have are dropped and told, absent
//! ones that are always encoded are there with their zero value, quantities, times and bytes are in canonical form, and a
//! value of a wrong type is an error in Go's words. In goes JSON, out comes the JSON that the real server would answer.
//!
//! Empty lists and maps that are always encoded become null, as they do on their way through etcd, but for the kinds that
//! the real server stores as JSON. Nothing is defaulted or validated. One thing is left out: where a key is there twice,
//! Go merges the values, here the last one counts.

mod bytes;
mod error;
mod special;
mod strict;
mod time;

use serde_json::{Map, Value};

pub use error::DecodeError;
use error::{At, Failure, Here, Wrong};
pub(super) use time::{MICROSECONDS, SECONDS, format as time_text};

use super::Types;
use super::place::{Path, Place};
use super::table::{Field, Form, JsonField, Special, StructId, Type, TypeId};

/// An object as its type has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoded {
    /// The object.
    pub object: Value,
    /// Where it had fields that its type does not have, in no particular order.
    pub unknown: Vec<Place>,
}

impl Types {
    /// Decodes an object of a kind. An object that is null is one without fields.
    ///
    /// # Errors
    ///
    /// When something in it is of the wrong type, in the words of Go's decoder.
    pub fn decode(&self, kind: StructId, mut object: Value) -> Result<Decoded, DecodeError> {
        let mut decoder = Decoder {
            types: self,
            unknown: Some(Vec::new()),
            keeps_empty: self.keeps_empty(kind),
            failures: Vec::new(),
        };
        let forgets = object.pointer("/metadata/managedFields") == Some(&Value::Array(Vec::new()));
        if let Err(wrong) = decoder.object(kind, &mut object, &Path::Root) {
            decoder.fail(wrong, &Path::Root, false);
        }
        if !decoder.failures.is_empty() {
            return Err(DecodeError(decoder.failures));
        }
        // A list of managers without entries asks to forget them, and one that is absent does not. It is never encoded:
        // who notes the managers takes it out.
        if let (true, Some(metadata)) = (forgets, object.get_mut("metadata").and_then(Value::as_object_mut)) {
            metadata.insert("managedFields".to_owned(), Value::Array(Vec::new()));
        }
        Ok(Decoded {
            object,
            unknown: decoder.unknown.unwrap_or_default(),
        })
    }

    /// Lists of objects are not stored, and the servers that are built into the API server store as JSON.
    fn keeps_empty(&self, kind: StructId) -> bool {
        let name = self.table.get(kind).name;
        name.ends_with("List") || name.contains(".apiextensions.") || name.contains(".apiregistration.")
    }

    /// What is encoded where nothing was set.
    fn zero(&self, of: TypeId) -> Value {
        match self.table.of(of).form {
            Form::String => Value::String(String::new()),
            Form::Bool => Value::Bool(false),
            Form::Int32 | Form::Int64 | Form::Float64 | Form::Special(Special::IntOrString) => 0.into(),
            Form::Special(Special::Quantity) => "0".into(),
            Form::Special(Special::SchemaOrBool) => Value::Bool(false),
            Form::Bytes | Form::Special(_) | Form::Pointer(_) | Form::List(_) | Form::Map { .. } => Value::Null,
            Form::Struct(id) => {
                let mut map = Map::new();
                self.fill(id, &mut map);
                Value::Object(map)
            }
        }
    }

    /// Adds the fields that are always encoded.
    fn fill(&self, id: StructId, map: &mut Map<String, Value>) {
        for JsonField { field, .. } in &self.table.get(id).json {
            if self.is_always_encoded(field) && !map.contains_key(field.name) {
                map.insert(field.name.to_owned(), self.zero(field.of));
            }
        }
    }

    /// Whether a field is encoded when it has its zero value: `omitempty` does nothing for structs.
    fn is_always_encoded(&self, field: &Field) -> bool {
        let is_struct = || matches!(self.table.of(field.of).form, Form::Struct(_) | Form::Special(_));
        !field.omit_zero && (!field.omit_empty || is_struct())
    }
}

struct Decoder<'t> {
    types: &'t Types,
    /// Absent where Go decodes without telling.
    unknown: Option<Vec<Place>>,
    /// Whether lists that are empty stay so.
    keeps_empty: bool,
    failures: Vec<Failure>,
}

impl<'t> Decoder<'t> {
    fn object(&mut self, id: StructId, value: &mut Value, at: &At<'_>) -> Result<(), Wrong> {
        if value.is_null() {
            *value = Value::Object(Map::new());
        }
        let found = self.types.table.get(id);
        let Value::Object(map) = value else {
            // Only at the root, where no field refers to the type, it is named without its package's path.
            let package = found.name.rsplit('.').nth(1).unwrap_or_default();
            return Err(Wrong::mismatch(at, value, &format!("{package}.{}", found.go)));
        };
        map.retain(|key, value| {
            let Some(known) = found.json_field(key) else {
                self.tell(&Path::At(at, Here::Entry(key)));
                return false;
            };
            let step = Here::Field { owner: found.go, known };
            self.value(known.field.of, value, &Path::At(at, step));
            !self.is_omitted(&known.field, value)
        });
        self.types.fill(id, map);
        Ok(())
    }

    fn fail(&mut self, wrong: Wrong, at: &At<'_>, stops: bool) {
        // What is decoded without telling is decoded by a decoder of its own, whose failure stops the other.
        let stops = stops || self.unknown.is_none();
        self.failures.push(Failure {
            place: error::place(at),
            message: wrong.message,
            converted: wrong.converted,
            stops,
        });
    }

    fn tell(&mut self, at: &At<'_>) {
        if let Some(unknown) = &mut self.unknown {
            unknown.push(error::place(at));
        }
    }

    fn is_omitted(&self, field: &Field, value: &Value) -> bool {
        let of = self.types.table.of(field.of);
        let nothing = match (of.form, value) {
            (_, Value::Null) => true,
            (Form::Pointer(_), _) => false,
            (Form::Struct(_) | Form::Special(_), _) => field.omit_zero && *value == self.types.zero(field.of),
            (_, Value::String(text)) => text.is_empty(),
            (_, Value::Bool(yes)) => !yes,
            (_, Value::Number(number)) => number.as_f64() == Some(0.0),
            (_, Value::Array(items)) => items.is_empty(),
            (_, Value::Object(map)) => map.is_empty(),
        };
        nothing && !self.types.is_always_encoded(field)
    }

    /// Decodes a value, or notes why it cannot be.
    fn value(&mut self, of: TypeId, value: &mut Value, at: &At<'_>) {
        if let Err(wrong) = self.any(of, value, at) {
            let special = matches!(self.types.target(of), Form::Special(_));
            self.fail(wrong, at, special);
        }
    }

    fn any(&mut self, of: TypeId, value: &mut Value, at: &At<'_>) -> Result<(), Wrong> {
        let found: &'t Type = self.types.table.of(of);
        if value.is_null() {
            return self.null(of, value, at);
        }
        match (found.form, &mut *value) {
            (Form::String, Value::String(_)) | (Form::Bool, Value::Bool(_)) => Ok(()),
            (Form::Int32 | Form::Int64, Value::Number(number)) => {
                let fits = number
                    .as_i64()
                    .is_some_and(|n| found.form == Form::Int64 || i32::try_from(n).is_ok());
                if fits {
                    Ok(())
                } else {
                    Err(Wrong::number(at, number, &found.go).in_form(found.form, value))
                }
            }
            (Form::Float64, Value::Number(_)) => {
                special::float(value);
                Ok(())
            }
            (Form::Bytes, _) => bytes::decode(value, &found.go, at),
            (Form::Special(special), _) => self.special(special, value, at),
            (Form::Struct(id), Value::Object(_)) => self.object(id, value, at),
            (Form::Pointer(inner), _) => self.any(inner, value, at),
            (Form::List(of), Value::Array(items)) => {
                for (index, item) in items.iter_mut().enumerate() {
                    self.value(of, item, &Path::At(at, Here::Index(index)));
                }
                let empty = items.is_empty() && !found.message;
                self.collapse(empty, value);
                Ok(())
            }
            (Form::Map { values }, Value::Object(map)) => {
                for (key, value) in map.iter_mut() {
                    self.value(values, value, &Path::At(at, Here::Entry(key)));
                }
                self.collapse(map.is_empty(), value);
                Ok(())
            }
            _ => Err(Wrong::mismatch(at, value, &found.go).in_form(found.form, value)),
        }
    }

    fn collapse(&self, empty: bool, value: &mut Value) {
        if empty && !self.keeps_empty {
            *value = Value::Null;
        }
    }

    /// Null leaves what is there, which is the zero value, as it is.
    fn null(&mut self, of: TypeId, value: &mut Value, at: &At<'_>) -> Result<(), Wrong> {
        let found = self.types.table.of(of);
        if found.form == Form::Special(Special::SchemaOrBool) {
            return self.special(Special::SchemaOrBool, value, at);
        }
        *value = match (found.form, at) {
            // On the way through etcd, what is null in a map becomes empty where protobuf knows no null.
            (Form::Bytes, Path::At(_, Here::Entry(_))) => "".into(),
            (Form::List(_), Path::At(_, Here::Entry(_))) if found.message => Value::Array(Vec::new()),
            _ => self.types.zero(of),
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests;
