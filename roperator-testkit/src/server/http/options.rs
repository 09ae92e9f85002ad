//! The query of a request: text in, checked options out, with the real server's complaints.

use std::num::ParseIntError;

use crate::server::{
    field::{FieldError, FieldPath},
    go::parse_error,
    registry::options::{DeleteOptions, FieldValidation, ListOptions, WriteOptions, dry_run, refuse},
    status::ApiError,
};

/// The parameters of a query, by name. The first of several counts, as in the real server.
#[derive(Debug, Clone, Default)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Takes a query apart.
    #[must_use]
    pub fn parse(query: Option<&str>) -> Self {
        let pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
        Self(
            pairs
                .map(|(name, value)| (name.into_owned(), value.into_owned()))
                .collect(),
        )
    }

    /// A parameter; empty if it is not given.
    #[must_use]
    pub fn get(&self, name: &str) -> &str {
        self.find(name).unwrap_or_default()
    }

    fn find(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(given, _)| given == name);
        found.map(|(_, value)| value.as_str())
    }

    fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(given, _)| given == name)
            .map(|(_, value)| value.as_str())
    }

    fn flag(&self, name: &str) -> Option<bool> {
        let value = self.find(name)?;
        Some(!matches!(value.to_ascii_lowercase().as_str(), "false" | "0"))
    }

    fn number(&self, name: &str) -> Result<Option<i64>, ApiError> {
        let Some(value) = self.find(name) else { return Ok(None) };
        let refused = |why: ParseIntError| ApiError::bad_request(parse_error("ParseInt", value, why.kind()));
        value.parse().map(Some).map_err(refused)
    }
}

/// The options of a list or a watch.
///
/// # Errors
///
/// 400 for what is no number, 422 for what does not go together.
pub fn list_options(query: &Query) -> Result<ListOptions, ApiError> {
    let mut options = ListOptions {
        watch: query.flag("watch").unwrap_or(false),
        label_selector: query.get("labelSelector").to_owned(),
        field_selector: query.get("fieldSelector").to_owned(),
        limit: query.number("limit")?.unwrap_or(0),
        continue_token: query.get("continue").to_owned(),
        resource_version: query.get("resourceVersion").to_owned(),
        resource_version_match: query.get("resourceVersionMatch").to_owned(),
        timeout_seconds: query.number("timeoutSeconds")?,
        allow_bookmarks: query.flag("allowWatchBookmarks").unwrap_or(false),
        send_initial_events: query.flag("sendInitialEvents"),
    };
    let begins_anywhere = matches!(options.resource_version.as_str(), "" | "0");
    if options.watch
        && begins_anywhere
        && options.send_initial_events.is_none()
        && options.resource_version_match.is_empty()
    {
        options.send_initial_events = Some(true);
        options.resource_version_match = "NotOlderThan".to_owned();
    }
    let errors = if options.watch {
        problems_of_watch(&options)
    } else {
        problems_of_list(&options)
    };
    refuse("ListOptions", errors)?;
    Ok(options)
}

fn problems_of_list(options: &ListOptions) -> Vec<FieldError> {
    let path = FieldPath::new("resourceVersionMatch");
    let mut errors = Vec::new();
    let kind = options.resource_version_match.as_str();
    if !kind.is_empty() {
        if options.resource_version.is_empty() {
            let why = "resourceVersionMatch is forbidden unless resourceVersion is provided";
            errors.push(FieldError::forbidden(&path, why));
        }
        if !options.continue_token.is_empty() {
            let why = "resourceVersionMatch is forbidden when continue is provided";
            errors.push(FieldError::forbidden(&path, why));
        }
        if !matches!(kind, "Exact" | "NotOlderThan") {
            errors.push(FieldError::not_supported(&path, kind, &["Exact", "NotOlderThan", ""]));
        }
        if kind == "Exact" && options.resource_version == "0" {
            let why = "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"";
            errors.push(FieldError::forbidden(&path, why));
        }
    }
    if options.send_initial_events.is_some() {
        let path = FieldPath::new("sendInitialEvents");
        errors.push(FieldError::forbidden(&path, "sendInitialEvents is forbidden for list"));
    }
    errors
}

