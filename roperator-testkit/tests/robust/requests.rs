//! Requests: of no sense at all, and of almost the right one.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use proptest::{
    prelude::*,
    sample::{Index, select},
};
use serde_json::{Value, json};

use crate::{
    client::{Request, Shown},
    samples::Sample,
    values::{any_mutation, any_value, mutate, pointers},
};

const METHODS: &[&str] = &[
    "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "CONNECT", "TRACE", "X",
];

const SEGMENTS: &[&str] = &[
    "api",
    "apis",
    "v1",
    "v2",
    "apps",
    "example.com",
    "apiextensions.k8s.io",
    "customresourcedefinitions",
    "widgets.example.com",
    "namespaces",
    "default",
    "kube-system",
    "pods",
    "configmaps",
    "deployments",
    "services",
    "secrets",
    "events",
    "nodes",
    "leases",
    "coordination.k8s.io",
    "widgets",
    "sample",
    "status",
    "scale",
    "log",
    "exec",
    "finalize",
    "eviction",
    "binding",
    "token",
    "serviceaccounts",
    "subjectaccessreviews",
    "authorization.k8s.io",
    "watch",
    "proxy",
    "openapi",
    "v3",
    "version",
    "healthz",
    "livez",
    "readyz",
    "metrics",
    "",
    ".",
    "..",
    "%2f",
    "%00",
    "%",
    "%zz",
    "%ff",
    "a%20b",
    "*",
    "jobs",
    "batch",
    "policy",
    "poddisruptionbudgets",
    "kubernetes",
    "%e2%82%ac",
    "componentstatuses",
];

const PARAMETERS: &[&str] = &[
    "watch",
    "limit",
    "continue",
    "labelSelector",
    "fieldSelector",
    "resourceVersion",
    "resourceVersionMatch",
    "timeoutSeconds",
    "allowWatchBookmarks",
    "sendInitialEvents",
    "dryRun",
    "fieldManager",
    "fieldValidation",
    "force",
    "pretty",
    "includeObject",
    "gracePeriodSeconds",
    "propagationPolicy",
    "orphanDependents",
    "shardSelector",
    "timeout",
    "hash",
    "verbose",
    "exclude",
    "",
    "unknown",
    "ignoreStoreReadErrorWithClusterBreakingPotential",
];

const ARGUMENTS: &[&str] = &[
    "",
    "0",
    "1",
    "-1",
    "true",
    "false",
    "True",
    "All",
    "None",
    "99999999999999999999",
    "9223372036854775807",
    "1e3",
    "NotOlderThan",
    "Exact",
    "Strict",
    "Warn",
    "Ignore",
    "Foreground",
    "Background",
    "Orphan",
    "a%3Db",
    "a+in+(b,c)",
    "a+notin+(",
    "!a",
    "a%3E5",
    "a==b,c!=d,,",
    "metadata.name%3Dsample",
    "spec.name!%3Da",
    "metadata.name%3D%5C",
    "Metadata",
    "Object",
    "eyJ2IjoibWV0YS5rOHMuaW8vdjEi",
    "eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MSwic3RhcnQiOiJhIn0",
    "eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6LTEsInN0YXJ0IjoiLi4vLi4ifQ",
    "%ff%fe",
    "%",
    "10ns",
    "1h",
    "x",
    "(",
    "))",
    "a,a,a",
];

const TYPES: &[&str] = &[
    "",
    "application/json",
    "application/yaml",
    "application/vnd.kubernetes.protobuf",
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
    "application/apply-patch+yaml",
    "application/cbor",
    "text/plain",
    "*/*",
    "application/json;q=0",
    "application/json;q=nan;as=Table;g=meta.k8s.io;v=v1",
    "application/json;as=Table;v=v1;g=meta.k8s.io",
    "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io",
    "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io",
    ";;;,,,=",
    "application/yaml;as=Table;g=meta.k8s.io;v=v1",
    "application/com.github.proto-openapi.spec.v2@v1.0+protobuf",
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
];

