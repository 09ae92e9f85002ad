//! kubectl: that of the pinned release beside the real server's binaries, the one in the PATH, and the one that `KUBECTL`
//! names. Every trial has a sandbox of its own, and looks at what a human would see, and at exit codes.

mod applying;
mod custom;
mod reading;
mod writing;

use std::{path::PathBuf, process::Command};

use libtest_mimic::{Completion, Trial};
use tempfile::TempDir;

use crate::sandbox::{Process, Sandbox, in_path};

/// What a trial does.
pub type Body = fn(&Kubectl);

pub fn trials() -> Vec<Trial> {
    let bodies = [reading::ALL, writing::ALL, applying::ALL, custom::ALL].concat();
    let found = installed();
    if found.is_empty() {
        let reason = "there is no kubectl: `scripts/real-apiserver --with-kubectl` builds one for KUBEBUILDER_ASSETS";
        let ignored = |(name, _): &(&str, Body)| {
            Trial::ignorable_test(format!("kubectl::{name}"), move || Ok(Completion::ignored_with(reason)))
        };
        return bodies.iter().map(ignored).collect();
    }
    let mut trials = Vec::new();
    for (kind, path) in found {
        for (name, body) in bodies.clone() {
            let path = path.clone();
            trials.push(Trial::test(format!("kubectl_{kind}::{name}"), move || {
                body(&Kubectl::new(path));
                Ok(())
            }));
        }
    }
    trials
}

/// The kubectls of this machine.
fn installed() -> Vec<(&'static str, PathBuf)> {
    let pinned = std::env::var_os("KUBEBUILDER_ASSETS").map(|folder| PathBuf::from(folder).join("kubectl"));
    let named = std::env::var_os("KUBECTL").map(PathBuf::from);
    let all = [("pinned", pinned), ("named", named), ("in_path", in_path("kubectl"))];
    let mut found: Vec<(&str, PathBuf)> = Vec::new();
    for (kind, path) in all {
        let Some(path) = path.filter(|path| path.is_file()) else {
            continue;
        };
        let real = path.canonicalize().unwrap();
        if found.iter().all(|(_, other)| other.canonicalize().unwrap() != real) {
            found.push((kind, path));
        }
    }
    found
}

/// A kubectl, and a sandbox for it.
pub struct Kubectl {
    path: PathBuf,
    pub sandbox: Sandbox,
    /// Where kubectl caches what it discovers.
    home: TempDir,
}

impl Kubectl {
    fn new(path: PathBuf) -> Self {
        Self {
            path,
            sandbox: Sandbox::start(),
            home: tempfile::tempdir().unwrap(),
        }
    }

    /// kubectl with arguments that are separated by spaces; `'` holds together what has some.
    pub fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(&self.path);
        command.args(words(arguments));
        command
            .env("KUBECONFIG", self.sandbox.kubeconfig())
            .env("KUBECACHEDIR", self.home.path());
        command
    }

    /// Runs kubectl with a document on stdin: its exit code, and what it wrote to stdout and stderr.
    pub fn run(&self, arguments: &str, input: &str) -> (i32, String, String) {
        let ended = Process::start(&mut self.command(arguments), input).wait();
        (ended.status.code().unwrap_or(-1), ended.out, ended.err)
    }

    /// What kubectl writes to stdout when it succeeds, which it must.
    pub fn ok(&self, arguments: &str) -> String {
        self.ok_with(arguments, "")
    }

    /// The same with a document on stdin.
    pub fn ok_with(&self, arguments: &str, input: &str) -> String {
        let (code, out, err) = self.run(arguments, input);
        assert_eq!(code, 0, "kubectl {arguments}\n{out}{err}");
        out
    }

    /// What kubectl complains of when it fails, which it must.
    pub fn fails(&self, arguments: &str) -> String {
        self.fails_with(arguments, "")
    }

    /// The same with a document on stdin.
    pub fn fails_with(&self, arguments: &str, input: &str) -> String {
        let (code, out, err) = self.run(arguments, input);
        assert_eq!(code, 1, "kubectl {arguments}\n{out}{err}");
        err
    }
}

/// Words, as a shell takes them apart: what is between two `'` is part of one.
fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut is_quoted = false;
    for letter in text.chars() {
        match letter {
            '\'' => is_quoted = !is_quoted,
            ' ' if !is_quoted => words.push(String::new()),
            other => words.last_mut().unwrap().push(other),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// The words of every line of a table.
pub fn table(text: &str) -> Vec<Vec<&str>> {
    text.lines().map(|line| line.split_whitespace().collect()).collect()
}