fn problems_of_watch(options: &ListOptions) -> Vec<FieldError> {
    let path = FieldPath::new("resourceVersionMatch");
    let mut errors = Vec::new();
    let kind = options.resource_version_match.as_str();
    if options.send_initial_events.is_some() && kind != "NotOlderThan" {
        let why = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan";
        errors.push(FieldError::forbidden(&path, why));
    }
    if !kind.is_empty() {
        if options.send_initial_events.is_none() {
            let why = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided";
            errors.push(FieldError::forbidden(&path, why));
        }
        if kind != "NotOlderThan" {
            errors.push(FieldError::not_supported(&path, kind, &["NotOlderThan"]));
        }
        if !options.continue_token.is_empty() {
            let why = "resourceVersionMatch is forbidden when continue is provided";
            errors.push(FieldError::forbidden(&path, why));
        }
    }
    errors
}

/// Which write options are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Write {
    /// `POST`.
    Create,
    /// `PUT`.
    Update,
    /// `PATCH`, server-side apply excepted.
    Patch,
    /// Server-side apply.
    Apply,
}

/// The options of a write.
///
/// # Errors
///
/// 422 for values that cannot be.
pub fn write_options(query: &Query, write: Write) -> Result<WriteOptions, ApiError> {
    let mut errors = Vec::new();
    let manager = query.get("fieldManager");
    let path = FieldPath::new("fieldManager");
    match write {
        Write::Apply if manager.is_empty() => {
            errors.push(FieldError::required(&path, "is required for apply patch"));
        }
        Write::Patch if query.flag("force").is_some() => {
            let why = "may not be specified for non-apply patch";
            errors.push(FieldError::forbidden(&FieldPath::new("force"), why));
        }
        _ => {}
    }
    if manager.len() > 128 {
        errors.push(FieldError::too_long(&path, 128));
    }
    for (position, character) in manager.char_indices().filter(|(_, character)| character.is_control()) {
        let why = format!(
            "invalid character U+{:04X} (at position {position})",
            u32::from(character)
        );
        errors.push(FieldError::invalid(&path, manager, why));
    }
    let dry_run = dry_run(query.all("dryRun"), &mut errors);
    let field_validation = match query.get("fieldValidation") {
        "" | "Warn" => FieldValidation::Warn,
        "Strict" => FieldValidation::Strict,
        "Ignore" => FieldValidation::Ignore,
        other => {
            let path = FieldPath::new("fieldValidation");
            let supported = ["", "Ignore", "Strict", "Warn"];
            errors.push(FieldError::not_supported(&path, other, &supported));
            FieldValidation::Warn
        }
    };
    let kind = match write {
        Write::Create => "CreateOptions",
        Write::Update => "UpdateOptions",
        Write::Patch | Write::Apply => "PatchOptions",
    };
    refuse(kind, errors)?;
    Ok(WriteOptions {
        dry_run,
        field_manager: manager.to_owned(),
        field_validation,
        force: query.flag("force").unwrap_or(false),
    })
}

/// The options of a deletion, as a query has them.
///
/// # Errors
///
/// 400 for what is no number, 422 for values that cannot be.
pub fn delete_options(query: &Query) -> Result<DeleteOptions, ApiError> {
    let mut errors = Vec::new();
    let options = DeleteOptions {
        dry_run: dry_run(query.all("dryRun"), &mut errors),
        propagation_policy: query.find("propagationPolicy").map(str::to_owned),
        grace_period_seconds: query.number("gracePeriodSeconds")?,
        orphan_dependents: query.flag("orphanDependents"),
        ..DeleteOptions::default()
    };
    options.checked(errors)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(query: &str) -> Result<ListOptions, String> {
        list_options(&Query::parse(Some(query))).map_err(|error| error.message)
    }

    #[test]
    fn a_watch_from_anywhere_begins_with_what_there_is() {
        assert_eq!(list("watch=1").unwrap().send_initial_events, Some(true));
        assert_eq!(list("watch=1&resourceVersion=7").unwrap().send_initial_events, None);
        assert_eq!(list("watch=false").unwrap().send_initial_events, None);
    }

    #[test]
    fn what_does_not_go_together_is_refused() {
        assert_eq!(
            list("limit=x").unwrap_err(),
            r#"strconv.ParseInt: parsing "x": invalid syntax"#
        );
        assert_eq!(
            list("resourceVersionMatch=Exact").unwrap_err(),
            "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden \
             unless resourceVersion is provided"
        );
        let apply = write_options(&Query::default(), Write::Apply).unwrap_err();
        assert_eq!(
            apply.message,
            "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch"
        );
        let dry = write_options(&Query::parse(Some("dryRun=Some")), Write::Create).unwrap_err();
        assert_eq!(
            dry.message,
            "CreateOptions.meta.k8s.io \"\" is invalid: dryRun: Unsupported value: [\"Some\"]: supported values: \"All\""
        );
    }
}
