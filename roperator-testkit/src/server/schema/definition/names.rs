//! Who owns which names: a definition and the others of its group in; its accepted names and conditions out, as the server's
//! controllers set them. Times are the caller's.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{approval, condition::Condition, structure};
use crate::server::field::FieldPath;

/// What a definition gets of the names it asks for, and the conditions that say so.
#[derive(Debug, Clone, PartialEq)]
pub struct Claims {
    /// `status.acceptedNames`.
    pub accepted: Value,
    /// The conditions to set, in this order.
    pub conditions: Vec<Condition>,
}

/// Gives a definition the names that no other definition of its group has. `others` are all other definitions.
#[must_use]
pub fn accept_names(definition: &Value, others: &[&Value]) -> Claims {
    let taken = Taken::new(definition, others);
    let requested = definition.pointer("/spec/names").cloned().unwrap_or_default();
    let had = definition
        .pointer("/status/acceptedNames")
        .cloned()
        .unwrap_or_else(|| json!({}));
    let mut accepted = had.as_object().cloned().unwrap_or_default();
    let mut conflict: Option<(&'static str, String)> = None;
    for (name, reason) in [("plural", "PluralConflict"), ("singular", "SingularConflict")] {
        claim(
            name,
            reason,
            &requested,
            &had,
            &taken.resources,
            &mut accepted,
            &mut conflict,
        );
    }
    claim_short_names(&requested, &had, &taken.resources, &mut accepted, &mut conflict);
    for (name, reason) in [("kind", "KindConflict"), ("listKind", "ListKindConflict")] {
        claim(
            name,
            reason,
            &requested,
            &had,
            &taken.kinds,
            &mut accepted,
            &mut conflict,
        );
    }
    copy("categories", &requested, &mut accepted);
    let mut conditions = Vec::new();
    let accepts = conflict.is_none();
    conditions.push(match conflict {
        None => Condition::new("NamesAccepted", true, "NoConflicts", "no conflicts found"),
        Some((reason, message)) => Condition::new("NamesAccepted", false, reason, message),
    });
    if !is_true(definition, "Established") {
        conditions.push(match accepts {
            true => Condition::new(
                "Established",
                false,
                "Installing",
                "the initial names have been accepted",
            ),
            false => Condition::new("Established", false, "NotAccepted", "not all names are accepted"),
        });
    }
    conditions.extend(non_structural(definition));
    conditions.extend(approval::condition(definition));
    Claims {
        accepted: Value::Object(accepted),
        conditions,
    }
}

/// The condition of a definition whose names are accepted and whose endpoint serves.
#[must_use]
pub fn establish() -> Condition {
    Condition::new(
        "Established",
        true,
        "InitialNamesAccepted",
        "the initial names have been accepted",
    )
}

/// Whether a condition of a definition is `True`.
pub(super) fn is_true(definition: &Value, kind: &str) -> bool {
    let conditions = definition.pointer("/status/conditions").and_then(Value::as_array);
    let is = |condition: &Value, name: &str, text: &str| condition.get(name).and_then(Value::as_str) == Some(text);
    conditions.is_some_and(|all| {
        all.iter()
            .any(|condition| is(condition, "type", kind) && is(condition, "status", "True"))
    })
}

/// The names that others have been given.
struct Taken {
    resources: BTreeSet<String>,
    kinds: BTreeSet<String>,
}

impl Taken {
    /// A definition's own names count as well: one of them may be asked for again under another heading.
    fn new(definition: &Value, others: &[&Value]) -> Self {
        let group = |definition: &Value| definition.pointer("/spec/group").cloned();
        let same = others
            .iter()
            .copied()
            .filter(|other| group(other) == group(definition))
            .chain([definition]);
        let mut taken = Self {
            resources: BTreeSet::new(),
            kinds: BTreeSet::new(),
        };
        for accepted in same.filter_map(|other| other.pointer("/status/acceptedNames")) {
            let text = |name: &str| accepted.get(name).and_then(Value::as_str).map(str::to_owned);
            taken
                .resources
                .extend(["plural", "singular"].into_iter().filter_map(text));
            taken
                .resources
                .extend(list(accepted, "shortNames").into_iter().map(str::to_owned));
            taken.kinds.extend(["kind", "listKind"].into_iter().filter_map(text));
        }
        taken
    }
}

fn claim(
    name: &str,
    reason: &'static str,
    requested: &Value,
    had: &Value,
    taken: &BTreeSet<String>,
    accepted: &mut Map<String, Value>,
    conflict: &mut Option<(&'static str, String)>,
) {
    let wanted = requested.get(name).and_then(Value::as_str).unwrap_or_default();
    let has = had.get(name).and_then(Value::as_str).unwrap_or_default();
    if wanted != has && taken.contains(wanted) {
        *conflict = Some((reason, format!("\"{wanted}\" is already in use")));
    } else {
        copy(name, requested, accepted);
    }
}

fn claim_short_names(
    requested: &Value,
    had: &Value,
    taken: &BTreeSet<String>,
    accepted: &mut Map<String, Value>,
    conflict: &mut Option<(&'static str, String)>,
) {
    let has = list(had, "shortNames");
    let refused = list(requested, "shortNames")
        .into_iter()
        .filter(|name| !has.contains(name) && taken.contains(*name));
    let mut refused: Vec<String> = refused.map(|name| format!("\"{name}\" is already in use")).collect();
    refused.dedup();
    match refused.as_slice() {
        [] => copy("shortNames", requested, accepted),
        [one] => *conflict = Some(("ShortNamesConflict", one.clone())),
        many => *conflict = Some(("ShortNamesConflict", format!("[{}]", many.join(", ")))),
    }
}

fn copy(name: &str, requested: &Value, accepted: &mut Map<String, Value>) {
    match requested.get(name).filter(|value| !value.is_null()) {
        Some(value) => accepted.insert(name.to_owned(), value.clone()),
        None => accepted.remove(name),
    };
}

fn list<'a>(names: &'a Value, name: &str) -> Vec<&'a str> {
    names
        .get(name)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

/// Only definitions that were stored otherwise than through this server can have this condition.
fn non_structural(definition: &Value) -> Option<Condition> {
    let mut violations = Vec::new();
    for (index, version) in super::versions(definition).iter().enumerate() {
        if let Some(schema) = version.pointer("/schema/openAPIV3Schema") {
            let path = FieldPath::new("spec.versions")
                .index(index)
                .child("schema")
                .child("openAPIV3Schema");
            violations.extend(structure::validate(schema, &path).iter().map(ToString::to_string));
        }
    }
    let message = match violations.as_slice() {
        [] => return None,
        [one] => one.clone(),
        many => format!("[{}]", many.join(", ")),
    };
    Some(Condition::new("NonStructuralSchema", true, "Violations", message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn definition(plural: &str, kind: &str, short: &[&str], accepted: bool) -> Value {
        let names = json!({"plural": plural, "singular": kind.to_lowercase(), "kind": kind, "listKind": format!("{kind}List"),
            "shortNames": short});
        let given = if accepted {
            names.clone()
        } else {
            json!({"plural": "", "kind": ""})
        };
        json!({"spec": {"group": "example.com", "names": names}, "status": {"acceptedNames": given}})
    }

    #[test]
    fn the_first_to_ask_gets_a_name() {
        let first = definition("tests", "Test", &["t"], true);
        let second = definition("testies", "Test", &["t", "u"], false);
        let claims = accept_names(&second, &[&first]);
        assert_eq!(claims.accepted, json!({"plural": "testies", "kind": ""}));
        let conditions: Vec<_> = claims
            .conditions
            .iter()
            .map(|c| (c.kind, c.status, c.reason, c.message.as_str()))
            .collect();
        assert_eq!(
            conditions,
            [
                (
                    "NamesAccepted",
                    false,
                    "ListKindConflict",
                    "\"TestList\" is already in use"
                ),
                ("Established", false, "NotAccepted", "not all names are accepted"),
            ]
        );
        let fresh = accept_names(&definition("others", "Other", &["o"], false), &[&first]);
        assert_eq!(fresh.accepted["shortNames"], json!(["o"]));
        assert_eq!(fresh.conditions[1].reason, "Installing");
        assert_eq!(accept_names(&first, &[]).conditions[0].reason, "NoConflicts");
    }
}
