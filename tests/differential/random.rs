//! Sequences of requests that nobody thought of: both servers get the same ones, on a few names of three kinds, and must
//! give the same masked answers and the same events. What fails is shrunk to the requests that matter.

use std::{collections::BTreeMap, fmt, path::PathBuf};

use libtest_mimic::Failed;
use proptest::{
    prelude::*,
    sample::{select, subsequence},
    test_runner::{Config, FileFailurePersistence, RngAlgorithm, TestError, TestRng, TestRunner},
};
use serde_json::{Value, json};
use tokio::{runtime::Runtime, sync::OnceCell};

use crate::{answers::block, backend::Backend, compare::diff, pointer, run::Run, script::Step};

/// How many sequences are tried, unless `PROPTEST_CASES` says otherwise, and how long they are.
const SEQUENCES: u32 = 48;
const LENGTH: usize = 16;

/// A kind, and the names that its objects may have; names are of one kind only, so that `$rv_` knows them apart.
#[derive(Clone, Copy, Debug)]
struct Kind {
    path: &'static str,
    version: &'static str,
    kind: &'static str,
    names: &'static [&'static str],
    subresources: bool,
}

const CONFIG_MAP: Kind = Kind {
    path: "/api/v1/namespaces/$ns/configmaps",
    version: "v1",
    kind: "ConfigMap",
    names: &["a", "b"],
    subresources: false,
};
const DEPLOYMENT: Kind = Kind {
    path: "/apis/apps/v1/namespaces/$ns/deployments",
    version: "apps/v1",
    kind: "Deployment",
    names: &["d"],
    subresources: true,
};
const WIDGET: Kind = Kind {
    path: "/apis/random.example.com/v1/namespaces/$ns/widgets",
    version: "random.example.com/v1",
    kind: "Widget",
    names: &["w"],
    subresources: true,
};
const KINDS: [Kind; 3] = [CONFIG_MAP, DEPLOYMENT, WIDGET];

/// The object that ends a sequence, so that each watch has a last event.
const LAST: &str = "zz";

/// A request, for both servers.
#[derive(Clone)]
struct Sent {
    line: String,
    content_type: Option<&'static str>,
    body: Option<Value>,
}

impl fmt::Debug for Sent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "\n  {}", self.line)?;
        if let Some(content_type) = self.content_type {
            write!(formatter, " ({content_type})")?;
        }
        self.body.as_ref().map_or(Ok(()), |body| write!(formatter, " {body}"))
    }
}

/// Compares two servers on random sequences.
pub fn compare(runtime: &Runtime, servers: [Backend; 2], regressions: PathBuf) -> Result<(), Failed> {
    runtime.block_on(async { tokio::try_join!(prepare(servers[0]), prepare(servers[1])) })?;
    let cases = std::env::var("PROPTEST_CASES")
        .ok()
        .and_then(|cases| cases.parse().ok());
    let config = Config {
        cases: cases.unwrap_or(SEQUENCES),
        max_shrink_iters: 256,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(
            regressions.to_string_lossy().into_owned().leak(),
        ))),
        ..Config::default()
    };
    let sequences = (
        prop::collection::vec(create(), 0..=4),
        prop::collection::vec(request(), 1..=LENGTH),
    );
    // The same sequences each time, so that a change is judged by what it changes; others when more are asked for.
    let mut runner = match cases {
        None => TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha)),
        Some(_) => TestRunner::new(config),
    };
    let outcome = runner.run(&sequences, |(first, rest)| {
        let sequence = [first, rest].concat();
        let answers =
            runtime.block_on(async { tokio::try_join!(play(servers[0], &sequence), play(servers[1], &sequence)) });
        let (one, other) = answers.map_err(|error| TestCaseError::fail(format!("{error:?}")))?;
        match one
            .iter()
            .zip(&other)
            .find(|(one, other)| !pointer::differences(one, other).is_empty())
        {
            None => Ok(()),
            Some((one, other)) => Err(TestCaseError::fail(diff(&block(one), &block(other)))),
        }
    });
    match outcome {
        Ok(()) => Ok(()),
        Err(TestError::Fail(reason, (first, rest))) => {
            let sequence = [first, rest].concat();
            Err(format!("{servers:?} differ at the end of{sequence:?}\n{}", reason.message()).into())
        }
        Err(TestError::Abort(reason)) => Err(reason.message().into()),
    }
}

