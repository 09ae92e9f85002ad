//! kubectl: that of the pinned release and an older one, which lie beside the real server's binaries, the one in the PATH,
//! and the one that `KUBECTL` names. Every trial has a sandbox of its own, and looks at what a human would see, and at exit
//! codes.

mod applying;
mod custom;
mod reading;
mod writing;

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use libtest_mimic::{Completion, Trial};
use tempfile::TempDir;

use crate::sandbox::{Process, Sandbox, in_path};

/// What a trial does.
pub type Body = fn(&Kubectl);

pub fn trials() -> Vec<Trial> {
    let bodies = [reading::ALL, writing::ALL, applying::ALL, custom::ALL].concat();
    let mut trials = Vec::new();
    for (kind, path) in kubectls() {
        for (name, body) in bodies.clone() {
            let path = path.clone();
            trials.push(Trial::ignorable_test(
                format!("kubectl_{kind}::{name}"),
                move || match path {
                    Some(path) => {
                        body(&Kubectl::new(path));
                        Ok(Completion::Completed)
                    }
                    None => Ok(Completion::ignored_with(
                        "there is no such kubectl: `scripts/real-apiserver --with-kubectl` builds it for KUBEBUILDER_ASSETS",
                    )),
                },
            ));
        }
    }
    trials
}

/// The kubectls to try: the two that should be on this machine, and what else is on it.
fn kubectls() -> Vec<(&'static str, Option<PathBuf>)> {
    let assets = std::env::var_os("KUBEBUILDER_ASSETS").map(PathBuf::from);
    let pinned = assets
        .as_ref()
        .map(|folder| folder.join("kubectl"))
        .filter(|path| path.is_file());
    let mut all = vec![("pinned", pinned), ("older", assets.as_deref().and_then(older))];
    let named = std::env::var_os("KUBECTL").map(PathBuf::from);
    for (kind, path) in [("named", named), ("in_path", in_path("kubectl"))] {
        let Some(path) = path.filter(|path| path.is_file()) else {
            continue;
        };
        let real = path.canonicalize().unwrap();
        let known = all.iter().filter_map(|(_, path)| path.as_ref()?.canonicalize().ok());
        if !known.into_iter().any(|path| path == real) {
            all.push((kind, Some(path)));
        }
    }
    all
}

/// The kubectl of another release, whose name has its version.
fn older(assets: &Path) -> Option<PathBuf> {
    let files = std::fs::read_dir(assets).ok()?.map(|entry| entry.unwrap());
    let kubectls = files.filter(|file| file.file_name().to_string_lossy().starts_with("kubectl-"));
    kubectls.map(|file| file.path()).max()
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
