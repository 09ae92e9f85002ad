//! The scripts, as data: what `scripts/*.yaml` may say. README.md explains it to their authors.

use std::{collections::BTreeMap, fs, path::Path};

use serde::Deserialize;
use serde_json::Value;

use crate::yaml;

/// One file: the cases of one topic.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// The file's name without its ending.
    #[serde(skip)]
    pub name: String,
    /// Bodies with anchors, for use in the cases.
    #[serde(default, rename = "templates")]
    _templates: serde::de::IgnoredAny,
    /// Variables that all cases have.
    #[serde(default)]
    pub define: BTreeMap<String, String>,
    /// The cases, in order.
    pub cases: Vec<Case>,
}

/// Requests that build on one another, in a namespace of their own.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What it shows, in words.
    #[serde(rename = "case")]
    pub name: String,
    /// What happens, in order.
    pub steps: Vec<Step>,
}

/// One thing that happens: `send`, `watch`, `install` or `await`, and what belongs to it.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// A request line.
    pub send: Option<String>,
    /// The name for a watch that this request opens.
    pub watch: Option<String>,
    /// A CustomResourceDefinition to create, and to wait for until it is served.
    pub install: Option<Value>,
    /// The name of an open watch, the events of which are wanted.
    pub r#await: Option<String>,
    /// How many; without it, all until the server ends the watch.
    pub events: Option<usize>,
    /// Headers of the request.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The content type, or a short name for it.
    pub r#type: Option<String>,
    /// The body, to be sent as JSON.
    pub body: Option<Value>,
    /// The body, to be sent as it stands.
    pub raw: Option<String>,
    /// The body, in base64.
    pub base64: Option<String>,
    /// Variables to take from the answer's body, by JSON pointer.
    #[serde(default)]
    pub save: BTreeMap<String, String>,
    /// What to wait for, sending the request again and again.
    pub eventually: Option<Eventually>,
    /// The only parts of the answer's body that count, by pointer.
    #[serde(default)]
    pub keep: Vec<String>,
    /// Parts of the answer's body the content of which does not count, by pointer.
    #[serde(default)]
    pub mask: Vec<String>,
}

/// What a repeated request waits for: everything that is named must hold.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Eventually {
    /// The answer's status code.
    pub status: Option<u16>,
    /// The place in the body that `is` or `absent` is about.
    pub at: Option<String>,
    /// What is to stand there.
    pub is: Option<Value>,
    /// Nothing is to stand there.
    #[serde(default)]
    pub absent: bool,
}

impl Step {
    /// A request and nothing else.
    pub fn request(line: String) -> Self {
        Self {
            send: Some(line),
            ..Self::default()
        }
    }

    /// What stands for the step in the recorded answers.
    pub fn line(&self) -> String {
        match (&self.send, &self.watch, &self.r#await) {
            (Some(line), Some(watch), _) => format!("{line} (watch {watch})"),
            (Some(line), None, _) => line.clone(),
            (None, _, Some(watch)) => format!("await {watch}"),
            (None, _, None) => "install".to_owned(),
        }
    }
}

/// Reads all scripts of a folder, by name.
pub fn load(folder: &Path) -> Result<Vec<Script>, String> {
    let mut scripts = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))? {
        let path = entry.map_err(|error| error.to_string())?.path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            let mut script: Script = yaml::read(&text).map_err(|error| format!("{}: {error}", path.display()))?;
            script.name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            check(&script)?;
            scripts.push(script);
        }
    }
    scripts.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(scripts)
}

fn check(script: &Script) -> Result<(), String> {
    for (index, case) in script.cases.iter().enumerate() {
        let place = format!("{}.yaml, case `{}`", script.name, case.name);
        if script.cases.iter().take(index).any(|other| other.name == case.name) {
            return Err(format!("{place}: there are two of that name"));
        }
        for (number, step) in (1..).zip(&case.steps) {
            let actions = [step.send.is_some(), step.install.is_some(), step.r#await.is_some()];
            if actions.into_iter().filter(|action| *action).count() != 1 {
                return Err(format!("{place}, step {number}: one of `send`, `install` and `await`"));
            }
            let bodies = [step.body.is_some(), step.raw.is_some(), step.base64.is_some()];
            if bodies.into_iter().filter(|body| *body).count() > 1 {
                return Err(format!("{place}, step {number}: one of `body`, `raw` and `base64`"));
            }
            let is_patch = step.send.as_ref().is_some_and(|line| line.starts_with("PATCH "));
            if is_patch && step.r#type.is_none() {
                return Err(format!("{place}, step {number}: a PATCH needs a `type`"));
            }
        }
    }
    Ok(())
}
