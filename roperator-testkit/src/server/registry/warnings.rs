//! What a writer is to be warned of though the write is done: objects in, texts out, each once.

use std::cell::RefCell;

use serde_json::Value;

use super::{
    object::finalizers,
    resource::{Nature, Resource},
};

/// Takes warnings while a request is worked on.
#[derive(Debug, Default)]
pub struct Warnings(RefCell<Vec<String>>);

impl Warnings {
    /// Adds a warning, unless it is there.
    pub fn add(&self, text: String) {
        let mut texts = self.0.borrow_mut();
        if !texts.contains(&text) {
            texts.push(text);
        }
    }

    /// The warnings in the order in which they came.
    #[must_use]
    pub fn take(&self) -> Vec<String> {
        self.0.take()
    }
}

/// Warns of what is odd, but allowed, about an object that is written in the place of `old`.
pub fn of(resource: &Resource, new: &Value, old: Option<&Value>, warnings: &Warnings) {
    let Nature::Custom(definition) = &resource.nature else {
        (resource.strategy.warnings)(new, old)
            .into_iter()
            .for_each(|text| warnings.add(text));
        return;
    };
    for tolerated in definition.tolerated(new, old) {
        warnings.add(tolerated.to_string());
    }
    let known = old.map(finalizers).unwrap_or_default();
    let mut added = finalizers(new);
    added.retain(|finalizer| !known.contains(finalizer) && is_plain(finalizer));
    added.sort();
    for finalizer in added {
        let with_path = if finalizer.contains('.') {
            " including a path (/)"
        } else {
            ""
        };
        warnings.add(format!(
            "metadata.finalizers: \"{finalizer}\": prefer a domain-qualified finalizer name{with_path} to avoid accidental \
             conflicts with other finalizer writers"
        ));
    }
}

fn is_plain(finalizer: &str) -> bool {
    !finalizer.contains('/') && !["kubernetes", "orphan", "foregroundDeletion"].contains(&finalizer)
}
