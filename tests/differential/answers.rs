//! The recorded answers, as files: `answers/<script>.yaml`, one block a step. What they say came from the real server.

use std::{fs, path::Path};

use serde::Deserialize;
use serde_json::Value;

use crate::yaml;

const HEAD: &str = "# What kube-apiserver 1.36.3 answered, masked. Recorded, never edited: see ../README.md.\n";
/// The order of a block's lines.
const KEYS: [&str; 5] = ["step", "status", "headers", "body", "events"];

/// The answers to one case.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseAnswers {
    /// The case's name.
    pub case: String,
    /// A block for each step, its request line being `step`.
    pub answers: Vec<Value>,
}

/// Reads the answers to a script; none if they were never recorded.
pub fn load(folder: &Path, script: &str) -> Result<Vec<CaseAnswers>, String> {
    let path = folder.join(format!("{script}.yaml"));
    match fs::read_to_string(&path) {
        Ok(text) => yaml::read(&text).map_err(|error| format!("{}: {error}", path.display())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(format!("{}: {error}", path.display())),
    }
}

/// Writes the answers to a script.
pub fn save(folder: &Path, script: &str, cases: &[CaseAnswers]) -> Result<(), String> {
    let path = folder.join(format!("{script}.yaml"));
    fs::write(&path, text(cases)).map_err(|error| format!("{}: {error}", path.display()))
}

/// The file's text.
pub fn text(cases: &[CaseAnswers]) -> String {
    let mut text = HEAD.to_owned();
    for case in cases {
        text.push('\n');
        text.push_str("- ");
        yaml::write_entry(&mut text, "case", &case.case.as_str().into(), 0);
        text.push_str("  answers:\n");
        for answer in &case.answers {
            text.push_str(&block(answer));
        }
    }
    text
}

/// A step's block, as it stands in the file and in a diff.
pub fn block(answer: &Value) -> String {
    let mut text = String::new();
    for key in KEYS {
        if let Some(value) = answer.get(key) {
            if text.is_empty() {
                text.push_str("  - ");
                yaml::write_entry(&mut text, key, value, 0);
            } else {
                yaml::write_entry(&mut text, key, value, 4);
            }
        }
    }
    text
}
