//! What a write does to who owns what: structured-merge-diff's updater. Data in: objects before and after, and their
//! managers. Data out: the managers afterwards and, for an apply, the object. Knows nothing of metadata or of times.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::mem;

use serde_json::Value;

use super::compare::Comparison;
use super::managers::{Managed, ManagerKey, Managers};
use super::path::{PathElement, equal_values};
use super::reset::Reset;
use super::schema::Schema;
use super::set::FieldSet;

/// The other versions in which a kind is served.
pub trait Versions {
    /// The shape of the kind's objects in a version; `None` if it is not served: who wrote in it owns nothing any more.
    fn schema(&self, api_version: &str) -> Option<Schema<'_>>;

    /// The object in a version for which there is a [`schema`](Self::schema).
    fn convert(&self, object: &Value, api_version: &str) -> Value;

    /// The fields that count for nothing with those who wrote in that version. For custom resources the real server has
    /// none of them, whatever the endpoint resets.
    fn reset(&self, _api_version: &str) -> &Reset {
        &Reset::Nothing
    }
}

/// The kind is served in one version only.
#[derive(Debug, Clone, Copy)]
pub struct OneVersion;

impl Versions for OneVersion {
    fn schema(&self, _: &str) -> Option<Schema<'_>> {
        None
    }

    fn convert(&self, object: &Value, _: &str) -> Value {
        object.clone()
    }
}

/// A field that somebody else owns and that an apply would change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// Who owns it.
    pub owner: ManagerKey,
    /// The field.
    pub path: Vec<PathElement>,
}

/// Why an apply cannot be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Others own what it would change.
    Conflicts(Vec<Conflict>),
    /// In words: an object does not fit another version's shape.
    Unfit(String),
}

/// Writes to one kind in one version.
#[derive(Clone, Copy)]
pub(super) struct Updater<'a> {
    pub schema: Schema<'a>,
    pub api_version: &'a str,
    pub reset: &'a Reset,
    pub versions: &'a dyn Versions,
}

impl<'a> Updater<'a> {
    /// Takes from all managers what changes between two objects; says what does change.
    ///
    /// # Errors
    ///
    /// An object that does not fit the version in which somebody wrote.
    pub fn update(self, live: &Value, new: &Value, managers: &mut Managers) -> Result<FieldSet, Refusal> {
        self.reconcile(managers);
        let changes = self.reassign(live, new, managers, None, true)?;
        Ok(changes.modified.union(&changes.added))
    }

    /// Lays a configuration over an object and prunes what its manager no longer wants and nobody else owns. `None` if
    /// that changes nothing.
    ///
    /// # Errors
    ///
    /// The conflicts, unless forced; an object that does not fit the version in which something was applied.
    pub fn apply(
        self,
        live: &Value,
        config: &Value,
        managers: &mut Managers,
        applier: &ManagerKey,
        force: bool,
    ) -> Result<Option<Value>, Refusal> {
        self.reconcile(managers);
        let merged = self.schema.merge(live, config);
        let last = managers.0.remove(applier);
        let managed = Managed {
            set: self.reset.filter(self.schema.field_set(config)),
            api_version: self.api_version.to_owned(),
            time: last.as_ref().and_then(|last| last.time.clone()),
        };
        managers.0.insert(applier.clone(), managed);
        let new = match &last {
            Some(last) => self
                .prune(merged, managers, applier, last)
                .map_err(|why| Refusal::Unfit(format!("failed to prune fields: {why}")))?,
            None => merged,
        };
        self.reassign(live, &new, managers, Some(applier), force)?;
        Ok((!equal_values(live, &new)).then_some(new))
    }

    /// Makes what has become atomic owned as a whole, and forgets who wrote in a version that is no longer served.
    fn reconcile(self, managers: &mut Managers) {
        managers
            .0
            .retain(|_, managed| match self.schema_of(&managed.api_version) {
                None => false,
                Some(schema) => {
                    if let Some(set) = schema.reconcile(&managed.set) {
                        managed.set = set;
                    }
                    true
                }
            });
    }

    /// Takes from all managers but one what is changed or removed between two objects.
    fn reassign(
        self,
        live: &Value,
        new: &Value,
        managers: &mut Managers,
        writer: Option<&ManagerKey>,
        force: bool,
    ) -> Result<Comparison, Refusal> {
        let mut versions: BTreeMap<String, Comparison> = BTreeMap::new();
        let ours = self.schema.compare(live, new).without(self.reset);
        let mut conflicts = Vec::new();
        let mut lost: Vec<(ManagerKey, FieldSet)> = Vec::new();
        for (key, managed) in managers.0.iter().filter(|(key, _)| Some(*key) != writer) {
            let version = &managed.api_version;
            if version != self.api_version && !versions.contains_key(version) {
                let compared = self.compare_in(version, live, new).map_err(Refusal::Unfit)?;
                versions.insert(version.clone(), compared);
            }
            let changes = versions.get(version).unwrap_or(&ours);
            let disputed = managed.set.intersection(&changes.modified.union(&changes.added));
            if !force {
                conflicts.extend(disputed.paths().into_iter().map(|path| Conflict {
                    owner: key.clone(),
                    path,
                }));
            }
            lost.push((key.clone(), disputed.union(&changes.removed)));
        }
        if !conflicts.is_empty() {
            return Err(Refusal::Conflicts(conflicts));
        }
        for (key, lost) in lost.into_iter().filter(|(_, lost)| !lost.is_empty()) {
            if let Some(managed) = managers.0.get_mut(&key) {
                managed.set.subtract(&lost);
            }
        }
        managers.drop_empty();
        Ok(ours)
    }

