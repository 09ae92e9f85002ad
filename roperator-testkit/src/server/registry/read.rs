//! Reads: what of a resource, and of which state, goes in; versions in the store come out. Continue tokens and the meaning
//! of resource versions are here; how answers are written is not.

use std::{borrow::Cow, num::ParseIntError, sync::Arc};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Registry, codec::decode, options::ListOptions, resource::Resource};
use crate::server::{
    field::quote,
    go::parse_error,
    patch::go,
    selector::{
        fields::{FieldLabels, FieldSelector},
        labels::Selector,
    },
    status::{ApiError, Cause},
    store::{At, Object, Page, Query, ReadError, Revision, key},
    types::json,
};

/// Which objects of a resource are meant.
#[derive(Debug, Clone)]
pub struct Selection {
    labels: Selector,
    fields: FieldSelector,
    /// The kind, if it is a custom one: its fields are read from the objects.
    custom: Option<Arc<Resource>>,
    /// Whether all are meant.
    pub is_everything: bool,
}

impl Selection {
    /// What the selectors of a request select; `name` is the object's in the path, if there is one.
    ///
    /// # Errors
    ///
    /// 400 for a selector that cannot be understood or asks for a field that is not selectable.
    pub fn new(resource: &Arc<Resource>, options: &ListOptions, name: Option<&str>) -> Result<Self, ApiError> {
        let labels = Selector::parse(&options.label_selector)?;
        let known = match resource.definition() {
            None => FieldLabels::built_in(&resource.group, &resource.plural),
            Some(definition) => FieldLabels::custom(resource.namespaced, definition.selectable_names()),
        };
        let mut fields = FieldSelector::parse(&options.field_selector, &known)?;
        if let Some(name) = name {
            if options.field_selector.is_empty() {
                fields = FieldSelector::parse(&format!("metadata.name={name}"), &known)?;
            } else if fields.required("metadata.name") != Some(name) {
                let message = "fieldSelector metadata.name doesn't match requested name";
                return Err(ApiError::bad_request(message));
            }
        }
        Ok(Self {
            is_everything: labels.is_everything() && options.field_selector.is_empty() && name.is_none(),
            labels,
            fields,
            custom: resource.is_custom().then(|| Arc::clone(resource)),
        })
    }

    /// Whether one key of the store is meant.
    fn is_single(&self, resource: &Resource, namespace: &str) -> bool {
        self.fields.required("metadata.name").is_some() && (!namespace.is_empty() || !resource.namespaced)
    }

    /// The filter of a query, unless it would take everything.
    pub fn filter<'a>(&self, filter: &'a dyn Fn(&Object) -> bool) -> Option<&'a dyn Fn(&Object) -> bool> {
        (!self.is_everything).then_some(filter)
    }

    /// Whether an object is meant.
    #[must_use]
    pub fn takes(&self, object: &Object) -> bool {
        if self.is_everything {
            return true;
        }
        let label = |key: &str| {
            let found = object
                .content
                .labels
                .binary_search_by(|(label, _)| (**label).cmp(key))
                .ok()?;
            object.content.labels.get(found).map(|(_, value)| &**value)
        };
        let field = |name: &str| match (name, &self.custom) {
            ("metadata.name", _) => Some(Cow::Borrowed(object.name())),
            ("metadata.namespace", _) => Some(Cow::Borrowed(object.namespace())),
            (other, None) => {
                let found = object.content.fields.iter().find(|(field, _)| **field == *other);
                found.map(|(_, value)| Cow::Borrowed(&**value))
            }
            (other, Some(resource)) => {
                let value = decode(resource, object).ok()?;
                resource.definition()?.selected(&value, other).map(Cow::Owned)
            }
        };
        self.labels.matches_by(label) && self.fields.matches(field)
    }
}

/// Part of a list, with where it goes on.
#[derive(Debug)]
pub struct List {
    /// The objects and the state that they are of.
    pub page: Page,
    /// Where the list goes on; empty at its end.
    pub continue_token: String,
    /// How many objects come after, if that is known.
    pub remaining: Option<usize>,
}

/// Where a list goes on.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Token {
    v: String,
    rv: i64,
    start: String,
    /// How many objects there are from there on, if they were counted: the list's state does not change, so they are
    /// counted for its first page alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    left: Option<usize>,
}

