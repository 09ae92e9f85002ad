//! The parts of pods that are written alone: containers for debugging, and the resources of containers while they run. New
//! and old pods in, errors out. Whether a node can resize a pod is not asked.

use serde_json::Value;

use super::super::values::{self, items, items_mut, text};
use super::at::{At, Errors, same};
use super::{create::quality, spec, update};
use crate::server::field::FieldError;
use crate::server::registry::object::{copy, keep_metadata};
use crate::server::registry::strategy::Part;

pub const ALL: &[Part] = &[
    Part {
        name: "ephemeralcontainers",
        prepare: |new, old| {
            let debugging = new.pointer("/spec/ephemeralContainers").cloned();
            keep(new, old);
            if let Some(spec) = new.get_mut("spec") {
                match debugging {
                    Some(debugging) => values::set(spec, "ephemeralContainers", debugging),
                    None => values::remove(spec, "ephemeralContainers"),
                }
            }
        },
        validate: debugging,
    },
    Part {
        name: "resize",
        prepare: |new, old| {
            let asked = new.get("spec").cloned().unwrap_or_default();
            keep(new, old);
            if let Some(spec) = new.get_mut("spec") {
                for list in ["containers", "initContainers"] {
                    for (container, asked) in items_mut(spec, list).iter_mut().zip(items(&asked, list)) {
                        for field in ["resources", "resizePolicy"] {
                            copy(asked, container, field);
                        }
                    }
                }
            }
        },
        validate: resized,
    },
];

fn keep(new: &mut Value, old: &Value) {
    copy(old, new, "spec");
    copy(old, new, "status");
    keep_metadata(new, old);
}

fn resized(new: &Value, old: &Value) -> Errors {
    let mut errors = Errors::new();
    let (new, old) = (At::root(new), At::root(old));
    spec::pod(&mut errors, &new);
    update::annotations(&mut errors, &new, &old);
    let class = new.child("status").text_of("qosClass");
    if quality(new.value) != class {
        let detail = "Pod QOS Class may not change as a result of resizing";
        errors.push(FieldError::invalid(&new.child("spec").path, class, detail));
    }
    errors
}

fn debugging(new: &Value, old: &Value) -> Errors {
    let mut errors = Errors::new();
    let (new, old) = (At::root(new), At::root(old));
    spec::pod(&mut errors, &new);
    update::annotations(&mut errors, &new, &old);
    let list = new.child("spec").child("ephemeralContainers");
    for before in items(old.child("spec").value, "ephemeralContainers") {
        let name = text(before, "name");
        let kept = list
            .items()
            .into_iter()
            .find(|container| container.text_of("name") == name);
        let what = match kept {
            None => "removed",
            Some(kept) if !same(kept.value, before) => "changed",
            Some(_) => continue,
        };
        let detail = format!("existing ephemeral containers \"{name}\" may not be {what}\n");
        errors.push(FieldError::forbidden(&list.path, detail));
    }
    errors
}
