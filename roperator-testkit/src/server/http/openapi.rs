//! The OpenAPI documents: of v3 an index, and one for each version of a group, and the one of v2.

use http::{HeaderValue, Response, StatusCode, header};
use jiff::{
    Timestamp,
    fmt::rfc2822::{DateTimeParser, DateTimePrinter},
};
use serde_json::Value;

use super::{
    Whole,
    body::Body,
    catalog::{Catalog, Page, Version},
    negotiate, respond,
};
use crate::server::{
    registry::resource::Nature,
    types::{
        Types,
        openapi::{self, CustomKind},
    },
};

const JSON: &str = "application/json";
/// The v2 document in protobuf, and how clients ask for it since long before.
const V2_PROTOBUF: &str = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";
const V2_PROTOBUF_BEFORE: &str = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";

/// Answers for `/openapi/…`; `rest` is what follows.
pub fn answer(catalog: &Catalog, now: Timestamp, request: &Whole, rest: &[&str]) -> Response<Body> {
    let found = match rest {
        ["v2"] => v2(catalog, now, request),
        ["v3"] => index(catalog, now),
        ["v3", path @ ..] => v3(catalog, now, request, path),
        _ => return respond::no_page(),
    };
    found.unwrap_or_else(|| respond::empty(StatusCode::NOT_FOUND))
}

/// A document, which tells how old it is.
fn shown(request: &Whole, media_type: &'static str, page: &Page) -> Response<Body> {
    let mut response = respond::page(is_known(request, page), media_type, page);
    let written = DateTimePrinter::new().timestamp_to_rfc9110_string(&page.written);
    if let (StatusCode::OK, Ok(Ok(written))) = (response.status(), written.map(HeaderValue::try_from)) {
        response.headers_mut().insert(header::LAST_MODIFIED, written);
    }
    response
}

/// Whether a client has a document already, by its tag or else by its age.
fn is_known(request: &Whole, page: &Page) -> bool {
    if let Some(tags) = request.header(header::IF_NONE_MATCH) {
        let is_tag = |tag: &str| tag == "*" || tag.trim_start_matches("W/") == page.tag;
        return tags.split(',').any(|tag| is_tag(tag.trim()));
    }
    let since = request.header(header::IF_MODIFIED_SINCE);
    let since = since.and_then(|since| DateTimeParser::new().parse_timestamp(since).ok());
    since.is_some_and(|since| page.written.as_second() <= since.as_second())
}

fn not_acceptable() -> Response<Body> {
    let mut response = respond::empty(StatusCode::NOT_ACCEPTABLE);
    response
        .headers_mut()
        .insert(header::VARY, HeaderValue::from_static("Accept"));
    response
}

/// The document of v2: JSON, or the same in protobuf.
fn v2(catalog: &Catalog, now: Timestamp, request: &Whole) -> Option<Response<Body>> {
    let accepted = request.header(header::ACCEPT);
    let Some(media_type) = negotiate::one_of(accepted, &[JSON, V2_PROTOBUF_BEFORE, V2_PROTOBUF]) else {
        return Some(not_acceptable());
    };
    let json = catalog.page("v2 in JSON", &[], || {
        let document = Types::kubernetes().openapi_v2(versions(catalog));
        Some(Page::hashed(document.to_string(), now))
    })?;
    if media_type == JSON {
        return Some(shown(request, JSON, &json));
    }
    let protobuf = catalog.page("v2 in protobuf", &[], || {
        let document = serde_json::from_slice(&json.bytes).ok()?;
        let bytes = openapi::encode(&document).into();
        Some(Page { bytes, ..json.clone() })
    })?;
    Some(shown(request, V2_PROTOBUF, &protobuf))
}

/// The index of v3. It says nothing of what it is in, so that it passes for text.
fn index(catalog: &Catalog, now: Timestamp) -> Option<Response<Body>> {
    let page = catalog.page("v3", &[], || {
        let index = Types::kubernetes().openapi_index(versions(catalog));
        Some(Page::hashed(index.to_string(), now))
    })?;
    Some(respond::bytes(StatusCode::OK, respond::TEXT, page.bytes))
}

