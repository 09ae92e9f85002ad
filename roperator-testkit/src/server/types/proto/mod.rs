//! Request bodies in protobuf (`application/vnd.kubernetes.protobuf`). In goes a body, out comes the JSON that would have
//! said the same, which is yet to be decoded by its type. Every built-in kind can be read; nothing is written.

mod special;
#[cfg(test)]
mod tests;
mod wire;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Number, Value};
use thiserror::Error;

use self::wire::{Data, Fields};
use super::Types;
use super::table::{Form, StructId, TypeId};

/// What every body begins with.
const MAGIC: &[u8] = b"k8s\0";

/// Messages may be in each other so deep; JSON may, too.
const DEPTH: usize = 128;

/// Why a body cannot be read, in the words of Kubernetes' decoders.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct ProtoError(pub String);

impl ProtoError {
    fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }

    fn end() -> Self {
        Self::new("unexpected EOF")
    }
}

/// A body: what it says of its kind, and the message itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope<'a> {
    /// The `apiVersion`; may be empty.
    pub api_version: String,
    /// The kind; may be empty.
    pub kind: String,
    /// The message.
    pub raw: &'a [u8],
}

/// Opens a body. Where it does not say its kind, the kind that the request is for is meant.
///
/// # Errors
///
/// When it is none, in the words that follow "the object provided is unrecognized (must be of type …):".
pub fn envelope(body: &[u8]) -> Result<Envelope<'_>, ProtoError> {
    if body.is_empty() {
        return Err(ProtoError::new("empty data"));
    }
    let rest = body.strip_prefix(MAGIC).ok_or_else(|| {
        ProtoError::new("provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]")
    })?;
    if rest.is_empty() {
        return Err(ProtoError::new("empty body"));
    }
    let mut envelope = Envelope {
        api_version: String::new(),
        kind: String::new(),
        raw: &[],
    };
    for field in Fields::new(rest, "Unknown") {
        match field? {
            (1, data) => {
                for field in Fields::new(bytes(data, "TypeMeta")?, "TypeMeta") {
                    match field? {
                        (1, data) => envelope.api_version = text(data, "APIVersion")?,
                        (2, data) => envelope.kind = text(data, "Kind")?,
                        _ => {}
                    }
                }
            }
            (2, data) => envelope.raw = bytes(data, "Raw")?,
            _ => {}
        }
    }
    Ok(envelope)
}

impl Types {
    /// Reads the message of a kind as the JSON that says the same, without `apiVersion` and `kind`.
    ///
    /// # Errors
    ///
    /// When it is none, in the words that follow "… cannot be handled as a …:".
    pub fn read_protobuf(&self, kind: StructId, message: &[u8]) -> Result<Value, ProtoError> {
        let reader = Reader { types: self };
        let mut map = Map::new();
        reader.message(kind, message, &mut map, 0)?;
        Ok(Value::Object(map))
    }
}

#[derive(Clone, Copy)]
struct Reader<'t> {
    types: &'t Types,
}

