//! Objects as requests bring them: a document in, what the kind makes of it out, defaulted; what it does not know is told
//! or refused. Nothing is judged beyond its form and its kind.

use std::fmt::Write as _;

use serde_json::Value;

use super::{
    object::meta,
    options::FieldValidation,
    resource::{Nature, Resource},
};
use crate::server::{
    field::{FieldError, FieldPath},
    status::ApiError,
    types::{Place, Types, json, yaml},
};

/// Where in the real server's code built-in kinds are registered: messages tell it.
pub const SCHEME: &str = "pkg/runtime/scheme.go:111";

/// A document: what it says, and its text, which complaints about it need.
#[derive(Debug, Clone)]
pub struct Document<'a> {
    /// What it says.
    pub value: Value,
    /// Its text as JSON; empty where there is none.
    pub text: &'a [u8],
    /// The keys that are there more than once.
    pub duplicates: Vec<Place>,
    /// The same for YAML, as complaints.
    pub repeated: Vec<String>,
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
            repeated: Vec::new(),
        })
    }

    /// Reads YAML.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn parse_yaml(text: &[u8]) -> Result<Self, String> {
        let parsed = yaml::parse(text)?;
        Ok(Self {
            repeated: parsed.complaints,
            ..Self::of(parsed.value)
        })
    }

    /// A value that has no text.
    #[must_use]
    pub const fn of(value: Value) -> Self {
        Self {
            value,
            text: &[],
            duplicates: Vec::new(),
            repeated: Vec::new(),
        }
    }
}

/// What a body is to be.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// Its `apiVersion`.
    pub api_version: &'a str,
    /// Its kind.
    pub kind: &'a str,
    /// Whether the kind is custom: only a built-in kind goes without saying.
    pub is_custom: bool,
}

impl Expected<'_> {
    /// Judges a body by what it says that it is.
    ///
    /// # Errors
    ///
    /// 400 for what is something else, 422 for another kind of a custom kind's version.
    pub fn judge(&self, value: &Value, body: &[u8]) -> Result<(), ApiError> {
        let named = json::version_and_kind(value);
        let (api_version, kind) = named.map_err(|why| self.no_kind(&why, body))?;
        self.judge_kind(api_version, kind, meta(value, "name"), body)
    }

    /// Judges the kind that a body says that it is of; `name` is the object's.
    ///
    /// # Errors
    ///
    /// As those of [`judge`](Self::judge).
    pub fn judge_kind(&self, api_version: &str, kind: &str, name: &str, body: &[u8]) -> Result<(), ApiError> {
        if self.is_custom && kind.is_empty() {
            let why = format!("Object 'Kind' is missing in '{}'", String::from_utf8_lossy(body));
            return Err(self.unrecognized(&why, body));
        }
        if api_version.matches('/').count() > 1 {
            let why = format!("unexpected GroupVersion string: {api_version}");
            return Err(self.unrecognized(&why, body));
        }
        if (kind.is_empty() || kind == self.kind) && api_version == self.api_version {
            return Ok(());
        }
        if self.is_custom {
            return self.judge_custom(api_version, kind, name);
        }
        let api_version = if api_version.is_empty() {
            self.api_version
        } else {
            api_version
        };
        let kind = if kind.is_empty() { self.kind } else { kind };
        let (group, version) = split(api_version);
        if Types::kubernetes().kind(group, version, kind).is_none() {
            let why = format!("no kind \"{kind}\" is registered for version \"{api_version}\" in scheme \"{SCHEME}\"");
            return Err(self.refused(version, kind, &why));
        }
        let own_group = split(self.api_version).0;
        if kind != self.kind || group != own_group && kind != "Event" {
            let internal = internal_type(own_group, self.kind);
            let why = format!("converting ({version}.{kind}) to ({internal}): unknown conversion");
            return Err(self.refused(version, kind, &why));
        }
        self.judge_version(api_version)
    }

    fn judge_custom(&self, api_version: &str, kind: &str, name: &str) -> Result<(), ApiError> {
        self.judge_version(api_version)?;
        let error = FieldError::invalid(&FieldPath::new("kind"), kind, format!("must be {}", self.kind));
        Err(ApiError::invalid(split(api_version).0, kind, name, &[error]))
    }

    fn judge_version(&self, api_version: &str) -> Result<(), ApiError> {
        if api_version == self.api_version {
            return Ok(());
        }
        Err(ApiError::bad_request(format!(
            "the API version in the data ({api_version}) does not match the expected API version ({})",
            self.api_version
        )))
    }

    /// The refusal of a body of which not even the kind can be read.
    #[must_use]
    pub fn unrecognized(&self, why: &str, body: &[u8]) -> ApiError {
        ApiError::bad_request(format!(
            "the object provided is unrecognized (must be of type {}): {why} ({})",
            self.kind,
            summary(body)
        ))
    }

    /// The refusal of a body whose `apiVersion` and kind cannot be read.
    #[must_use]
    pub fn no_kind(&self, why: &str, body: &[u8]) -> ApiError {
        self.unrecognized(&format!("couldn't get version/kind; json parse error: {why}"), body)
    }

    /// The refusal of a body of the kind that is expected.
    #[must_use]
    pub fn undecodable(&self, why: &str) -> ApiError {
        self.refused(split(self.api_version).1, self.kind, why)
    }

    fn refused(&self, version: &str, kind: &str, why: &str) -> ApiError {
        ApiError::bad_request(format!(
            "{kind} in version \"{version}\" cannot be handled as a {}: {why}",
            self.kind
        ))
    }
}

