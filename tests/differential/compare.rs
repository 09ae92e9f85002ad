//! Recorded and actual answers go in, with the differences that are known; a verdict comes out, to be read by people.

use std::{fs, path::Path};

use serde::Deserialize;
use serde_json::Value;
use similar::{ChangeTag, TextDiff};

use crate::{
    answers::{CaseAnswers, block},
    pointer, yaml,
};

/// A difference between the real server and ours that is known and, for now, accepted.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownDifference {
    /// The script.
    pub script: String,
    /// The case in it.
    pub case: String,
    /// The step of the case, from 1.
    pub step: usize,
    /// The place in the answer, such as `/body/message`; empty for all of it.
    #[serde(default)]
    pub path: String,
    /// Why it is accepted.
    pub reason: String,
}

/// How the answers to one case compare.
#[derive(Default)]
pub struct Verdict {
    /// How many answers were equal to the recorded ones.
    pub identical: usize,
    /// How many answers differed where it was known, and nowhere else.
    pub known: usize,
    /// What is wrong, for people; empty if nothing is.
    pub complaints: Vec<String>,
}

/// Reads the list of known differences.
pub fn known_differences(path: &Path) -> Result<Vec<KnownDifference>, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let known: Option<Vec<KnownDifference>> =
        yaml::read(&text).map_err(|error| format!("{}: {error}", path.display()))?;
    let known = known.unwrap_or_default();
    match known.iter().find(|known| known.reason.trim().is_empty()) {
        Some(known) => Err(format!("{}: `{}` has no reason", path.display(), known.case)),
        None => Ok(known),
    }
}

/// Compares the answers to a case; `known` are the known differences of this case.
pub fn compare(recorded: Option<&CaseAnswers>, actual: &CaseAnswers, known: &[&KnownDifference]) -> Verdict {
    let mut verdict = Verdict::default();
    let Some(recorded) = recorded else {
        verdict
            .complaints
            .push("there is no recorded answer: record it (see README.md)".to_owned());
        return verdict;
    };
    let lines = |case: &CaseAnswers| {
        case.answers
            .iter()
            .map(|answer| answer.get("step").cloned())
            .collect::<Vec<_>>()
    };
    if lines(recorded) != lines(actual) {
        verdict
            .complaints
            .push("the steps are not those that were recorded: record them anew (see README.md)".to_owned());
        return verdict;
    }
    for (number, (recorded, actual)) in (1..).zip(recorded.answers.iter().zip(&actual.answers)) {
        let known: Vec<&str> = known
            .iter()
            .filter(|known| known.step == number)
            .map(|known| known.path.as_str())
            .collect();
        compare_step(number, recorded, actual, &known, &mut verdict);
    }
    verdict
}

fn compare_step(number: usize, recorded: &Value, actual: &Value, known: &[&str], verdict: &mut Verdict) {
    let found = pointer::differences(recorded, actual);
    for path in known {
        if !found.iter().any(|place| is_within(place, path)) {
            verdict.complaints.push(format!(
                "step {number} no longer differs at `{path}`: take it off the list of known differences"
            ));
        }
    }
    let is_known = |place: &String| known.iter().any(|path| is_within(place, path));
    if found.is_empty() {
        verdict.identical += 1;
    } else if found.iter().all(is_known) {
        verdict.known += 1;
    } else {
        let (mut recorded, mut actual) = (recorded.clone(), actual.clone());
        for place in found.iter().filter(|place| is_known(place)) {
            pointer::put(&mut recorded, place, "<known difference>");
            pointer::put(&mut actual, place, "<known difference>");
        }
        let line = actual.get("step").and_then(Value::as_str).unwrap_or_default();
        verdict.complaints.push(format!(
            "step {number}: {line}\n{}",
            diff(&block(&recorded), &block(&actual))
        ));
    }
}

fn is_within(place: &str, path: &str) -> bool {
    place
        .strip_prefix(path)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// What must go (recorded, not answered) and what came instead, with a few lines around.
pub fn diff(recorded: &str, actual: &str) -> String {
    let diff = TextDiff::from_lines(recorded, actual);
    let mut text = String::from("    - recorded   + answered\n");
    for (index, group) in diff.grouped_ops(3).iter().enumerate() {
        if index > 0 {
            text.push_str("      …\n");
        }
        for change in group.iter().flat_map(|operation| diff.iter_changes(operation)) {
            let sign = match change.tag() {
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
                ChangeTag::Equal => ' ',
            };
            text.push_str(&format!("    {sign} {}\n", change.value().trim_end_matches('\n')));
        }
    }
    text
}
