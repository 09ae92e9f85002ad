//! What a client is told when its apply would change what others own. Data only.

use std::collections::BTreeMap;

use http::StatusCode;

use super::path::PathElement;
use super::update::Conflict;
use crate::server::status::{ApiError, Cause};

/// The 409 for these conflicts.
#[must_use]
pub fn refuse(mut conflicts: Vec<Conflict>) -> ApiError {
    conflicts.sort_by_key(|conflict| conflict.owner.identity());
    let message = match conflicts.as_slice() {
        [only] => format!(
            "Apply failed with 1 conflict: conflict with {}: {}",
            only.owner.shown(),
            path_text(&only.path)
        ),
        many => format!("Apply failed with {} conflicts: {}", many.len(), list(many)),
    };
    let error = ApiError::new(StatusCode::CONFLICT, "Conflict", message);
    conflicts.iter().fold(error, |error, conflict| {
        error.with_cause(Cause::new(
            "FieldManagerConflict",
            format!("conflict with {}", conflict.owner.shown()),
            path_text(&conflict.path),
        ))
    })
}

/// A path as messages write it: `.spec.containers[name="web"].image`.
#[must_use]
pub fn path_text(path: &[PathElement]) -> String {
    path.iter().map(ToString::to_string).collect()
}

fn list(conflicts: &[Conflict]) -> String {
    let mut by_owner: BTreeMap<String, Vec<&Conflict>> = BTreeMap::new();
    for conflict in conflicts {
        by_owner.entry(conflict.owner.identity()).or_default().push(conflict);
    }
    let mut lines = Vec::new();
    for conflicts in by_owner.values() {
        lines.extend(
            conflicts
                .first()
                .map(|first| format!("conflicts with {}:", first.owner.shown())),
        );
        lines.extend(
            conflicts
                .iter()
                .map(|conflict| format!("- {}", path_text(&conflict.path))),
        );
    }
    lines.join("\n")
}
