//! How to read and how to write, as requests say it. Data only.

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
