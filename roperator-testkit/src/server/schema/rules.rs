//! Rules at work: a schema, an object and its old state in, broken rules out. What the
//! evaluations of an object's rules cost together is limited: once it is too much, no further rule is evaluated.

use serde_json::Value;

use super::cel::{Bindings, Trouble};
use super::correlate::{Pair, same_item};
use super::fieldpath;
use super::rule::Rule;
use super::structural::Node;
use crate::server::field::{FieldError, FieldPath, Problem};

/// Longer messages of a `messageExpression` are not shown.
const MOST_MESSAGE_BYTES: usize = 5 * 1024;
/// What the rules of an object may cost together.
const BUDGET: u64 = 10_000_000;
const TOO_EXPENSIVE: &str =
    "validation failed due to running out of cost budget, no further validation rules will be run";
const TOO_EXPENSIVE_MESSAGE: &str =
    "messageExpression evaluation failed due to running out of cost budget, no further validation rules will be run";

impl Rule {
    fn check(
        &self,
        node: &Node,
        value: &Value,
        bindings: &Bindings,
        path: &FieldPath,
        unchanged: bool,
        run: &mut Run,
    ) -> Verdict {
        let about_type = |why: String| Some(FieldError::invalid(path, node.kind.as_str(), why));
        let program = match &self.program {
            Ok(program) => program,
            Err(error) => return Ok(about_type(format!("rule compile error: compilation failed: {error}"))),
        };
        if program.uses_old() && !bindings.has_old() && !self.optional_old {
            return Ok(None);
        }
        let evaluated = program.evaluate(bindings, self.optional_old);
        if !run.spend(evaluated.cost) {
            return Err(about_type(TOO_EXPENSIVE.to_owned()));
        }
        match evaluated.result {
            Ok(result) if result.is_true() => Ok(None),
            Ok(_) => {
                let verdict = self.broken(node, value, bindings, path, run);
                let tolerated = unchanged && !program.uses_old();
                match tolerated {
                    true => verdict.map(|_| None).map_err(|_| None),
                    false => verdict,
                }
            }
            Err(Trouble::Limit) => Err(about_type(format!(
                "'operation cancelled: actual cost limit exceeded': no further validation rules will be run due to call \
                 cost exceeds limit for rule: {}",
                self.called()
            ))),
            Err(Trouble::Error(error)) if error == "no such overload" => Ok(about_type(format!(
                "'{error}': call arguments did not match a supported operator, function or macro signature for rule: {}",
                self.called()
            ))),
            Err(Trouble::Error(error)) => Ok(about_type(format!("{error} evaluating rule: {}", self.called()))),
        }
    }

    fn broken(&self, node: &Node, value: &Value, bindings: &Bindings, path: &FieldPath, run: &mut Run) -> Verdict {
        // A definition whose path points nowhere is refused; a stored one may be older than that.
        let below = fieldpath::resolve(&self.field_path, node, true).ok();
        let below = below.filter(|_| !self.field_path.is_empty());
        let path = below.map_or_else(|| path.clone(), |(below, _)| path.child(below.as_str()));
        let dynamic = self.dynamic_message(bindings, run);
        let dynamic = dynamic.map_err(|why| Some(FieldError::invalid(&path, node.kind.as_str(), why)))?;
        let detail = dynamic.unwrap_or_else(|| {
            if self.message.is_empty() {
                format!("failed rule: {}", self.rule)
            } else {
                self.message.clone()
            }
        });
        let problem = match self.reason.as_str() {
            "FieldValueForbidden" => Problem::Forbidden,
            "FieldValueRequired" => Problem::Required,
            "FieldValueDuplicate" => Problem::Duplicate,
            _ => Problem::Invalid,
        };
        let hidden = matches!(node.kind.as_str(), "object" | "array");
        Ok(Some(FieldError {
            path,
            problem,
            value: (!hidden).then(|| value.clone()),
            detail: if problem == Problem::Duplicate {
                String::new()
            } else {
                detail
            },
        }))
    }

    /// A message that cannot be made, or that is not fit to print, is as if it were not asked for; one that costs too much
    /// is an error.
    fn dynamic_message(&self, bindings: &Bindings, run: &mut Run) -> Result<Option<String>, String> {
        let Some(program) = &self.message_program else {
            return Ok(None);
        };
        let evaluated = program.evaluate(bindings, false);
        if !run.spend(evaluated.cost) {
            return Err(TOO_EXPENSIVE_MESSAGE.to_owned());
        }
        let message = match evaluated.result {
            Ok(message) => message.into_text().unwrap_or_default(),
            Err(Trouble::Error(_)) => return Ok(None),
            Err(Trouble::Limit) => {
                return Err(format!(
                    "no further validation rules will be run due to call cost exceeds limit for messageExpression: {:?}",
                    self.message_expression
                ));
            }
        };
        let message = message.trim();
        let fit = !message.is_empty() && message.len() <= MOST_MESSAGE_BYTES && !message.contains('\n');
        Ok(fit.then(|| message.to_owned()))
    }
}

