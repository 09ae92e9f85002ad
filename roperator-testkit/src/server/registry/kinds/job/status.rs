//! What is wrong with an update of a job's status: a finished job stays so, counts do not fall, and times and
//! conditions agree. The new and the old job in, errors out. Most rules only hold for what the update changes.

use serde_json::Value;

use super::indexes::{count_indexes, index_interval, is_indexed};
use crate::server::field::FieldError;
use crate::server::registry::kinds::pod::at::{At, Errors, same};
use crate::server::registry::kinds::pod::{check, go_json};

/// What is wrong with an update of a job's status.
pub fn validate(new: &Value, old: &Value) -> Errors {
    let mut errors = Errors::new();
    let update = Update {
        spec: At::root(new).child("spec"),
        new: At::root(new).child("status"),
        old: At::root(old).child("status"),
    };
    update.counts(&mut errors);
    update.completion(&mut errors);
    update.finish(&mut errors);
    update.indexes(&mut errors);
    update.pods(&mut errors);
    update.success(&mut errors);
    update.transition(&mut errors);
    errors
}

/// An update of a status.
struct Update<'a> {
    spec: At<'a>,
    new: At<'a>,
    old: At<'a>,
}

fn has(status: &At<'_>, condition: &str, value: &str) -> bool {
    let is = |given: &At<'_>| given.text_of("type") == condition && given.text_of("status") == value;
    status.child("conditions").items().iter().any(is)
}

fn is(status: &At<'_>, condition: &str) -> bool {
    has(status, condition, "True")
}

fn is_finished(status: &At<'_>) -> bool {
    is(status, "Complete") || is(status, "Failed")
}

