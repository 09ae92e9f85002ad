//! OpenAPI documents: of v3 an index, and a document for each group and version, and one of v2 that says all of it. In go the
//! table of built-in kinds and what custom kinds there are; out come documents as `kubectl explain`, `kubectl apply` and
//! schema readers want them.
//!
//! Left out are descriptions of built-in kinds, enumerations and unions, the deprecated watch paths, the subresources that
//! stream, what discovery itself answers, and of the documents of what is not a group's version all but that of `/version`.

mod custom;
mod gnostic;
mod paths;
mod schemas;
#[cfg(test)]
mod tests;
mod v2;

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use serde_json::{Map, Value, json};

pub use self::gnostic::encode;
use super::Types;

/// A kind that is defined at run time.
#[derive(Debug, Clone, PartialEq)]
pub struct CustomKind {
    /// The plural name of the resource.
    pub plural: String,
    /// The kind.
    pub kind: String,
    /// The kind of a list of them.
    pub list_kind: String,
    /// Whether objects are in namespaces.
    pub namespaced: bool,
    /// The OpenAPI v3 schema of the objects, without what all objects have.
    pub schema: Value,
    /// The fields that field selectors know.
    pub selectable: Vec<String>,
    /// Whether the status is a subresource.
    pub status: bool,
    /// Whether the scale is a subresource.
    pub scale: bool,
}

impl Types {
    /// The index of the documents of these groups and versions, each with the custom kinds in it.
    #[must_use]
    pub fn openapi_index<'a>(&self, versions: impl Iterator<Item = (&'a str, &'a str, Vec<CustomKind>)>) -> Value {
        let place = |path: &str, hash: String| json!({"serverRelativeURL": format!("/openapi/v3/{path}?hash={hash}")});
        let versions = versions.map(|(group, version, custom)| {
            let path = base(group, version);
            let place = place(&path, self.openapi_hash(group, version, &custom));
            (path, place)
        });
        let own = place("version", self.openapi_hash("", "version", &[]));
        let paths: Map<String, Value> = versions.chain([("version".to_owned(), own)]).collect();
        json!({ "paths": paths })
    }

    /// The document of `/version`.
    #[must_use]
    pub fn openapi_of_version(&self) -> Value {
        let name = "io.k8s.apimachinery.pkg.version.Info";
        let responses = json!({
            "200": {
                "description": "OK",
                "content": {"application/json": {"schema": schemas::reference(name)}},
            },
            "401": {"description": "Unauthorized"},
        });
        let get = json!({
            "tags": ["version"],
            "description": "get the version information for this server",
            "operationId": "getCodeVersion",
            "responses": responses,
        });
        let paths = Map::from_iter([("/version/".to_owned(), json!({ "get": get }))]);
        let schemas = Map::from_iter([(name.to_owned(), schemas::version_info())]);
        self.whole(paths, schemas)
    }

    /// What changes when a document does: its `hash` parameter and `ETag`.
    #[must_use]
    pub fn openapi_hash(&self, group: &str, version: &str, custom: &[CustomKind]) -> String {
        let mut hasher = DefaultHasher::new();
        (self.release(), group, version).hash(&mut hasher);
        for kind in custom {
            (
                &kind.plural,
                &kind.kind,
                &kind.list_kind,
                kind.namespaced,
                &kind.selectable,
                kind.status,
                kind.scale,
            )
                .hash(&mut hasher);
            kind.schema.to_string().hash(&mut hasher);
        }
        format!("{:016X}", hasher.finish())
    }

    /// The document of a group and version, with the custom kinds in it; `None` if nothing is in it.
    #[must_use]
    pub fn openapi(&self, group: &str, version: &str, custom: &[CustomKind]) -> Option<Value> {
        let built_in = self.group(group).and_then(|group| group.version(version));
        if built_in.is_none() && custom.is_empty() {
            return None;
        }
        let mut schemas = schemas::Schemas::new(self, group, version);
        let mut paths = Map::new();
        for resource in built_in.into_iter().flat_map(|version| &version.resources) {
            paths::built_in(&mut paths, &mut schemas, resource);
        }
        for kind in custom {
            let name = schemas.custom(kind);
            paths::custom(&mut paths, &mut schemas, kind, &name);
        }
        Some(self.whole(paths, schemas.found))
    }

    /// The v2 document of all these groups and versions, each with the custom kinds in it.
    #[must_use]
    pub fn openapi_v2<'a>(&self, versions: impl Iterator<Item = (&'a str, &'a str, Vec<CustomKind>)>) -> Value {
        let documents = versions.filter_map(|(group, version, custom)| self.openapi(group, version, &custom));
        v2::document(self.info(), documents.chain([self.openapi_of_version()]))
    }

    fn info(&self) -> Value {
        json!({"title": "Kubernetes", "version": minor(self.release())})
    }

    fn whole(&self, paths: Map<String, Value>, schemas: Map<String, Value>) -> Value {
        json!({
            "openapi": "3.0.0",
            "info": self.info(),
            "paths": paths,
            "components": {
                "schemas": schemas,
                "securitySchemes": {
                    "BearerToken": {
                        "type": "apiKey",
                        "description": "Bearer Token authentication",
                        "name": "authorization",
                        "in": "header",
                    },
                },
            },
        })
    }
}

/// The path of a group and version, without its first slash.
fn base(group: &str, version: &str) -> String {
    if group.is_empty() {
        format!("api/{version}")
    } else {
        format!("apis/{group}/{version}")
    }
}

/// `1.36` of `1.36.3`.
fn minor(release: &str) -> &str {
    release.rsplit_once('.').map_or(release, |(minor, _)| minor)
}