impl Registry {
    /// The newest version of an object.
    ///
    /// # Errors
    ///
    /// 404 if there is none, 504 if the state that is asked for is still to come.
    pub fn get(
        &self,
        resource: &Resource,
        namespace: &str,
        name: &str,
        resource_version: &str,
    ) -> Result<Arc<Object>, ApiError> {
        let wanted = parse_version(resource_version)?;
        if wanted > self.store.revision() {
            return Err(too_large(wanted, self.store.revision()));
        }
        let place = resource.group_resource();
        let found = self.store.get(&resource.place(), &key(namespace, name));
        found.ok_or_else(|| ApiError::not_found(&place, name))
    }

    /// The objects of a resource that a selection takes.
    ///
    /// # Errors
    ///
    /// 400 for a token or a version that is none, 410 for a state that is forgotten, 504 for one that is still to come.
    pub fn list(
        &self,
        resource: &Resource,
        namespace: &str,
        options: &ListOptions,
        selection: &Selection,
    ) -> Result<List, ApiError> {
        let (at, token) = self.state(options)?;
        let start = token.as_ref().map(|token| token.start.as_str());
        // Any state is read from the real server's cache, which knows no pages.
        let is_paged = options.resource_version != "0" || token.is_some();
        // One object has no pages either.
        let is_paged = is_paged && !selection.is_single(resource, namespace);
        let limit = usize::try_from(options.limit).ok();
        let limit = limit.filter(|limit| *limit > 0 && is_paged);
        let filter = |object: &Object| selection.takes(object);
        let query = Query {
            resource: &resource.place(),
            namespace,
            at,
            start,
            limit,
            filter: selection.filter(&filter),
        };
        let page = self.store.list(&query).map_err(|error| match error {
            ReadError::Future { asked, current } => too_large(asked, current),
            _ if start.is_some() => self.expired_token(start.unwrap_or_default()),
            _ => ApiError::expired("The resourceVersion for the provided list is too old."),
        })?;
        check_readable(resource, &page.objects)?;
        let counted = token.as_ref().and_then(|token| token.left);
        let remaining = if selection.is_everything {
            self.remaining(query, &page, counted)
        } else {
            None
        };
        let next = page.next.as_deref();
        let continue_token = next.map(|next| Token::new(next, page.revision, remaining).encode());
        Ok(List {
            page,
            continue_token: continue_token.unwrap_or_default(),
            remaining,
        })
    }

    /// Whether all objects of a resource can be read, so that it can be watched.
    ///
    /// # Errors
    ///
    /// 429 if one cannot be had in this version.
    pub fn check_readable(&self, resource: &Resource) -> Result<(), ApiError> {
        if !resource.is_custom() {
            return Ok(());
        }
        check_readable(resource, &self.store.all(&resource.place(), ""))
    }

    /// How many objects come after a page, where there were so many from its start on, if they were counted.
    fn remaining(&self, query: Query<'_>, page: &Page, counted: Option<usize>) -> Option<usize> {
        let next = page.next.as_deref()?;
        if let Some(counted) = counted {
            return Some(counted.saturating_sub(page.objects.len()));
        }
        let rest = Query {
            at: At::Exactly(page.revision),
            start: Some(next),
            ..query
        };
        self.store.remaining(&rest).ok()
    }

    /// The state that a list is of, and where it goes on.
    fn state(&self, options: &ListOptions) -> Result<(At, Option<Token>), ApiError> {
        let wanted = options.resource_version.as_str();
        if !options.continue_token.is_empty() {
            if !matches!(wanted, "" | "0") {
                let message = "specifying resource version is not allowed when using continue";
                return Err(ApiError::bad_request(message));
            }
            let token = parse_token(&options.continue_token)?;
            // A negative version goes on in whatever there is now.
            let at = Revision::try_from(token.rv).map_or(At::Newest, At::Exactly);
            return Ok((at, Some(token)));
        }
        let version = parse_version(wanted)
            .map_err(|error| ApiError::bad_request(format!("invalid resource version: {}", error.message)))?;
        if version == 0 {
            return Ok((At::Newest, None));
        }
        if options.resource_version_match == "Exact" || (options.resource_version_match.is_empty() && options.limit > 0)
        {
            return Ok((At::Exactly(version), None));
        }
        if version > self.store.revision() {
            return Err(too_large(version, self.store.revision()));
        }
        Ok((At::Newest, None))
    }

