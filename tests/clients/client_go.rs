//! What programs do that are written with client-go: the tests of the Go module `client-go`, a trial each. Ignored where
//! there is no Go.

use std::{
    collections::BTreeSet,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use libtest_mimic::{Completion, Trial};
use roperator_testkit::server::{ApiServer, Limits};

use crate::{
    go, run,
    sandbox::{Ended, Process, Sandbox},
};

/// The tests that a sandbox is for.
const ORDINARY: [&str; 17] = [
    "TestApply",
    "TestBrokenLine",
    "TestCBOR",
    "TestClosedWatches",
    "TestCollections",
    "TestDiscovery",
    "TestDynamic",
    "TestEvents",
    "TestInformers",
    "TestLeaderElection",
    "TestMetadata",
    "TestResync",
    "TestScale",
    "TestSelectedInformers",
    "TestTyped",
    "TestTypedKinds",
    "TestWaiting",
];

/// Those that want a server to forget, which a sandbox does only after much that they would have to write.
const OF_A_LOST_PAST: [&str; 3] = ["TestForgottenPast", "TestPagesOfAForgottenPast", "TestRetryWatcher"];

pub fn trials() -> Vec<Trial> {
    let ordinary = ORDINARY.map(|name| {
        trial(name, move |program| {
            let sandbox = Sandbox::start();
            test(program, name, &sandbox.kubeconfig())
        })
    });
    let of_a_lost_past =
        OF_A_LOST_PAST.map(|name| trial(name, move |program| run(on_a_forgetful_server(program, name))));
    ordinary.into_iter().chain(of_a_lost_past).collect()
}

fn trial(name: &'static str, body: impl FnOnce(&Path) -> Ended + Send + 'static) -> Trial {
    Trial::ignorable_test(format!("client_go::{name}"), move || match program() {
        Ok(program) => {
            let ended = body(program);
            let has_passed = ended.status.success() && ended.out.contains(&format!("--- PASS: {name} "));
            assert!(has_passed, "{}{}", ended.out, ended.err);
            Ok(Completion::Completed)
        }
        Err(reason) => Ok(Completion::ignored_with(reason)),
    })
}

/// The tests as a program, which is built once.
fn program() -> Result<&'static Path, String> {
    static PROGRAM: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let built = PROGRAM.get_or_init(|| {
        // It stays for the next run: a static value is never dropped.
        let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("client-go-tests");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/client-go");
        go::build(&source, &["test", "-c"], &program)?;
        let listed = Process::start(Command::new(&program).args(["-test.list", "."]), "").wait();
        let listed: BTreeSet<&str> = listed.out.lines().collect();
        assert_eq!(
            listed,
            ORDINARY.into_iter().chain(OF_A_LOST_PAST).collect(),
            "there is a trial for each"
        );
        Ok(program)
    });
    built.as_deref().map_err(Clone::clone)
}

fn test(program: &Path, name: &str, kubeconfig: &Path) -> Ended {
    let arguments = ["-test.v".to_owned(), format!("-test.run=^{name}$")];
    Process::start(Command::new(program).args(arguments).env("KUBECONFIG", kubeconfig), "").wait()
}

async fn on_a_forgetful_server(program: &Path, name: &str) -> Ended {
    let folder = tempfile::tempdir().unwrap();
    let kubeconfig = folder.path().join("kubeconfig");
    let limits = Limits::default().bytes(1 << 20);
    let served = ApiServer::with_limits(limits)
        .serve((Ipv4Addr::LOCALHOST, 0).into())
        .await
        .unwrap();
    served.write_kubeconfig(&kubeconfig).unwrap();
    test(program, name, &kubeconfig)
}