/// A document of v3; `path` is what follows `/openapi/v3`.
fn v3(catalog: &Catalog, now: Timestamp, request: &Whole, path: &[&str]) -> Option<Response<Body>> {
    let types = Types::kubernetes();
    let page = catalog.page("v3", path, || {
        let (hash, document) = match path {
            ["version"] => (types.openapi_hash("", "version", &[]), types.openapi_of_version()),
            ["api", version] => of_version(catalog, "", version)?,
            ["apis", group, version] => of_version(catalog, group, version)?,
            _ => return None,
        };
        Some(Page::tagged(document.to_string(), &hash, now))
    })?;
    if negotiate::one_of(request.header(header::ACCEPT), &[JSON]).is_none() {
        return Some(not_acceptable());
    }
    let (asked, hash) = (request.query.get("hash"), page.tag.trim_matches('"'));
    if asked.is_empty() || asked == hash {
        return Some(shown(request, JSON, &page));
    }
    // A client that comes with another hash has an old index.
    let mut moved = respond::empty(StatusCode::MOVED_PERMANENTLY);
    let place = format!("/openapi/v3/{}?hash={hash}", path.join("/"));
    for (name, value) in [(header::LOCATION, &place), (header::ETAG, &page.tag)] {
        if let Ok(value) = HeaderValue::from_str(value) {
            moved.headers_mut().insert(name, value);
        }
    }
    Some(moved)
}

fn of_version(catalog: &Catalog, group: &str, version: &str) -> Option<(String, Value)> {
    let (types, custom) = (Types::kubernetes(), kinds(catalog.version(group, version)?));
    let hash = types.openapi_hash(group, version, &custom);
    Some((hash, types.openapi(group, version, &custom)?))
}

/// All groups and versions, with the custom kinds in them.
fn versions(catalog: &Catalog) -> impl Iterator<Item = (&str, &str, Vec<CustomKind>)> {
    catalog.groups.iter().flat_map(|group| {
        let versions = group.versions.iter();
        versions.map(|version| (group.name.as_str(), version.name.as_str(), kinds(version)))
    })
}

