//! The differential suite: scripts of requests run against an API server, and the masked answers must be those that a real
//! kube-apiserver gave. README.md says how to read, run and extend it.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "clippy knows tests by their harness, which this one does without"
)]

mod answers;
mod backend;
mod compare;
mod mask;
mod pointer;
mod random;
mod run;
mod script;
mod self_test;
mod wire;
mod yaml;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{
        Arc, LazyLock, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use tokio::runtime::Runtime;

use crate::{
    answers::CaseAnswers,
    backend::Backend,
    compare::{KnownDifference, compare},
    run::Run,
    script::{Case, Script},
};

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

/// What all trials share.
struct Suite {
    backend: Backend,
    recording: bool,
    known: Vec<KnownDifference>,
    /// What is recorded, by script; in the end written, when this is a recording.
    answers: Mutex<BTreeMap<String, Vec<CaseAnswers>>>,
    counts: Counts,
}

#[derive(Default)]
struct Counts {
    cases: AtomicUsize,
    requests: AtomicUsize,
    identical: AtomicUsize,
    known: AtomicUsize,
}

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // Cases wait most of their time.
    arguments.test_threads.get_or_insert(6);
    match run(&arguments) {
        Ok(code) => code,
        Err(mistake) => {
            eprintln!("{mistake}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<ExitCode, String> {
    let scripts = script::load(&folder("scripts"))?;
    let backend = Backend::asked(std::env::var("ROPERATOR_TEST_API").ok().as_deref())?;
    let recording = std::env::var("ROPERATOR_RECORD").is_ok_and(|value| value == "1");
    if recording && backend != Backend::Real {
        return Err(
            "ROPERATOR_RECORD=1: only the answers of the real server are recorded (ROPERATOR_TEST_API=real)".into(),
        );
    }
    if let (Backend::Real, Some(reason)) = (backend, backend.unavailable()) {
        return Err(format!("ROPERATOR_TEST_API=real: {reason}"));
    }
    let mut recorded = BTreeMap::new();
    for script in &scripts {
        recorded.insert(script.name.clone(), answers::load(&folder("answers"), &script.name)?);
    }
    let suite = Arc::new(Suite {
        backend,
        recording,
        known: compare::known_differences(&folder("known-differences.yaml"))?,
        answers: Mutex::new(recorded),
        counts: Counts::default(),
    });
    suite.check_known(&scripts)?;
    let scripts: Vec<Arc<Script>> = scripts.into_iter().map(Arc::new).collect();
    let trials = scripts
        .iter()
        .flat_map(|script| (0..script.cases.len()).map(|index| trial(Arc::clone(&suite), Arc::clone(script), index)));
    let trials = trials.chain([random(backend)]).chain(self_test::trials()).collect();
    let conclusion = libtest_mimic::run(arguments, trials);
    suite.summarize();
    if recording {
        suite.save(&scripts)?;
    }
    Ok(conclusion.exit_code())
}

fn trial(suite: Arc<Suite>, script: Arc<Script>, index: usize) -> Trial {
    let name = format!("{}: {}", script.name, script.cases[index].name);
    Trial::ignorable_test(name, move || match suite.backend.unavailable() {
        Some(reason) => Ok(Completion::ignored_with(reason)),
        None => RUNTIME
            .block_on(suite.judge(&script, &script.cases[index]))
            .map(|()| Completion::Completed),
    })
}

/// Random sequences, for which nothing is recorded: the real server answers them as well. Asked for alone, it is compared
/// with itself, which proves that its answers do not depend on chance.
fn random(backend: Backend) -> Trial {
    let servers = [Backend::Real, backend];
    Trial::ignorable_test("random: sequences of requests", move || {
        match servers.into_iter().find_map(Backend::unavailable) {
            Some(reason) => Ok(Completion::ignored_with(reason)),
            None => {
                random::compare(&RUNTIME, servers, folder("random-regressions.txt")).map(|()| Completion::Completed)
            }
        }
    })
}

impl Suite {
    async fn judge(&self, script: &Script, case: &Case) -> Result<(), Failed> {
        let actual = self.play(script, case).await?;
        self.counts.cases.fetch_add(1, Relaxed);
        self.counts.requests.fetch_add(actual.answers.len(), Relaxed);
        let mut recorded = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let recorded = recorded.entry(script.name.clone()).or_default();
        if self.recording {
            recorded.retain(|recorded| recorded.case != case.name);
            recorded.push(actual);
            return Ok(());
        }
        // The recordings must be true of the real server everywhere.
        let known = self
            .known
            .iter()
            .filter(|known| self.backend == Backend::Embedded && known.is_about(script, case));
        let known: Vec<&KnownDifference> = known.collect();
        let recorded = recorded.iter().find(|recorded| recorded.case == case.name);
        let verdict = compare(recorded, &actual, &known);
        self.counts.identical.fetch_add(verdict.identical, Relaxed);
        self.counts.known.fetch_add(verdict.known, Relaxed);
        if verdict.complaints.is_empty() {
            Ok(())
        } else {
            Err(verdict.complaints.join("\n").into())
        }
    }

    async fn play(&self, script: &Script, case: &Case) -> Result<CaseAnswers, Failed> {
        // A client for each case: none waits for the connection of another.
        let client = self.backend.client().await?;
        let mut run = Run::new(&client, &script.define, self.backend.patience()).await?;
        let mut answers = Vec::new();
        for (number, step) in (1..).zip(&case.steps) {
            let answer = run.step(step).await;
            let mut answer = answer.map_err(|error| format!("step {number}: {}\n{error}", step.line()))?;
            answer["step"] = step.line().into();
            answers.push(answer);
        }
        run.end().await?;
        Ok(CaseAnswers {
            case: case.name.clone(),
            answers,
        })
    }

    /// A known difference must be about a step that there is.
    fn check_known(&self, scripts: &[Script]) -> Result<(), String> {
        let exists = |known: &&KnownDifference| {
            let mut cases = scripts
                .iter()
                .flat_map(|script| script.cases.iter().map(move |case| (script, case)));
            cases.any(|(script, case)| known.is_about(script, case) && (1..=case.steps.len()).contains(&known.step))
        };
        match self.known.iter().find(|known| !exists(known)) {
            Some(known) => Err(format!(
                "known-differences.yaml: there is no step {} of `{}: {}`",
                known.step, known.script, known.case
            )),
            None => Ok(()),
        }
    }

    fn summarize(&self) {
        let count = |counter: &AtomicUsize| counter.load(Relaxed);
        let Counts {
            cases,
            requests,
            identical,
            known,
        } = &self.counts;
        if count(cases) > 0 && !self.recording {
            println!(
                "differential: {} cases, {} requests, {} identical, {} known differences",
                count(cases),
                count(requests),
                count(identical),
                count(known)
            );
        }
    }

    /// Writes what is recorded, in the order of the scripts.
    fn save(&self, scripts: &[Arc<Script>]) -> Result<(), String> {
        let mut recorded = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        for script in scripts {
            let mut answers = recorded.remove(&script.name).unwrap_or_default();
            let place = |answers: &CaseAnswers| script.cases.iter().position(|case| case.name == answers.case);
            answers.retain(|answers| place(answers).is_some());
            answers.sort_by_key(place);
            answers::save(&folder("answers"), &script.name, &answers)?;
        }
        Ok(())
    }
}

impl KnownDifference {
    fn is_about(&self, script: &Script, case: &Case) -> bool {
        self.script == script.name && self.case == case.name
    }
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("differential").join(name)
}
