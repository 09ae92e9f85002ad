//! Whether a custom resource may be written: the object, and on updates its old state, in; errors in the server's order and
//! words out. The resource's own metadata is judged elsewhere.

use serde_json::Value;

use super::correlate::Pair;
use super::scale::ScalePaths;
use super::structural::Structural;
use super::{embedded, lists, openapi, rules};
use crate::server::field::{FieldError, FieldPath, Problem};

const UNCHECKED: &str = "some validation rules were not checked because the object was invalid; correct the existing errors \
    to complete validation";

impl Structural {
    /// What is wrong with an object to create, or with an update of `old`.
    #[cfg(test)]
    pub fn validate(&self, new: &Value, old: Option<&Value>) -> Vec<FieldError> {
        self.validate_after(Vec::new(), new, old, None)
    }

    /// What is wrong with an object to create, or with an update of `old`, after the errors that the object's metadata has,
    /// and with the paths of its scale.
    #[must_use]
    pub fn validate_after(
        &self,
        metadata: Vec<FieldError>,
        new: &Value,
        old: Option<&Value>,
        scale: Option<&ScalePaths>,
    ) -> Vec<FieldError> {
        let root = FieldPath::root();
        let mut found = metadata;
        let pair = old.map(|old| Pair::new(new, old, self.root()));
        found.extend(openapi::validate(self.root(), new, pair, &root));
        if let Some(scale) = scale {
            found.extend(scale.validate_spec(new));
            found.extend(scale.validate_status(new));
        }
        found.extend(embedded::validate(self.root(), new, &root));
        found.extend(self.new_duplicates(new, old));
        self.then_rules(found, new, old)
    }

    /// What is wrong with an update of the status.
    #[must_use]
    pub fn validate_status(
        &self,
        metadata: Vec<FieldError>,
        new: &Value,
        old: &Value,
        scale: Option<&ScalePaths>,
    ) -> Vec<FieldError> {
        let mut found = metadata;
        if let (Some(node), Some(status)) = (self.root().properties.get("status"), new.get("status")) {
            let pair = Pair::new(new, old, self.root()).key("status");
            found.extend(openapi::validate(node, status, pair, &FieldPath::new("status")));
        }
        if let Some(scale) = scale {
            found.extend(scale.validate_status(new));
        }
        found.extend(self.new_duplicates(new, Some(old)));
        self.then_rules(found, new, Some(old))
    }

    /// The rules that a valid update breaks in what it does not change.
    #[must_use]
    pub fn tolerated(&self, new: &Value, old: &Value) -> Vec<FieldError> {
        if !self.root().has_rules {
            return Vec::new();
        }
        rules::broken(self.root(), new, Some(old), false, &FieldPath::root())
    }

    /// Duplicates are tolerated where the old object had some already.
    fn new_duplicates(&self, new: &Value, old: Option<&Value>) -> Vec<FieldError> {
        let root = FieldPath::root();
        if old.is_some_and(|old| !lists::duplicates(self.root(), old, &root).is_empty()) {
            return Vec::new();
        }
        lists::duplicates(self.root(), new, &root)
    }

    /// Rules are only checked on objects that are sound enough.
    fn then_rules(&self, mut found: Vec<FieldError>, new: &Value, old: Option<&Value>) -> Vec<FieldError> {
        if !self.root().has_rules {
            return found;
        }
        let root = FieldPath::root();
        if found.iter().any(is_blocking) {
            found.push(FieldError::invalid(&root, Value::Null, UNCHECKED));
        } else {
            found.extend(rules::broken(self.root(), new, old, true, &root));
        }
        found
    }
}

const fn is_blocking(error: &FieldError) -> bool {
    matches!(
        error.problem,
        Problem::NotSupported | Problem::Required | Problem::TooLong | Problem::TooMany | Problem::TypeInvalid
    )
}
