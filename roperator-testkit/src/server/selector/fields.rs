//! Field selectors: the text of a `fieldSelector` parameter in, a selector that matches an object's selectable fields
//! out; and which fields can be selected at all. It never looks into objects itself.

use std::borrow::Cow;

use super::SelectorError;
use crate::server::field::quote;

/// A field selector: all of its terms must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldSelector {
    terms: Vec<Term>,
}

/// A field that must, or must not, have a value.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Term {
    field: String,
    equal: bool,
    value: String,
}

impl FieldSelector {
    /// Understands the text of a `fieldSelector` parameter, for objects with these fields.
    ///
    /// # Errors
    /// If it is none, or names a field that cannot be selected.
    pub fn parse(text: &str, fields: &FieldLabels) -> Result<Self, SelectorError> {
        let mut parts = split_terms(text);
        parts.sort_unstable();
        let mut terms = Vec::new();
        for part in parts.into_iter().filter(|part| !part.is_empty()) {
            let Some((field, equal, value)) = split_term(part) else {
                let message = format!("invalid selector: '{text}'; can't understand '{part}'");
                return Err(SelectorError::new(message));
            };
            terms.push((field, equal, unescape(value)?));
        }
        terms.retain(|(field, _, value)| !field.is_empty() || !value.is_empty());
        let terms = terms.into_iter().map(|(field, equal, value)| {
            let field = fields.internal(field)?.to_owned();
            Ok(Term { field, equal, value })
        });
        Ok(Self {
            terms: terms.collect::<Result<_, _>>()?,
        })
    }

    /// Whether an object matches whose fields `lookup` finds. A field that is absent is empty.
    pub fn matches<T: AsRef<str>>(&self, lookup: impl Fn(&str) -> Option<T>) -> bool {
        self.terms.iter().all(|term| {
            let found = lookup(&term.field);
            let value = found.as_ref().map_or("", AsRef::as_ref);
            (value == term.value) == term.equal
        })
    }

    /// The value that the field must have, if there is exactly one that it may have.
    #[must_use]
    pub fn required(&self, field: &str) -> Option<&str> {
        let term = self.terms.iter().find(|term| term.equal && term.field == field)?;
        Some(&term.value)
    }
}

/// The fields of a kind that can be selected, and how the real server refuses others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldLabels {
    names: Vec<Cow<'static, str>>,
    aliases: &'static [(&'static str, &'static str)],
    refusal: Refusal,
}

impl FieldLabels {
    /// The fields of a built-in kind. They are named as `Strategy::selectable` names them.
    #[must_use]
    pub fn built_in(group: &str, resource: &str) -> Self {
        let found = BUILT_IN
            .iter()
            .find(|kind| kind.group == group && kind.resource == resource);
        let kind = found.unwrap_or(&OTHER);
        let aliases = ALIASES
            .iter()
            .find(|(of_group, of_resource, _)| *of_group == group && *of_resource == resource);
        Self {
            names: kind.names.iter().copied().map(Cow::Borrowed).collect(),
            aliases: aliases.map_or(&[], |(_, _, aliases)| aliases),
            refusal: kind.refusal,
        }
    }

    /// The fields of a custom kind; `selectable` are the paths from its `selectableFields`, without the leading dot.
    #[must_use]
    pub fn custom(namespaced: bool, selectable: impl IntoIterator<Item = String>) -> Self {
        let mut names = vec![Cow::Borrowed("metadata.name")];
        if namespaced {
            names.push(Cow::Borrowed("metadata.namespace"));
        }
        names.extend(selectable.into_iter().map(Cow::Owned));
        Self {
            names,
            aliases: &[],
            refusal: Refusal::Plain,
        }
    }

    fn internal<'a>(&self, field: &'a str) -> Result<&'a str, SelectorError> {
        if let Some((_, internal)) = self.aliases.iter().find(|(alias, _)| *alias == field) {
            return Ok(internal);
        }
        if self.names.iter().any(|name| name == field) {
            return Ok(field);
        }
        Err(SelectorError::new(match self.refusal {
            Refusal::Unknown => format!(
                "{} is not a known field selector: only \"metadata.name\", \"metadata.namespace\"",
                quote(field)
            ),
            Refusal::Plain => format!("field label not supported: {field}"),
            Refusal::Job => format!("field label {} not supported for Job", quote(field)),
            Refusal::ResourceSlice => {
                format!("field label not supported for resource.k8s.io/v1, Kind=ResourceSlice: {field}")
            }
        }))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    Unknown,
    Plain,
    Job,
    ResourceSlice,
}

