//! Many write and many watch, at the same time: nothing is lost, nothing is told twice, nothing is out of order.
//!
//! The judge knows what the server answered to those who wrote, and nothing of its insides. What a run does follows from a
//! seed, which is printed when it fails, and `SEED=…` takes again; when it happens is the scheduler's choice.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "clippy does not see the helpers of an integration test as tests"
)]

mod applies;
mod client;
mod definitions;
mod namespaces;
mod random;
mod records;
mod truth;
mod watchers;
mod writers;

use std::time::Duration;

use roperator_testkit::server::ApiServer;
use serde_json::json;
use tokio::{sync::watch, task::JoinSet};

use self::{
    client::Client,
    random::{Random, seeded},
    records::Records,
    truth::Truth,
    watchers::{Begin, Scope, Watcher},
    writers::Writer,
};

/// No run takes that long, on the slowest machine.
const PATIENCE: Duration = Duration::from_secs(120);
const NAMESPACES: [&str; 2] = ["room-a", "room-b"];
const WRITERS: usize = 8;
const WRITES: usize = 100;
const WATCHERS: usize = 16;

#[test]
fn watchers_see_exactly_what_happened() {
    seeded(|random| {
        block_on(async move {
            let server = ApiServer::start();
            let served = server.serve("127.0.0.1:0".parse().unwrap()).await.unwrap();
            let clients = [Client::within(&server), Client::over(&served).await];
            run(&clients, random).await;
        });
    });
}

async fn run(clients: &[Client; 2], mut random: Random) {
    for namespace in NAMESPACES {
        let body = json!({"metadata": {"name": namespace}});
        assert_eq!(clients[0].create("/api/v1/namespaces", &body).await.0, 201);
    }
    let records = Records::default();
    // How many writes were made: watchers begin before them, and between them.
    let progress = watch::Sender::new(0);
    let began = watch::Sender::new(0);
    let mut watching = JoinSet::new();
    for number in 0..WATCHERS {
        // One sees everything, and so all deletions.
        let (begin, scope, after) = match number {
            0 => (Begin::List, Scope::default(), 0),
            _ => (
                Begin::any(&mut random),
                Scope::any(&mut random),
                random.below(WRITERS * WRITES),
            ),
        };
        let watcher = Watcher::new(clients[number % 2].clone(), begin, scope, random.fork());
        let (mut made, all) = (progress.subscribe(), began.clone());
        watching.spawn(async move {
            made.wait_for(|made| *made >= after).await.unwrap();
            let began = watcher.begin().await;
            all.send_modify(|all| *all += 1);
            watcher.follow(began).await
        });
        if number == 0 {
            began.subscribe().wait_for(|all| *all == 1).await.unwrap();
        }
    }
    let mut writing = JoinSet::new();
    for number in 0..WRITERS {
        let writer = Writer::new(number, clients[0].clone(), records.clone(), random.fork());
        writing.spawn(writer.run(WRITES, progress.clone()));
    }
    writing.join_all().await;
    began.subscribe().wait_for(|all| *all == WATCHERS).await.unwrap();
    for namespace in NAMESPACES {
        let (path, marker) = (watchers::path(namespace), watchers::marker());
        records.created(&clients[0].create(&path, &marker).await);
    }
    let stories = watching.join_all().await;
    let truth = Truth::new(&records, &stories);
    for story in &stories {
        if let Err(why) = truth.judge(story) {
            panic!("who watched {:?} from {:?} on: {why}", story.scope, story.begin);
        }
        let listed = clients[1].list(&story.scope.path(), &story.scope.query()).await;
        assert_eq!(truth.newest(&story.scope), listed.items(), "{:?}", story.scope);
    }
}

/// Runs a test on several threads.
fn block_on<F: Future>(test: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        tokio::time::timeout(PATIENCE, test)
            .await
            .unwrap_or_else(|_| panic!("it does not end"))
    })
}