fn kinds(version: &Version) -> Vec<CustomKind> {
    let custom = version.resources.iter().filter_map(|resource| match &resource.nature {
        Nature::BuiltIn(_) => None,
        Nature::Custom(definition) => Some(CustomKind {
            plural: resource.plural.clone(),
            kind: resource.kind.clone(),
            list_kind: resource.list_kind.clone(),
            namespaced: resource.namespaced,
            schema: definition.schema().cloned().unwrap_or_default(),
            selectable: definition.selectable_names(),
            status: resource.subresource("status").is_some(),
            scale: resource.subresource("scale").is_some(),
        }),
    });
    custom.collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use http::Request;
    use http_body_util::{BodyExt as _, Full};
    use serde_json::json;

    use super::*;
    use crate::server::{
        http::{self as face, catalog::Catalogs},
        registry::Registry,
        store::Limits,
    };

    struct Server(Arc<Registry>, Arc<Catalogs>);

    impl Server {
        fn new() -> Self {
            Self(Arc::new(Registry::new(Limits::default())), Arc::default())
        }

        async fn get(&self, path: &str, headers: &[(header::HeaderName, &str)]) -> Response<Body> {
            let mut request = Request::get(path);
            for (name, value) in headers {
                request = request.header(name, *value);
            }
            let request = request.body(Full::default()).unwrap();
            face::answer(Arc::clone(&self.0), Arc::clone(&self.1), request).await
        }

        async fn define(&self, plural: &str) {
            let version = json!({
                "name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {"type": "object"}},
            });
            let definition = json!({
                "apiVersion": "apiextensions.k8s.io/v1",
                "kind": "CustomResourceDefinition",
                "metadata": {"name": format!("{plural}.example.com")},
                "spec": {
                    "group": "example.com", "scope": "Namespaced", "names": {"plural": plural, "kind": "Widget"},
                    "versions": [version],
                },
            });
            let request = Request::post("/apis/apiextensions.k8s.io/v1/customresourcedefinitions")
                .body(Full::from(definition.to_string()))
                .unwrap();
            let answer = face::answer(Arc::clone(&self.0), Arc::clone(&self.1), request).await;
            assert_eq!(answer.status(), StatusCode::CREATED);
        }
    }

    async fn text(response: Response<Body>) -> String {
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn told<'a>(response: &'a Response<Body>, name: &header::HeaderName) -> &'a str {
        response.headers().get(name).unwrap().to_str().unwrap()
    }

    #[tokio::test]
    async fn v2_is_had_in_json_and_in_protobuf() {
        let server = Server::new();
        for (accepted, media_type) in [
            ("*/*", JSON),
            ("application/*", JSON),
            (V2_PROTOBUF_BEFORE, V2_PROTOBUF),
            (
                "text/html, application/com.github.proto-openapi.spec.v2.v1.0+protobuf;q=0.5",
                V2_PROTOBUF,
            ),
        ] {
            let answer = server.get("/openapi/v2", &[(header::ACCEPT, accepted)]).await;
            assert_eq!(
                (answer.status(), told(&answer, &header::CONTENT_TYPE)),
                (StatusCode::OK, media_type)
            );
            assert_eq!(told(&answer, &header::VARY), "Accept");
            assert!(told(&answer, &header::LAST_MODIFIED).ends_with(" GMT"));
        }
        let answer = server.get("/openapi/v2", &[(header::ACCEPT, "application/yaml")]).await;
        assert_eq!(answer.status(), StatusCode::NOT_ACCEPTABLE);
    }

    #[tokio::test]
    async fn what_a_client_has_is_not_sent_again_until_it_changes() {
        let server = Server::new();
        for path in ["/openapi/v2", "/openapi/v3/apis/apps/v1"] {
            let tag = told(&server.get(path, &[]).await, &header::ETAG).to_owned();
            let weak = format!("\"other\", W/{tag}");
            let later = "Mon, 23 Nov 2099 17:00:00 GMT";
            let known = [
                (header::IF_NONE_MATCH, tag.as_str()),
                (header::IF_NONE_MATCH, &weak),
                (header::IF_NONE_MATCH, "*"),
                (header::IF_MODIFIED_SINCE, later),
            ];
            for (name, value) in known {
                let again = server.get(path, &[(name, value)]).await;
                assert_eq!(
                    (again.status(), text(again).await.as_str()),
                    (StatusCode::NOT_MODIFIED, ""),
                    "{path} {value}"
                );
            }
            let other = [(header::IF_NONE_MATCH, "\"other\""), (header::IF_MODIFIED_SINCE, later)];
            assert_eq!(
                server.get(path, &other).await.status(),
                StatusCode::OK,
                "tags count first"
            );
        }
        let tag = told(&server.get("/openapi/v2", &[]).await, &header::ETAG).to_owned();
        server.define("widgets").await;
        let changed = server.get("/openapi/v2", &[(header::IF_NONE_MATCH, &tag)]).await;
        assert_eq!(changed.status(), StatusCode::OK);
        assert!(text(changed).await.contains("com.example.v1.WidgetList"));
    }

    #[tokio::test]
    async fn what_was_written_is_at_its_path_alone() {
        let server = Server::new();
        for (path, other) in [
            ("/apis/apps", "/apis%2Fapps"),
            ("/openapi/v3/api/v1", "/openapi/v3/api%2Fv1"),
        ] {
            for (path, code) in [(path, StatusCode::OK), (other, StatusCode::NOT_FOUND)] {
                assert_eq!(server.get(path, &[]).await.status(), code, "{path}");
            }
        }
    }

    #[tokio::test]
    async fn the_catalog_is_another_when_the_custom_kinds_are() {
        let server = Server::new();
        let catalog = || server.1.of(&server.0);
        let before = catalog();
        assert!(Arc::ptr_eq(&before, &catalog()));
        assert_eq!(
            server.get("/apis/example.com/v1", &[]).await.status(),
            StatusCode::NOT_FOUND
        );
        server.define("widgets").await;
        let after = catalog();
        assert!(!Arc::ptr_eq(&before, &after) && Arc::ptr_eq(&after, &catalog()));
        assert!(
            text(server.get("/apis/example.com/v1", &[]).await)
                .await
                .contains("widgets")
        );
    }
}
