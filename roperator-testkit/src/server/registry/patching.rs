//! Patches: a patch in, a write out. The live object is patched, and what comes of it is decoded, defaulted and written as
//! any update is; an apply may create.

use serde_json::Value;

use super::{
    Registry,
    body::{Decoded, Document, SCHEME, decode},
    managed,
    object::meta,
    options::FieldValidation,
    resource::{Nature, Resource, kind_of},
    scale,
    write::{Target, Written},
};
use crate::server::{
    clock::seconds,
    field::{FieldError, FieldPath},
    patch::{self, apply::Author},
    status::ApiError,
    types::{Types, yaml},
};

/// A patch.
#[derive(Debug, Clone)]
pub enum Patch {
    /// A list of operations.
    Json(Value),
    /// RFC 7396.
    Merge(Value),
    /// Kubernetes' own merge.
    Strategic(Value),
    /// Server-side apply.
    Apply(Value),
}

impl Registry {
    /// Patches an object; tells whether it is new. `duplicates` are the complaints about the patch's own text.
    ///
    /// # Errors
    ///
    /// The refusal.
    pub fn patch(
        &self,
        target: &Target<'_>,
        patch: &Patch,
        duplicates: &[String],
    ) -> Result<(Written, bool), ApiError> {
        let creates = matches!(patch, Patch::Apply(_)) && target.subresource.is_empty();
        let make = |live: Option<&Value>| {
            let object = self.patched(target, live, patch, duplicates)?;
            if live.is_none() && !meta(&object, "uid").is_empty() {
                let uid = meta(&object, "uid");
                let why =
                    format!("uid mismatch: the provided object specified uid {uid}, and no existing object was found");
                return Err(ApiError::conflict(&target.resource.group_resource(), target.name, &why));
            }
            Ok(object)
        };
        self.update(target, creates, &make)
    }

    /// Patches the scale of an object.
    ///
    /// # Errors
    ///
    /// The refusal.
    pub fn patch_scale(&self, target: &Target<'_>, patch: &Patch, duplicates: &[String]) -> Result<Value, ApiError> {
        let scale = Target {
            resource: scale::resource()?,
            ..*target
        };
        let make = |old: &Value| self.patched(&scale, Some(old), patch, duplicates);
        self.update_scale(target, &make)
    }

    /// What a patch makes of an object.
    fn patched(
        &self,
        target: &Target<'_>,
        live: Option<&Value>,
        patch: &Patch,
        duplicates: &[String],
    ) -> Result<Value, ApiError> {
        let object = match patch {
            Patch::Apply(config) => self.apply(target, live, config, duplicates)?,
            other => self.patch_live(target, live, other, duplicates)?,
        };
        check_name(target, &object)?;
        Ok(object)
    }

    fn patch_live(
        &self,
        target: &Target<'_>,
        live: Option<&Value>,
        patch: &Patch,
        duplicates: &[String],
    ) -> Result<Value, ApiError> {
        let resource = target.resource;
        let not_found = || ApiError::not_found(&resource.group_resource(), target.name);
        let live = live.ok_or_else(not_found)?;
        let mut complaints = duplicates.to_vec();
        let patched = match patch {
            Patch::Json(patch) => {
                let patched = patch::json::apply(live, patch)?;
                complaints.extend(patched.strange);
                patched.object
            }
            Patch::Merge(patch) | Patch::Apply(patch) => patch::merge::apply(live, patch)?,
            Patch::Strategic(patch) => {
                let (shapes, root) = resource.shapes();
                patch::strategic::apply(shapes, root, live, patch)?
            }
        };
        // A strategic merge is told of by the patch, others by what came of them.
        let (text, decoded) = match patch {
            Patch::Strategic(patch) => (patch::go::print(patch), convert(resource, patched)),
            _ => (patched.to_string(), decode_patched(resource, patched)),
        };
        let decoded = decoded.map_err(|why| refused(&text, &why))?;
        complaints.extend(decoded.complaints);
        strict(target, complaints, |all| {
            refused(&text, &format!("strict decoding error: {all}"))
        })?;
        let mut object = decoded.object;
        self.own(target, Some(live), &mut object);
        Ok(object)
    }

