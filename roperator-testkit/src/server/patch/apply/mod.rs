//! Server-side apply: who owns which fields of an object, and what becomes of an object when somebody applies a
//! configuration to it. Data in: objects, their shape and their managed fields. Data out: the object with its managed
//! fields. Never defaults, admits, validates or stores anything but what merging needs.
//!
//! A write runs so: [`FieldManager::apply`], or the caller's own change and [`FieldManager::own_update`]; then
//! defaults (for an apply), admission and preparation, none of which changes who owns what; then, if the object was
//! there before, [`keep_times`].

use std::sync::LazyLock;

use http::StatusCode;
use serde_json::{Value, json};

pub use managers::{Managed, ManagerKey, Managers, Operation};
pub use path::PathElement;
#[cfg(test)]
pub use path::equal_values as equal;
pub use reset::{Pattern, Reset};
pub use schema::Schema;
pub use set::FieldSet;
pub use times::keep_times;
pub use update::{Conflict, OneVersion, Versions};

use managers::{is_reset, managed_fields, remove_managed_fields, without_managed_fields};
use update::{Refusal, Updater};

use crate::server::status::ApiError;

mod cap;
mod compare;
mod conflict;
mod field_set;
mod fields_v1;
mod last_applied;
mod managers;
mod merge;
mod path;
mod remove;
mod reset;
pub mod scale;
mod schema;
mod set;
mod times;
mod update;
mod validate;

#[cfg(test)]
mod laws;
#[cfg(test)]
mod tests;

/// What nobody owns: the server's own, and what names the object.
static STRIPPED: LazyLock<FieldSet> = LazyLock::new(|| {
    let metadata = [
        "name",
        "namespace",
        "creationTimestamp",
        "selfLink",
        "uid",
        "clusterName",
        "generation",
        "managedFields",
        "resourceVersion",
    ];
    let mut fields = FieldSet::of_fields(&[&["apiVersion"], &["kind"], &["metadata"]]);
    for name in metadata {
        fields.insert(&[PathElement::field("metadata"), PathElement::field(name)]);
    }
    fields
});

/// Who writes, and when.
#[derive(Debug, Clone, Copy)]
pub struct Author<'a> {
    /// The manager's name; `unknown` if it is empty.
    pub manager: &'a str,
    /// The time in whole seconds: `2006-01-02T15:04:05Z`.
    pub now: &'a str,
}

/// Keeps the managed fields of the objects of one kind that are written through one endpoint.
#[derive(Clone, Copy)]
pub struct FieldManager<'a> {
    /// The shape of the objects.
    pub schema: Schema<'a>,
    /// The endpoint's version, in which all objects here are.
    pub api_version: &'a str,
    /// The objects' kind.
    pub kind: &'a str,
    /// The endpoint's subresource; empty for the objects themselves.
    pub subresource: &'a str,
    /// What an object is before anything is set: `{}`, or what the server's own type writes for a kind of its own.
    pub blank: &'a Value,
    /// The fields that the endpoint resets.
    pub reset: &'a Reset,
    /// The other versions of the kind.
    pub versions: &'a dyn Versions,
}