/// What a rule finds, if anything; as an error if no further rule is to be evaluated.
type Verdict = Result<Option<FieldError>, Option<FieldError>>;

/// What was found so far, and what may still be spent: nothing once too much was.
struct Run {
    found: Vec<FieldError>,
    budget: Option<u64>,
}

impl Run {
    fn spend(&mut self, cost: u64) -> bool {
        self.budget = self.budget.and_then(|budget| budget.checked_sub(cost));
        self.budget.is_some()
    }
}

/// What is tolerated: what did not change, seen from the nearest value that has an old one.
#[derive(Clone, Copy, Default)]
struct Ratchet<'a> {
    here: Option<Pair<'a>>,
    above: Option<Pair<'a>>,
}

impl<'a> Ratchet<'a> {
    fn is_unchanged(self) -> bool {
        self.here.or(self.above).is_some_and(Pair::is_unchanged)
    }

    fn key(self, name: &str) -> Self {
        match self.here {
            None => self,
            // An object's version and kind are never known to be unchanged.
            Some(_) if self.above.is_none() && matches!(name, "apiVersion" | "kind") => Self::default(),
            Some(pair) => Self {
                here: pair.key(name),
                above: Some(pair),
            },
        }
    }

    fn index(self, index: usize) -> Self {
        self.here.map_or(self, |pair| Self {
            here: pair.index(index),
            above: Some(pair),
        })
    }
}

/// Which rules are broken in an object. With the old object, rules may compare, and what did not change is tolerated
/// if `tolerant`.
pub(super) fn broken(
    root: &Node,
    object: &Value,
    old: Option<&Value>,
    tolerant: bool,
    path: &FieldPath,
) -> Vec<FieldError> {
    let here = old.filter(|_| tolerant).map(|old| Pair::new(object, old, root));
    let place = Place {
        node: root,
        value: object,
        old,
        ratchet: Ratchet { here, above: None },
        resource: true,
    };
    let mut run = Run {
        found: Vec::new(),
        budget: Some(BUDGET),
    };
    place.visit(path, &mut run);
    run.found
}

/// A value on the way through an object.
#[derive(Clone, Copy)]
struct Place<'a> {
    node: &'a Node,
    value: &'a Value,
    old: Option<&'a Value>,
    ratchet: Ratchet<'a>,
    resource: bool,
}

impl<'a> Place<'a> {
    fn visit(self, path: &FieldPath, run: &mut Run) {
        if self.value.is_null() || !self.node.has_rules || run.budget.is_none() {
            return;
        }
        if !self.node.rules.is_empty() {
            self.check(path, run);
        }
        match self.value {
            Value::Object(map) => {
                if let Some(additional) = self.node.additional.schema() {
                    map.iter()
                        .for_each(|(name, value)| self.field(additional, name, value).visit(&path.key(name), run));
                }
                for (name, property) in &self.node.properties {
                    if let Some(value) = map.get(name) {
                        self.field(property, name, value).visit(&path.child(name), run);
                    }
                }
            }
            Value::Array(items) => {
                let Some(inner) = self.node.items.as_deref() else {
                    return;
                };
                let items = items.iter().enumerate();
                items.for_each(|(index, item)| self.item(inner, index, item).visit(&path.index(index), run));
            }
            _ => {}
        }
    }

    fn check(self, path: &FieldPath, run: &mut Run) {
        if run.budget == Some(0) {
            run.budget = None;
            let error = FieldError::invalid(path, self.node.kind.as_str(), TOO_EXPENSIVE);
            run.found.push(error);
            return;
        }
        // Messages see the old value only where some rule does.
        let compares = self.node.rules.iter().any(Rule::uses_old);
        let old = self.old.filter(|old| !old.is_null() && compares);
        let bindings = Bindings::new(self.node, self.value, old, self.resource);
        let unchanged = self.ratchet.is_unchanged();
        for rule in &self.node.rules {
            let verdict = rule.check(self.node, self.value, &bindings, path, unchanged, run);
            let goes_on = verdict.is_ok();
            run.found.extend(verdict.unwrap_or_else(|last| last));
            if !goes_on {
                run.budget = None;
                return;
            }
        }
    }

    fn field(self, node: &'a Node, name: &str, value: &'a Value) -> Self {
        Self {
            node,
            value,
            old: self.old.and_then(|old| old.get(name)),
            ratchet: self.ratchet.key(name),
            resource: node.embedded,
        }
    }

    /// Items have an old state only where they are told apart by keys.
    fn item(self, node: &'a Node, index: usize, value: &'a Value) -> Self {
        let old = self.old.and_then(Value::as_array);
        Self {
            node,
            value,
            old: old.and_then(|old| same_item(self.node, old, value)),
            ratchet: self.ratchet.index(index),
            resource: node.embedded,
        }
    }
}