    fn apply(
        &self,
        target: &Target<'_>,
        live: Option<&Value>,
        config: &Value,
        duplicates: &[String],
    ) -> Result<Value, ApiError> {
        let now = seconds(self.clock.now());
        let author = Author {
            manager: &target.options.field_manager,
            now: &now,
        };
        let applied = managed::of(target.resource, target.subresource, |fields| {
            fields.apply(live, config, author, target.options.force)
        })?;
        let read = match &target.resource.nature {
            // What a merge makes is not written out and read again: what it leaves of a list without items is null.
            Nature::Custom(definition) => definition.read_merged(applied),
            Nature::BuiltIn(_) => decode(target.resource, Document::of(applied)).map(|decoded| decoded.object),
        };
        let object = read.map_err(|why| {
            let kind = &target.resource.kind;
            let version = &target.resource.version;
            ApiError::bad_request(format!(
                "{kind} in version \"{version}\" cannot be handled as a {kind}: {why}"
            ))
        })?;
        strict(target, duplicates.to_vec(), |_| {
            let all = yaml::strict(duplicates);
            ApiError::bad_request(format!(
                "error strict decoding YAML: error converting YAML to JSON: {all}"
            ))
        })?;
        Ok(object)
    }
}

/// What a kind makes of a patched object that is written out and read again.
fn decode_patched(resource: &Resource, patched: Value) -> Result<Decoded, String> {
    let (api_version, kind) = kind_of(&patched);
    let says_nothing = kind.is_empty() && api_version.is_empty();
    let is_another = !says_nothing && (kind != resource.kind || api_version != resource.api_version());
    if is_another && !resource.is_custom() {
        // It is read as what it says that it is.
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let types = Types::kubernetes();
        let Some(id) = types.kind(group, version, kind) else {
            return Err(format!(
                "no kind \"{kind}\" is registered for version \"{api_version}\" in scheme \"{SCHEME}\""
            ));
        };
        types.decode(id, patched.clone()).map_err(|error| error.to_string())?;
    }
    decode(resource, Document::of(patched))
}

/// What a kind makes of a patched object that is never written out: the real server tells its faults in other words.
fn convert(resource: &Resource, patched: Value) -> Result<Decoded, String> {
    let Nature::BuiltIn(id) = resource.nature else {
        return decode(resource, Document::of(patched));
    };
    let types = Types::kubernetes();
    let decoded = types.decode(id, patched).map_err(|error| error.converted())?;
    let mut object = decoded.object;
    (resource.strategy.default)(&mut object);
    let complaints = types.strict_errors(id, &[], &[], &decoded.unknown);
    Ok(Decoded { object, complaints })
}

/// Complaints are a refusal, warnings or nothing, as the request wants it.
fn strict(
    target: &Target<'_>,
    complaints: Vec<String>,
    refuse: impl FnOnce(String) -> ApiError,
) -> Result<(), ApiError> {
    match target.options.field_validation {
        FieldValidation::Strict if !complaints.is_empty() => Err(refuse(complaints.join(", "))),
        FieldValidation::Ignore => Ok(()),
        _ => {
            complaints.into_iter().for_each(|text| target.warnings.add(text));
            Ok(())
        }
    }
}

/// The 422 for a patch whose outcome cannot be decoded.
fn refused(patched: &str, why: &str) -> ApiError {
    let error = FieldError::invalid(&FieldPath::new("patch"), patched, why);
    ApiError::invalid("", "", "", &[error])
}

fn check_name(target: &Target<'_>, object: &Value) -> Result<(), ApiError> {
    let name = meta(object, "name");
    if name == target.name {
        return Ok(());
    }
    if name.is_empty() {
        return Err(ApiError::bad_request(format!(
            "the name of the object ({} based on URL) was undeterminable: name must be provided",
            target.name
        )));
    }
    Err(ApiError::bad_request(format!(
        "the name of the object ({name}) does not match the name on the URL ({})",
        target.name
    )))
}
