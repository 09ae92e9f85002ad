//! The sandbox as a program: what it says when it cannot serve, how it ends, and that there may be two.

use std::{net::TcpListener, os::unix::fs::PermissionsExt as _, process::Command};

use libtest_mimic::Trial;
use rustix::process::Signal;

use crate::{
    run,
    sandbox::{Ended, Process, Sandbox, binary, eventually},
    trial,
};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("sandbox::a_taken_port_is_told", a_taken_port_is_told),
        trial(
            "sandbox::an_unwritable_kubeconfig_is_told",
            an_unwritable_kubeconfig_is_told,
        ),
        trial("sandbox::only_loopback_is_served", only_loopback_is_served),
        trial("sandbox::wrong_options_are_told", wrong_options_are_told),
        trial("sandbox::a_signal_ends_it_in_order", a_signal_ends_it_in_order),
        trial(
            "sandbox::a_signal_ends_it_while_clients_watch",
            a_signal_ends_it_while_clients_watch,
        ),
        trial(
            "sandbox::two_know_nothing_of_one_another",
            two_know_nothing_of_one_another,
        ),
        trial(
            "sandbox::the_kubeconfig_of_one_that_runs_stays",
            the_kubeconfig_of_one_that_runs_stays,
        ),
        trial("sandbox::the_kubeconfig_is_its_owners", the_kubeconfig_is_its_owners),
    ]
}

fn refused(arguments: &[&str]) -> Ended {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(binary("sandbox"));
    command.args(arguments).current_dir(folder.path());
    let ended = Process::start(&mut command, "").wait();
    assert!(!ended.status.success(), "{ended:?}");
    assert!(!ended.out.contains("ready"), "{ended:?}");
    assert!(!ended.err.contains("panicked"), "{ended:?}");
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
    ended
}

fn a_taken_port_is_told() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ended = refused(&["--listen", &address]);
    assert_eq!(ended.status.code(), Some(1));
    let wanted = format!("sandbox: cannot listen on {address}: ");
    assert!(ended.err.starts_with(&wanted), "{ended:?}");
    assert!(ended.err.contains("port 0 for a free one"), "{ended:?}");
}

fn an_unwritable_kubeconfig_is_told() {
    for path in ["no/such/folder/kubeconfig", "."] {
        let ended = refused(&["--kubeconfig", path]);
        assert_eq!(ended.status.code(), Some(1));
        let wanted = format!("sandbox: cannot write the kubeconfig to {path}: ");
        assert!(ended.err.starts_with(&wanted), "{ended:?}");
        assert!(!ended.err.contains(".tmp"), "{ended:?}");
    }
}

fn only_loopback_is_served() {
    for address in ["0.0.0.0:0", "192.0.2.1:6443", "[::]:0"] {
        let ended = refused(&["--listen", address]);
        assert_eq!(ended.status.code(), Some(1));
        let wanted = format!("sandbox: {address} is not a loopback address, ");
        assert!(ended.err.starts_with(&wanted), "{ended:?}");
    }
}

fn wrong_options_are_told() {
    for arguments in [
        &["--nonsense"][..],
        &["--listen"],
        &["--listen", "nowhere"],
        &["more"],
        &["--listen", "127.0.0.1:65536"],
        &["--listen", "localhost"],
    ] {
        let ended = refused(arguments);
        assert_eq!(ended.status.code(), Some(2), "{ended:?}");
        assert!(ended.err.starts_with("error: "), "{ended:?}");
        let is_wrong_address = arguments.len() == 2;
        assert_eq!(
            ended.err.contains("such as 127.0.0.1:6443"),
            is_wrong_address,
            "{ended:?}"
        );
    }
}

