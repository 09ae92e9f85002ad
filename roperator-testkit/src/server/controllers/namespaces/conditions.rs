//! What is said of a namespace that is being emptied: what was found in it goes in, conditions of its status come out, in
//! the real controller's words. Discovery and the parsing of versions cannot fail here, and are said to have gone well.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::server::{
    registry::object::{child_mut, text},
    status::GroupResource,
};

/// What a look at a namespace found.
#[derive(Debug, Default)]
pub(super) struct Findings {
    errors: Vec<String>,
    left: Vec<String>,
    finalizers: BTreeMap<String, usize>,
    is_silent: bool,
}

impl Findings {
    /// Something could not be deleted.
    pub(super) fn fail(&mut self, message: String) {
        self.errors.push(message);
    }

    /// So many objects of a resource are left, which wait for these finalizers.
    pub(super) fn add(&mut self, resource: &GroupResource, count: usize, finalizers: &BTreeMap<String, usize>) {
        if count > 0 {
            self.left.push(format!(
                "{}.{} has {count} resource instances",
                resource.resource, resource.group
            ));
        }
        for (finalizer, count) in finalizers {
            *self.finalizers.entry(finalizer.clone()).or_default() += count;
        }
    }

    /// The conditions are not to speak of what is left.
    pub(super) const fn keep_silent(&mut self) {
        self.is_silent = true;
    }

    /// Whether the namespace is empty.
    pub(super) fn is_over(&self) -> bool {
        self.errors.is_empty() && self.left.is_empty()
    }

    /// Writes the conditions into the namespace's status. The time of a condition changes with its status alone, and one
    /// that says the same stays as it is.
    pub(super) fn write(&self, namespace: &mut Value, now: &str) {
        let conditions = child_mut(namespace, "status")
            .entry("conditions")
            .or_insert(Value::Null);
        if !conditions.is_array() {
            *conditions = json!([]);
        }
        let Some(conditions) = conditions.as_array_mut() else {
            return;
        };
        for (kind, good, bad) in self.conditions() {
            let is_bad = bad.is_some();
            let status = if is_bad { "True" } else { "False" };
            let (reason, message) = bad.unwrap_or_else(|| (good.0, good.1.to_owned()));
            let known = conditions.iter_mut().find(|known| text(known, "/type") == kind);
            let since = known.as_ref().filter(|known| text(known, "/status") == status);
            let since = since.map_or(now, |known| text(known, "/lastTransitionTime")).to_owned();
            let condition = json!({
                "type": kind, "status": status, "lastTransitionTime": since, "reason": reason, "message": message,
            });
            match known {
                Some(known) => *known = condition,
                None => conditions.push(condition),
            }
        }
    }

    /// All conditions: their type, the reason and message if all is well, and those if not.
    fn conditions(&self) -> [Condition; 5] {
        let mut errors = self.errors.clone();
        errors.sort();
        let mut left = self.left.clone();
        left.sort();
        let finalizers = self.finalizers.iter();
        let finalizers: Vec<String> = finalizers
            .map(|(finalizer, count)| format!("{finalizer} in {count} resource instances"))
            .collect();
        let failed = format!(
            "Failed to delete all resource types, {} remaining: {}",
            errors.len(),
            errors.join(", ")
        );
        let remaining = format!("Some resources are remaining: {}", left.join(", "));
        let waiting = format!(
            "Some content in the namespace has finalizers remaining: {}",
            finalizers.join(", ")
        );
        let spoken = !self.is_silent;
        [
            (
                "NamespaceDeletionDiscoveryFailure",
                ("ResourcesDiscovered", "All resources successfully discovered"),
                None,
            ),
            (
                "NamespaceDeletionGroupVersionParsingFailure",
                ("ParsedGroupVersions", "All legacy kube types successfully parsed"),
                None,
            ),
            (
                "NamespaceDeletionContentFailure",
                (
                    "ContentDeleted",
                    "All content successfully deleted, may be waiting on finalization",
                ),
                (!errors.is_empty()).then_some(("ContentDeletionFailed", failed)),
            ),
            (
                "NamespaceContentRemaining",
                ("ContentRemoved", "All content successfully removed"),
                (spoken && !left.is_empty()).then_some(("SomeResourcesRemain", remaining)),
            ),
            (
                "NamespaceFinalizersRemaining",
                ("ContentHasNoFinalizers", "All content-preserving finalizers finished"),
                (spoken && !finalizers.is_empty()).then_some(("SomeFinalizersRemain", waiting)),
            ),
        ]
    }
}

type Condition = (
    &'static str,
    (&'static str, &'static str),
    Option<(&'static str, String)>,
);

#[cfg(test)]
mod tests {
    use super::*;

    fn written(findings: &Findings, namespace: &mut Value, now: &str) -> Vec<String> {
        findings.write(namespace, now);
        let conditions = namespace["status"]["conditions"].as_array().unwrap().iter();
        let show = |condition: &Value| {
            let field = |name: &str| condition[name].as_str().unwrap().to_owned();
            format!(
                "{} {} {}: {}",
                field("status"),
                field("lastTransitionTime"),
                field("reason"),
                field("message")
            )
        };
        conditions.map(show).collect()
    }

    #[test]
    fn conditions_say_what_is_left_and_since_when() {
        let mut namespace = json!({});
        let mut findings = Findings::default();
        findings.add(
            &GroupResource::new("g", "w"),
            2,
            &BTreeMap::from([("x/y".to_owned(), 2)]),
        );
        findings.add(
            &GroupResource::new("", "configmaps"),
            1,
            &BTreeMap::from([("x/y".to_owned(), 1)]),
        );
        findings.fail("why".to_owned());
        assert!(!findings.is_over());
        assert_eq!(
            written(&findings, &mut namespace, "1"),
            [
                "False 1 ResourcesDiscovered: All resources successfully discovered",
                "False 1 ParsedGroupVersions: All legacy kube types successfully parsed",
                "True 1 ContentDeletionFailed: Failed to delete all resource types, 1 remaining: why",
                "True 1 SomeResourcesRemain: Some resources are remaining: configmaps. has 1 resource instances, \
                 w.g has 2 resource instances",
                "True 1 SomeFinalizersRemain: Some content in the namespace has finalizers remaining: x/y in 3 resource \
                 instances",
            ]
        );
        let over = Findings::default();
        assert!(over.is_over());
        let last = written(&over, &mut namespace, "2");
        assert_eq!(
            last[1],
            "False 1 ParsedGroupVersions: All legacy kube types successfully parsed"
        );
        assert_eq!(
            last[4],
            "False 2 ContentHasNoFinalizers: All content-preserving finalizers finished"
        );
    }
}