/// Installs the custom kind, once a server.
async fn prepare(server: Backend) -> Result<(), Failed> {
    static INSTALLED: [OnceCell<()>; 2] = [OnceCell::const_new(), OnceCell::const_new()];
    let install = async || {
        let client = server.client().await?;
        let mut run = Run::new(&client, &BTreeMap::new(), server.patience()).await?;
        let step = Step {
            install: Some(definition()),
            ..Step::default()
        };
        run.step(&step).await?;
        run.end().await
    };
    INSTALLED[server as usize].get_or_try_init(install).await?;
    Ok(())
}

/// Plays a sequence on one server: the answers, and the events of each kind.
async fn play(server: Backend, sequence: &[Sent]) -> Result<Vec<Value>, Failed> {
    let client = server.client().await?;
    let mut run = Run::new(&client, &BTreeMap::new(), server.patience()).await?;
    let mut answers = Vec::new();
    for kind in KINDS {
        for name in kind.names {
            // Until the object exists, any version will do.
            run.set(&format!("rv_{name}"), "1");
        }
        let mut step = Step::request(format!("GET {}?watch=true", kind.path));
        step.watch = Some(kind.kind.to_owned());
        run.step(&step).await?;
    }
    let last = KINDS.map(|kind| {
        Sent::with(
            format!("POST {}", kind.path),
            "json",
            object(kind, LAST, smallest(kind)),
        )
    });
    for sent in sequence.iter().chain(&last) {
        let mut step = Step::request(sent.line.clone());
        step.r#type = sent.content_type.map(str::to_owned);
        step.body = sent.body.clone();
        let mut answer = run.step(&step).await.map_err(|error| format!("{sent:?}: {error}"))?;
        answer["step"] = step.line().into();
        answers.push(answer);
    }
    for kind in KINDS {
        let events = run.events_until(kind.kind, LAST).await?;
        answers.push(json!({"step": format!("await {}", kind.kind), "events": events}));
    }
    run.end().await?;
    Ok(answers)
}

impl Sent {
    fn plain(line: String) -> Self {
        Self {
            line,
            content_type: None,
            body: None,
        }
    }

    fn with(line: String, content_type: &'static str, body: Value) -> Self {
        Self {
            line,
            content_type: Some(content_type),
            body: Some(body),
        }
    }
}

/// A sequence begins with a few of these: what is absent is boring.
fn create() -> impl Strategy<Value = Sent> {
    select(&KINDS).prop_flat_map(|kind| {
        (select(kind.names), content(kind), select(&["json", "apply"])).prop_map(move |(name, content, how)| {
            let line = match how {
                "json" => format!("POST {}?fieldManager=one", kind.path),
                _ => format!("PATCH {}/{name}?fieldManager=one&force=true", kind.path),
            };
            Sent::with(line, how, object(kind, name, content))
        })
    })
}

fn request() -> impl Strategy<Value = Sent> {
    select(&KINDS).prop_flat_map(|kind| {
        let name = || select(kind.names);
        let manager = || select(&["one", "two"]);
        prop_oneof![
            3 => (name(), manager(), content(kind)).prop_map(move |(name, manager, content)| {
                Sent::with(format!("POST {}?fieldManager={manager}", kind.path), "json", object(kind, name, content))
            }),
            3 => (name(), manager(), content(kind), version()).prop_map(move |(name, manager, content, version)| {
                let mut body = object(kind, name, content);
                if let Some(version) = version {
                    body["metadata"]["resourceVersion"] = version.replace("NAME", name).into();
                }
                Sent::with(format!("PUT {}/{name}?fieldManager={manager}", kind.path), "json", body)
            }),
            6 => (name(), manager(), any::<bool>(), content(kind)).prop_map(move |(name, manager, force, content)| {
                let line = format!("PATCH {}/{name}?fieldManager={manager}&force={force}", kind.path);
                Sent::with(line, "apply", object(kind, name, content))
            }),
            3 => (name(), manager(), change(kind), select(&["merge", "strategic"])).prop_map(
                move |(name, manager, change, patch)| {
                    Sent::with(format!("PATCH {}/{name}?fieldManager={manager}", kind.path), patch, change)
                }
            ),
            2 => (name(), manager(), operations(kind)).prop_map(move |(name, manager, operations)| {
                Sent::with(format!("PATCH {}/{name}?fieldManager={manager}", kind.path), "json-patch", operations)
            }),
            1 => (name(), manager(), 0..3).prop_map(move |(name, manager, replicas)| {
                let status = if kind.subresources { "/status" } else { "" };
                let line = format!("PATCH {}/{name}{status}?fieldManager={manager}", kind.path);
                Sent::with(line, "merge", json!({"status": {"replicas": replicas}}))
            }),
            2 => name().prop_map(move |name| Sent::plain(format!("DELETE {}/{name}", kind.path))),
            1 => selector().prop_map(move |selector| Sent::plain(format!("DELETE {}{selector}", kind.path))),
            1 => name().prop_map(move |name| Sent::plain(format!("GET {}/{name}", kind.path))),
            1 => selector().prop_map(move |selector| Sent::plain(format!("GET {}{selector}", kind.path))),
        ]
    })
}

