//! The managed fields of an object and of its scale: who owns the number of replicas in the one owns it in the other.
//! Data in and out: managers.

use super::managers::{Managed, ManagerKey, Managers};
use super::path::PathElement;
use super::set::FieldSet;

/// The version of scales.
pub const SCALE_API_VERSION: &str = "autoscaling/v1";

/// Where an object has its number of replicas, in the version of a manager; `None` if there is no such version, an
/// empty path if the version has no such number.
pub type ReplicasPath<'a> = &'a dyn Fn(&str) -> Option<Vec<PathElement>>;

/// The managers of an object's scale.
#[must_use]
pub fn to_scale(parent: &Managers, replicas: ReplicasPath<'_>) -> Managers {
    let owners = parent.0.iter().filter_map(|(key, managed)| {
        let path = replicas(&managed.api_version)?;
        let key = ManagerKey::new(&key.manager, key.operation, SCALE_API_VERSION, &key.subresource);
        let in_scale = Managed {
            set: in_scale(),
            api_version: SCALE_API_VERSION.to_owned(),
            time: managed.time.clone(),
        };
        managed.set.has(&path).then_some((key, in_scale))
    });
    Managers(owners.collect())
}

/// The managers of an object whose scale has these managers now. `api_version` is the object's.
#[must_use]
pub fn from_scale(parent: &Managers, scale: &Managers, api_version: &str, replicas: ReplicasPath<'_>) -> Managers {
    let mut result = Managers::default();
    for (key, managed) in &parent.0 {
        let Some(path) = replicas(&managed.api_version) else {
            continue;
        };
        let mut managed = managed.clone();
        if managed.set.has(&path) && !scale.0.contains_key(key) {
            managed.set.subtract(&FieldSet::of(&[&path]));
        }
        if !managed.set.is_empty() {
            result.0.insert(key.clone(), managed);
        }
    }
    let Some(path) = replicas(api_version) else {
        return result;
    };
    for (key, managed) in &scale.0 {
        let kept = parent
            .0
            .get(key)
            .is_some_and(|known| replicas(&known.api_version).is_some_and(|path| known.set.has(&path)));
        if kept || managed.set.intersection(&in_scale()).is_empty() {
            continue;
        }
        let managed = Managed {
            set: FieldSet::of(&[&path]),
            api_version: api_version.to_owned(),
            // The real server looks for the time among the object's own managers, where it seldom is.
            time: parent.0.get(key).and_then(|known| known.time.clone()),
        };
        result.0.insert(key.clone(), managed);
    }
    result
}

fn in_scale() -> FieldSet {
    FieldSet::of_fields(&[&["spec", "replicas"]])
}