fn a_signal_ends_it_in_order() {
    for signal in [Signal::TERM, Signal::INT] {
        let sandbox = Sandbox::start();
        let kubeconfig = sandbox.kubeconfig();
        assert!(kubeconfig.is_file());
        sandbox.process.signal(signal);
        let (ended, _folder) = sandbox.wait();
        assert!(ended.status.success(), "{ended:?}");
        assert!(!kubeconfig.exists());
        assert_eq!(ended.err, "");
    }
}

fn a_signal_ends_it_while_clients_watch() {
    use futures::TryStreamExt as _;
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::{Api, api::WatchParams};

    let sandbox = Sandbox::start();
    run(async {
        let maps: Api<ConfigMap> = Api::all(sandbox.client().await);
        let mut watch = Box::pin(maps.watch(&WatchParams::default().timeout(100), "0").await.unwrap());
        sandbox.process.signal(Signal::TERM);
        while let Ok(Some(_)) = watch.try_next().await {}
    });
    let (ended, _folder) = sandbox.wait();
    assert!(ended.status.success());
}

fn two_know_nothing_of_one_another() {
    use k8s_openapi::api::core::v1::Namespace;
    use kube::{Api, Client, api::PostParams};

    let (one, other) = (Sandbox::start(), Sandbox::start());
    assert_ne!(one.url, other.url);
    run(async {
        let of_one: Api<Namespace> = Api::all(one.client().await);
        let mut made = Namespace::default();
        made.metadata.name = Some("here".to_owned());
        of_one.create(&PostParams::default(), &made).await.unwrap();
        let of_other: Api<Namespace> = Api::all(other.client().await);
        assert!(of_other.get_opt("here").await.unwrap().is_none());
        // The token of one opens nothing of the other, and neither does its certificate authority.
        let mut config = other.config().await;
        config.auth_info = one.config().await.auth_info;
        let stranger: Api<Namespace> = Api::all(Client::try_from(config).unwrap());
        let error = stranger.get("default").await.unwrap_err();
        assert!(matches!(error, kube::Error::Api(status) if status.code == 401));
        let mut config = other.config().await;
        config.root_cert = one.config().await.root_cert;
        let stranger: Api<Namespace> = Api::all(Client::try_from(config).unwrap());
        assert!(!matches!(
            stranger.get("default").await.unwrap_err(),
            kube::Error::Api(_)
        ));
    });
}

fn the_kubeconfig_of_one_that_runs_stays() {
    let first = Sandbox::start();
    let kubeconfig = first.kubeconfig();
    let text = std::fs::read_to_string(&kubeconfig).unwrap();
    let path = kubeconfig.to_str().unwrap();
    let ended = refused(&["--kubeconfig", path, "--listen", "localhost:0"]);
    assert_eq!(ended.status.code(), Some(1));
    let wanted = format!(
        "sandbox: {path} is the kubeconfig of a server that still runs at {}: ",
        first.address()
    );
    assert!(ended.err.starts_with(&wanted), "{ended:?}");
    assert_eq!(std::fs::read_to_string(&kubeconfig).unwrap(), text);
    // One that was killed leaves its kubeconfig behind, for whoever comes.
    first.process.signal(Signal::KILL);
    let (_, _folder) = first.wait();
    let mut command = Command::new(binary("sandbox"));
    command.args(["--kubeconfig", path, "--listen", "localhost:0"]);
    let second = Process::start(&mut command, "");
    eventually("the second is ready", || second.out().ends_with("\nready\n"));
    assert_ne!(std::fs::read_to_string(&kubeconfig).unwrap(), text);
}

fn the_kubeconfig_is_its_owners() {
    let sandbox = Sandbox::start();
    let mode = std::fs::metadata(sandbox.kubeconfig()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    // One that is deleted by somebody else is no reason not to end in order.
    std::fs::remove_file(sandbox.kubeconfig()).unwrap();
    sandbox.process.signal(Signal::TERM);
    let (ended, _folder) = sandbox.wait();
    assert!(ended.status.success());
    let again = Sandbox::start();
    eventually("it serves", || again.kubeconfig().is_file());
}
