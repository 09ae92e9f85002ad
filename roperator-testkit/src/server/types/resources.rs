//! What a server serves, as discovery tells it. In go the table's lines of groups, versions and resources; out come the
//! same facts by name. Paths and documents are made elsewhere.

/// A group of kinds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its name; empty for the core group.
    pub name: &'static str,
    /// Its versions, the preferred one first.
    pub versions: Vec<Version>,
}

/// A version of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// Its name.
    pub name: &'static str,
    /// What is served in it, in the order of discovery.
    pub resources: Vec<Resource>,
    /// The kinds in it and the full names of their types.
    pub kinds: Vec<(&'static str, &'static str)>,
}

/// Objects of a kind, served under a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// The plural name that is part of the path.
    pub name: &'static str,
    /// The name of a single object, for humans.
    pub singular: &'static str,
    /// The kind, which is of the same group and version.
    pub kind: &'static str,
    /// Whether objects are in namespaces.
    pub namespaced: bool,
    /// What can be done.
    pub verbs: Vec<&'static str>,
    /// Other names for humans.
    pub short_names: Vec<&'static str>,
    /// The groups of resources (`all`) that it is in.
    pub categories: Vec<&'static str>,
    /// The `storageVersionHash`; absent for what is not stored.
    pub storage_version_hash: Option<&'static str>,
    /// What is served below an object.
    pub subresources: Vec<Subresource>,
}

/// What is served below an object: `status`, `scale`, `eviction`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subresource {
    /// Its name in the path.
    pub name: &'static str,
    /// The group of its kind.
    pub group: &'static str,
    /// The version of its kind.
    pub version: &'static str,
    /// The kind of what is sent and answered.
    pub kind: &'static str,
    /// Whether that kind is of another group and version than the resource's.
    pub foreign: bool,
    /// What can be done.
    pub verbs: Vec<&'static str>,
}

impl Group {
    /// A version by its name.
    #[must_use]
    pub fn version(&self, name: &str) -> Option<&Version> {
        self.versions.iter().find(|version| version.name == name)
    }
}

impl Version {
    /// A resource by its plural name.
    #[must_use]
    pub fn resource(&self, plural: &str) -> Option<&Resource> {
        self.resources.iter().find(|resource| resource.name == plural)
    }
}

impl Resource {
    /// A subresource by its name.
    #[must_use]
    pub fn subresource(&self, name: &str) -> Option<&Subresource> {
        self.subresources.iter().find(|subresource| subresource.name == name)
    }
}

/// Reads the table's lines of what is served, and ignores all others.
pub(super) fn read(text: &'static str) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("group ") {
            let name = if name == "core" { "" } else { name };
            groups.push(Group {
                name,
                versions: Vec::new(),
            });
            continue;
        }
        if line.starts_with("struct ") {
            // All groups stand before all types.
            break;
        }
        if let (Some(group), Some(words)) = (groups.last_mut(), line.strip_prefix(' ')) {
            add(group, &words.split(' ').collect::<Vec<_>>());
        }
    }
    groups
}

fn add(group: &mut Group, words: &[&'static str]) {
    if let ["version", name] = words {
        group.versions.push(Version {
            name,
            resources: Vec::new(),
            kinds: Vec::new(),
        });
        return;
    }
    let Some(version) = group.versions.last_mut() else {
        return;
    };
    match *words {
        ["kind", kind, name] => version.kinds.push((kind, name)),
        ["resource", name, singular, kind, scope, verbs, ref options @ ..] => version.resources.push(Resource {
            name,
            singular,
            kind,
            namespaced: scope == "namespaced",
            verbs: verbs.split(',').collect(),
            short_names: option(options, "short=")
                .unwrap_or_default()
                .split_terminator(',')
                .collect(),
            categories: option(options, "categories=")
                .unwrap_or_default()
                .split_terminator(',')
                .collect(),
            storage_version_hash: option(options, "hash="),
            subresources: Vec::new(),
        }),
        ["subresource", name, kind, verbs] => {
            let subresource = subresource(group.name, version.name, name, kind, verbs);
            if let Some(resource) = version.resources.last_mut() {
                resource.subresources.push(subresource);
            }
        }
        _ => {}
    }
}

fn option(options: &[&'static str], name: &str) -> Option<&'static str> {
    options.iter().find_map(|option| option.strip_prefix(name))
}

fn subresource(
    group: &'static str,
    version: &'static str,
    name: &'static str,
    kind: &'static str,
    verbs: &'static str,
) -> Subresource {
    let mut parts = kind.split('/');
    let (group, version, kind, foreign) = match (parts.next(), parts.next(), parts.next()) {
        (Some(group), Some(version), Some(kind)) => (if group == "core" { "" } else { group }, version, kind, true),
        _ => (group, version, kind, false),
    };
    Subresource {
        name: name.split_once('/').map_or(name, |(_, name)| name),
        group,
        version,
        kind,
        foreign,
        verbs: verbs.split(',').collect(),
    }
}
