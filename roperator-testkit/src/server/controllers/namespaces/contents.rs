//! What is left in a namespace that is being deleted. Data in: which objects were written. Data out: their deletion, and
//! findings: how many are left, and what they wait for. An object is looked at when it was written, and not with every
//! other: it costs the same, however many there are.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use serde_json::Value;

use super::conditions::Findings;
use crate::server::{
    controllers::head::Head,
    registry::{Registry, object::text, options::DeleteOptions, resource::Resource},
    status::{ApiError, GroupResource},
    store::Object,
    types::Types,
};

/// What is in a namespace, by where it is stored.
#[derive(Debug, Default)]
pub(super) struct Contents {
    namespace: String,
    kinds: BTreeMap<GroupResource, Kind>,
}

impl Contents {
    /// Everything that is in a namespace now.
    pub(super) fn of(registry: &Registry, namespace: &str) -> Self {
        let mut contents = Self {
            namespace: namespace.to_owned(),
            kinds: BTreeMap::new(),
        };
        for resource in deletable(registry) {
            let place = resource.place();
            for object in registry.store.all(&place, namespace) {
                contents.touch(&place, &object.key);
            }
        }
        contents
    }

    /// Takes note of a write to an object.
    pub(super) fn touch(&mut self, place: &GroupResource, key: &Arc<str>) {
        let kind = self.kinds.entry(place.clone()).or_default();
        kind.touched.insert(Arc::clone(key));
    }

    /// Deletes what was written since the last call, and tells what is left of everything. `passed` is how many seconds the
    /// deletion of the namespace takes already.
    pub(super) fn delete(&mut self, registry: &Registry, passed: i64) -> Findings {
        let mut findings = Findings::default();
        let mut kinds: Vec<_> = self.kinds.iter_mut().collect();
        // Pods go before everything that they may still need.
        kinds.sort_by_key(|(place, _)| !is_pods(place));
        for (place, kind) in kinds {
            // What is not served is seen by nobody. It may be again.
            let Some(resource) = registry.any_version(place) else {
                continue;
            };
            kind.look(registry, place);
            let waits = kind.graces.last_key_value().is_some_and(|(grace, _)| passed < *grace);
            if let Err(error) = kind.delete(registry, &resource) {
                findings.fail(error.message);
                continue;
            }
            let left = kind.left.len();
            if left > 0 && !waits && kind.finalizers.is_empty() {
                findings.fail(unexpected(&resource, &self.namespace));
            }
            findings.add(place, left, &kind.finalizers);
            if is_pods(place) && left > 0 {
                findings.keep_silent();
                break;
            }
        }
        findings
    }
}

/// The objects of a resource.
#[derive(Debug, Default)]
struct Kind {
    /// Those that were written, and not looked at since.
    touched: BTreeSet<Arc<str>>,
    /// Those that are left.
    left: HashMap<Arc<str>, Waits>,
    /// How many of them have these finalizers.
    finalizers: BTreeMap<String, usize>,
    /// How many of them take so many seconds to stop.
    graces: BTreeMap<i64, usize>,
}

/// What an object waits for.
#[derive(Debug, Default)]
struct Waits {
    finalizers: Vec<String>,
    /// How many seconds a Pod that runs may take to stop.
    grace: Option<i64>,
}

impl Kind {
    /// Looks at what was written.
    fn look(&mut self, registry: &Registry, place: &GroupResource) {
        for key in self.touched.clone() {
            let found = registry.store.get(place, &key);
            self.see(&key, found.map(|object| Waits::of(place, &object)));
        }
    }

    /// Deletes what was written. What is refused is tried again the next time.
    fn delete(&mut self, registry: &Registry, resource: &Resource) -> Result<(), ApiError> {
        let options = DeleteOptions {
            propagation_policy: Some("Background".to_owned()),
            ..DeleteOptions::default()
        };
        let place = resource.place();
        while let Some(key) = self.touched.first().cloned() {
            let (namespace, name) = key.split_once('/').unwrap_or_default();
            match registry.delete(resource, namespace, name, &options) {
                Err(error) if error.reason != "NotFound" => return Err(error),
                _ => {}
            }
            let found = registry.store.get(&place, &key);
            self.see(&key, found.map(|object| Waits::of(&place, &object)));
            self.touched.remove(&key);
        }
        Ok(())
    }

