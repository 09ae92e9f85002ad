//! Tokens of ServiceAccounts: a TokenRequest in, the same with a token out, which says whose it is. Nobody checks it yet.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    Registry,
    codec::decode,
    kinds::values,
    object::{child_mut, meta, set_meta, text},
    write::Target,
};
use crate::server::{
    clock::seconds,
    field::{FieldError, FieldPath},
    status::{ApiError, GroupResource},
};

const GROUP: &str = "authentication.k8s.io";
const KIND: &str = "TokenRequest";
/// What the server is called in tokens that are for nobody else.
const AUDIENCE: &str = "https://localhost";
const LEAST_SECONDS: i64 = 600;
const MOST_SECONDS: i64 = 1 << 32;

/// Fills in what a request leaves out.
pub(super) fn default(request: &mut Value) {
    if let Some(spec) = request.get_mut("spec") {
        values::default_absent(spec, "expirationSeconds", 3600);
    }
}

impl Registry {
    /// Answers a request for a token.
    ///
    /// # Errors
    ///
    /// The refusal: the account or what the token is to be bound to is not there, or is not the one that is meant.
    pub(super) fn issue_token(&self, target: &Target<'_>, mut request: Value) -> Result<Value, ApiError> {
        let (namespace, name) = (target.namespace, target.name);
        if !["", name].contains(&meta(&request, "name")) {
            let why = "must match the service account name if specified";
            let error = FieldError::invalid(&FieldPath::new("metadata.name"), meta(&request, "name"), why);
            return Err(ApiError::invalid(GROUP, KIND, name, &[error]));
        }
        let account = decode(target.resource, &*self.get(target.resource, namespace, name, "")?)?;
        let (given, uid) = (meta(&request, "uid").to_owned(), meta(&account, "uid"));
        if !given.is_empty() && given != uid {
            let why =
                format!("the UID in the token request ({given}) does not match the UID of the service account ({uid})");
            return Err(ApiError::conflict(&GroupResource::new(GROUP, KIND), name, &why));
        }
        let now = self.clock.now();
        set_meta(&mut request, "name", name);
        set_meta(&mut request, "uid", uid);
        set_meta(&mut request, "creationTimestamp", &seconds(now));
        let spec = child_mut(&mut request, "spec");
        if spec
            .get("audiences")
            .and_then(Value::as_array)
            .is_none_or(Vec::is_empty)
        {
            spec.insert("audiences".to_owned(), json!([AUDIENCE]));
        }
        let lasts = request.pointer("/spec/expirationSeconds").and_then(Value::as_i64);
        let lasts = lasts.unwrap_or_default();
        if let Some(error) = wrong_expiration(lasts) {
            return Err(ApiError::invalid(GROUP, KIND, "", &[error]));
        }
        self.check_bound(target, request.pointer("/spec/boundObjectRef").unwrap_or(&Value::Null))?;
        let ends = now.saturating_add(jiff::SignedDuration::from_secs(lasts));
        let status = json!({
            "token": format!("{namespace}:{name}:{}", Uuid::new_v4()),
            "expirationTimestamp": seconds(ends.unwrap_or(jiff::Timestamp::MAX)),
        });
        values::set(&mut request, "status", status);
        Ok(request)
    }

    /// What a token is bound to must be there.
    fn check_bound(&self, target: &Target<'_>, reference: &Value) -> Result<(), ApiError> {
        if reference.is_null() {
            return Ok(());
        }
        let field = |name: &str| values::text(reference, name);
        let (group, version) = field("apiVersion").split_once('/').unwrap_or(("", field("apiVersion")));
        let (plural, namespace) = match (group, field("kind")) {
            ("", "Pod") => ("pods", target.namespace),
            ("", "Secret") => ("secrets", target.namespace),
            ("", "Node") => ("nodes", ""),
            (_, kind) => {
                let what = format!("{group}/{version}, Kind={kind}");
                return Err(ApiError::bad_request(format!(
                    "cannot bind token to object of type {what}"
                )));
            }
        };
        let resource = self.resource("", "v1", plural).ok_or_else(ApiError::no_such_resource)?;
        let bound = decode(&resource, &*self.get(&resource, namespace, field("name"), "")?)?;
        if plural == "pods" && text(&bound, "/spec/serviceAccountName") != target.name {
            return Err(ApiError::bad_request(format!(
                "cannot bind token for serviceaccount \"{}\" to pod running with different serviceaccount name.",
                target.name
            )));
        }
        if !["", meta(&bound, "uid")].contains(&field("uid")) {
            let why = format!(
                "the UID in the bound object reference ({}) does not match the UID in record. The object might have been \
                 deleted and then recreated",
                field("uid")
            );
            let kind = GroupResource::new("", field("kind"));
            return Err(ApiError::conflict(&kind, field("name"), &why));
        }
        Ok(())
    }
}

fn wrong_expiration(seconds: i64) -> Option<FieldError> {
    let why = if seconds < LEAST_SECONDS {
        "may not specify a duration less than 10 minutes"
    } else if seconds > MOST_SECONDS {
        "may not specify a duration larger than 2^32 seconds"
    } else {
        return None;
    };
    Some(FieldError::invalid(
        &FieldPath::new("spec.expirationSeconds"),
        seconds,
        why,
    ))
}
