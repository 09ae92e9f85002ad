//! The messages of the types that have an encoding of their own in JSON. In goes a message, out comes that encoding.

use serde_json::{Map, Value};

use super::wire::{Data, Fields};
use super::{ProtoError, Reader, bytes, int32, text};
use crate::server::types::decode::{MICROSECONDS, SECONDS, time_text};
use crate::server::types::table::Special;

impl Reader<'_> {
    pub(super) fn special(self, special: Special, message: &[u8], depth: usize) -> Result<Value, ProtoError> {
        match special {
            Special::Quantity => quantity(message),
            Special::Time | Special::MicroTime if message.is_empty() => Ok(Value::Null),
            Special::Time => {
                let (seconds, _) = timestamp(message)?;
                Ok(time_text(seconds, 0, SECONDS).into())
            }
            Special::MicroTime => {
                let (seconds, nanoseconds) = timestamp(message)?;
                let seconds = seconds.saturating_add(i64::from(nanoseconds.div_euclid(1_000_000_000)));
                let nanoseconds = nanoseconds.rem_euclid(1_000_000_000).cast_unsigned();
                Ok(time_text(seconds, nanoseconds, MICROSECONDS).into())
            }
            Special::IntOrString => int_or_string(message),
            Special::Raw | Special::Fields | Special::Json => raw(message),
            Special::SchemaOrBool => self.schema_or_bool(message, depth),
            Special::SchemaOrArray | Special::SchemaOrStrings => self.schema_or_list(special, message, depth),
        }
    }

    fn schema_or_bool(self, message: &[u8], depth: usize) -> Result<Value, ProtoError> {
        let (mut allows, mut schema) = (false, None);
        for field in Fields::new(message, "JSONSchemaPropsOrBool") {
            match field? {
                (1, Data::Varint(yes)) => allows = yes != 0,
                (2, data) => schema = Some(self.schema(bytes(data, "schema")?, depth)?),
                _ => {}
            }
        }
        Ok(schema.unwrap_or(Value::Bool(allows)))
    }

    fn schema_or_list(self, special: Special, message: &[u8], depth: usize) -> Result<Value, ProtoError> {
        let (mut schema, mut list) = (Value::Null, Vec::new());
        for field in Fields::new(message, "JSONSchemaPropsOrArray") {
            match field? {
                (1, data) => schema = self.schema(bytes(data, "schema")?, depth)?,
                (2, data) if special == Special::SchemaOrStrings => list.push(text(data, "property")?.into()),
                (2, data) => list.push(self.schema(bytes(data, "jSONSchemas")?, depth)?),
                _ => {}
            }
        }
        Ok(if list.is_empty() { schema } else { Value::Array(list) })
    }

    fn schema(self, message: &[u8], depth: usize) -> Result<Value, ProtoError> {
        let mut map = Map::new();
        if let Some(id) = self.types.json_schema() {
            self.message(id, message, &mut map, depth + 1)?;
        }
        Ok(Value::Object(map))
    }
}

fn quantity(message: &[u8]) -> Result<Value, ProtoError> {
    let mut found = Value::Null;
    for field in Fields::new(message, "Quantity") {
        if let (1, data) = field? {
            found = text(data, "String_")?.into();
        }
    }
    Ok(found)
}

fn timestamp(message: &[u8]) -> Result<(i64, i32), ProtoError> {
    let (mut seconds, mut nanoseconds) = (0, 0);
    for field in Fields::new(message, "Timestamp") {
        match field? {
            (1, Data::Varint(number)) => seconds = number.cast_signed(),
            (2, Data::Varint(number)) => nanoseconds = int32(number),
            _ => {}
        }
    }
    Ok((seconds, nanoseconds))
}

fn int_or_string(message: &[u8]) -> Result<Value, ProtoError> {
    let (mut is_string, mut number, mut string) = (false, 0, String::new());
    for field in Fields::new(message, "IntOrString") {
        match field? {
            (1, Data::Varint(of)) => is_string = of == 1,
            (2, Data::Varint(int)) => number = int32(int),
            (3, data) => string = text(data, "StrVal")?,
            _ => {}
        }
    }
    Ok(if is_string { string.into() } else { number.into() })
}

/// JSON that is kept as it is.
fn raw(message: &[u8]) -> Result<Value, ProtoError> {
    let mut found = Value::Null;
    for field in Fields::new(message, "RawExtension") {
        if let (1, data) = field? {
            found = serde_json::from_slice(bytes(data, "Raw")?).unwrap_or(Value::Null);
        }
    }
    Ok(found)
}
