//! What is told of kinds, as it was last written. In goes a registry, out come its groups and pages: discovery's answers and
//! OpenAPI's documents. A page is written when it is first asked for, and anew once the custom kinds are others.

use std::{
    cmp::Reverse,
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use jiff::Timestamp;
use sha2::{Digest as _, Sha512};

use crate::server::{
    registry::{
        Registry,
        resource::{Resource, version_priority},
    },
    types::Types,
};

/// The catalog of a server, which is another when its custom kinds are.
#[derive(Debug, Default)]
pub struct Catalogs(Mutex<Option<Arc<Catalog>>>);

/// What is told of the kinds that are served at a time.
#[derive(Debug)]
pub struct Catalog {
    /// All groups, the core group first, in the order of discovery.
    pub groups: Vec<Group>,
    custom: Vec<Arc<Resource>>,
    pages: Mutex<HashMap<Name, Page>>,
}

/// What sort of page it is, and its path.
type Name = (&'static str, Vec<String>);

/// A group, with its versions; the preferred one is first.
#[derive(Debug)]
pub struct Group {
    /// Its name; empty for the core group.
    pub name: String,
    /// Its versions.
    pub versions: Vec<Version>,
}

/// A version of a group, with what is in it.
#[derive(Debug)]
pub struct Version {
    /// Its name.
    pub name: String,
    /// What is in it.
    pub resources: Vec<Arc<Resource>>,
}

/// What was written.
#[derive(Debug, Clone)]
pub struct Page {
    /// The text.
    pub bytes: Bytes,
    /// What changes when the text does, in quotes.
    pub tag: String,
    /// When it was written.
    pub written: Timestamp,
}

impl Catalogs {
    /// The catalog of what a registry serves now.
    #[must_use]
    pub fn of(&self, registry: &Registry) -> Arc<Catalog> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // In turn, so that no older kinds come after newer ones.
        let mut custom = registry.custom_resources();
        custom.sort_by(|one, other| name(one).cmp(&name(other)));
        match &*known {
            Some(catalog) if catalog.is_of(&custom) => Arc::clone(catalog),
            _ => {
                let catalog = Arc::new(Catalog::new(registry, custom));
                *known = Some(Arc::clone(&catalog));
                catalog
            }
        }
    }
}

impl Catalog {
    fn new(registry: &Registry, custom: Vec<Arc<Resource>>) -> Self {
        Self {
            groups: groups(registry, &custom),
            custom,
            pages: Mutex::default(),
        }
    }

    /// Whether the custom kinds are these: a definition that changes defines others.
    fn is_of(&self, custom: &[Arc<Resource>]) -> bool {
        let pairs = self.custom.iter().zip(custom);
        self.custom.len() == custom.len() && pairs.into_iter().all(|(known, now)| Arc::ptr_eq(known, now))
    }

    /// A group by its name.
    #[must_use]
    pub fn group(&self, name: &str) -> Option<&Group> {
        self.groups.iter().find(|group| group.name == name)
    }

    /// A version by its group's name and its own.
    #[must_use]
    pub fn version(&self, group: &str, name: &str) -> Option<&Version> {
        let versions = &self.group(group)?.versions;
        versions.iter().find(|version| version.name == name)
    }

    /// The page of a sort at a path, which is written if it is not there yet; `None` if there is none. No lock is held
    /// meanwhile: what two write at once is the same.
    pub fn page(&self, sort: &'static str, path: &[&str], write: impl FnOnce() -> Option<Page>) -> Option<Page> {
        let pages = || self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        let name = (sort, path.iter().map(|part| (*part).to_owned()).collect());
        if let Some(page) = pages().get(&name) {
            return Some(page.clone());
        }
        let page = write()?;
        pages().insert(name, page.clone());
        Some(page)
    }
}

impl Page {
    /// A page with a tag of its own.
    pub fn tagged(bytes: impl Into<Bytes>, tag: &str, written: Timestamp) -> Self {
        Self {
            bytes: bytes.into(),
            tag: format!("\"{tag}\""),
            written,
        }
    }

    /// A page whose tag is a hash of what it says.
    pub fn hashed(bytes: impl Into<Bytes>, written: Timestamp) -> Self {
        let bytes = bytes.into();
        let digest = Sha512::digest(&bytes);
        let tag: String = digest.iter().map(|byte| format!("{byte:02X}")).collect();
        Self::tagged(bytes, &tag, written)
    }
}

fn name(resource: &Resource) -> (&str, &str, &str) {
    (&resource.group, &resource.plural, &resource.version)
}

fn groups(registry: &Registry, custom: &[Arc<Resource>]) -> Vec<Group> {
    let types = Types::kubernetes();
    let mut groups: Vec<Group> = Vec::new();
    for group in types.groups() {
        let versions = group.versions.iter().map(|version| Version {
            name: version.name.to_owned(),
            resources: version
                .resources
                .iter()
                .filter_map(|resource| registry.resource(group.name, version.name, resource.name))
                .collect(),
        });
        groups.push(Group {
            name: group.name.to_owned(),
            versions: versions.collect(),
        });
    }
    // Custom groups come after all others, by their names.
    for resource in custom {
        add(&mut groups, resource);
    }
    for group in &mut groups {
        if types.group(&group.name).is_none() {
            group
                .versions
                .sort_by_key(|version| Reverse(version_priority(&version.name)));
        }
    }
    groups
}

fn add(groups: &mut Vec<Group>, resource: &Arc<Resource>) {
    let index = groups.iter().position(|group| group.name == resource.group);
    let index = index.unwrap_or_else(|| {
        groups.push(Group {
            name: resource.group.clone(),
            versions: Vec::new(),
        });
        groups.len() - 1
    });
    let Some(group) = groups.get_mut(index) else { return };
    let mut versions = group.versions.iter_mut();
    match versions.find(|version| version.name == resource.version) {
        Some(version) => version.resources.push(Arc::clone(resource)),
        None => group.versions.push(Version {
            name: resource.version.clone(),
            resources: vec![Arc::clone(resource)],
        }),
    }
}