struct Kind {
    group: &'static str,
    resource: &'static str,
    names: &'static [&'static str],
    refusal: Refusal,
}

const fn kind(group: &'static str, resource: &'static str, names: &'static [&'static str]) -> Kind {
    Kind {
        group,
        resource,
        names,
        refusal: Refusal::Plain,
    }
}

const OTHER: Kind = Kind {
    group: "",
    resource: "",
    names: &["metadata.name", "metadata.namespace"],
    refusal: Refusal::Unknown,
};

const BUILT_IN: &[Kind] = &[
    kind(
        "",
        "pods",
        &[
            "metadata.name",
            "metadata.namespace",
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "spec.hostNetwork",
            "status.phase",
            "status.podIP",
            "status.podIPs",
            "status.nominatedNodeName",
        ],
    ),
    kind("", "nodes", &["metadata.name", "spec.unschedulable"]),
    kind(
        "",
        "replicationcontrollers",
        &["metadata.name", "metadata.namespace", "status.replicas"],
    ),
    kind(
        "",
        "events",
        &[
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "reason",
            "reportingComponent",
            "source",
            "type",
            "metadata.namespace",
            "metadata.name",
        ],
    ),
    kind(
        "events.k8s.io",
        "events",
        &["reason", "type", "metadata.namespace", "metadata.name"],
    ),
    kind("", "namespaces", &["status.phase", "metadata.name"]),
    kind("", "secrets", &["type", "metadata.namespace", "metadata.name"]),
    kind(
        "",
        "services",
        &["metadata.namespace", "metadata.name", "spec.clusterIP", "spec.type"],
    ),
    kind(
        "certificates.k8s.io",
        "certificatesigningrequests",
        &["metadata.name", "spec.signerName"],
    ),
    Kind {
        refusal: Refusal::Job,
        ..kind(
            "batch",
            "jobs",
            &["metadata.name", "metadata.namespace", "status.successful"],
        )
    },
    Kind {
        refusal: Refusal::ResourceSlice,
        ..kind(
            "resource.k8s.io",
            "resourceslices",
            &["metadata.name", "spec.nodeName", "spec.driver"],
        )
    },
];

/// Other names of selectable fields: group, resource, (alias, name).
type Aliases = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

const ALIASES: &[Aliases] = &[
    ("", "pods", &[("spec.host", "spec.nodeName")]),
    (
        "events.k8s.io",
        "events",
        &[
            ("regarding.kind", "involvedObject.kind"),
            ("regarding.namespace", "involvedObject.namespace"),
            ("regarding.name", "involvedObject.name"),
            ("regarding.uid", "involvedObject.uid"),
            ("regarding.apiVersion", "involvedObject.apiVersion"),
            ("regarding.resourceVersion", "involvedObject.resourceVersion"),
            ("regarding.fieldPath", "involvedObject.fieldPath"),
            ("reportingController", "reportingComponent"),
        ],
    ),
];

/// The parts between commas that no backslash escapes.
fn split_terms(text: &str) -> Vec<&str> {
    let mut escaped = false;
    text.split(|character| {
        let splits = character == ',' && !escaped;
        escaped = character == '\\' && !escaped;
        splits
    })
    .collect()
}

/// The field, whether it must be equal, and the value as it is written.
fn split_term(term: &str) -> Option<(&str, bool, &str)> {
    let (at, _) = term.char_indices().find(|(at, _)| {
        let (_, rest) = term.split_at_checked(*at).unwrap_or_default();
        rest.starts_with('=') || rest.starts_with("!=")
    })?;
    let (field, rest) = term.split_at_checked(at)?;
    if let Some(value) = rest.strip_prefix("!=") {
        return Some((field, false, value));
    }
    let value = rest.strip_prefix("==").or_else(|| rest.strip_prefix('='))?;
    Some((field, true, value))
}

fn unescape(value: &str) -> Result<String, SelectorError> {
    let wrong_escape = |sequence: &str| {
        let message = format!("invalid field selector: invalid escape sequence: {sequence}");
        Err(SelectorError::new(message))
    };
    let mut plain = String::with_capacity(value.len());
    let mut characters = value.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some(escaped @ ('\\' | ',' | '=')) => plain.push(escaped),
                Some(other) => return wrong_escape(&format!("\\{other}")),
                None => return wrong_escape("\\"),
            },
            ',' | '=' => {
                let code = u32::from(character);
                let message = format!("invalid field selector: unescaped character in value: {code}");
                return Err(SelectorError::new(message));
            }
            other => plain.push(other),
        }
    }
    Ok(plain)
}

#[cfg(test)]
mod tests;
