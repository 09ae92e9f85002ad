//! The in-process API server beside a real kube-apiserver with etcd, on the same machine in one run: how soon they are
//! ready, how fast they write, list and tell watchers, and how much memory objects take. Prints a table of ratios.
//!
//! `KUBEBUILDER_ASSETS=$(scripts/real-apiserver) cargo bench -p roperator-tests --bench server`

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a measurement that cannot go on has nothing better to do than to stop"
)]

use std::{
    future::Future,
    time::{Duration, Instant},
};

use futures::{AsyncReadExt as _, StreamExt as _, future::join_all, stream};
use http::{Method, Request};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api, Client,
    api::{DeleteParams, PostParams},
};
use roperator::{Declared, Runtime};
use roperator_testkit::server::ApiServer;
use roperator_tests::{
    kinds::{Site, SiteOperator, SiteSpec, fan_out},
    server::Backend,
    stage,
};
use serde_json::json;

/// Runs of each measurement; the median counts.
const RUNS: usize = 5;
const WRITES: usize = 1000;
const LISTED: usize = 10_000;
const WATCHERS: usize = 100;
const EVENTS: usize = 100;

/// A way in to a server.
struct Way {
    name: &'static str,
    client: Client,
}

#[tokio::main]
async fn main() {
    // Cargo hands on its own arguments, such as `--bench`.
    let real = Backend::Real
        .start()
        .await
        .expect("a real API server: set KUBEBUILDER_ASSETS");
    let served = Backend::Embedded.start().await.unwrap();
    let in_process = ApiServer::start();
    let ways = [
        Way {
            name: "kube-apiserver",
            client: real.client().await.unwrap(),
        },
        Way {
            name: "ours, over HTTPS",
            client: served.client().await.unwrap(),
        },
        Way {
            name: "ours, in process",
            client: Client::new(in_process.clone(), "default"),
        },
    ];
    for way in &ways {
        // Connections and code are warm.
        write(&way.client, "warm", 0, 50).await;
    }
    println!("| | {} | {} | {} |", ways[0].name, ways[1].name, ways[2].name);
    println!("|---|---|---|---|");
    ready().await;
    compare(&ways, "writes/s, one client", Better::More, |client, run| async move {
        // A task, as the sixteen are: the main thread is none of the runtime's, and each answer would have to wake it.
        let writer = tokio::spawn(async move { write(&client, &format!("one-{run}"), 0, WRITES).await });
        WRITES as f64 / writer.await.unwrap().as_secs_f64()
    })
    .await;
    compare(
        &ways,
        "writes/s, sixteen clients",
        Better::More,
        |client, run| async move {
            let began = Instant::now();
            let each = WRITES / 4;
            let writers = (0..16).map(|writer| {
                let client = client.clone();
                tokio::spawn(async move { write(&client, &format!("all-{run}-{writer}"), 0, each).await })
            });
            join_all(writers).await;
            (each * 16) as f64 / began.elapsed().as_secs_f64()
        },
    )
    .await;
    for way in &ways {
        fill(&way.client).await;
    }
    compare(
        &ways,
        "list of 10,000 objects, ms",
        Better::Less,
        |client, _| async move {
            let began = Instant::now();
            let bytes = get(&client, "/api/v1/namespaces/kube-public/configmaps?resourceVersion=0").await;
            assert!(bytes > LISTED * 200, "{bytes} bytes");
            began.elapsed().as_secs_f64() * 1000.0
        },
    )
    .await;
    compare(
        &ways,
        "100 events to 100 watchers, ms",
        Better::Less,
        |client, run| async move { fan_out_events(&client, run).await.as_secs_f64() * 1000.0 },
    )
    .await;
    memory().await;
    scenario(&in_process).await;
}

enum Better {
    More,
    Less,
}

/// Measures all ways in turn, several times, and prints medians and ratios.
async fn compare<F>(ways: &[Way], what: &str, better: Better, measure: impl Fn(Client, usize) -> F)
where
    F: Future<Output = f64>,
{
    let mut figures = vec![Vec::new(); ways.len()];
    for run in 0..RUNS {
        for (way, figures) in ways.iter().zip(&mut figures) {
            figures.push(measure(way.client.clone(), run).await);
        }
    }
    let medians: Vec<f64> = figures.into_iter().map(median).collect();
    let real = medians[0];
    let cells = medians.iter().enumerate().map(|(index, figure)| {
        let ratio = match better {
            Better::More => figure / real,
            Better::Less => real / figure,
        };
        if index == 0 {
            format!("{figure:.0}")
        } else {
            format!("{figure:.0} ({ratio:.1} ×)")
        }
    });
    println!("| {what} | {} |", cells.collect::<Vec<_>>().join(" | "));
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

async fn ready() {
    let mut real = Vec::new();
    let mut https = Vec::new();
    let mut ours = Vec::new();
    for _ in 0..RUNS {
        let began = Instant::now();
        let server = ApiServer::start();
        get(&Client::new(server, "default"), "/api/v1/namespaces").await;
        ours.push(began.elapsed().as_secs_f64() * 1000.0);
        let began = Instant::now();
        let server = Backend::Embedded.start().await.unwrap();
        get(&server.client().await.unwrap(), "/api/v1/namespaces").await;
        https.push(began.elapsed().as_secs_f64() * 1000.0);
    }
    for _ in 0..2 {
        let began = Instant::now();
        let server = Backend::Real.start().await.unwrap();
        get(&server.client().await.unwrap(), "/api/v1/namespaces").await;
        real.push(began.elapsed().as_secs_f64() * 1000.0);
    }
    let (real, https, ours) = (median(real), median(https), median(ours));
    println!(
        "| start to first answer, ms | {real:.0} | {https:.1} ({:.0} ×) | {ours:.2} ({:.0} ×) |",
        real / https,
        real / ours
    );
}

async fn send(client: &Client, method: Method, path: &str, body: Vec<u8>) -> usize {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", "application/json")
        .body(kube::client::Body::from(body))
        .unwrap();
    let answer = client.send(request).await.unwrap();
    let code = answer.status();
    let bytes = http_body_util::BodyExt::collect(answer.into_body())
        .await
        .unwrap()
        .to_bytes();
    assert!(code.is_success(), "{code} {}", String::from_utf8_lossy(&bytes));
    bytes.len()
}

async fn get(client: &Client, path: &str) -> usize {
    send(client, Method::GET, path, Vec::new()).await
}

fn config_map(name: &str) -> Vec<u8> {
    let object = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "labels": {"app": "bench"}},
        "data": {"message": "x".repeat(200)},
    });
    object.to_string().into_bytes()
}