fn any_path() -> impl Strategy<Value = String> {
    let random = prop::collection::vec(select(SEGMENTS), 0..8).prop_map(|segments| format!("/{}", segments.join("/")));
    let known = (select(Sample::ALL.to_vec()), any::<Index>(), 0..3).prop_map(|(sample, part, form)| match form {
        0 => sample.collection().to_owned(),
        1 => sample.everywhere().to_owned(),
        _ => {
            let parts = sample.subresources();
            format!("{}/{}{}", sample.collection(), sample.name(), part.get(parts))
        }
    });
    let query = prop::collection::vec((select(PARAMETERS), select(ARGUMENTS)), 0..4);
    (prop_oneof![random, known], query).prop_map(|(path, query)| {
        let query: Vec<_> = query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if query.is_empty() {
            path
        } else {
            format!("{path}?{}", query.join("&"))
        }
    })
}

fn any_headers() -> impl Strategy<Value = Vec<(String, Shown)>> {
    let names = vec![
        "accept",
        "content-type",
        "user-agent",
        "if-none-match",
        "accept-encoding",
        "impersonate-user",
    ];
    let value = prop_oneof![
        4 => select(TYPES).prop_map(|text| text.as_bytes().to_vec()),
        1 => prop::collection::vec(prop_oneof![32_u8..127, 128_u8..=255], 0..40),
    ];
    prop::collection::vec((select(names).prop_map(str::to_owned), value.prop_map(Shown)), 0..4)
}

fn any_body() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(Vec::new()),
        prop::collection::vec(any::<u8>(), 0..200),
        any_value().prop_map(|value| value.to_string().into_bytes()),
        select(Sample::ALL.to_vec()).prop_map(|sample| sample.object().to_string().into_bytes()),
        (
            select(Sample::ALL.to_vec()),
            prop::collection::vec((any::<Index>(), any::<u8>()), 1..4)
        )
            .prop_map(|(sample, bytes)| { spoil(sample.object().to_string().into_bytes(), &bytes) }),
        Just(b"a: &a [*a, *a]".to_vec()),
        Just(b"a: &a [x,x,x,x]\nb: &b [*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b]\nd: [*c,*c,*c,*c]".to_vec()),
        Just(b"---\n---\n: : :\n\t- [".to_vec()),
    ]
}

fn spoil(mut bytes: Vec<u8>, changes: &[(Index, u8)]) -> Vec<u8> {
    for (index, byte) in changes {
        if !bytes.is_empty() {
            *index.get_mut(&mut bytes) = *byte;
        }
    }
    bytes
}

/// A request of no sense.
pub fn any_request() -> impl Strategy<Value = Request> {
    (select(METHODS), any_path(), any_headers(), any_body()).prop_map(|(method, path, headers, body)| Request {
        method: method.to_owned(),
        path,
        headers,
        body: Shown(body),
    })
}

/// How a document is sent.
#[derive(Clone, Copy, Debug)]
enum Way {
    Create,
    CreateYaml,
    Update,
    Merge,
    Strategic,
    Apply,
    ApplyNew,
    Json,
    Delete,
}

/// Requests with almost the right bodies for one kind.
pub fn mutated(sample: Sample) -> impl Strategy<Value = Vec<Request>> {
    prop::collection::vec(almost_right(sample), 1..12)
}

