//! What is not about objects: which groups, versions and resources there are, the server's version, its health, and the
//! OpenAPI documents.

use http::{HeaderValue, Method, Response, StatusCode, header};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    Whole,
    body::Body,
    catalog::{Catalog, Catalogs, Group, Page, Version},
    negotiate::{self, Offer},
    openapi, respond, route,
};
use crate::server::{
    registry::{
        Registry,
        resource::{Resource, join},
    },
    status::ApiError,
    types::Types,
};

/// Answers a request that is not about objects.
///
/// # Errors
///
/// The refusal.
pub fn answer(
    registry: &Registry,
    catalogs: &Catalogs,
    request: &Whole,
    segments: &[String],
) -> Result<Response<Body>, ApiError> {
    let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
    if let ["healthz" | "livez" | "readyz", check @ ..] = parts.as_slice() {
        return Ok(match check {
            [] | ["ping" | "log" | "etcd"] => respond::text(StatusCode::OK, "ok"),
            _ => respond::no_page(),
        });
    }
    // What is Kubernetes' own has routes; what tells of groups, and what comes of definitions, is answered whatever the method.
    let is_own = match parts.as_slice() {
        ["version" | "api"] | ["api", "v1"] => true,
        ["apis", group, _, ..] => Types::kubernetes().group(group).is_some(),
        _ => false,
    };
    if is_own && request.method != Method::GET {
        return Err(ApiError::method_not_allowed());
    }
    let (catalog, now) = (catalogs.of(registry), registry.clock.now());
    match parts.as_slice() {
        ["openapi", rest @ ..] => return Ok(openapi::answer(&catalog, now, request, rest)),
        ["api"] | ["apis"] => {
            if let Some(version) = aggregated(request) {
                return Ok(all_at_once(&catalog, now, request, parts == ["api"], version));
            }
        }
        _ => {}
    }
    let page = catalog.page("discovery", &parts, || {
        Some(Page::hashed(document(&catalog, &parts)?.to_string(), now))
    });
    let Some(page) = page else {
        return match parts.as_slice() {
            ["api", ..] => respond::nowhere(""),
            ["apis", group, ..] => respond::nowhere(group),
            _ => Ok(respond::no_page()),
        };
    };
    match parts.as_slice() {
        ["api", _] | ["apis", _, _] if is_own => route::gives(request, &route::OBJECTS)?,
        ["version"] => route::gives(request, &["application/json"])?,
        _ => {}
    }
    // The version is never anything but JSON.
    let accepted = request.header(header::ACCEPT).filter(|_| parts != ["version"]);
    let representation = negotiate::accept(accepted, Offer::Plain)?;
    Ok(respond::json(StatusCode::OK, representation, page.bytes))
}

fn document(catalog: &Catalog, parts: &[&str]) -> Option<Value> {
    match parts {
        [] => Some(json!({"paths": paths(catalog)})),
        ["version"] => Some(version()),
        ["api"] => Some(json!({
            "kind": "APIVersions",
            "versions": ["v1"],
            "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": "127.0.0.1:443"}],
        })),
        ["apis"] => {
            let groups = catalog.groups.iter().skip(1);
            let groups: Vec<Value> = groups.map(|group| described(group, false)).collect();
            Some(json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}))
        }
        ["apis", name] => Some(described(catalog.group(name)?, true)),
        ["api", version] => resources(catalog, "", version),
        ["apis", group, version] => resources(catalog, group, version),
        _ => None,
    }
}

fn described(group: &Group, is_alone: bool) -> Value {
    let version =
        |version: &Version| json!({"groupVersion": join(&group.name, &version.name), "version": version.name});
    let versions: Vec<Value> = group.versions.iter().map(version).collect();
    let mut described = json!({"name": group.name, "preferredVersion": versions.first(), "versions": versions});
    if let (Some(map), true) = (described.as_object_mut(), is_alone) {
        map.insert("kind".to_owned(), "APIGroup".into());
        map.insert("apiVersion".to_owned(), "v1".into());
    }
    described
}

/// The resources of a version of a group: `APIResourceList`.
fn resources(catalog: &Catalog, group: &str, version: &str) -> Option<Value> {
    let resources = &catalog.version(group, version)?.resources;
    let resources: Vec<Value> = resources.iter().flat_map(|resource| listed(resource)).collect();
    let mut list = json!({
        "kind": "APIResourceList",
        "groupVersion": join(group, version),
        "resources": resources,
    });
    // The core group's list does not say of which version it is.
    if let (Some(map), false) = (list.as_object_mut(), group.is_empty()) {
        map.insert("apiVersion".to_owned(), "v1".into());
    }
    Some(list)
}

fn listed(resource: &Resource) -> Vec<Value> {
    let mut whole = json!({
        "name": resource.plural,
        "singularName": resource.singular,
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": resource.verbs,
    });
    if let Some(map) = whole.as_object_mut() {
        if !resource.short_names.is_empty() {
            map.insert("shortNames".to_owned(), json!(resource.short_names));
        }
        if !resource.categories.is_empty() {
            map.insert("categories".to_owned(), json!(resource.categories));
        }
        if let Some(hash) = &resource.storage_hash {
            map.insert("storageVersionHash".to_owned(), hash.clone().into());
        }
    }
    let parts = resource.subresources.iter().map(|part| {
        let mut listed = json!({
            "name": format!("{}/{}", resource.plural, part.name),
            "singularName": "",
            "namespaced": resource.namespaced,
            "kind": part.kind,
            "verbs": part.verbs,
        });
        if let (Some(map), true) = (listed.as_object_mut(), part.api_version != resource.api_version()) {
            let (group, version) = part.api_version.split_once('/').unwrap_or(("", &part.api_version));
            map.insert("group".to_owned(), group.into());
            map.insert("version".to_owned(), version.into());
        }
        listed
    });
    std::iter::once(whole).chain(parts).collect()
}

