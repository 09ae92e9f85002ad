//! An object that changes between the moment when it is read and the moment when it is written: the change is made anew, of
//! what the object has become. Who changes it here does so in the midst of the other's change, so that there is no luck in it.

use std::{cell::Cell, sync::Arc};

use serde_json::{Value, json};

use super::{
    Registry,
    codec::decode,
    object::{finalizers, set_finalizers},
    options::{DeleteOptions, WriteOptions},
    resource::Resource,
    warnings::Warnings,
    write::{Target, Written},
};
use crate::server::{status::ApiError, store::Limits};

const NAMESPACE: &str = "default";
const KEY: &str = "default/one";
const FIRST: &str = "example.com/first";
const SECOND: &str = "example.com/second";

/// A registry with a ConfigMap.
struct Stage {
    registry: Registry,
    maps: Arc<Resource>,
    options: WriteOptions,
    warnings: Warnings,
}

impl Stage {
    fn new() -> Self {
        let registry = Registry::new(Limits::default());
        let stage = Self {
            maps: registry.resource("", "v1", "configmaps").unwrap(),
            registry,
            options: WriteOptions::default(),
            warnings: Warnings::default(),
        };
        let object = json!({"metadata": {"name": "one"}, "data": {}});
        stage.registry.create(&stage.target(), object).unwrap();
        stage
    }

    fn target(&self) -> Target<'_> {
        Target {
            resource: &self.maps,
            namespace: NAMESPACE,
            name: "one",
            subresource: "",
            options: &self.options,
            manager: "meanwhile",
            warnings: &self.warnings,
        }
    }

    fn alter(&self, change: &dyn Fn(&mut Value)) -> Option<Value> {
        let change = |object: &mut Value| {
            change(object);
            Ok(())
        };
        let altered = self.registry.alter(&self.maps, KEY, false, &change).unwrap();
        altered.map(|(object, revision)| {
            assert_eq!(object["metadata"]["resourceVersion"], revision.to_string());
            object
        })
    }

    fn delete(&self) {
        self.registry
            .delete(&self.maps, NAMESPACE, "one", &DeleteOptions::default())
            .unwrap();
    }

    fn data(&self) -> Option<Value> {
        let live = self.registry.store.get(&self.maps.place(), KEY)?;
        Some(decode(&self.maps, &live).unwrap()["data"].clone())
    }
}

fn set(object: &mut Value, field: &str) {
    object["data"][field] = "set".into();
}

/// Something that happens at the first of several attempts.
struct Once<F> {
    attempts: Cell<usize>,
    happens: F,
}

impl<F: Fn()> Once<F> {
    fn new(happens: F) -> Self {
        Self {
            attempts: Cell::new(0),
            happens,
        }
    }

    fn attempt(&self) {
        self.attempts.set(self.attempts.get() + 1);
        if self.attempts.get() == 1 {
            (self.happens)();
        }
    }
}

#[test]
fn what_the_server_changes_is_changed_anew() {
    let stage = Stage::new();
    let meanwhile = Once::new(|| drop(stage.alter(&|object| set(object, "theirs"))));
    let object = stage.alter(&|object| {
        meanwhile.attempt();
        set(object, "ours");
    });
    assert_eq!(meanwhile.attempts.get(), 2);
    assert_eq!(object.unwrap()["data"], json!({"ours": "set", "theirs": "set"}));
    assert_eq!(stage.data(), Some(json!({"ours": "set", "theirs": "set"})));
}

#[test]
fn what_goes_before_the_server_changed_it_stays_gone() {
    let stage = Stage::new();
    let meanwhile = Once::new(|| stage.delete());
    let object = stage.alter(&|object| {
        meanwhile.attempt();
        set(object, "ours");
    });
    assert_eq!((object, stage.data()), (None, None));
}

#[test]
fn what_the_server_lets_go_of_stays_if_it_is_held_meanwhile() {
    let stage = Stage::new();
    stage.alter(&|object| set_finalizers(object, vec![FIRST.to_owned()]));
    stage.delete();
    let hold = |object: &mut Value| set_finalizers(object, vec![FIRST.to_owned(), SECOND.to_owned()]);
    let meanwhile = Once::new(|| drop(stage.alter(&hold)));
    let object = stage.alter(&|object| {
        meanwhile.attempt();
        let mut left = finalizers(object);
        left.retain(|finalizer| finalizer != FIRST);
        set_finalizers(object, left);
    });
    assert_eq!(finalizers(&object.unwrap()), [SECOND]);
    assert!(stage.data().is_some());
}

#[test]
fn what_a_request_changes_is_changed_anew() {
    let stage = Stage::new();
    let meanwhile = Once::new(|| drop(stage.alter(&|object| set(object, "theirs"))));
    let make = |live: Option<&Value>| {
        meanwhile.attempt();
        let mut new = live.unwrap().clone();
        set(&mut new, "ours");
        Ok::<_, ApiError>(new)
    };
    let (written, is_new) = stage.registry.update(&stage.target(), false, &make).unwrap();
    assert!(matches!(written, Written::Stored(_)) && !is_new);
    assert_eq!(meanwhile.attempts.get(), 2);
    assert_eq!(stage.data(), Some(json!({"ours": "set", "theirs": "set"})));
}
