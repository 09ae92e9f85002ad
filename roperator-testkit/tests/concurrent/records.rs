//! What the server told those who wrote: which version came of it, and of which one.

use std::{
    collections::{BTreeMap, HashSet},
    sync::{Arc, Mutex},
};

use serde_json::{Map, Value};

use crate::client::{Answer, revision, uid};

/// Shared by all who write.
#[derive(Clone, Default)]
pub struct Records(Arc<Mutex<Told>>);

#[derive(Clone, Default)]
pub struct Told {
    /// All versions, by their number.
    pub versions: BTreeMap<u64, Value>,
    /// The uids of what is gone.
    pub deleted: HashSet<String>,
    /// What must be true of versions and those that they replaced.
    pub claims: Vec<(u64, Claim)>,
}

#[derive(Clone, Debug)]
pub enum Claim {
    /// It replaced this very version.
    Replaced(u64),
    /// It differs by these fields of the data, if at all; null is one that went.
    Patched(Map<String, Value>),
}

impl Records {
    /// Notes a version.
    pub fn version(&self, object: &Value) {
        let mut told = self.0.lock().unwrap();
        let known = told.versions.entry(revision(object)).or_insert_with(|| object.clone());
        assert_eq!(known, object, "two versions with one number");
    }

    pub fn created(&self, (code, object): &Answer) {
        assert_eq!(*code, 201, "{object}");
        self.version(object);
    }

    pub fn deleted(&self, uid: &str) {
        let is_new = self.0.lock().unwrap().deleted.insert(uid.to_owned());
        assert!(is_new, "{uid} was deleted twice");
    }

    /// Notes the answer to a write: a version, or the end of an object.
    pub fn written(&self, object: &Value, claim: Option<Claim>) {
        if object["kind"] == "Status" {
            return self.deleted(object["details"]["uid"].as_str().unwrap());
        }
        let metadata = &object["metadata"];
        let is_held = metadata["finalizers"].as_array().is_some_and(|list| !list.is_empty());
        if metadata.get("deletionTimestamp").is_some() && !is_held {
            return self.deleted(&uid(object));
        }
        self.version(object);
        if let Some(claim) = claim {
            self.0.lock().unwrap().claims.push((revision(object), claim));
        }
    }

    pub fn told(&self) -> Told {
        self.0.lock().unwrap().clone()
    }
}
