//! The paths in an OpenAPI document. In go resources, out come their paths with an operation for each verb.

use serde_json::{Map, Value, json};

use super::schemas::{Schemas, reference};
use super::{CustomKind, base};
use crate::server::types::resources::Resource;

/// The content types of custom objects, which are not all of those of others.
const TEXTS: [&str; 2] = ["application/json", "application/yaml"];

/// Content types of patches; the last one is not for custom kinds.
const PATCHES: [&str; 4] = [
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/apply-patch+yaml",
    "application/strategic-merge-patch+json",
];

const LIST: &[&str] = &[
    "allowWatchBookmarks",
    "continue",
    "fieldSelector",
    "labelSelector",
    "limit",
    "resourceVersion",
    "resourceVersionMatch",
    "sendInitialEvents",
    "shardSelector",
    "timeoutSeconds",
    "watch",
];
const DELETE_COLLECTION: &[&str] = &[
    "continue",
    "dryRun",
    "fieldSelector",
    "gracePeriodSeconds",
    "ignoreStoreReadErrorWithClusterBreakingPotential",
    "labelSelector",
    "limit",
    "orphanDependents",
    "propagationPolicy",
    "resourceVersion",
    "resourceVersionMatch",
    "sendInitialEvents",
    "shardSelector",
    "timeoutSeconds",
];
const DELETE: &[&str] = &[
    "dryRun",
    "gracePeriodSeconds",
    "ignoreStoreReadErrorWithClusterBreakingPotential",
    "orphanDependents",
    "propagationPolicy",
];
const WRITE: &[&str] = &["dryRun", "fieldManager", "fieldValidation"];
const PATCH: &[&str] = &["dryRun", "fieldManager", "fieldValidation", "force"];

/// What is served at a path.
struct Served<'a> {
    plural: &'a str,
    /// The kind of the resource, which names the operations of its subresources, too.
    resource: &'a str,
    subresource: Option<&'a str>,
    namespaced: bool,
    verbs: &'a [&'a str],
    /// Group, version and kind of what is sent and answered.
    kind: (&'a str, &'a str, &'a str),
    schema: &'a str,
    list: Option<String>,
    custom: bool,
}

/// Adds the paths of a built-in resource.
pub(super) fn built_in(paths: &mut Map<String, Value>, schemas: &mut Schemas<'_>, resource: &Resource) {
    let (group, version) = (schemas.group, schemas.version);
    if let Some(schema) = schemas.kind(group, version, resource.kind) {
        let list = schemas.kind(group, version, &format!("{}List", resource.kind));
        let served = Served {
            plural: resource.name,
            resource: resource.kind,
            subresource: None,
            namespaced: resource.namespaced,
            verbs: &resource.verbs,
            kind: (group, version, resource.kind),
            schema,
            list: list.map(str::to_owned),
            custom: false,
        };
        add(paths, schemas, &served);
    }
    // What streams has options for a kind, and a log is text.
    let streams = |name: &str, kind: &str| kind.ends_with("Options") || name == "log";
    for sub in resource.subresources.iter().filter(|sub| !streams(sub.name, sub.kind)) {
        if let Some(schema) = schemas.kind(sub.group, sub.version, sub.kind) {
            let served = Served {
                plural: resource.name,
                resource: resource.kind,
                subresource: Some(sub.name),
                namespaced: resource.namespaced,
                verbs: &sub.verbs,
                kind: (sub.group, sub.version, sub.kind),
                schema,
                list: None,
                custom: false,
            };
            add(paths, schemas, &served);
        }
    }
}

/// Adds the paths of a custom kind, whose schema has a name.
pub(super) fn custom(paths: &mut Map<String, Value>, schemas: &mut Schemas<'_>, kind: &CustomKind, name: &str) {
    let (group, version) = (schemas.group, schemas.version);
    let all = [
        "create",
        "delete",
        "deletecollection",
        "get",
        "list",
        "patch",
        "update",
        "watch",
    ];
    let prefix = name.strip_suffix(&kind.kind).unwrap_or_default();
    let mut served = Served {
        plural: &kind.plural,
        resource: &kind.kind,
        subresource: None,
        namespaced: kind.namespaced,
        verbs: &all,
        kind: (group, version, &kind.kind),
        schema: name,
        list: Some(format!("{prefix}{}", kind.list_kind)),
        custom: true,
    };
    add(paths, schemas, &served);
    served.verbs = &["get", "patch", "update"];
    served.list = None;
    if kind.status {
        served.subresource = Some("status");
        add(paths, schemas, &served);
    }
    if let (true, Some(scale)) = (kind.scale, schemas.kind("autoscaling", "v1", "Scale")) {
        served.subresource = Some("scale");
        (served.kind, served.schema) = (("autoscaling", "v1", "Scale"), scale);
        add(paths, schemas, &served);
    }
}

