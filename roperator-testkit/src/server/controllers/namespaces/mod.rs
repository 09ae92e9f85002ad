//! The end of namespaces. Data in: heads of objects as they are written. Data out: deletions of everything that is in a
//! namespace that is being deleted, conditions that say what is left, and at last the end of its finalizer.
//!
//! Pods go first, as in the real controller; while there are some, the conditions do not speak of what is left. A namespace
//! is looked at when it or something in it is written. [`conditions`] has the words.

mod conditions;

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::Arc,
};

use serde_json::{Value, json};

use self::conditions::Findings;
use super::{MANAGER, head::Head};
use crate::server::{
    clock::seconds,
    registry::{
        Registry,
        codec::decode,
        object::{child_mut, is_deleted, meta, text},
        options::{DeleteOptions, WriteOptions},
        resource::Resource,
        warnings::Warnings,
        write::Target,
    },
    status::{ApiError, GroupResource},
    store::{At, EventKind, Object, Query, Write},
    types::Types,
};

/// The finalizer of a namespace, in its spec, that this controller removes.
const FINALIZER: &str = "kubernetes";

/// Empties namespaces that are being deleted.
#[derive(Debug)]
pub(super) struct Emptier {
    registry: Arc<Registry>,
    /// The namespaces that are being deleted.
    terminating: HashSet<String>,
    /// Those of them to look at.
    due: BTreeSet<String>,
}

impl Emptier {
    /// An emptier that knows these objects.
    pub(super) fn new(registry: Arc<Registry>, objects: &[(GroupResource, Arc<Object>)]) -> Self {
        let mut emptier = Self {
            registry,
            terminating: HashSet::new(),
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
        } else if self.terminating.contains(object.namespace()) {
            self.due.insert(object.namespace().to_owned());
        }
    }

    fn observe_namespace(&mut self, namespace: &Object) {
        if Head::of(namespace).is_some_and(|head| head.is_deleted()) {
            self.terminating.insert(namespace.name().to_owned());
            self.due.insert(namespace.name().to_owned());
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
            // Whatever else was refused is tried again when something in the namespace is written.
            _ => {}
        }
    }

    fn sync(&self, name: &str) -> Result<(), ApiError> {
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
        let findings = self.delete_content(name, meta(&namespace, "deletionTimestamp"));
        let now = seconds(self.registry.clock.now());
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

    /// Deletes what is in a namespace; what is left of it.
    fn delete_content(&self, namespace: &str, deleted_at: &str) -> Findings {
        let mut findings = Findings::default();
        let mut resources = self.content();
        // Pods go before everything that they may still need.
        resources.sort_by_key(|resource| !is_pods(resource));
        for resource in &resources {
            let waits = if is_pods(resource) {
                self.waits_for_pods(namespace, deleted_at)
            } else {
                false
            };
            let options = DeleteOptions {
                propagation_policy: Some("Background".to_owned()),
                ..DeleteOptions::default()
            };
            if let Err(error) = self.registry.delete_all(resource, namespace, &|_| true, &options) {
                findings.fail(error.message);
                continue;
            }
            let left = self.list(resource, namespace);
            let heads: Vec<Head> = left.iter().filter_map(|object| Head::of(object)).collect();
            let mut waited_for = BTreeMap::new();
            for finalizer in heads.iter().flat_map(Head::finalizers) {
                *waited_for.entry(finalizer.clone()).or_default() += 1;
            }
            if !left.is_empty() && !waits && waited_for.is_empty() {
                findings.fail(unexpected(resource, namespace));
            }
            findings.add(&resource.group_resource(), left.len(), waited_for);
            if is_pods(resource) && !left.is_empty() {
                findings.keep_silent();
                break;
            }
        }
        findings
    }

    /// Whether the grace of some pod in a namespace, counted from the namespace's deletion, is not over.
    fn waits_for_pods(&self, namespace: &str, deleted_at: &str) -> bool {
        let Some(pods) = self.registry.resource("", "v1", "pods") else {
            return false;
        };
        let now = self.registry.clock.now();
        let since = deleted_at.parse::<jiff::Timestamp>().unwrap_or(now);
        let passed = now.duration_since(since).as_secs();
        let pods = self.list(&pods, namespace).into_iter();
        let pods = pods.filter_map(|pod| serde_json::from_slice::<Value>(&pod.content.json).ok());
        let running = pods.filter(|pod| !matches!(text(pod, "/status/phase"), "Succeeded" | "Failed"));
        let graces = running.filter_map(|pod| pod.pointer("/spec/terminationGracePeriodSeconds")?.as_i64());
        graces.max().is_some_and(|grace| passed < grace)
    }

    fn list(&self, resource: &Resource, namespace: &str) -> Vec<Arc<Object>> {
        let query = Query {
            resource: &resource.group_resource(),
            namespace,
            at: At::Newest,
            start: None,
            limit: None,
            filter: &|_| true,
        };
        self.registry
            .store
            .list(&query)
            .map_or_else(|_| Vec::new(), |page| page.objects)
    }

    /// What can be in a namespace and be deleted, each in one version.
    fn content(&self) -> Vec<Arc<Resource>> {
        let built_in = Types::kubernetes().groups().iter().flat_map(|group| {
            let resources = group.versions.iter().flat_map(|version| &version.resources);
            resources.map(|resource| GroupResource::new(group.name, resource.name))
        });
        let mut places: Vec<GroupResource> = built_in.collect();
        places.extend(
            self.registry
                .custom_resources()
                .iter()
                .map(|resource| resource.group_resource()),
        );
        let mut seen = HashSet::new();
        places.retain(|place| seen.insert(place.clone()));
        let resources = places.iter().filter_map(|place| self.registry.any_version(place));
        resources
            .filter(|resource| resource.namespaced && resource.can("delete"))
            .collect()
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

fn is_pods(resource: &Resource) -> bool {
    resource.group.is_empty() && resource.plural == "pods"
}

fn unexpected(resource: &Resource, namespace: &str) -> String {
    let place = format!("{}/{}, Resource={}", resource.group, resource.version, resource.plural);
    format!("unexpected items still remain in namespace: {namespace} for gvr: {place}")
}
