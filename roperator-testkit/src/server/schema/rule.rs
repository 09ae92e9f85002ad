//! A rule of `x-kubernetes-validations`, compiled. Data only: what breaks it is for others to say.

use serde_json::Value;

use super::cel::Program;
use super::fields::{flag, text};

/// A rule.
#[derive(Debug)]
pub struct Rule {
    pub(super) rule: String,
    pub(super) message: String,
    pub(super) reason: String,
    /// Where its errors are, below the value; empty for the value itself.
    pub(super) field_path: String,
    pub(super) optional_old: bool,
    pub(super) program: Result<Program, String>,
    pub(super) message_expression: String,
    pub(super) message_program: Option<Program>,
}

impl Rule {
    /// The rules that a schema has for its own value.
    #[must_use]
    pub fn all(schema: &Value) -> Vec<Self> {
        let rules = schema.get("x-kubernetes-validations").and_then(Value::as_array);
        let given = rules
            .into_iter()
            .flatten()
            .filter(|rule| !text(rule, "rule").trim().is_empty());
        given.map(Self::new).collect()
    }

    fn new(rule: &Value) -> Self {
        let message_expression = text(rule, "messageExpression");
        Self {
            rule: text(rule, "rule").trim().to_owned(),
            message: text(rule, "message").trim().to_owned(),
            reason: text(rule, "reason"),
            field_path: text(rule, "fieldPath"),
            optional_old: flag(rule, "optionalOldSelf"),
            program: Program::new(&text(rule, "rule")),
            message_program: Some(&message_expression)
                .filter(|expression| !expression.is_empty())
                .and_then(|expression| Program::new(expression).ok()),
            message_expression,
        }
    }

    /// Whether it compares with the old value.
    pub(super) fn uses_old(&self) -> bool {
        self.program.as_ref().is_ok_and(Program::uses_old)
    }

    /// What a rule is called in errors.
    pub(super) fn called(&self) -> &str {
        if self.message.is_empty() {
            &self.rule
        } else {
            &self.message
        }
    }
}
