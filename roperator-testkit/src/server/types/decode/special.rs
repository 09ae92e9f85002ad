//! The types that have an encoding of their own: quantities, times, int-or-string, and JSON schemas that may also be
//! something else. In goes the value, out comes what the server answers.

use serde_json::{Number, Value};

use super::error::{At, Here, Wrong};
use super::{Decoder, time};
use crate::server::types::place::Path;
use crate::server::types::quantity::Quantity;
use crate::server::types::table::{Special, StructId};

impl Decoder<'_> {
    pub(super) fn special(&mut self, special: Special, value: &mut Value, at: &At<'_>) -> Result<(), Wrong> {
        match special {
            Special::Raw | Special::Fields | Special::Json => Ok(()),
            Special::Quantity => {
                let text = Quantity::canonical(value).map_err(|error| Wrong::plain(error.to_string()))?;
                *value = Value::String(text);
                Ok(())
            }
            Special::Time => self::time(value, time::SECONDS, at),
            Special::MicroTime => self::time(value, time::MICROSECONDS, at),
            Special::IntOrString => int_or_string(value, at),
            Special::SchemaOrBool if value.is_boolean() => Ok(()),
            Special::SchemaOrBool if !value.is_object() => {
                Err(Wrong::plain("boolean or JSON schema expected".to_owned()))
            }
            Special::SchemaOrBool | Special::SchemaOrArray | Special::SchemaOrStrings => {
                // What is in there is decoded by a decoder of its own, which does not tell unknown fields.
                let unknown = self.unknown.take();
                let decoded = self.schema(special, value, at);
                self.unknown = unknown;
                decoded
            }
        }
    }

    fn schema(&mut self, special: Special, value: &mut Value, at: &At<'_>) -> Result<(), Wrong> {
        let schema = self.types.json_schema().unwrap_or(StructId(u32::MAX));
        match value {
            Value::Object(_) => self.object(schema, value, at),
            Value::Array(items) if !items.is_empty() => {
                for (index, item) in items.iter_mut().enumerate() {
                    let at = Path::At(at, Here::Index(index));
                    match (special, &*item) {
                        (Special::SchemaOrArray, Value::Object(_) | Value::Null) => self.object(schema, item, &at)?,
                        (Special::SchemaOrArray, _) => {
                            return Err(Wrong::mismatch(&at, item, "v1.JSONSchemaProps"));
                        }
                        (_, Value::String(_)) => {}
                        (_, Value::Null) => *item = "".into(),
                        _ => return Err(Wrong::mismatch(&at, item, "string")),
                    }
                }
                Ok(())
            }
            // Anything else is taken for nothing.
            _ => {
                *value = Value::Null;
                Ok(())
            }
        }
    }
}

fn time(value: &mut Value, layout: time::Layout, at: &At<'_>) -> Result<(), Wrong> {
    let Value::String(text) = &*value else {
        return Err(Wrong::mismatch(at, value, "string"));
    };
    if let Some(changed) = time::canonical(text, layout).map_err(Wrong::plain)? {
        *value = changed;
    }
    Ok(())
}

fn int_or_string(value: &Value, at: &At<'_>) -> Result<(), Wrong> {
    match value {
        Value::String(_) => Ok(()),
        Value::Number(number) if number.as_i64().is_some_and(|number| i32::try_from(number).is_ok()) => Ok(()),
        Value::Number(number) => Err(Wrong::number(at, number, "int32")),
        other => Err(Wrong::mismatch(at, other, "int32")),
    }
}

/// Go writes a float without a fraction like an integer.
pub(super) fn float(value: &mut Value) {
    let whole = value
        .as_f64()
        .filter(|float| value.is_f64() && float.fract() == 0.0 && float.abs() < 9e15);
    if let Some(whole) = whole {
        // There is no fraction and it is small enough, so nothing is lost.
        #[allow(clippy::cast_possible_truncation)]
        let integer = whole as i64;
        *value = Value::Number(Number::from(integer));
    }
}