    fn expired_token(&self, start: &str) -> ApiError {
        let mut error = ApiError::expired(
            "The provided continue parameter is too old to display a consistent list result. You can start a new list \
             without the continue parameter, or use the continue token in this response to retrieve the remainder of the \
             results. Continuing with the provided token results in an inconsistent list - objects that were created, \
             modified, or deleted between the time the first chunk was returned and now may show up in the list.",
        );
        let token = Token {
            rv: -1,
            ..Token::new(start, 0, None)
        };
        error.continue_token = Some(token.encode());
        error
    }
}

/// The real server fills the cache that its lists and watches are read from as a whole, or not at all.
fn check_readable(resource: &Resource, objects: &[Arc<Object>]) -> Result<(), ApiError> {
    let Some(definition) = resource.definition() else {
        return Ok(());
    };
    let versions = objects.iter().filter_map(|object| object.content.schema.as_deref());
    for version in versions {
        definition.check_readable(version).map_err(|why| {
            let (api_version, kind) = (resource.api_version(), &resource.kind);
            let why = why.told(&resource.group, kind);
            let why = format!("failed to list {api_version}, Kind={kind}: {why}");
            ApiError::too_many_requests(format!("storage is (re)initializing: {why}"), 1)
        })?;
    }
    Ok(())
}

impl Token {
    fn new(start: &str, revision: Revision, left: Option<usize>) -> Self {
        Self {
            v: "meta.k8s.io/v1".to_owned(),
            rv: i64::try_from(revision).unwrap_or(i64::MAX),
            start: start.to_owned(),
            left,
        }
    }

    fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default())
    }
}

fn parse_token(text: &str) -> Result<Token, ApiError> {
    let invalid =
        |why: String| ApiError::bad_request(format!("invalid continue token: continue key is not valid: {why}"));
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|error| {
        let at = match error {
            base64::DecodeError::InvalidByte(at, _) => at,
            _ => text.len(),
        };
        invalid(format!("illegal base64 data at input byte {at}"))
    })?;
    let value = json::parse(&bytes).map_err(invalid)?.value;
    let kind = go::json_name(&value);
    let refused = || {
        invalid(format!(
            "json: cannot unmarshal {kind} into Go value of type storage.continueToken"
        ))
    };
    let token: Token = Some(value)
        .filter(Value::is_object)
        .and_then(|value| serde_json::from_value(value).ok())
        .ok_or_else(refused)?;
    if token.v != "meta.k8s.io/v1" {
        return Err(invalid(format!(
            "server does not recognize this encoded version {}",
            token.v
        )));
    }
    if token.rv == 0 {
        return Err(invalid(
            "incorrect encoded start resourceVersion (version meta.k8s.io/v1)".to_owned(),
        ));
    }
    if token.start.is_empty() {
        return Err(invalid("encoded start key empty (version meta.k8s.io/v1)".to_owned()));
    }
    // What would lead elsewhere is refused.
    if token
        .start
        .trim_start_matches('/')
        .split('/')
        .any(|part| matches!(part, "" | "." | ".."))
    {
        return Err(invalid(token.start));
    }
    Ok(token)
}

/// A resource version of a request; 0 if there is none.
///
/// # Errors
///
/// 500 if it is no number; a list makes a 400 of it.
pub fn parse_version(text: &str) -> Result<Revision, ApiError> {
    if text.is_empty() {
        return Ok(0);
    }
    text.parse().map_err(|why: ParseIntError| {
        let quoted = quote(text);
        let why = parse_error("ParseUint", text, why.kind());
        ApiError::unexpected(format!("resourceVersion: Invalid value: {quoted}: {why}"))
    })
}

/// 504: no write has that number yet.
#[must_use]
pub fn too_large(asked: Revision, current: Revision) -> ApiError {
    let message = format!("Timeout: Too large resource version: {asked}, current: {current}");
    let mut error = ApiError::new(StatusCode::GATEWAY_TIMEOUT, "Timeout", message).with_cause(Cause::new(
        "ResourceVersionTooLarge",
        "Too large resource version",
        "",
    ));
    if let Some(details) = &mut error.details {
        details.retry_after_seconds = Some(1);
    }
    error
}