/// None, the current one, or one of the past.
fn version() -> impl Strategy<Value = Option<&'static str>> {
    select(&[None, Some("$rv_NAME"), Some("$rv_NAME"), Some("1")])
}

fn selector() -> impl Strategy<Value = &'static str> {
    select(&[
        "",
        "?labelSelector=x=0",
        "?labelSelector=x!=0",
        "?fieldSelector=metadata.name=a",
    ])
}

fn object(kind: Kind, name: &str, content: Value) -> Value {
    let mut object = content;
    object["apiVersion"] = kind.version.into();
    object["kind"] = kind.kind.into();
    object["metadata"]["name"] = name.into();
    object
}

fn smallest(kind: Kind) -> Value {
    match kind.kind {
        "Deployment" => deployment(json!({}), vec![json!({"name": "c", "image": "i"})], None),
        _ => json!({"metadata": {}}),
    }
}

/// What an object of the kind may say.
fn content(kind: Kind) -> BoxedStrategy<Value> {
    match kind.kind {
        "ConfigMap" => (metadata(), texts(&["k", "l"]))
            .prop_map(|(metadata, data)| json!({"metadata": metadata, "data": data}))
            .boxed(),
        "Deployment" => (metadata(), containers(), prop::option::of(0..3))
            .prop_map(|(metadata, containers, replicas)| deployment(metadata, containers, replicas))
            .boxed(),
        _ => (metadata(), widget())
            .prop_map(|(metadata, spec)| json!({"metadata": metadata, "spec": spec}))
            .boxed(),
    }
}

/// What a merge patch may say; a null removes.
fn change(kind: Kind) -> BoxedStrategy<Value> {
    let labels = prop_oneof![Just(json!(null)), Just(json!({"x": null})), Just(json!({"x": "1"}))];
    let labels = labels.prop_map(|labels| json!({"metadata": {"labels": labels}}));
    let other = match kind.kind {
        "ConfigMap" => prop_oneof![
            Just(json!({"data": {"k": null, "l": "2"}})),
            Just(json!({"data": null})),
            Just(json!({"metadata": {"finalizers": null}})),
        ]
        .boxed(),
        "Deployment" => prop_oneof![
            (0..4).prop_map(|replicas| json!({"spec": {"replicas": replicas}})),
            containers().prop_map(|containers| json!({"spec": {"template": {"spec": {"containers": containers}}}})),
            Just(json!({"spec": {"template": {"spec": {"containers": [{"name": "s", "$$patch": "delete"}]}}}})),
            Just(json!({"metadata": {"finalizers": null}})),
        ]
        .boxed(),
        _ => prop_oneof![
            widget().prop_map(|spec| json!({"spec": spec})),
            Just(json!({"spec": {"text": null, "set": null}})),
            Just(json!({"spec": {"text": 5}})),
            Just(json!({"metadata": {"finalizers": null}})),
        ]
        .boxed(),
    };
    prop_oneof![labels, other].boxed()
}