impl FieldManager<'_> {
    /// Applies a configuration to an object, or to nothing if there is none yet. The result has its managed fields; it
    /// is not defaulted.
    ///
    /// # Errors
    ///
    /// 409 for conflicts, 400 for a configuration of the wrong kind or with managed fields, 500 for one that does not
    /// fit its shape.
    pub fn apply(
        &self,
        live: Option<&Value>,
        config: &Value,
        author: Author<'_>,
        force: bool,
    ) -> Result<Value, ApiError> {
        let managers = match live {
            Some(live) => Managers::of(live).map_err(|why| plain(format!("failed to decode managed fields: {why}")))?,
            None => Managers::default(),
        };
        let (group, version, kind) = type_of(config);
        let named = if group.is_empty() {
            version.to_owned()
        } else {
            format!("{group}/{version}")
        };
        if named != self.api_version || kind != self.kind {
            let message = format!("invalid object type: {group}/{version}, Kind={kind}");
            return Err(ApiError::bad_request(message));
        }
        let old = live.map_or_else(|| self.nothing(), without_managed_fields);
        let (mut object, managers) = self.apply_or_upgrade(live.is_some(), &old, config, managers, author, force)?;
        if author.manager == last_applied::KUBECTL {
            last_applied::renew(&mut object, config);
        }
        managers.write(&mut object);
        Ok(object)
    }

    /// Writes into an object that was changed in any other way who owns what now. Takes the managers that the client
    /// sends, or those of the object before. Cannot fail: managed fields that make no sense are not taken.
    pub fn own_update(&self, live: Option<&Value>, new: &mut Value, author: Author<'_>) {
        let mut managers = self.managers_for_update(live, new);
        remove_managed_fields(new);
        let existed = live
            .and_then(|live| live.get("metadata")?.get("uid")?.as_str())
            .is_some_and(|uid| !uid.is_empty());
        // An object whose managers were forgotten stays without until it is applied.
        if managers.0.is_empty() && existed {
            return;
        }
        let nothing = self.nothing();
        let live = live.unwrap_or(&nothing);
        // What does not fit its shape, here or below that of another version, cannot be compared; the real server stores
        // it without managed fields.
        if self.schema.validate(live, true).is_err() || self.schema.validate(new, true).is_err() {
            return;
        }
        let name = if author.manager.is_empty() {
            "unknown"
        } else {
            author.manager
        };
        if self.record(live, new, &mut managers, name, author.now).is_err() {
            return;
        }
        managers.cap_updates();
        managers.write(new);
    }

    fn managers_for_update(&self, live: Option<&Value>, new: &Value) -> Managers {
        let before = || live.and_then(|live| Managers::of(live).ok()).unwrap_or_default();
        if !self.subresource.is_empty() {
            return before();
        }
        if is_reset(new) {
            return Managers::default();
        }
        match Managers::of(new) {
            Ok(sent) if !sent.0.is_empty() => sent,
            _ => before(),
        }
    }

    /// Applies; if `kubectl` meets conflicts with what it itself applied on the client's side, forces them.
    fn apply_or_upgrade(
        &self,
        existed: bool,
        live: &Value,
        config: &Value,
        managers: Managers,
        author: Author<'_>,
        force: bool,
    ) -> Result<(Value, Managers), ApiError> {
        let mut managers = managers;
        if managers.0.is_empty() && existed {
            let nothing = self.nothing();
            // There is nobody yet whose version it may not fit.
            let _ = self.record(&nothing, live, &mut managers, "before-first-apply", author.now);
        }
        self.check(live, config)?;
        let before = (author.manager == last_applied::KUBECTL).then(|| managers.clone());
        let conflicts = match self.merge(live, config, &mut managers, author, force) {
            Ok(object) => return Ok((object, managers)),
            Err(Refusal::Conflicts(conflicts)) => conflicts,
            Err(Refusal::Unfit(why)) => return Err(plain(why)),
        };
        let allowed = last_applied::allowed(self.schema, self.api_version, live);
        let (Some(mut managers), Some(allowed)) = (before, allowed) else {
            return Err(conflict::refuse(conflicts));
        };
        let real: Vec<Conflict> = conflicts
            .into_iter()
            .filter(|conflict| !allowed.has(&conflict.path))
            .collect();
        if !real.is_empty() {
            return Err(conflict::refuse(real));
        }
        match self.merge(live, config, &mut managers, author, true) {
            Ok(object) => Ok((object, managers)),
            Err(Refusal::Conflicts(conflicts)) => Err(conflict::refuse(conflicts)),
            Err(Refusal::Unfit(why)) => Err(plain(why)),
        }
    }

    fn merge(
        &self,
        live: &Value,
        config: &Value,
        managers: &mut Managers,
        author: Author<'_>,
        force: bool,
    ) -> Result<Value, Refusal> {
        let name = if author.manager.is_empty() {
            "unknown"
        } else {
            author.manager
        };
        let applier = ManagerKey::new(name, Operation::Apply, "", self.subresource);
        let merged = self.updater().apply(live, config, managers, &applier, force)?;
        if let Some(managed) = managers.0.get_mut(&applier) {
            managed.set.subtract(&STRIPPED);
            if merged.is_some() {
                managed.time = Some(author.now.to_owned());
            }
        }
        managers.drop_empty();
        Ok(merged.unwrap_or_else(|| live.clone()))
    }

    /// What a configuration must be so that it can be merged.
    fn check(&self, live: &Value, config: &Value) -> Result<(), ApiError> {
        if managed_fields(config).is_some_and(Value::is_array) {
            return Err(ApiError::bad_request("metadata.managedFields must be nil"));
        }
        self.schema.validate(config, false).map_err(|why| {
            plain(format!(
                "failed to create typed patch object ({}): {why}",
                name_of(config)
            ))
        })?;
        self.schema
            .validate(live, true)
            .map_err(|why| plain(format!("failed to create typed live object ({}): {why}", name_of(live))))
    }

    /// Notes that a manager has updated an object from `live` to `new`.
    fn record(
        &self,
        live: &Value,
        new: &Value,
        managers: &mut Managers,
        manager: &str,
        now: &str,
    ) -> Result<(), Refusal> {
        let changed = self.updater().update(live, new, managers)?;
        let mut set = self.reset.filter(changed);
        set.subtract(&STRIPPED);
        if set.is_empty() {
            return Ok(());
        }
        let key = ManagerKey::new(manager, Operation::Update, self.api_version, self.subresource);
        let before = managers.0.remove(&key).map(|managed| managed.set).unwrap_or_default();
        let managed = Managed {
            set: set.union(&before),
            api_version: self.api_version.to_owned(),
            time: Some(now.to_owned()),
        };
        managers.0.insert(key, managed);
        Ok(())
    }

    fn updater(&self) -> Updater<'_> {
        Updater {
            schema: self.schema,
            api_version: self.api_version,
            reset: self.reset,
            versions: self.versions,
        }
    }

    /// An object of the kind in which nothing is set.
    fn nothing(&self) -> Value {
        let mut object = self.blank.clone();
        if let Some(fields) = object.as_object_mut() {
            fields.insert("apiVersion".to_owned(), json!(self.api_version));
            fields.insert("kind".to_owned(), json!(self.kind));
        }
        object
    }
}

/// An object's group, version and kind; all empty if it has no proper version.
fn type_of(object: &Value) -> (&str, &str, &str) {
    let text = |name| object.get(name).and_then(Value::as_str).unwrap_or_default();
    let (group, version) = match text("apiVersion").split_once('/') {
        None => ("", text("apiVersion")),
        Some((_, version)) if version.contains('/') => return ("", "", ""),
        Some(both) => both,
    };
    (group, version, text("kind"))
}

/// An object as errors name it: `default/web; apps/v1, Kind=Deployment`.
fn name_of(object: &Value) -> String {
    let text = |name| {
        let metadata = object.get("metadata");
        metadata
            .and_then(|metadata| metadata.get(name))
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let (group, version, kind) = type_of(object);
    format!("{}/{}; {group}/{version}, Kind={kind}", text("namespace"), text("name"))
}

/// A failure that the real server does not classify.
fn plain(message: String) -> ApiError {
    ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "", message)
}
