//! The end of namespaces. Data in: heads of objects as they are written. Data out: deletions of everything that is in a
//! namespace that is being deleted, conditions that say what is left, and at last the end of its finalizer.
//!
//! Pods go first, as in the real controller; while there are some, the conditions do not speak of what is left. A namespace
//! is looked at when it or something in it is written, or other kinds are served. [`contents`] has what is left, [`conditions`] the
//! words.

mod conditions;
mod contents;

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use serde_json::{Value, json};

use self::contents::Contents;
use super::{MANAGER, head::Head};
use crate::server::{
    clock::seconds,
    registry::{
        Registry,
        codec::decode,
        object::{child_mut, is_deleted, meta},
        options::WriteOptions,
        resource::Resource,
        warnings::Warnings,
        write::Target,
    },
    status::{ApiError, GroupResource},
    store::{EventKind, Object, Write},
};

/// The finalizer of a namespace, in its spec, that this controller removes.
const FINALIZER: &str = "kubernetes";

/// Empties namespaces that are being deleted.
#[derive(Debug)]
pub(super) struct Emptier {
    registry: Arc<Registry>,
    /// The namespaces that are being deleted, with what is in them.
    terminating: HashMap<String, Contents>,
    /// Those of them to look at.
    due: BTreeSet<String>,
}

impl Emptier {
    /// An emptier that knows these objects.
    pub(super) fn new(registry: Arc<Registry>, objects: &[(GroupResource, Arc<Object>)]) -> Self {
        let mut emptier = Self {
            registry,
            terminating: HashMap::new(),
            due: BTreeSet::new(),
        };
        for (_, object) in objects.iter().filter(|(resource, _)| is_namespaces(resource)) {
            emptier.observe_namespace(object);
        }
        emptier
    }

    /// Takes note of a write.
    pub(super) fn observe(&mut self, write: &Write) {
        let object = &write.event.object;
        if is_namespaces(&write.resource) {
            if write.event.kind == EventKind::Deleted {
                self.terminating.remove(object.name());
                self.due.remove(object.name());
            } else {
                self.observe_namespace(object);
            }
        } else if let Some(contents) = self.terminating.get_mut(object.namespace()) {
            contents.touch(&write.resource, &object.key);
            self.due.insert(object.namespace().to_owned());
        }
    }

    /// Takes note that other kinds are served: what could not be read or deleted may be now, and what was not served may be
    /// again.
    pub(super) fn begin_anew(&mut self) {
        for (name, contents) in &mut self.terminating {
            *contents = Contents::of(&self.registry, name);
            self.due.insert(name.clone());
        }
    }

    fn observe_namespace(&mut self, namespace: &Object) {
        if Head::of(namespace).is_some_and(|head| head.is_deleted()) {
            let name = namespace.name().to_owned();
            // What is written from now on is observed.
            let contents = || Contents::of(&self.registry, namespace.name());
            self.terminating.entry(name.clone()).or_insert_with(contents);
            self.due.insert(name);
        }
    }

    /// Whether there is something to do.
    pub(super) fn is_busy(&self) -> bool {
        !self.due.is_empty()
    }

    /// Looks at one namespace, if there is one to look at.
    pub(super) fn work(&mut self) {
        let Some(name) = self.due.pop_first() else { return };
        match self.sync(&name) {
            // It changed meanwhile.
            Err(error) if error.reason == "Conflict" => drop(self.due.insert(name)),
            // Whatever else was refused is tried again when something in the namespace is written, or other kinds are served.
            _ => {}
        }
    }

    fn sync(&mut self, name: &str) -> Result<(), ApiError> {
        let Some(resource) = self.registry.resource("", "v1", "namespaces") else {
            return Ok(());
        };
        let Some(stored) = self.registry.store.get(&resource.group_resource(), name) else {
            return Ok(());
        };
        let namespace = decode(&resource, &stored)?;
        if !is_deleted(&namespace) || finalizers(&namespace).next().is_none() {
            return Ok(());
        }
        let Some(contents) = self.terminating.get_mut(name) else {
            return Ok(());
        };
        let now = self.registry.clock.now();
        let since = meta(&namespace, "deletionTimestamp").parse().unwrap_or(now);
        let findings = contents.delete(&self.registry, now.duration_since(since).as_secs());
        let now = seconds(now);
        self.update(&resource, name, "status", &|namespace| {
            child_mut(namespace, "status").insert("phase".to_owned(), "Terminating".into());
            findings.write(namespace, &now);
        })?;
        if findings.is_over() {
            self.update(&resource, name, "finalize", &|namespace| {
                let mut kept: Vec<String> = finalizers(namespace).map(str::to_owned).collect();
                kept.retain(|finalizer| finalizer != FINALIZER);
                kept.sort();
                let spec = child_mut(namespace, "spec");
                if kept.is_empty() {
                    spec.remove("finalizers");
                } else {
                    spec.insert("finalizers".to_owned(), json!(kept));
                }
            })?;
        }
        Ok(())
    }

    fn update(
        &self,
        resource: &Resource,
        name: &str,
        subresource: &str,
        change: &dyn Fn(&mut Value),
    ) -> Result<(), ApiError> {
        let options = WriteOptions::default();
        let target = Target {
            resource,
            namespace: "",
            name,
            subresource,
            options: &options,
            manager: MANAGER,
            warnings: &Warnings::default(),
        };
        let make = |live: Option<&Value>| {
            let mut new = live.cloned().unwrap_or_default();
            change(&mut new);
            self.registry.own(&target, live, &mut new);
            Ok(new)
        };
        self.registry.update(&target, false, &make)?;
        Ok(())
    }
}

fn finalizers(namespace: &Value) -> impl Iterator<Item = &str> {
    let list = namespace.pointer("/spec/finalizers").and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str)
}

fn is_namespaces(resource: &GroupResource) -> bool {
    resource.group.is_empty() && resource.resource == "namespaces"
}