/// The version of the aggregated documents that the client accepts before all else.
fn aggregated(request: &Whole) -> Option<&'static str> {
    let accepted = request.header(header::ACCEPT)?;
    accepted.split(',').find_map(|clause| {
        let has = |parameter: &str| clause.split(';').any(|part| part.trim() == parameter);
        if !has("g=apidiscovery.k8s.io") || !has("as=APIGroupDiscoveryList") || !clause.contains("json") {
            return None;
        }
        ["v2", "v2beta1"]
            .into_iter()
            .find(|version| has(&format!("v={version}")))
    })
}

/// Everything in one document: `APIGroupDiscoveryList`. Clients keep it, and ask whether it is another now.
fn all_at_once(
    catalog: &Catalog,
    now: Timestamp,
    request: &Whole,
    is_core: bool,
    version: &'static str,
) -> Response<Body> {
    let media_type = if version == "v2" {
        "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
    } else {
        "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList"
    };
    let root = if is_core { "api" } else { "apis" };
    let page = catalog.page("aggregated", &[root, version], || {
        Some(Page::hashed(aggregate(catalog, is_core, version).to_string(), now))
    });
    let mut response = match page {
        Some(page) => {
            let is_known = request.header(header::IF_NONE_MATCH) == Some(&page.tag);
            respond::page(is_known, media_type, &page)
        }
        None => respond::no_page(),
    };
    let public = HeaderValue::from_static("public");
    response.headers_mut().insert(header::CACHE_CONTROL, public);
    response
}

fn aggregate(catalog: &Catalog, is_core: bool, version: &str) -> Value {
    let groups = catalog.groups.iter().filter(|group| group.name.is_empty() == is_core);
    let items = groups.map(|group| {
        let metadata = if is_core {
            json!({})
        } else {
            json!({"name": group.name})
        };
        let versions: Vec<Value> = group.versions.iter().map(aggregated_version).collect();
        json!({"metadata": metadata, "versions": versions})
    });
    json!({
        "kind": "APIGroupDiscoveryList",
        "apiVersion": format!("apidiscovery.k8s.io/{version}"),
        "metadata": {},
        "items": items.collect::<Vec<_>>(),
    })
}

fn aggregated_version(version: &Version) -> Value {
    let resources: Vec<Value> = version
        .resources
        .iter()
        .map(|resource| aggregated_resource(resource))
        .collect();
    json!({"version": version.name, "resources": resources, "freshness": "Current"})
}

fn aggregated_resource(resource: &Resource) -> Value {
    // The group and the version are given where they are not the resource's own; of custom kinds always.
    let kind_of = |api_version: &str, kind: &str| {
        let is_own = api_version == resource.api_version() && !resource.is_custom();
        let (group, version) = if is_own {
            ("", "")
        } else {
            api_version.split_once('/').unwrap_or(("", api_version))
        };
        json!({"group": group, "version": version, "kind": kind})
    };
    let mut described = json!({
        "resource": resource.plural,
        "responseKind": kind_of(&resource.api_version(), &resource.kind),
        "scope": if resource.namespaced { "Namespaced" } else { "Cluster" },
        "singularResource": resource.singular,
        "verbs": resource.verbs,
    });
    let Some(map) = described.as_object_mut() else {
        return described;
    };
    if !resource.short_names.is_empty() {
        map.insert("shortNames".to_owned(), json!(resource.short_names));
    }
    if !resource.categories.is_empty() {
        map.insert("categories".to_owned(), json!(resource.categories));
    }
    let parts = resource.subresources.iter().map(|part| {
        json!({
            "subresource": part.name,
            "responseKind": kind_of(&part.api_version, &part.kind),
            "verbs": part.verbs,
        })
    });
    let parts: Vec<Value> = parts.collect();
    if !parts.is_empty() {
        map.insert("subresources".to_owned(), parts.into());
    }
    described
}

fn paths(catalog: &Catalog) -> Vec<String> {
    let mut paths = vec!["/api".to_owned(), "/api/v1".to_owned(), "/apis".to_owned()];
    for group in catalog.groups.iter().skip(1) {
        paths.push(format!("/apis/{}", group.name));
        paths.extend(
            group
                .versions
                .iter()
                .map(|version| format!("/apis/{}/{}", group.name, version.name)),
        );
    }
    paths.sort();
    let others = [
        "/healthz",
        "/livez",
        "/openapi/v2",
        "/openapi/v3",
        "/readyz",
        "/version",
    ];
    paths.extend(others.map(str::to_owned));
    paths
}

fn version() -> Value {
    let release = Types::kubernetes().release();
    let mut numbers = release.split('.');
    let (major, minor) = (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default());
    json!({
        "major": major,
        "minor": minor,
        "emulationMajor": major,
        "emulationMinor": minor,
        "minCompatibilityMajor": major,
        "minCompatibilityMinor": minor.parse::<u32>().unwrap_or_default().saturating_sub(1).to_string(),
        "gitVersion": format!("v{release}"),
        "gitCommit": "",
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "",
        "compiler": "rustc",
        "platform": platform(),
    })
}

/// What this runs on, in Go's words.
fn platform() -> String {
    let arch = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let system = match std::env::consts::OS {
        "macos" => "darwin",
        other => other,
    };
    format!("{system}/{arch}")
}