    fn compare_in(self, api_version: &str, live: &Value, new: &Value) -> Result<Comparison, String> {
        let Some(schema) = self.schema_of(api_version) else {
            return Ok(Comparison::default());
        };
        let convert = |object, which| {
            let converted = self.convert(object, api_version);
            converted.map_err(|why| format!("failed to convert {which} object: {why}"))
        };
        let compared = schema.compare(&*convert(live, "old")?, &*convert(new, "new")?);
        Ok(compared.without(self.versions.reset(api_version)))
    }

    /// Takes out what the applier owned before and nobody owns now.
    fn prune(self, merged: Value, managers: &Managers, applier: &ManagerKey, last: &Managed) -> Result<Value, String> {
        let applied = managers.0.get(applier);
        let nothing_left_out =
            last.api_version == self.api_version && applied.is_some_and(|applied| last.set.is_subset(&applied.set));
        if last.set.is_empty() || nothing_left_out {
            return Ok(merged);
        }
        let Some(schema) = self.schema_of(&last.api_version) else {
            return Ok(merged);
        };
        let failed = |what: &'static str| move |why: String| format!("{what}: {why}");
        let before = self
            .convert(&merged, &last.api_version)
            .map_err(failed("failed to convert merged object to last applied version"))?;
        let wanted = schema.with_named_fields(&last.set);
        let pruned = schema.remove(&before, &wanted);
        let pruned = self
            .add_back_owned(&before, pruned, &last.api_version, managers)
            .map_err(failed("failed add back owned items"))?;
        // What nobody ever owned stays, even below what is taken out.
        let pruned = self.convert(&pruned, &last.api_version).map_err(failed(
            "failed add back dangling items: failed to convert pruned object to last applied version",
        ))?;
        let left = schema.with_named_fields(&schema.field_set(&pruned));
        let gone = schema.with_named_fields(&schema.field_set(&before)).difference(&left);
        let result = schema.remove(&before, &gone.intersection(&wanted));
        self.convert(&result, self.api_version).map(Cow::into_owned)
    }

    /// Puts back what was pruned but is owned by somebody, version by version.
    fn add_back_owned(self, merged: &Value, pruned: Value, first: &str, managers: &Managers) -> Result<Value, String> {
        let mut owned: BTreeMap<(bool, &str), FieldSet> = BTreeMap::new();
        for managed in managers.0.values() {
            let version = managed.api_version.as_str();
            let set = owned.entry((version != first, version)).or_default();
            *set = mem::take(set).union(&managed.set);
        }
        let (mut merged, mut pruned) = (Cow::Borrowed(merged), pruned);
        for ((_, version), owned) in owned {
            let Some(schema) = self.schema_of(version) else {
                continue;
            };
            let convert = |object, which| {
                let converted = self.convert(object, version);
                converted.map_err(|why| format!("failed to convert {which} object at version {version}: {why}"))
            };
            let all = convert(&merged, "merged")?.into_owned();
            let kept = convert(&pruned, "pruned")?.into_owned();
            let kept = schema
                .with_named_fields(&schema.field_set(&kept))
                .union(&schema.with_named_fields(&owned));
            let gone = schema.with_named_fields(&schema.field_set(&all)).difference(&kept);
            pruned = schema.remove(&all, &gone);
            merged = Cow::Owned(all);
        }
        Ok(pruned)
    }

    fn schema_of(self, api_version: &str) -> Option<Schema<'a>> {
        if api_version == self.api_version {
            return Some(self.schema);
        }
        self.versions.schema(api_version)
    }

    /// The object in a version; refused if it does not fit the version's shape.
    fn convert<'v>(self, object: &'v Value, api_version: &str) -> Result<Cow<'v, Value>, String> {
        match object.get("apiVersion").and_then(Value::as_str) {
            Some(version) if version != api_version => {
                let converted = self.versions.convert(object, api_version);
                if let Some(schema) = self.schema_of(api_version) {
                    schema.validate(&converted, true)?;
                }
                Ok(Cow::Owned(converted))
            }
            _ => Ok(Cow::Borrowed(object)),
        }
    }
}
