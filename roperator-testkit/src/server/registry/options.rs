//! How to read and how to write, as requests say it, and what it cannot be.

use serde_json::Value;

use crate::server::{
    field::{FieldError, FieldPath},
    status::ApiError,
};

/// What a list or a watch is of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListOptions {
    /// A watch instead of a list.
    pub watch: bool,
    /// The label selector; empty for all.
    pub label_selector: String,
    /// The field selector; empty for all.
    pub field_selector: String,
    /// At most so many objects; 0 for all.
    pub limit: i64,
    /// Where the list goes on.
    pub continue_token: String,
    /// Of which state, or after which.
    pub resource_version: String,
    /// What `resource_version` means for a list.
    pub resource_version_match: String,
    /// After how many seconds a watch ends.
    pub timeout_seconds: Option<i64>,
    /// Whether the watch may tell of progress without events.
    pub allow_bookmarks: bool,
    /// Whether a watch begins with what there is.
    pub send_initial_events: Option<bool>,
}

/// What becomes of fields that are unknown or given twice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum FieldValidation {
    /// The request is refused.
    Strict,
    /// The answer warns of them.
    #[default]
    Warn,
    /// They are dropped silently.
    Ignore,
}

/// How to write.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WriteOptions {
    /// Everything but the write itself.
    pub dry_run: bool,
    /// Who writes; empty if the client does not say.
    pub field_manager: String,
    /// What becomes of fields that are unknown or given twice.
    pub field_validation: FieldValidation,
    /// Whether an apply takes what others own.
    pub force: bool,
}

/// How to delete.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeleteOptions {
    /// Everything but the deletion itself.
    pub dry_run: bool,
    /// What becomes of the dependents.
    pub propagation_policy: Option<String>,
    /// How long the object may take to go.
    pub grace_period_seconds: Option<i64>,
    /// The old form of `propagation_policy`.
    pub orphan_dependents: Option<bool>,
    /// The uid that the object must have.
    pub uid: Option<String>,
    /// The resource version that the object must have.
    pub resource_version: Option<String>,
}

impl DeleteOptions {
    /// The options, as a body has them.
    ///
    /// # Errors
    ///
    /// 422 for values that cannot be.
    pub fn of_body(body: &Value) -> Result<Self, ApiError> {
        let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let mut errors = Vec::new();
        let dry = body.get("dryRun").and_then(Value::as_array);
        let options = Self {
            dry_run: dry_run(dry.into_iter().flatten().filter_map(Value::as_str), &mut errors),
            propagation_policy: text("/propagationPolicy"),
            grace_period_seconds: body.get("gracePeriodSeconds").and_then(Value::as_i64),
            orphan_dependents: body.get("orphanDependents").and_then(Value::as_bool),
            uid: text("/preconditions/uid"),
            resource_version: text("/preconditions/resourceVersion"),
        };
        options.checked(errors)
    }

    /// The options, if they can be; `dry_run` is what is wrong with that.
    ///
    /// # Errors
    ///
    /// 422 for values that cannot be.
    pub fn checked(self, dry_run: Vec<FieldError>) -> Result<Self, ApiError> {
        let path = FieldPath::new("propagationPolicy");
        let mut errors = Vec::new();
        if let Some(policy) = self.propagation_policy.as_deref() {
            if self.orphan_dependents.is_some() {
                let why = "orphanDependents and deletionPropagation cannot be both set";
                errors.push(FieldError::invalid(&path, policy, why));
            }
            if !matches!(policy, "Foreground" | "Background" | "Orphan") {
                let supported = ["Foreground", "Background", "Orphan", "nil"];
                errors.push(FieldError::not_supported(&path, policy, &supported));
            }
        }
        errors.extend(dry_run);
        refuse("DeleteOptions", errors)?;
        Ok(self)
    }
}

/// Whether these values of `dryRun` ask for one; complaints go to `errors`.
pub fn dry_run<'a>(values: impl Iterator<Item = &'a str>, errors: &mut Vec<FieldError>) -> bool {
    let values: Vec<&str> = values.collect();
    if values.iter().any(|value| *value != "All") {
        errors.push(FieldError::not_supported(
            &FieldPath::new("dryRun"),
            values.clone(),
            &["All"],
        ));
    }
    !values.is_empty()
}

/// The 422 about options of the given kind, if there are errors.
///
/// # Errors
///
/// That 422.
pub fn refuse(kind: &str, errors: Vec<FieldError>) -> Result<(), ApiError> {
    if errors.is_empty() {
        return Ok(());
    }
    Err(ApiError::invalid("meta.k8s.io", kind, "", &errors))
}