fn split(api_version: &str) -> (&str, &str) {
    api_version.split_once('/').unwrap_or(("", api_version))
}

/// The beginning of a body, as refusals show it: JSON objects as they are, anything else in hexadecimal digits.
fn summary(body: &[u8]) -> String {
    const MOST: usize = 30;
    let shown = body.get(..MOST).unwrap_or(body);
    let mut text = match body.first() {
        None => "<empty>".to_owned(),
        Some(b'{') => String::from_utf8_lossy(shown).into_owned(),
        Some(_) => shown.iter().fold(String::new(), |mut digits, byte| {
            let _ = write!(digits, "{byte:02x}");
            digits
        }),
    };
    if shown.len() < body.len() {
        text.push_str(" ...");
    }
    text
}

/// The real server's own type of a built-in kind.
fn internal_type(group: &str, kind: &str) -> String {
    let package = match group {
        "" | "events.k8s.io" => "core",
        "internal.apiserver.k8s.io" => "apiserverinternal",
        group => group.split('.').next().unwrap_or(group),
    };
    format!("{package}.{kind}")
}

impl Resource {
    /// What a body is to be that is sent here.
    #[must_use]
    pub fn expected<'a>(&'a self, api_version: &'a str) -> Expected<'a> {
        Expected {
            api_version,
            kind: &self.kind,
            is_custom: self.is_custom(),
        }
    }

    /// The real server's own type of its objects, or of their lists.
    #[must_use]
    pub fn internal_type(&self, is_list: bool) -> String {
        let list = if is_list { "List" } else { "" };
        if self.is_custom() {
            return format!("unstructured.Unstructured{list}");
        }
        internal_type(&self.group, &format!("{}{list}", self.kind))
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
        repeated: _,
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

/// Decodes the body of a creation or an update, whose kind was [judged](Expected::judge).
///
/// # Errors
///
/// 400 for what cannot be decoded, and for unknown fields under strict validation.
pub fn decode_body(
    resource: &Resource,
    mut document: Document<'_>,
    validation: FieldValidation,
) -> Result<Decoded, ApiError> {
    let api_version = resource.api_version();
    let expected = resource.expected(&api_version);
    fill_kind(resource, &mut document.value);
    let mut repeated = std::mem::take(&mut document.repeated);
    let Decoded { object, complaints } = decode(resource, document).map_err(|why| expected.undecodable(&why))?;
    if validation == FieldValidation::Strict && !repeated.is_empty() {
        // A strict reader of YAML makes one complaint of all.
        repeated = vec![yaml::strict(&repeated)];
    }
    let complaints: Vec<String> = repeated.into_iter().chain(complaints).collect();
    match validation {
        FieldValidation::Strict if !complaints.is_empty() => {
            let all = complaints.join(", ");
            Err(expected.undecodable(&format!("strict decoding error: {all}")))
        }
        FieldValidation::Ignore => Ok(Decoded {
            object,
            complaints: Vec::new(),
        }),
        _ => Ok(Decoded { object, complaints }),
    }
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
