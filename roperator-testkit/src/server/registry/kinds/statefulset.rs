//! Stateful sets: defaults, what is refused and what may change. Whole objects in, changed objects or errors out.
//! Warnings are left out.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::pod::at::{At, Errors, same};
use super::pod::{check, claim_spec, go_json, labels, spec};
use super::values::{self, items, items_mut, text};
use super::workload::{self, Words};
use crate::server::field::{FieldError, Problem};
use crate::server::names;
use crate::server::registry::strategy::Strategy;

const WORDS: Words = Words {
    empty: "empty selector is invalid for statefulset",
    unusable: "",
    kind: "StatefulSet",
};

const MUTABLE: [&str; 7] = [
    "replicas",
    "template",
    "updateStrategy",
    "minReadySeconds",
    "ordinals",
    "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
];

/// What is special about stateful sets.
pub const STRATEGY: Strategy = Strategy {
    default,
    prepare_create: |set| {
        drop_max_unavailable(set, None);
        values::set(set, "status", json!({ "replicas": 0, "availableReplicas": 0 }));
    },
    validate_create: |set| {
        let mut errors = Errors::new();
        validate(&mut errors, &At::root(set).child("spec"), Judged::ALL);
        errors
    },
    prepare_update: |new, old| drop_max_unavailable(new, Some(old)),
    validate_update,
    validate_status,
    validate_name: names::label,
    generation: &["spec"],
    has_status: true,
    ..Strategy::PLAIN
};

fn default(set: &mut Value) {
    values::object(set, "spec");
    let Some(spec) = set.get_mut("spec") else {
        return;
    };
    values::default(spec, "podManagementPolicy", "OrderedReady");
    values::object(spec, "updateStrategy");
    if let Some(strategy) = spec.get_mut("updateStrategy") {
        if text(strategy, "type").is_empty() {
            values::set(strategy, "type", "RollingUpdate");
            values::object(strategy, "rollingUpdate");
        }
        let rolls = text(strategy, "type") == "RollingUpdate";
        let rolling = strategy.get_mut("rollingUpdate").filter(|rolling| rolling.is_object());
        if let Some(rolling) = rolling.filter(|_| rolls) {
            values::default_absent(rolling, "partition", 0);
        }
    }
    values::object(spec, "persistentVolumeClaimRetentionPolicy");
    if let Some(policy) = spec.get_mut("persistentVolumeClaimRetentionPolicy") {
        values::default(policy, "whenDeleted", "Retain");
        values::default(policy, "whenScaled", "Retain");
    }
    values::default_absent(spec, "replicas", 1);
    values::default_absent(spec, "revisionHistoryLimit", 10);
    for claim in items_mut(spec, "volumeClaimTemplates") {
        default_claim(claim);
    }
    workload::default_template(spec);
}

fn default_claim(claim: &mut Value) {
    values::set(claim, "apiVersion", "v1");
    values::set(claim, "kind", "PersistentVolumeClaim");
    values::object(claim, "spec");
    values::object(claim, "status");
    if let Some(spec) = claim.get_mut("spec") {
        values::default_absent(spec, "volumeMode", "Filesystem");
    }
    if let Some(status) = claim.get_mut("status") {
        values::default(status, "phase", "Pending");
    }
}

/// How many pods may be unavailable during an update is a field that is not switched on: it is kept where it was used.
fn drop_max_unavailable(set: &mut Value, old: Option<&Value>) {
    let used = old.is_some_and(|old| {
        old.pointer("/spec/updateStrategy/rollingUpdate/maxUnavailable")
            .is_some()
    });
    let rolling = set.pointer_mut("/spec/updateStrategy/rollingUpdate");
    if let Some(rolling) = rolling.and_then(Value::as_object_mut).filter(|_| !used) {
        rolling.remove("maxUnavailable");
    }
}

/// Which parts are judged: not those that were wrong before and could not be set right.
#[derive(Clone, Copy)]
struct Judged {
    immutable: bool,
    template: bool,
}

impl Judged {
    const ALL: Self = Self {
        immutable: true,
        template: true,
    };
}

fn validate(errors: &mut Errors, spec: &At<'_>, judged: Judged) {
    let management = spec.child("podManagementPolicy");
    if !matches!(management.text(), "OrderedReady" | "Parallel") {
        let detail = "must be 'OrderedReady' or 'Parallel'";
        errors.push(FieldError::invalid(&management.path, management.text(), detail));
    }
    strategy(errors, &spec.child("updateStrategy"));
    let retention = spec.child("persistentVolumeClaimRetentionPolicy");
    for name in ["whenDeleted", "whenScaled"] {
        check::known(errors, &retention.child(name), &["Retain", "Delete"]);
    }
    if judged.immutable {
        for claim in spec.child("volumeClaimTemplates").items() {
            claim_spec(errors, &claim.child("spec"));
        }
    }
    check::none_negative(errors, spec, &["replicas", "minReadySeconds"]);
    check::not_negative(errors, &spec.child("ordinals").child("start"));
    let service = spec.child("serviceName");
    if judged.immutable && !service.text().is_empty() {
        check::text(errors, &service, names::label);
    }
    if workload::selector(errors, spec, WORDS) {
        template(errors, spec, judged);
    }
    workload::endless(errors, &spec.child("template"), WORDS);
}