impl Reader<'_> {
    fn message(
        self,
        id: StructId,
        message: &[u8],
        map: &mut Map<String, Value>,
        depth: usize,
    ) -> Result<(), ProtoError> {
        if depth > DEPTH {
            return Err(ProtoError::new("proto: exceeded max depth"));
        }
        let found = self.types.table.get(id);
        for field in Fields::new(message, found.go) {
            let (number, data) = field?;
            let Some(field) = found.fields.iter().find(|field| field.number == Some(number)) else {
                continue;
            };
            if let (true, Form::Struct(inner)) = (field.inline, self.types.table.of(field.of).form) {
                self.message(inner, bytes(data, field.name)?, map, depth + 1)?;
            } else {
                let place = map.entry(field.name).or_insert(Value::Null);
                self.field(field.of, data, place, field.name, depth)?;
            }
        }
        Ok(())
    }

    /// Adds what is at a field to what was there before.
    fn field(self, of: TypeId, data: Data<'_>, place: &mut Value, name: &str, depth: usize) -> Result<(), ProtoError> {
        let found = self.types.table.of(of);
        match found.form {
            Form::Pointer(inner) => return self.field(inner, data, place, name, depth),
            Form::List(items) if !found.message => {
                if !place.is_array() {
                    *place = Value::Array(Vec::new());
                }
                let Value::Array(list) = place else {
                    return Ok(());
                };
                return self.items(items, data, list, name, depth);
            }
            Form::Map { values } => {
                if !place.is_object() {
                    *place = Value::Object(Map::new());
                }
                let Value::Object(map) = place else {
                    return Ok(());
                };
                let (key, value) = self.entry(values, bytes(data, name)?, name, depth)?;
                map.insert(key, value);
            }
            Form::Struct(id) => {
                let message = bytes(data, name)?;
                if !place.is_object() {
                    *place = Value::Object(Map::new());
                }
                if let Value::Object(map) = place {
                    self.message(id, message, map, depth + 1)?;
                }
            }
            _ => *place = self.value(of, data, name, depth)?,
        }
        Ok(())
    }

    fn items(
        self,
        of: TypeId,
        data: Data<'_>,
        list: &mut Vec<Value>,
        name: &str,
        depth: usize,
    ) -> Result<(), ProtoError> {
        // Numbers may be packed, many into one field.
        match (self.types.table.of(of).form, data) {
            (Form::Bool | Form::Int32 | Form::Int64, Data::Bytes(packed)) => {
                let mut packed = Fields::new(packed, name);
                while !packed.is_empty() {
                    let number = Data::Varint(packed.varint()?);
                    list.push(self.value(of, number, name, depth)?);
                }
            }
            (Form::Float64, Data::Bytes(packed)) => {
                let mut packed = Fields::new(packed, name);
                while !packed.is_empty() {
                    let number = Data::Fixed64(u64::from_le_bytes(packed.array()?));
                    list.push(self.value(of, number, name, depth)?);
                }
            }
            _ => list.push(self.value(of, data, name, depth)?),
        }
        Ok(())
    }

    fn entry(self, of: TypeId, entry: &[u8], name: &str, depth: usize) -> Result<(String, Value), ProtoError> {
        let (mut key, mut value) = (String::new(), Value::Null);
        for field in Fields::new(entry, name) {
            match field? {
                (1, data) => key = text(data, name)?,
                (2, data) => {
                    value = Value::Null;
                    self.field(of, data, &mut value, name, depth)?;
                }
                _ => {}
            }
        }
        Ok((key, value))
    }

    /// A value that is in one field.
    fn value(self, of: TypeId, data: Data<'_>, name: &str, depth: usize) -> Result<Value, ProtoError> {
        let found = self.types.table.of(of);
        match (found.form, data) {
            (Form::String, _) => Ok(text(data, name)?.into()),
            (Form::Bytes, _) => Ok(STANDARD.encode(bytes(data, name)?).into()),
            (Form::Bool, Data::Varint(number)) => Ok(Value::Bool(number != 0)),
            // The upper bits of a number that is too large are dropped, as everywhere in protobuf.
            (Form::Int32, Data::Varint(number)) => Ok(int32(number).into()),
            (Form::Int64, Data::Varint(number)) => Ok(number.cast_signed().into()),
            (Form::Float64, Data::Fixed64(number)) => {
                let float = Number::from_f64(f64::from_bits(number));
                Ok(float.map_or(Value::Null, Value::Number))
            }
            (Form::Special(special), _) => self.special(special, bytes(data, name)?, depth),
            (Form::List(items), Data::Bytes(message)) if found.message => {
                let mut list = Vec::new();
                for field in Fields::new(message, name) {
                    if let (1, data) = field? {
                        self.items(items, data, &mut list, name, depth)?;
                    }
                }
                Ok(Value::Array(list))
            }
            (Form::Struct(_) | Form::Pointer(_) | Form::Map { .. }, _) => {
                let mut value = Value::Null;
                self.field(of, data, &mut value, name, depth)?;
                Ok(value)
            }
            _ => Err(wrong(data, name)),
        }
    }
}

fn bytes<'a>(data: Data<'a>, name: &str) -> Result<&'a [u8], ProtoError> {
    match data {
        Data::Bytes(bytes) => Ok(bytes),
        other => Err(wrong(other, name)),
    }
}

fn text(data: Data<'_>, name: &str) -> Result<String, ProtoError> {
    Ok(String::from_utf8_lossy(bytes(data, name)?).into_owned())
}

fn int32(number: u64) -> i32 {
    let [a, b, c, d, ..] = number.to_le_bytes();
    i32::from_le_bytes([a, b, c, d])
}

fn wrong(data: Data<'_>, name: &str) -> ProtoError {
    // The name in Go is that in JSON with a capital, but for one.
    let name = if name == "metadata" { "objectMeta" } else { name };
    let mut letters = name.chars();
    let capital = letters
        .next()
        .map_or(String::new(), |first| first.to_uppercase().to_string());
    let wire_type = data.wire_type();
    ProtoError::new(format!(
        "proto: wrong wireType = {wire_type} for field {capital}{}",
        letters.as_str()
    ))
}