impl Update<'_> {
    fn changes(&self, name: &str) -> bool {
        !same(self.new.child(name).value, self.old.child(name).value)
    }

    fn turns(&self, condition: &str) -> bool {
        is(&self.new, condition) != is(&self.old, condition)
    }

    fn finishes(&self) -> bool {
        is_finished(&self.new) != is_finished(&self.old)
    }

    fn number(&self, name: &str) -> i64 {
        self.new.number_of(name).unwrap_or_default()
    }

    /// The conditions contradict each other.
    fn conflict(&self, errors: &mut Errors, detail: &str) {
        errors.push(FieldError::omitted(&self.new.path.child("conditions"), detail));
    }

    fn invalid(&self, errors: &mut Errors, name: &str, detail: impl Into<String>) {
        let at = self.new.child(name);
        errors.push(FieldError::invalid(&at.path, at.value.clone(), detail));
    }

    fn counts(&self, errors: &mut Errors) {
        let counts = ["active", "succeeded", "failed", "ready", "terminating"];
        check::none_negative(errors, &self.new, &counts);
        let uncounted = self.new.child("uncountedTerminatedPods");
        let mut seen = Vec::new();
        for list in ["succeeded", "failed"] {
            for uid in uncounted.child(list).items() {
                if uid.text().is_empty() {
                    errors.push(FieldError::invalid(&uid.path, "", "must not be empty"));
                } else if seen.contains(&uid.text()) {
                    errors.push(FieldError::duplicate(&uid.path, uid.text()));
                } else {
                    seen.push(uid.text());
                }
            }
        }
    }

    fn completion(&self, errors: &mut Errors) {
        let complete = is(&self.new, "Complete");
        if (self.turns("Complete") || self.turns("Failed")) && complete && is(&self.new, "Failed") {
            self.conflict(errors, "cannot set Complete=True and Failed=true conditions");
        }
        if (self.turns("Complete") || self.turns("FailureTarget")) && complete && is(&self.new, "FailureTarget") {
            self.conflict(errors, "cannot set Complete=True and FailureTarget=true conditions");
        }
        let end = self.new.child("completionTime");
        let start = self.new.child("startTime");
        if self.turns("Complete") || self.changes("completionTime") {
            if end.is_set() && !complete {
                let detail = "cannot set completionTime when there is no Complete=True condition";
                self.invalid(errors, "completionTime", detail);
            }
            if !end.is_set() && complete {
                let detail = "completionTime is required for Complete jobs";
                errors.push(FieldError::required(&end.path, detail));
            }
        }
        // Times are written in one time zone and to the second, so that their texts compare as they do.
        let reversed = start.is_set() && end.is_set() && end.text() < start.text();
        if reversed && (self.changes("startTime") || self.changes("completionTime")) {
            self.invalid(errors, "completionTime", "must be equal to or after `startTime`");
        }
        let failed = is(&self.new, "Failed");
        if (self.turns("Failed") || self.changes("failedIndexes")) && failed && !is(&self.new, "FailureTarget") {
            let detail = "cannot set Failed=True condition without the FailureTarget=true condition";
            self.conflict(errors, detail);
        }
        let turned = self.turns("Complete") || self.turns("SuccessCriteriaMet");
        if turned && complete && !is(&self.new, "SuccessCriteriaMet") {
            let detail = "cannot set Complete=True condition without the SuccessCriteriaMet=true condition";
            self.conflict(errors, detail);
        }
    }

    fn finish(&self, errors: &mut Errors) {
        if !is_finished(&self.new) {
            return;
        }
        if (self.finishes() || self.changes("active")) && self.number("active") > 0 {
            self.invalid(errors, "active", "active>0 is invalid for finished job");
        }
        let start = self.new.child("startTime");
        let never_started = self.spec.is_true("suspend") && self.spec.number_of("completions") == Some(0);
        if (self.finishes() || self.changes("startTime")) && !never_started && !start.is_set() {
            let detail = "startTime is required for finished job";
            errors.push(FieldError::required(&start.path, detail));
        }
        let name = "uncountedTerminatedPods";
        let uncounted = self.new.child(name);
        let lists = [uncounted.child("succeeded"), uncounted.child("failed")];
        let some = lists.iter().any(|list| !list.items().is_empty());
        if (self.finishes() || self.changes(name)) && some {
            let shown = go_json::compact("UncountedTerminatedPods", uncounted.value);
            let problem = crate::server::field::Problem::Invalid;
            let detail = "must be empty for finished job";
            errors.push(check::shown(&uncounted.path, problem, &shown, detail));
        }
    }

    fn indexes(&self, errors: &mut Errors) {
        let completions = self.spec.number_of("completions");
        let completed = self.new.child("completedIndexes");
        let failed = self.new.child("failedIndexes");
        let by_index = self.spec.child("backoffLimitPerIndex").is_set();
        let (completed_change, failed_change) = (self.changes("completedIndexes"), self.changes("failedIndexes"));
        let judged = [
            (&completed, completed_change),
            (&failed, failed_change && by_index && failed.is_set()),
        ];
        for (at, changed) in judged {
            let name = at.path.as_str().trim_start_matches("status.").to_owned();
            if let Some(completions) = completions.filter(|_| changed)
                && let Err(problem) = count_indexes(at.text(), completions)
            {
                let detail = format!("error parsing {name}: {problem}");
                errors.push(FieldError::invalid(&at.path, at.text(), detail));
            }
        }
        if completed_change && !completed.text().is_empty() && !is_indexed(&self.spec) {
            let detail = "cannot set non-empty completedIndexes when non-indexed completion mode";
            self.invalid(errors, "completedIndexes", detail);
        }
        if failed_change && failed.is_set() && !by_index {
            let detail = "cannot set non-null failedIndexes when backoffLimitPerIndex is null";
            self.invalid(errors, "failedIndexes", detail);
        }
        if let Some(completions) = completions.filter(|_| completed_change || failed_change)
            && let Some(index) = overlap(completed.text(), failed.text(), completions)
        {
            let detail = format!("failedIndexes and completedIndexes overlap at index: {index}");
            self.invalid(errors, "failedIndexes", detail);
        }
    }

    fn pods(&self, errors: &mut Errors) {
        let terminating = self.number("terminating");
        let changed = self.finishes() || self.changes("terminating");
        if changed && terminating > 0 && is_finished(&self.new) {
            self.invalid(errors, "terminating", "terminating>0 is invalid for finished job");
        }
        let changed = self.changes("ready") || self.changes("active");
        if changed && self.number("ready") > self.number("active") {
            self.invalid(errors, "ready", "cannot set more ready pods than active");
        }
    }

    fn success(&self, errors: &mut Errors) {
        let met = is(&self.new, "SuccessCriteriaMet");
        if met && is(&self.new, "Failed") {
            self.conflict(errors, "cannot set SuccessCriteriaMet=True and Failed=true conditions");
        }
        if met && is(&self.new, "FailureTarget") {
            let detail = "cannot set SuccessCriteriaMet=True and FailureTarget=true conditions";
            self.conflict(errors, detail);
        }
        if self.spec.child("successPolicy").is_set() && !met && is(&self.new, "Complete") {
            let detail = "cannot set Complete=True for Job with SuccessPolicy unless SuccessCriteriaMet=True";
            self.conflict(errors, detail);
        }
    }

    fn transition(&self, errors: &mut Errors) {
        for condition in ["Failed", "Complete", "FailureTarget"] {
            if is(&self.old, condition) && !is(&self.new, condition) {
                self.conflict(
                    errors,
                    &format!("cannot disable the terminal {condition}=True condition"),
                );
            }
        }
        let falls = |name: &str| self.number(name) < self.old.number_of(name).unwrap_or_default();
        let zero_shown = |errors: &mut Errors, name: &str, detail: &str| {
            let path = self.new.path.child(name);
            errors.push(FieldError::invalid(&path, self.number(name), detail));
        };
        if falls("failed") {
            zero_shown(errors, "failed", "cannot decrease the failed counter");
        }
        let scales = is_indexed(&self.spec) && self.spec.number_of("completions") == self.spec.number_of("parallelism");
        if falls("succeeded") && !scales {
            zero_shown(errors, "succeeded", "cannot decrease the succeeded counter");
        }
        let both = |name: &str| self.new.child(name).is_set() && self.old.child(name).is_set();
        if both("completionTime") && self.changes("completionTime") {
            self.invalid(errors, "completionTime", "field is immutable");
        }
        let resumes = is(&self.old, "Suspended") && has(&self.new, "Suspended", "False");
        let started = self.old.child("startTime").is_set();
        if started && self.changes("startTime") && !resumes && !self.spec.is_true("suspend") {
            let detail = "field is immutable for unsuspended job once set";
            self.invalid(errors, "startTime", detail);
        }
        let (met, was_met) = (is(&self.new, "SuccessCriteriaMet"), is(&self.old, "SuccessCriteriaMet"));
        if was_met && !met {
            self.conflict(errors, "cannot disable the SuccessCriteriaMet=True condition");
        }
        if is(&self.old, "Complete") && !was_met && met {
            let detail = "cannot set SuccessCriteriaMet=True for Job already has Complete=true conditions";
            self.conflict(errors, detail);
        }
    }
}

/// The first index that has both completed and failed; what cannot be read is judged elsewhere.
fn overlap(completed: &str, failed: &str, completions: i64) -> Option<i64> {
    let read = |text: &str| -> Vec<(i64, i64)> {
        let intervals = text.split(',').filter(|_| !text.is_empty());
        intervals
            .filter_map(|interval| index_interval(interval, completions).ok())
            .collect()
    };
    let failed = read(failed);
    let pairs = read(completed)
        .into_iter()
        .flat_map(|done| failed.iter().map(move |failed| (done, *failed)));
    pairs
        .filter(|(done, failed)| done.0 <= failed.1 && failed.0 <= done.1)
        .map(|(done, failed)| done.0.max(failed.0))
        .min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlaps_are_found() {
        assert_eq!(overlap("0-3,7", "4-6", 10), None);
        assert_eq!(overlap("0-3,7", "5,7-8", 10), Some(7));
        assert_eq!(overlap("", "1", 10), None);
    }
}