fn add(paths: &mut Map<String, Value>, schemas: &mut Schemas<'_>, served: &Served<'_>) {
    let root = format!("/{}", base(schemas.group, schemas.version));
    let below = if served.namespaced {
        format!("{root}/namespaces/{{namespace}}")
    } else {
        root.clone()
    };
    let collection = format!("{below}/{}", served.plural);
    let mut at = |path: String, verbs: &[&str], everywhere: bool| {
        let mut operations = Map::new();
        for verb in verbs.iter().filter(|verb| served.verbs.contains(verb)) {
            operations.extend(operation(schemas, served, verb, everywhere));
        }
        if !operations.is_empty() {
            operations.insert("parameters".to_owned(), of_path(&path, everywhere));
            paths.insert(path, operations.into());
        }
    };
    match served.subresource {
        None => {
            at(
                format!("{collection}/{{name}}"),
                &["get", "update", "patch", "delete"],
                false,
            );
            at(collection, &["list", "create", "deletecollection"], false);
            if served.namespaced {
                at(format!("{root}/{}", served.plural), &["list"], true);
            }
        }
        Some(name) => at(
            format!("{collection}/{{name}}/{name}"),
            &["get", "update", "patch", "create"],
            false,
        ),
    }
}

/// The parameters of all operations at a path.
fn of_path(path: &str, everywhere: bool) -> Value {
    let in_path = |name: &str| {
        json!({
            "name": name, "in": "path", "required": true, "schema": {"type": "string", "uniqueItems": true},
        })
    };
    let names = ["name", "namespace"]
        .into_iter()
        .filter(|name| path.contains(&format!("{{{name}}}")));
    let mut parameters: Vec<Value> = names.map(in_path).collect();
    parameters.push(query("pretty"));
    if everywhere {
        parameters.extend(LIST.iter().map(|name| query(name)));
    }
    parameters.into()
}

fn query(name: &str) -> Value {
    let of = match name {
        "allowWatchBookmarks"
        | "sendInitialEvents"
        | "watch"
        | "force"
        | "orphanDependents"
        | "ignoreStoreReadErrorWithClusterBreakingPotential" => "boolean",
        "limit" | "timeoutSeconds" | "gracePeriodSeconds" => "integer",
        _ => "string",
    };
    json!({"name": name, "in": "query", "schema": {"type": of, "uniqueItems": true}})
}

/// What a verb is in OpenAPI.
struct Verb {
    method: &'static str,
    action: &'static str,
    /// What names of operations begin with.
    word: &'static str,
    parameters: &'static [&'static str],
    codes: &'static [&'static str],
}

impl Verb {
    fn new(verb: &str, custom: bool) -> Option<Self> {
        let (method, action, word, parameters, codes): (_, _, _, _, &[&str]) = match verb {
            "get" if custom => ("get", "get", "read", &["resourceVersion"][..], &["200"]),
            "get" => ("get", "get", "read", &[][..], &["200"]),
            "list" => ("get", "list", "list", LIST, &["200"]),
            "create" => ("post", "post", "create", WRITE, &["200", "201", "202"]),
            "update" => ("put", "put", "replace", WRITE, &["200", "201"]),
            "patch" if custom => ("patch", "patch", "patch", PATCH, &["200"]),
            "patch" => ("patch", "patch", "patch", PATCH, &["200", "201"]),
            "delete" => ("delete", "delete", "delete", DELETE, &["200", "202"]),
            "deletecollection" if custom => ("delete", "deletecollection", "delete", LIST, &["200"]),
            "deletecollection" => ("delete", "deletecollection", "delete", DELETE_COLLECTION, &["200"]),
            _ => return None,
        };
        Some(Self {
            method,
            action,
            word,
            parameters,
            codes,
        })
    }
}