/// Creates ConfigMaps one after the other.
async fn write(client: &Client, name: &str, first: usize, count: usize) -> Duration {
    let began = Instant::now();
    for number in first..first + count {
        let path = "/api/v1/namespaces/default/configmaps";
        send(client, Method::POST, path, config_map(&format!("{name}-{number}"))).await;
    }
    began.elapsed()
}

async fn fill(client: &Client) {
    let path = "/api/v1/namespaces/kube-public/configmaps";
    stream::iter(0..LISTED)
        .for_each_concurrent(16, |number| async move {
            send(client, Method::POST, path, config_map(&format!("listed-{number}"))).await;
        })
        .await;
}

/// How long it takes until all watchers have the bytes of all events.
async fn fan_out_events(client: &Client, run: usize) -> Duration {
    let mut watches = Vec::new();
    for _ in 0..WATCHERS {
        let path = "/api/v1/namespaces/kube-node-lease/configmaps?watch=1&resourceVersion=0&sendInitialEvents=false&resourceVersionMatch=NotOlderThan";
        let request = Request::get(path).body(Vec::new()).unwrap();
        watches.push(client.request_stream(request).await.unwrap());
    }
    let began = Instant::now();
    let writer = async {
        for number in 0..EVENTS {
            let path = "/api/v1/namespaces/kube-node-lease/configmaps";
            send(client, Method::POST, path, config_map(&format!("told-{run}-{number}"))).await;
        }
    };
    // A task each, as watchers have in life.
    let readers = watches.into_iter().map(|mut watch| {
        tokio::spawn(async move {
            let mut lines = 0;
            let mut buffer = vec![0; 64 << 10];
            while lines < EVENTS {
                let read = watch.read(&mut buffer).await.unwrap();
                assert!(read > 0, "the watch ended after {lines} events");
                lines += buffer[..read].iter().filter(|byte| **byte == b'\n').count();
            }
        })
    });
    let readers = join_all(readers.collect::<Vec<_>>());
    tokio::join!(writer, readers);
    began.elapsed()
}

/// The memory that 20,000 ConfigMaps take, each written twice so that there is history.
async fn memory() {
    let server = ApiServer::start();
    let client = Client::new(server.clone(), "default");
    let before = resident();
    for number in 0..20_000 {
        let name = format!("kept-{number}");
        send(
            &client,
            Method::POST,
            "/api/v1/namespaces/default/configmaps",
            config_map(&name),
        )
        .await;
        let path = format!("/api/v1/namespaces/default/configmaps/{name}");
        let patch = json!({"data": {"message": "y".repeat(200)}}).to_string().into_bytes();
        let request = Request::patch(path)
            .header("content-type", "application/merge-patch+json")
            .body(kube::client::Body::from(patch))
            .unwrap();
        assert!(client.send(request).await.unwrap().status().is_success());
    }
    println!(
        "\n20,000 ConfigMaps, each written twice: {} MB resident",
        (resident() - before) / 1_000_000
    );
}

/// The resident memory of this process, in bytes.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    let kilobytes: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kilobytes * 1024
}

/// A whole operator scenario: a parent, its children, its status, its end.
async fn scenario(server: &ApiServer) {
    let client = Client::new(server.clone(), "default");
    stage::install(&client, &SiteOperator::crd()).await;
    let handle = Runtime::new(client.clone())
        .server_port(0)
        .add_with::<SiteOperator, _, _>(
            SiteOperator::config(),
            |request: roperator::SyncRequest<SiteOperator>| async move { Ok::<_, roperator::Error>(fan_out(&request)) },
        )
        .start()
        .await
        .unwrap();
    while !handle.unready().is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let sites = Api::<Site>::default_namespaced(client.clone());
    let children = Api::<ConfigMap>::default_namespaced(client);
    let mut times = Vec::new();
    for run in 0..50 {
        let name = format!("site-{run}");
        let began = Instant::now();
        let site = Site::new(
            &name,
            SiteSpec {
                message: "hello".to_owned(),
                count: 1,
                ..SiteSpec::default()
            },
        );
        sites.create(&PostParams::default(), &site).await.unwrap();
        until(async || sites.get(&name).await.unwrap().status.is_some()).await;
        sites.delete(&name, &DeleteParams::background()).await.unwrap();
        until(async || children.get_opt(&format!("{name}-0")).await.unwrap().is_none()).await;
        times.push(began.elapsed().as_secs_f64() * 1000.0);
    }
    println!(
        "an operator's whole scenario (parent, child, status, deletion), in process: {:.1} ms",
        median(times)
    );
    handle.shutdown().await.unwrap();
}

async fn until(mut is_so: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !is_so().await {
        assert!(Instant::now() < deadline, "not within ten seconds");
        tokio::task::yield_now().await;
    }
}