/// What is wrong with the template. The names of its pods' hosts are the server's, and each claim is a volume.
fn template(errors: &mut Errors, spec: &At<'_>, judged: Judged) {
    let given = spec.child("template");
    let mut value = given.value.clone();
    if let Some(pod) = value.get_mut("spec").and_then(Value::as_object_mut) {
        pod.remove("subdomain");
        pod.remove("hostname");
    }
    let claims: BTreeSet<&str> = items(spec.value, "volumeClaimTemplates")
        .iter()
        .map(|claim| claim.get("metadata").map_or("", |metadata| text(metadata, "name")))
        .collect();
    if let Some(pod) = value.get_mut("spec").filter(|_| !claims.is_empty()) {
        let of_claims = claims
            .iter()
            .map(|name| json!({ "name": name, "persistentVolumeClaim": { "claimName": name } }));
        let others = items(pod, "volumes")
            .iter()
            .filter(|volume| !claims.contains(text(volume, "name")));
        let volumes: Vec<Value> = of_claims.chain(others.cloned()).collect();
        values::set(pod, "volumes", volumes);
    }
    let template = At {
        value: &value,
        path: given.path,
    };
    workload::template_matches(errors, &spec.child("selector"), &template);
    if judged.template {
        spec::template(errors, &template);
    }
    // The real server judges these a second time.
    let metadata = template.child("metadata");
    labels::labels(
        errors,
        &metadata.child("labels").shown_at(template.path.child("labels")),
    );
    let annotations = metadata.child("annotations");
    let annotations = annotations.shown_at(template.path.child("annotations"));
    labels::annotations(errors, &annotations);
    spec::annotations(errors, &annotations, &template.child("spec"));
}

fn strategy(errors: &mut Errors, at: &At<'_>) {
    let rolling = at.child("rollingUpdate");
    match at.text_of("type") {
        "OnDelete" => {
            if rolling.is_set() {
                let shown = go_json::compact("RollingUpdateStatefulSetStrategy", rolling.value);
                let detail = "only allowed for updateStrategy 'RollingUpdate'";
                errors.push(check::shown(&rolling.path, Problem::Invalid, &shown, detail));
            }
        }
        "RollingUpdate" => {
            check::not_negative(errors, &rolling.child("partition"));
            let unavailable = rolling.child("maxUnavailable");
            if unavailable.is_set() {
                workload::amount(errors, &unavailable);
                if workload::is_nothing(&unavailable) {
                    let value = unavailable.value.clone();
                    errors.push(FieldError::invalid(&unavailable.path, value, "cannot be 0"));
                }
                workload::at_most_all(errors, &unavailable);
            }
        }
        _ => {
            let shown = go_json::compact("StatefulSetUpdateStrategy", at.value);
            let detail = "must be 'RollingUpdate' or 'OnDelete'";
            errors.push(check::shown(&at.path, Problem::Invalid, &shown, detail));
        }
    }
}

fn validate_update(new: &Value, old: &Value) -> Errors {
    let mut errors = Errors::new();
    let (new, old) = (At::root(new).child("spec"), At::root(old).child("spec"));
    let mut before = Errors::new();
    let mut judged = Judged {
        immutable: false,
        template: true,
    };
    validate(&mut before, &old, judged);
    judged.template = before.is_empty();
    validate(&mut errors, &new, judged);
    let immutable = |spec: &Value| {
        let mut spec = spec.clone();
        if let Some(fields) = spec.as_object_mut() {
            fields.retain(|name, _| !MUTABLE.contains(&name.as_str()));
        }
        spec
    };
    if !same(&immutable(new.value), &immutable(old.value)) {
        let detail = "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', \
            'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are \
            forbidden";
        errors.push(FieldError::forbidden(&new.path, detail));
    }
    errors
}

fn validate_status(new: &Value, old: &Value) -> Errors {
    let mut errors = Errors::new();
    let status = At::root(new).child("status");
    let counts = [
        "replicas",
        "readyReplicas",
        "currentReplicas",
        "updatedReplicas",
        "availableReplicas",
        "observedGeneration",
        "collisionCount",
    ];
    check::none_negative(&mut errors, &status, &counts);
    let parts = [
        "readyReplicas",
        "currentReplicas",
        "updatedReplicas",
        "availableReplicas",
    ];
    workload::replicas(&mut errors, &status, &parts, "status.readyReplicas");
    workload::collisions_grow(&mut errors, &status, old);
    errors
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_of_the_real_server() {
        crate::server::registry::kinds::pod::cases::replay(&STRATEGY, include_str!("statefulset_cases.json"));
    }
}