/// The method and the operation of a verb.
fn operation(schemas: &mut Schemas<'_>, served: &Served<'_>, verb: &str, everywhere: bool) -> Option<(String, Value)> {
    let known = Verb::new(verb, served.custom)?;
    let answer = match verb {
        "list" => served.list.as_deref()?,
        "delete" | "deletecollection" => schemas.kind("", "v1", "Status").unwrap_or_default(),
        _ => served.schema,
    };
    let mut responses = Map::from_iter([("401".to_owned(), json!({"description": "Unauthorized"}))]);
    for code in known.codes {
        let response = response(code, answer, verb == "list", served.custom);
        responses.insert((*code).to_owned(), response);
    }
    let (tag, title) = names(schemas.group, schemas.version);
    let (of_group, of_version, kind) = served.kind;
    let mut operation = json!({
        "tags": [tag],
        "operationId": operation_id(served, known.word, &title, verb, everywhere),
        "responses": responses,
        "x-kubernetes-action": known.action,
        "x-kubernetes-group-version-kind": {"group": of_group, "version": of_version, "kind": kind},
    });
    if let Value::Object(operation) = &mut operation {
        // Where all namespaces are listed, the parameters are the path's.
        if !known.parameters.is_empty() && !everywhere {
            let parameters = known.parameters.iter().map(|name| query(name)).collect();
            operation.insert("parameters".to_owned(), parameters);
        }
        let body = request_body(schemas, served, verb);
        operation.extend(body.map(|body| ("requestBody".to_owned(), body)));
    }
    Some((known.method.to_owned(), operation))
}

fn request_body(schemas: &mut Schemas<'_>, served: &Served<'_>, verb: &str) -> Option<Value> {
    let whole = |name: &str| -> Map<String, Value> {
        let types: &[&str] = if served.custom { &TEXTS } else { &["*/*"] };
        types.iter().map(|of| ((*of).to_owned(), schema(name))).collect()
    };
    match verb {
        "create" | "update" => Some(json!({"content": whole(served.schema), "required": true})),
        "patch" => {
            let patch = schemas.patch();
            let types = PATCHES.iter().take(if served.custom { 3 } else { 4 });
            let content: Map<String, Value> = types.map(|name| ((*name).to_owned(), schema(&patch))).collect();
            Some(json!({"content": content, "required": true}))
        }
        "deletecollection" if served.custom => None,
        "delete" | "deletecollection" => {
            // The schema is the same in all groups; it is told to be a kind of this one, too.
            schemas.kind(schemas.group, schemas.version, "DeleteOptions");
            let options = schemas.kind("", "v1", "DeleteOptions").unwrap_or_default();
            Some(json!({"content": whole(options)}))
        }
        _ => None,
    }
}

fn schema(name: &str) -> Value {
    json!({"schema": reference(name)})
}

fn response(code: &str, name: &str, watchable: bool, custom: bool) -> Value {
    let description = match code {
        "201" => "Created",
        "202" => "Accepted",
        _ => "OK",
    };
    let mut types = TEXTS.to_vec();
    if !custom {
        types.push("application/vnd.kubernetes.protobuf");
    }
    if watchable && !custom {
        types.extend([
            "application/json;stream=watch",
            "application/vnd.kubernetes.protobuf;stream=watch",
        ]);
    }
    let content: Map<String, Value> = types.into_iter().map(|of| (of.to_owned(), schema(name))).collect();
    json!({"description": description, "content": content})
}

/// `apps_v1` and `AppsV1` of a group and version.
fn names(group: &str, version: &str) -> (String, String) {
    let group = if group.is_empty() {
        "core"
    } else {
        group.strip_suffix(".k8s.io").unwrap_or(group)
    };
    let title: String = group.split(['.', '-']).map(capital).collect();
    let mut letters = title.chars();
    let first = letters.next().map(|first| first.to_ascii_lowercase());
    let tag = format!(
        "{}{}_{version}",
        first.map_or(String::new(), String::from),
        letters.as_str()
    );
    (tag, format!("{title}{}", capital(version)))
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

fn operation_id(served: &Served<'_>, word: &str, title: &str, verb: &str, everywhere: bool) -> String {
    let collection = if verb == "deletecollection" { "Collection" } else { "" };
    let scope = if served.namespaced && !everywhere {
        "Namespaced"
    } else {
        ""
    };
    let sub = served.subresource.map(capital).unwrap_or_default();
    let (all, resource) = (if everywhere { "ForAllNamespaces" } else { "" }, served.resource);
    format!("{word}{title}{collection}{scope}{resource}{sub}{all}")
}
