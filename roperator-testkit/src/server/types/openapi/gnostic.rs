//! The OpenAPI v2 document in protobuf. In goes the document as JSON, out come bytes of the messages that `gnostic` defines,
//! which Go clients ask for. What the messages have no place for is left out.

use serde_json::Value;

/// A v2 document in protobuf.
#[must_use]
pub fn encode(document: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_members(&mut bytes, &DOCUMENT, document);
    bytes
}

/// What is at a field.
#[derive(Clone, Copy)]
enum Of {
    Text,
    Flag,
    Integer,
    Number,
    /// A message of anything, which says it as YAML.
    Any,
    /// A message, a field of which each member of the object is.
    Message(&'static Message),
    /// A message, at whose field are messages of the names and the values of all members.
    Named(u32, &'static Of),
    /// A message, at whose field the value is.
    In(u32, &'static Of),
    /// Several of them.
    List(&'static Of),
    /// What it is depends on the value.
    Either(fn(&Value) -> &'static Of),
}

/// What a message has.
struct Message {
    /// Its fields: the name in JSON, the number, and what is there.
    fields: &'static [(&'static str, u32, Of)],
    /// The field of the extensions, whose names begin with `x-`.
    extensions: u32,
}

const TEXTS: Of = Of::List(&Of::Text);

static DOCUMENT: Message = Message {
    fields: &[
        ("swagger", 1, Of::Text),
        ("info", 2, Of::Message(&INFO)),
        ("paths", 8, Of::Named(2, &Of::Message(&PATH_ITEM))),
        ("definitions", 9, Of::Named(1, &Of::Message(&SCHEMA))),
        ("security", 12, Of::List(&Of::Named(1, &Of::In(1, &TEXTS)))),
        (
            "securityDefinitions",
            13,
            Of::Named(1, &Of::In(2, &Of::Message(&API_KEY))),
        ),
    ],
    extensions: 16,
};

static INFO: Message = Message {
    fields: &[("title", 1, Of::Text), ("version", 2, Of::Text)],
    extensions: 7,
};

static API_KEY: Message = Message {
    fields: &[
        ("type", 1, Of::Text),
        ("name", 2, Of::Text),
        ("in", 3, Of::Text),
        ("description", 4, Of::Text),
    ],
    extensions: 5,
};

static PATH_ITEM: Message = Message {
    fields: &[
        ("get", 2, Of::Message(&OPERATION)),
        ("put", 3, Of::Message(&OPERATION)),
        ("post", 4, Of::Message(&OPERATION)),
        ("delete", 5, Of::Message(&OPERATION)),
        ("patch", 8, Of::Message(&OPERATION)),
        ("parameters", 9, Of::List(&PARAMETER)),
    ],
    extensions: 10,
};

static OPERATION: Message = Message {
    fields: &[
        ("tags", 1, TEXTS),
        ("description", 3, Of::Text),
        ("operationId", 5, Of::Text),
        ("produces", 6, TEXTS),
        ("consumes", 7, TEXTS),
        ("parameters", 8, Of::List(&PARAMETER)),
        ("responses", 9, Of::Named(1, &Of::In(1, &Of::Message(&RESPONSE)))),
        ("schemes", 10, TEXTS),
    ],
    extensions: 13,
};

/// A parameter, or else a reference to one, which there is none of.
static PARAMETER: Of = Of::In(1, &Of::Either(parameter));
static BODY_PARAMETER: Of = Of::In(1, &Of::Message(&BODY));
static PATH_PARAMETER: Of = Of::In(2, &Of::In(4, &Of::Message(&IN_PATH)));
static QUERY_PARAMETER: Of = Of::In(2, &Of::In(3, &Of::Message(&IN_QUERY)));

fn parameter(value: &Value) -> &'static Of {
    match value.get("in").and_then(Value::as_str) {
        Some("body") => &BODY_PARAMETER,
        Some("path") => &PATH_PARAMETER,
        _ => &QUERY_PARAMETER,
    }
}

static BODY: Message = Message {
    fields: &[
        ("description", 1, Of::Text),
        ("name", 2, Of::Text),
        ("in", 3, Of::Text),
        ("required", 4, Of::Flag),
        ("schema", 5, Of::Message(&SCHEMA)),
    ],
    extensions: 6,
};

static IN_PATH: Message = Message {
    fields: &[
        ("required", 1, Of::Flag),
        ("in", 2, Of::Text),
        ("description", 3, Of::Text),
        ("name", 4, Of::Text),
        ("type", 5, Of::Text),
        ("uniqueItems", 19, Of::Flag),
    ],
    extensions: 22,
};

static IN_QUERY: Message = Message {
    fields: &[
        ("required", 1, Of::Flag),
        ("in", 2, Of::Text),
        ("description", 3, Of::Text),
        ("name", 4, Of::Text),
        ("type", 6, Of::Text),
        ("uniqueItems", 20, Of::Flag),
    ],
    extensions: 23,
};

static RESPONSE: Message = Message {
    fields: &[
        ("description", 1, Of::Text),
        ("schema", 2, Of::In(1, &Of::Message(&SCHEMA))),
    ],
    extensions: 5,
};

static SCHEMA: Message = Message {
    fields: &[
        ("$ref", 1, Of::Text),
        ("format", 2, Of::Text),
        ("title", 3, Of::Text),
        ("description", 4, Of::Text),
        ("multipleOf", 6, Of::Number),
        ("maximum", 7, Of::Number),
        ("exclusiveMaximum", 8, Of::Flag),
        ("minimum", 9, Of::Number),
        ("exclusiveMinimum", 10, Of::Flag),
        ("maxLength", 11, Of::Integer),
        ("minLength", 12, Of::Integer),
        ("pattern", 13, Of::Text),
        ("maxItems", 14, Of::Integer),
        ("minItems", 15, Of::Integer),
        ("uniqueItems", 16, Of::Flag),
        ("maxProperties", 17, Of::Integer),
        ("minProperties", 18, Of::Integer),
        ("required", 19, TEXTS),
        ("enum", 20, Of::List(&Of::Any)),
        ("additionalProperties", 21, Of::Either(additional)),
        ("type", 22, Of::In(1, &Of::Text)),
        ("items", 23, Of::In(1, &Of::Message(&SCHEMA))),
        ("properties", 25, Of::Named(1, &Of::Message(&SCHEMA))),
        ("externalDocs", 29, Of::Message(&DOCS)),
        ("example", 30, Of::Any),
    ],
    extensions: 31,
};

fn additional(value: &Value) -> &'static Of {
    match value {
        Value::Bool(_) => &ALLOWED,
        _ => &ADDITIONAL_SCHEMA,
    }
}

static ADDITIONAL_SCHEMA: Of = Of::In(1, &Of::Message(&SCHEMA));
static ALLOWED: Of = Of::In(2, &Of::Flag);

static DOCS: Message = Message {
    fields: &[("description", 1, Of::Text), ("url", 2, Of::Text)],
    extensions: 3,
};

/// Writes the members of an object that a message has fields for.
fn write_members(bytes: &mut Vec<u8>, message: &Message, object: &Value) {
    let Value::Object(members) = object else { return };
    for (name, number, of) in message.fields {
        if let Some(value) = members.get(*name) {
            write(bytes, *number, of, value);
        }
    }
    let extensions = members.iter().filter(|(name, _)| name.starts_with("x-"));
    for (name, value) in extensions {
        write_named(bytes, message.extensions, name, &Of::Any, value);
    }
}

/// Writes a name and its value as a field.
fn write_named(bytes: &mut Vec<u8>, number: u32, name: &str, of: &Of, value: &Value) {
    let mut pair = Vec::new();
    write_bytes(&mut pair, 1, name.as_bytes());
    write(&mut pair, 2, of, value);
    write_bytes(bytes, number, &pair);
}

/// Writes a field, if the value is of its type.
fn write(bytes: &mut Vec<u8>, number: u32, of: &Of, value: &Value) {
    let mut inner = Vec::new();
    match (of, value) {
        (Of::Text, Value::String(text)) => return write_bytes(bytes, number, text.as_bytes()),
        (Of::Flag, Value::Bool(flag)) => return write_varint(bytes, number, u64::from(*flag)),
        (Of::Integer, Value::Number(integer)) => {
            let integer = integer.as_i64().unwrap_or_default();
            return write_varint(bytes, number, integer.cast_unsigned());
        }
        (Of::Number, Value::Number(float)) => {
            return write_double(bytes, number, float.as_f64().unwrap_or_default());
        }
        (Of::List(of), Value::Array(items)) => return items.iter().for_each(|item| write(bytes, number, of, item)),
        (Of::Either(choose), _) => return write(bytes, number, choose(value), value),
        // JSON is YAML, too.
        (Of::Any, _) => write_bytes(&mut inner, 2, format!("{value}\n").as_bytes()),
        (Of::Message(message), Value::Object(_)) => write_members(&mut inner, message, value),
        (Of::Named(number, of), Value::Object(members)) => {
            for (name, value) in members {
                write_named(&mut inner, *number, name, of, value);
            }
        }
        (Of::In(number, of), _) => write(&mut inner, *number, of, value),
        _ => return,
    }
    write_bytes(bytes, number, &inner);
}

fn write_bytes(bytes: &mut Vec<u8>, number: u32, content: &[u8]) {
    push_varint(bytes, u64::from(number) << 3 | 2);
    push_varint(bytes, content.len() as u64);
    bytes.extend(content);
}

fn write_varint(bytes: &mut Vec<u8>, number: u32, value: u64) {
    push_varint(bytes, u64::from(number) << 3);
    push_varint(bytes, value);
}

fn write_double(bytes: &mut Vec<u8>, number: u32, value: f64) {
    push_varint(bytes, u64::from(number) << 3 | 1);
    bytes.extend(value.to_le_bytes());
}

/// Seven bits a byte, the lowest first; all bytes but the last have the eighth.
fn push_varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value > 0x7f {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    use serde_json::json;

    use super::*;

    /// What `gnostic` itself makes of the document below.
    const GOLDEN: &str = "\
        CgMyLjASEgoKS3ViZXJuZXRlcxIEMS4zNkKHAhKEAgoZL2FwaXMvYS92MS93aWRnZXRzL3tuYW1lfRLmAULCAQoEYV92MSoF\
        cGF0Y2gyAXo6AXg6AXlCJQojCiESBGJvZHkaBGJvZHkgASoRCg8jL2RlZmluaXRpb25zL1dCIAoeEhwaGhIFcXVlcnkiBWZv\
        cmNlMgdib29sZWFuoAEBSj0KIgoDMjAwEhsKGQoCT0sSEwoRCg8jL2RlZmluaXRpb25zL1cKFwoDNDAxEhAKDgoMVW5hdXRo\
        b3JpemVkUgVodHRwc2obChN4LWt1YmVybmV0ZXMtYWN0aW9uEgQSAjcKSh8KHRIbIhkIARIEcGF0aCIEbmFtZSoGc3RyaW5n\
        mAEBSu0BCuoBCgFXEuQBIghhIHdpZGdldJoBAWGaAQFiqgERCg+yAQcKBWFycmF5ugECCgCyAQgKBm9iamVjdMoBrwEKMwoB\
        YRIuEgVpbnQzMkkAAAAAAAD4v1ABogEEEgIxCqIBBhIEMzAwCrIBCQoHaW50ZWdlcgooCgFiEiNYrAJgAWoBeLIBCAoGc3Ry\
        aW5n6gEGCgFkEgF18gEEEgI1Cgo3CgFjEjL6AS8KJHgta3ViZXJuZXRlcy1wcmVzZXJ2ZS11bmtub3duLWZpZWxkcxIHEgV0\
        cnVlCgoVCgFkEhCqAQIQAbIBCAoGb2JqZWN0YhEKDwoLQmVhcmVyVG9rZW4SAGo1CjMKC0JlYXJlclRva2VuEiQSIgoGYXBp\
        S2V5Eg1hdXRob3JpemF0aW9uGgZoZWFkZXIiAWQ=";

    fn document() -> Value {
        let widgets = json!({
            "parameters": [{"name": "name", "in": "path", "required": true, "type": "string", "uniqueItems": true}],
            "patch": {
                "tags": ["a_v1"], "operationId": "patch", "consumes": ["x", "y"], "produces": ["z"], "schemes": ["https"],
                "parameters": [
                    {"name": "body", "in": "body", "required": true, "schema": {"$ref": "#/definitions/W"}},
                    {"name": "force", "in": "query", "type": "boolean", "uniqueItems": true},
                ],
                "responses": {
                    "200": {"description": "OK", "schema": {"$ref": "#/definitions/W"}},
                    "401": {"description": "Unauthorized"},
                },
                "x-kubernetes-action": 7,
            },
        });
        let properties = json!({
            "a": {"type": "integer", "format": "int32", "minimum": -1.5, "exclusiveMinimum": true, "enum": [1, 300]},
            "b": {
                "type": "string", "minLength": 1, "maxLength": 300, "pattern": "x", "example": 5,
                "externalDocs": {"url": "u", "description": "d"},
            },
            "c": {"x-kubernetes-preserve-unknown-fields": true},
            "d": {"type": "object", "additionalProperties": true},
        });
        json!({
            "swagger": "2.0",
            "info": {"title": "Kubernetes", "version": "1.36"},
            "paths": {"/apis/a/v1/widgets/{name}": widgets},
            "definitions": {"W": {
                "type": "object", "required": ["a", "b"], "description": "a widget", "properties": properties,
                "additionalProperties": {"type": "array", "items": {}},
            }},
            "security": [{"BearerToken": []}],
            "securityDefinitions": {
                "BearerToken": {"type": "apiKey", "description": "d", "name": "authorization", "in": "header"},
            },
        })
    }

    #[test]
    fn a_document_is_encoded_as_gnostic_does() {
        assert_eq!(STANDARD.encode(encode(&document())), GOLDEN);
    }
}
