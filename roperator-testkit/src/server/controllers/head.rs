//! The part of a stored object that the controllers look at: its identity, its owners, and how far its deletion is.
//! Everything else is skipped, unread.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::server::{
    registry::object::{FOREGROUND, ORPHAN},
    store::Object,
};

/// The uid of an object, shared by all who know it.
pub(super) type Uid = Arc<str>;

/// Some of an object's metadata.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Head {
    pub(super) uid: String,
    pub(super) resource_version: String,
    deletion_timestamp: Option<String>,
    finalizers: Option<Vec<String>>,
    owner_references: Option<Vec<OwnerReference>>,
}

/// A reference to an owner.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct OwnerReference {
    pub(super) api_version: String,
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) uid: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) controller: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) block_owner_deletion: Option<bool>,
}

impl OwnerReference {
    /// Whether the owner's foreground deletion waits for who has this reference.
    pub(super) fn blocks(&self) -> bool {
        self.block_owner_deletion == Some(true)
    }

    /// The group of the owner's kind; empty for the core group.
    pub(super) fn group(&self) -> &str {
        self.api_version.split_once('/').map_or("", |(group, _)| group)
    }

    /// The version of the owner's kind.
    pub(super) fn version(&self) -> &str {
        let grouped = self.api_version.split_once('/');
        grouped.map_or(&*self.api_version, |(_, version)| version)
    }
}

impl Head {
    /// Reads the head of a stored object; `None` if it has none, which cannot be.
    pub(super) fn of(object: &Object) -> Option<Self> {
        #[derive(Deserialize)]
        struct Whole {
            metadata: Head,
        }
        let whole: Whole = serde_json::from_slice(&object.content.json).ok()?;
        Some(Self {
            resource_version: object.revision.to_string(),
            ..whole.metadata
        })
    }

    pub(super) fn finalizers(&self) -> &[String] {
        self.finalizers.as_deref().unwrap_or_default()
    }

    pub(super) fn owners(&self) -> &[OwnerReference] {
        self.owner_references.as_deref().unwrap_or_default()
    }

    pub(super) const fn is_deleted(&self) -> bool {
        self.deletion_timestamp.is_some()
    }

    /// Whether the object is being deleted and waits until its dependents are orphaned.
    pub(super) fn waits_for_orphans(&self) -> bool {
        self.is_deleted() && self.has(ORPHAN)
    }

    /// Whether the object is being deleted and waits for the deletion of its dependents.
    pub(super) fn waits_for_dependents(&self) -> bool {
        self.is_deleted() && self.has(FOREGROUND)
    }

    pub(super) fn has(&self, finalizer: &str) -> bool {
        self.finalizers().iter().any(|known| known == finalizer)
    }
}
