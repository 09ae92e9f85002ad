//! Tokens of ServiceAccounts: a TokenRequest in, the same with a token out; a token in, whose it is out. Nobody is let in by
//! one yet.

use std::collections::HashMap;

use jiff::Timestamp;
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
    store::key,
};

const GROUP: &str = "authentication.k8s.io";
const KIND: &str = "TokenRequest";
/// What the server is called in tokens that are for nobody else.
pub(super) const AUDIENCE: &str = "https://localhost";
const LEAST_SECONDS: i64 = 600;
const MOST_SECONDS: i64 = 1 << 32;

/// The tokens that were issued.
pub(super) type Tokens = HashMap<String, Token>;

/// A token that was issued.
#[derive(Debug)]
pub(super) struct Token {
    namespace: String,
    account: String,
    uid: String,
    audiences: Vec<Value>,
    ends: Timestamp,
}

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
        let ends = ends.unwrap_or(Timestamp::MAX);
        let token = format!("{namespace}:{name}:{}", Uuid::new_v4());
        let status = json!({"token": token, "expirationTimestamp": seconds(ends)});
        values::set(&mut request, "status", status);
        let audiences = request.pointer("/spec/audiences").and_then(Value::as_array);
        let issued = Token {
            namespace: namespace.to_owned(),
            account: name.to_owned(),
            uid: uid.to_owned(),
            audiences: audiences.cloned().unwrap_or_default(),
            ends,
        };
        let mut tokens = self.tokens();
        tokens.retain(|_, token| now <= token.ends);
        tokens.insert(token, issued);
        drop(tokens);
        Ok(request)
    }

    /// What a TokenReview says of a token that is meant for these audiences, or for the server if there are none.
    pub(super) fn review_token(&self, token: &str, audiences: &[Value]) -> Value {
        const INVALID: &str = "invalid bearer token";
        let refused = |why: String| json!({"user": {}, "error": why});
        let tokens = self.tokens();
        let Some(token) = tokens.get(token) else {
            return refused(INVALID.to_owned());
        };
        let (now, place) = (self.clock.now(), key(&token.namespace, &token.account));
        let stored = self.store.get(&GroupResource::new("", "serviceaccounts"), &place);
        let account = stored.and_then(|stored| serde_json::from_slice::<Value>(&stored.content.json).ok());
        if now > token.ends || account.is_none_or(|account| meta(&account, "uid") != token.uid) {
            return refused(INVALID.to_owned());
        }
        let own = [Value::from(AUDIENCE)];
        let wanted = if audiences.is_empty() { &own } else { audiences };
        let shared: Vec<_> = wanted
            .iter()
            .filter(|wanted| token.audiences.contains(wanted))
            .collect();
        if shared.is_empty() {
            let (has, wanted) = (json!(token.audiences), json!(wanted));
            let why = format!("token audiences {has} is invalid for the target audiences {wanted}");
            return refused(format!("[{INVALID}, {why}]"));
        }
        let (namespace, account) = (&token.namespace, &token.account);
        json!({"authenticated": true, "audiences": shared, "user": {
            "username": format!("system:serviceaccount:{namespace}:{account}"), "uid": token.uid,
            "groups": [
                "system:serviceaccounts", format!("system:serviceaccounts:{namespace}"), "system:authenticated",
            ],
        }})
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