fn operations(kind: Kind) -> BoxedStrategy<Value> {
    let places = match kind.kind {
        "ConfigMap" => &["/data/k", "/data/l", "/metadata/labels/x", "/metadata/finalizers"][..],
        "Deployment" => &[
            "/spec/replicas",
            "/spec/template/spec/containers/1",
            "/metadata/labels/x",
        ][..],
        _ => &["/spec/text", "/spec/set/0", "/spec/map", "/metadata/finalizers"][..],
    };
    let operation = (select(&["add", "remove", "replace", "test"]), select(places), value());
    prop::collection::vec(operation, 1..3)
        .prop_map(|operations| {
            let operations = operations.into_iter().map(|(operation, path, value)| match operation {
                "remove" => json!({"op": operation, "path": path}),
                _ => json!({"op": operation, "path": path, "value": value}),
            });
            operations.collect()
        })
        .boxed()
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!("0")),
        Just(json!("1")),
        Just(json!(1)),
        Just(json!([])),
        Just(json!(null))
    ]
}

fn metadata() -> impl Strategy<Value = Value> {
    (texts(&["x", "y"]), prop::bool::weighted(0.2)).prop_map(|(labels, held)| {
        let mut metadata = json!({"labels": labels});
        if held {
            metadata["finalizers"] = json!(["example.com/f"]);
        }
        metadata
    })
}

fn texts(keys: &'static [&'static str]) -> impl Strategy<Value = Value> {
    let text = prop_oneof![Just("0"), Just("1"), Just("")];
    (
        subsequence(keys, 0..=keys.len()),
        prop::collection::vec(text, keys.len()),
    )
        .prop_map(|(keys, texts)| {
            keys.into_iter()
                .zip(texts)
                .map(|(key, text)| (key.to_owned(), Value::from(text)))
                .collect()
        })
}

fn containers() -> impl Strategy<Value = Vec<Value>> {
    let container = |name: &'static str| {
        (select(&["i", "j"]), subsequence(&["A", "B"], 0..=2)).prop_map(move |(image, env)| {
            let env: Vec<Value> = env
                .into_iter()
                .map(|name| json!({"name": name, "value": image}))
                .collect();
            json!({"name": name, "image": image, "env": env})
        })
    };
    prop_oneof![
        container("c").prop_map(|container| vec![container]),
        (container("c"), container("s")).prop_map(|(one, other)| vec![one, other]),
        (container("s"), container("c")).prop_map(|(one, other)| vec![one, other]),
    ]
}

fn deployment(metadata: Value, containers: Vec<Value>, replicas: Option<i32>) -> Value {
    let template = json!({"metadata": {"labels": {"app": "x"}}, "spec": {"containers": containers}});
    let mut spec = json!({"selector": {"matchLabels": {"app": "x"}}, "template": template});
    if let Some(replicas) = replicas {
        spec["replicas"] = replicas.into();
    }
    json!({"metadata": metadata, "spec": spec})
}

fn widget() -> impl Strategy<Value = Value> {
    let text = prop::option::of(select(&["0", "1", "far too long"]));
    let set = subsequence(&["p", "q", "r"], 0..=3).prop_shuffle();
    let map = subsequence(&["p", "q"], 0..=2).prop_shuffle();
    (text, set, map, select(&["0", "1"]), any::<bool>()).prop_map(|(text, set, map, value, atomic)| {
        let map: Vec<Value> = map.into_iter().map(|key| json!({"k": key, "v": value})).collect();
        let mut spec = json!({"set": set, "map": map});
        if let Some(text) = text {
            spec["text"] = text.into();
        }
        if atomic {
            spec["atomic"] = json!([value]);
        }
        spec
    })
}

fn definition() -> Value {
    let text = json!({"type": "string"});
    let spec = json!({"type": "object", "properties": {
        "text": {"type": "string", "maxLength": 3},
        "preset": {"type": "string", "default": "set"},
        "set": {"type": "array", "items": text, "x-kubernetes-list-type": "set"},
        "map": {
            "type": "array",
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["k"],
            "items": {"type": "object", "required": ["k"], "properties": {"k": text, "v": text}},
        },
        "atomic": {"type": "array", "items": text},
    }});
    let status = json!({"type": "object", "properties": {"replicas": {"type": "integer"}}});
    let schema = json!({"type": "object", "properties": {"spec": spec, "status": status}});
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.random.example.com"},
        "spec": {
            "group": "random.example.com",
            "scope": "Namespaced",
            "names": {"plural": "widgets", "kind": "Widget"},
            "versions": [{
                "name": "v1",
                "served": true,
                "storage": true,
                "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": schema},
            }],
        },
    })
}