fn almost_right(sample: Sample) -> impl Strategy<Value = Request> {
    let way = select(vec![
        Way::Create,
        Way::Create,
        Way::CreateYaml,
        Way::Update,
        Way::Update,
        Way::Merge,
        Way::Merge,
        Way::Strategic,
        Way::Strategic,
        Way::Apply,
        Way::Apply,
        Way::ApplyNew,
        Way::Json,
        Way::Json,
        Way::Delete,
    ]);
    let mutations = prop::collection::vec(any_mutation(), 0..5);
    let operations = prop::collection::vec(
        (
            select(vec!["add", "remove", "replace", "move", "copy", "test", "", "x"]),
            any::<Index>(),
            any::<Index>(),
            any_value(),
        ),
        0..5,
    );
    let query = select(vec![
        "",
        "",
        "",
        "?dryRun=All",
        "?fieldValidation=Strict",
        "?fieldValidation=Ignore&pretty=true",
        "?force=true",
        "?fieldManager=b",
        "?fieldManager=b&force=true",
    ]);
    let subresource = select(sample.subresources().to_vec());
    let fresh = prop::option::weighted(0.5, 0..3_u8);
    (way, mutations, operations, query, subresource, fresh).prop_map(
        move |(way, mutations, operations, query, subresource, fresh)| {
            let mut body = sample.object();
            // Half of the objects are new ones, so that their refusal says more than that they exist.
            let name = fresh.map_or_else(|| sample.name().to_owned(), |number| format!("new-{number}"));
            if sample != Sample::Definition {
                body["metadata"]["name"] = name.as_str().into();
            }
            if sample == Sample::Service && fresh.is_some() {
                body["spec"]["ports"][0]["nodePort"] = Value::Null;
            }
            for mutation in &mutations {
                mutate(&mut body, mutation);
            }
            let one = format!("{}/{}{subresource}{query}", sample.collection(), sample.name());
            let another = format!("{}/{name}{subresource}{query}", sample.collection());
            let all = format!("{}{query}", sample.collection());
            let text = body.to_string();
            match way {
                Way::Create => Request::new("POST", all, "application/json", text),
                Way::CreateYaml => {
                    let yaml = serde_saphyr::to_string(&body).unwrap_or(text);
                    Request::new("POST", all, "application/yaml", yaml)
                }
                Way::Update => Request::new("PUT", one, "application/json", text),
                Way::Merge => Request::new("PATCH", one, "application/merge-patch+json", text),
                Way::Strategic => Request::new("PATCH", one, "application/strategic-merge-patch+json", text),
                Way::Apply => Request::new("PATCH", one, "application/apply-patch+yaml", text),
                Way::ApplyNew => Request::new("PATCH", another, "application/apply-patch+yaml", text),
                Way::Json => Request::new(
                    "PATCH",
                    one,
                    "application/json-patch+json",
                    json_patch(sample, &operations),
                ),
                Way::Delete => Request::new("DELETE", another, "application/json", ""),
            }
        },
    )
}

fn json_patch(sample: Sample, operations: &[(&str, Index, Index, Value)]) -> String {
    let object = sample.object();
    let mut all = pointers(&object);
    for odd in [
        "/metadata/uid",
        "/spec/-",
        "/metadata/finalizers/-",
        "/metadata/finalizers/99",
        "/metadata/finalizers/-1",
        "a",
        "/",
        "//",
        "/~",
        "/~2",
    ] {
        all.push(odd.to_owned());
    }
    operations
        .iter()
        .map(
            |(op, path, from, value)| json!({"op": op, "path": path.get(&all), "from": from.get(&all), "value": value}),
        )
        .collect::<Value>()
        .to_string()
}

/// What Kubernetes' own encoder wrote, with bytes that it did not write.
pub fn mutated_protobuf() -> impl Strategy<Value = Request> {
    let bodies: Vec<Vec<u8>> = include_str!("../../src/server/types/proto/bodies.txt")
        .lines()
        .filter_map(|line| STANDARD.decode(line.split(' ').next()?).ok())
        .collect();
    let prefix = b"k8s\0\x0a\x0f\x0a\x02v1\x12\x09ConfigMap\x12".to_vec();
    let small = [&prefix[..], b"\x11\x0a\x05\x0a\x03abc\x12\x08\x0a\x01a\x12\x03xyz"].concat();
    let body = prop_oneof![select(bodies), Just(small)];
    let changes = prop::collection::vec(
        (
            any::<Index>(),
            prop_oneof![any::<u8>(), Just(0xff), Just(0x7f), Just(0)],
        ),
        0..6,
    );
    let rest = prop::option::weighted(0.2, any::<Index>());
    let sample = select(vec![
        Sample::ConfigMap,
        Sample::Pod,
        Sample::Deployment,
        Sample::Service,
        Sample::Definition,
    ]);
    (body, changes, rest, sample, any::<bool>()).prop_map(|(body, changes, rest, sample, creates)| {
        let mut body = spoil(body, &changes);
        if let Some(rest) = rest {
            body.truncate(rest.index(body.len()));
        }
        let (method, path) = if creates {
            ("POST", sample.collection().to_owned())
        } else {
            ("PUT", format!("{}/{}", sample.collection(), sample.name()))
        };
        Request::new(method, path, "application/vnd.kubernetes.protobuf", body)
    })
}
