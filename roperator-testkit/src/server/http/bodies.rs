//! The bodies of requests: bytes and what they are said to be in, documents and patches out. What they mean is not known here.

use serde_json::{Map, Value};

use super::negotiate::{BodyType, PatchType};
use crate::server::{
    patch::go,
    registry::{
        body::{Document, Expected, SCHEME},
        options::DeleteOptions,
        patching::Patch,
    },
    status::ApiError,
    types::{Types, json, proto},
};

/// Reads a body that holds an object of the kind that is expected.
///
/// # Errors
///
/// 400 for what is none.
pub fn document<'a>(body: &'a [u8], kind: BodyType, expected: Expected<'_>) -> Result<Document<'a>, ApiError> {
    let document = match kind {
        BodyType::Json => Document::parse(body).map_err(|why| expected.no_kind(&why, body))?,
        BodyType::Yaml => Document::parse_yaml(body).map_err(|why| expected.unrecognized(&why, body))?,
        BodyType::Protobuf => return protobuf(body, expected),
    };
    expected.judge(&document.value, body)?;
    Ok(document)
}

/// A body of protobuf need not say what it is: what is expected is then meant.
fn protobuf<'a>(body: &'a [u8], expected: Expected<'_>) -> Result<Document<'a>, ApiError> {
    let envelope = proto::envelope(body).map_err(|why| expected.unrecognized(&why.to_string(), body))?;
    expected.judge_kind(&envelope.api_version, &envelope.kind, "", body)?;
    let (group, version) = expected
        .api_version
        .split_once('/')
        .unwrap_or(("", expected.api_version));
    let types = Types::kubernetes();
    let value = match types.kind(group, version, expected.kind) {
        Some(id) => types.read_protobuf(id, envelope.raw),
        None => Ok(Value::Object(Map::new())),
    };
    let mut value = value.map_err(|why| expected.undecodable(&why.to_string()))?;
    if let Some(map) = value.as_object_mut() {
        map.insert("apiVersion".to_owned(), expected.api_version.into());
        map.insert("kind".to_owned(), expected.kind.into());
    }
    Ok(Document::of(value))
}

/// Reads the options of a deletion. Their refusals do not say what was expected.
///
/// # Errors
///
/// 400 for what is none, 422 for options that cannot be.
pub fn delete_options(body: &[u8], kind: BodyType) -> Result<DeleteOptions, ApiError> {
    let types = Types::kubernetes();
    let Some(id) = types.kind("meta.k8s.io", "v1", "DeleteOptions") else {
        return Err(ApiError::internal("there is no DeleteOptions among the built-in kinds"));
    };
    let no_kind = |why: String| ApiError::bad_request(format!("couldn't get version/kind; json parse error: {why}"));
    let refused = |why: &dyn std::fmt::Display| ApiError::bad_request(why.to_string());
    let value = match kind {
        BodyType::Json => Document::parse(body).map_err(no_kind)?.value,
        BodyType::Yaml => Document::parse_yaml(body).map_err(|why| refused(&why))?.value,
        BodyType::Protobuf => {
            let envelope = proto::envelope(body).map_err(|why| refused(&why))?;
            types.read_protobuf(id, envelope.raw).map_err(|why| refused(&why))?
        }
    };
    let (api_version, kind) = json::version_and_kind(&value).map_err(no_kind)?;
    if !matches!(kind, "" | "DeleteOptions") {
        return Err(refused(&format_args!(
            "no kind \"{kind}\" is registered for version \"{api_version}\" in scheme \"{SCHEME}\""
        )));
    }
    let decoded = types.decode(id, value).map_err(|why| refused(&why))?;
    DeleteOptions::of_body(&decoded.object)
}

/// Reads a patch, with the complaints about its text.
///
/// # Errors
///
/// 400 for what is none.
pub fn patch(body: &[u8], kind: PatchType) -> Result<(Patch, Vec<String>), ApiError> {
    if kind == PatchType::Apply {
        let document = configuration(body)?;
        if !document.value.is_object() && !document.value.is_null() {
            return Err(ApiError::bad_request(format!(
                "error decoding YAML: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal {} into Go value \
                 of type map[string]interface {{}}",
                go::json_name(&document.value)
            )));
        }
        return Ok((Patch::Apply(document.value), document.repeated));
    }
    let document = Document::parse(body).map_err(|why| {
        ApiError::bad_request(match kind {
            PatchType::Strategic => why,
            _ => format!("error decoding patch: {why}"),
        })
    })?;
    let complaint = |place| format!("duplicate field \"{place}\"");
    let duplicates = document.duplicates.iter().map(complaint).collect();
    let patch = match kind {
        PatchType::Json => Patch::Json(document.value),
        PatchType::Strategic => Patch::Strategic(document.value),
        PatchType::Merge | PatchType::Apply => Patch::Merge(document.value),
    };
    Ok((patch, duplicates))
}

/// What is applied is YAML. Most clients send JSON, which is YAML and is read faster, unless there is something to complain of.
fn configuration(body: &[u8]) -> Result<Document<'_>, ApiError> {
    let refused = |why: String| ApiError::bad_request(format!("error decoding YAML: error {why}"));
    let document = match Document::parse(body) {
        Ok(document) if document.duplicates.is_empty() => document,
        _ => Document::parse_yaml(body).map_err(|why| refused(format!("converting YAML to JSON: {why}")))?,
    };
    if document.value.is_object() || document.value.is_null() {
        return Ok(document);
    }
    Err(refused(format!(
        "unmarshaling JSON: while decoding JSON: json: cannot unmarshal {} into Go value of type map[string]interface {{}}",
        go::json_name(&document.value)
    )))
}
