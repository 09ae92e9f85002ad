//! Objects as requests bring them: a document in, what the kind makes of it out, defaulted; what it does not know is told
//! or refused. Nothing is judged beyond its form.

use serde_json::Value;

use super::{
    options::FieldValidation,
    resource::{Nature, Resource, kind_of},
};
use crate::server::{
    status::ApiError,
    types::{Types, json},
};

/// A document: what it says, and its text, which complaints about it need.
#[derive(Debug, Clone)]
pub struct Document<'a> {
    /// What it says.
    pub value: Value,
    /// Its text as JSON; empty where there is none.
    pub text: &'a [u8],
    /// The keys that are there more than once.
    pub duplicates: Vec<crate::server::types::Place>,
}

impl<'a> Document<'a> {
    /// Reads JSON.
    ///
    /// # Errors
    ///
    /// What is wrong with it, in Go's words.
    pub fn parse(text: &'a [u8]) -> Result<Self, String> {
        let parsed = json::parse(text)?;
        Ok(Self {
            value: parsed.value,
            text,
            duplicates: parsed.duplicates,
        })
    }

    /// A value that has no text.
    #[must_use]
    pub const fn of(value: Value) -> Self {
        Self {
            value,
            text: &[],
            duplicates: Vec::new(),
        }
    }
}

/// An object that was decoded, with the complaints that are no refusals.
#[derive(Debug, Clone)]
pub struct Decoded {
    /// The object.
    pub object: Value,
    /// What a strict decoder complains of: `unknown field "spec.foo"`.
    pub complaints: Vec<String>,
}

/// What a kind makes of an object. The kind that the object names must be the resource's.
///
/// # Errors
///
/// What cannot be decoded, in Go's words.
pub fn decode(resource: &Resource, document: Document<'_>) -> Result<Decoded, String> {
    let Document {
        value,
        text,
        duplicates,
    } = document;
    match &resource.nature {
        Nature::BuiltIn(id) => {
            let types = Types::kubernetes();
            let decoded = types.decode(*id, value).map_err(|error| error.told(text))?;
            let mut object = decoded.object;
            (resource.strategy.default)(&mut object);
            let complaints = types.strict_errors(*id, text, &duplicates, &decoded.unknown);
            Ok(Decoded { object, complaints })
        }
        Nature::Custom(definition) => {
            let mut object = value;
            let unknown = definition.decode(&mut object)?;
            let duplicates = duplicates.iter().map(|place| format!("duplicate field \"{place}\""));
            let complaints = duplicates.chain(unknown).collect();
            Ok(Decoded { object, complaints })
        }
    }
}

/// Decodes the body of a creation or an update.
///
/// # Errors
///
/// 400 for what cannot be decoded, for another kind, and for unknown fields under strict validation.
pub fn decode_body(
    resource: &Resource,
    document: Document<'_>,
    validation: FieldValidation,
) -> Result<Decoded, ApiError> {
    let mut document = document;
    let (api_version, kind) = kind_of(&document.value);
    let (api_version, kind) = (api_version.to_owned(), kind.to_owned());
    fill_kind(resource, &mut document.value);
    let version = api_version.rsplit('/').next().unwrap_or_default().to_owned();
    let shown_kind = if kind.is_empty() {
        resource.kind.clone()
    } else {
        kind.clone()
    };
    let shown_version = if version.is_empty() {
        resource.version.clone()
    } else {
        version
    };
    let refused = |why: String| {
        ApiError::bad_request(format!(
            "{shown_kind} in version \"{shown_version}\" cannot be handled as a {}: {why}",
            resource.kind
        ))
    };
    if !kind.is_empty() && kind != resource.kind {
        return Err(another_kind(resource, &api_version, &kind));
    }
    if !api_version.is_empty() && api_version != resource.api_version() {
        return Err(ApiError::bad_request(format!(
            "the API version in the data ({api_version}) does not match the expected API version ({})",
            resource.api_version()
        )));
    }
    let mut decoded = decode(resource, document).map_err(&refused)?;
    match validation {
        FieldValidation::Strict if !decoded.complaints.is_empty() => {
            let all = decoded.complaints.join(", ");
            Err(refused(format!("strict decoding error: {all}")))
        }
        FieldValidation::Ignore => {
            decoded.complaints.clear();
            Ok(decoded)
        }
        _ => Ok(decoded),
    }
}

fn another_kind(resource: &Resource, api_version: &str, kind: &str) -> ApiError {
    if resource.is_custom() {
        return ApiError::bad_request(format!(
            "the object in the data (kind {kind}) does not match the expected kind {}",
            resource.kind
        ));
    }
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    ApiError::bad_request(format!(
        "{kind} in version \"{version}\" cannot be handled as a {}: converting ({}) to ({}): unknown conversion",
        resource.kind,
        super::resource::join(group, &format!("{version}.{kind}")),
        resource.kind
    ))
}

fn fill_kind(resource: &Resource, object: &mut Value) {
    let Some(map) = object.as_object_mut() else { return };
    for (field, value) in [("apiVersion", resource.api_version()), ("kind", resource.kind.clone())] {
        let is_empty = map
            .get(field)
            .is_none_or(|given| given.as_str() == Some("") || given.is_null());
        if is_empty {
            map.insert(field.to_owned(), value.into());
        }
    }
}