    /// Notes what an object waits for now; `None` if it is gone.
    fn see(&mut self, key: &Arc<str>, waits: Option<Waits>) {
        if let Some(before) = self.left.remove(key) {
            before
                .finalizers
                .iter()
                .for_each(|known| less(&mut self.finalizers, known));
            before.grace.iter().for_each(|known| less(&mut self.graces, known));
        }
        let Some(now) = waits else { return };
        now.finalizers.iter().for_each(|new| more(&mut self.finalizers, new));
        now.grace.iter().for_each(|new| more(&mut self.graces, new));
        self.left.insert(Arc::clone(key), now);
    }
}

impl Waits {
    fn of(place: &GroupResource, object: &Object) -> Self {
        let head = Head::of(object).unwrap_or_default();
        Self {
            finalizers: head.finalizers().to_vec(),
            grace: is_pods(place).then(|| grace_of(object)).flatten(),
        }
    }
}

/// How many seconds a Pod that runs may take to stop.
fn grace_of(pod: &Object) -> Option<i64> {
    let pod: Value = serde_json::from_slice(&pod.content.json).ok()?;
    let is_running = !matches!(text(&pod, "/status/phase"), "Succeeded" | "Failed");
    let grace = pod.pointer("/spec/terminationGracePeriodSeconds")?.as_i64();
    grace.filter(|_| is_running)
}

fn more<K: Ord + Clone>(counts: &mut BTreeMap<K, usize>, key: &K) {
    *counts.entry(key.clone()).or_default() += 1;
}

fn less<K: Ord>(counts: &mut BTreeMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}

/// What can be in a namespace and be deleted, each in one version.
fn deletable(registry: &Registry) -> Vec<Arc<Resource>> {
    let built_in = Types::kubernetes().groups().iter().flat_map(|group| {
        let resources = group.versions.iter().flat_map(|version| &version.resources);
        resources.map(|resource| GroupResource::new(group.name, resource.name))
    });
    let custom = registry.custom_resources();
    let custom = custom.iter().map(|resource| resource.group_resource());
    let places: HashSet<GroupResource> = built_in.chain(custom).collect();
    let resources = places.iter().filter_map(|place| registry.any_version(place));
    resources
        .filter(|resource| resource.namespaced && resource.can("delete"))
        .collect()
}

fn is_pods(place: &GroupResource) -> bool {
    place.group.is_empty() && place.resource == "pods"
}

fn unexpected(resource: &Resource, namespace: &str) -> String {
    let place = format!("{}/{}, Resource={}", resource.group, resource.version, resource.plural);
    format!("unexpected items still remain in namespace: {namespace} for gvr: {place}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// What was counted on the way is what counting it all in the end gives.
        #[test]
        fn counts_are_right_whatever_was_seen(
            seen in prop::collection::vec((0..4u8, prop::option::of((prop::collection::vec("[ab]", 0..3), prop::option::of(0..3i64)))), 0..40)
        ) {
            let mut kind = Kind::default();
            for (key, waits) in seen {
                let waits = waits.map(|(finalizers, grace)| Waits { finalizers, grace });
                kind.see(&key.to_string().into(), waits);
            }
            let (mut finalizers, mut graces) = (BTreeMap::new(), BTreeMap::new());
            for waits in kind.left.values() {
                waits.finalizers.iter().for_each(|finalizer| more(&mut finalizers, finalizer));
                waits.grace.iter().for_each(|grace| more(&mut graces, grace));
            }
            prop_assert_eq!((finalizers, graces), (kind.finalizers, kind.graces));
        }
    }
}
