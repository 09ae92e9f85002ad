//! One version of a custom kind, compiled from its CustomResourceDefinition: what decoding, judging, merging and showing
//! its objects takes. Data in: the definition. Data out: answers about objects; nothing is stored.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::{
    object::text,
    resource::{Nature, Resource, Subresource},
    strategy::Strategy,
};
use crate::server::{
    field::FieldError,
    names,
    schema::{ScalePaths, Structural, selectable_fields},
    shape::{ShapeId, Shapes},
    store::Revision,
    table::{self, Column},
};

/// One version of a custom kind.
#[derive(Debug)]
pub struct Definition {
    /// Since when objects are stored under this schema; older ones get its defaults when they are read.
    pub since: Revision,
    /// Where the scale is, if there is one.
    pub scale: Option<ScalePaths>,
    /// The columns of tables.
    pub columns: Vec<Column>,
    structural: Structural,
    shapes: Shapes,
    root: ShapeId,
    version: Value,
    has_status: bool,
}

impl Definition {
    /// A version (`spec.versions[*]`) of a definition.
    #[must_use]
    pub fn new(version: &Value, since: Revision) -> Self {
        let none = Value::Object(Map::new());
        let schema = version.pointer("/schema/openAPIV3Schema").unwrap_or(&none);
        let structural = Structural::new(schema);
        let printed = version.get("additionalPrinterColumns").and_then(Value::as_array);
        let (shapes, root) = structural.shapes();
        Self {
            since,
            scale: ScalePaths::of_version(version),
            columns: table::columns_of_custom(printed.map_or(&[], Vec::as_slice)),
            structural,
            shapes,
            root,
            has_status: version.pointer("/subresources/status").is_some(),
            version: version.clone(),
        }
    }

    /// Reads an object by the schema: what it does not know is dropped and told, what is absent gets its default.
    ///
    /// # Errors
    ///
    /// Metadata of a wrong type, in Go's words.
    pub fn decode(&self, object: &mut Value) -> Result<Vec<String>, String> {
        let unknown = self.structural.decode(object)?;
        self.structural.default(object);
        Ok(unknown)
    }

    /// Gives an object that was stored under another schema the defaults of this one.
    pub fn default_stored(&self, object: &mut Value) {
        self.structural.prune(object);
        self.structural.default(object);
    }

    /// What is wrong with an object, or with an update of `old`, after what is wrong with its metadata.
    #[must_use]
    pub fn validate(
        &self,
        metadata: Vec<FieldError>,
        new: &Value,
        old: Option<&Value>,
        subresource: &str,
    ) -> Vec<FieldError> {
        match (subresource, old) {
            ("status", Some(old)) => self.structural.validate_status(metadata, new, old, self.scale.as_ref()),
            _ => self.structural.validate_after(metadata, new, old, self.scale.as_ref()),
        }
    }

    /// How objects merge.
    #[must_use]
    pub const fn shapes(&self) -> (&Shapes, ShapeId) {
        (&self.shapes, self.root)
    }

    /// The fields that field selectors know, with their values.
    #[must_use]
    pub fn selectable(&self, object: &Value) -> Vec<(String, String)> {
        selectable_fields(&self.version, object)
    }

    /// The names of the fields that field selectors know.
    #[must_use]
    pub fn selectable_names(&self) -> Vec<String> {
        let fields = self.version.get("selectableFields").and_then(Value::as_array);
        let paths = fields.into_iter().flatten().map(|field| text(field, "/jsonPath"));
        paths.map(|path| path.trim_start_matches('.').to_owned()).collect()
    }

    /// The schema as it was given.
    #[must_use]
    pub fn schema(&self) -> Option<&Value> {
        self.version.pointer("/schema/openAPIV3Schema")
    }
}

/// The resource that a definition serves in one of its versions.
#[must_use]
pub fn resource(crd: &Value, version: &Value, since: Revision) -> Resource {
    let definition = Definition::new(version, since);
    let group = text(crd, "/spec/group");
    let api_version = super::resource::join(group, text(version, "/name"));
    let kind = text(crd, "/status/acceptedNames/kind");
    let owned = |verbs: &[&str]| verbs.iter().map(|verb| (*verb).to_owned()).collect::<Vec<_>>();
    let mut subresources = Vec::new();
    if definition.has_status {
        subresources.push(Subresource {
            name: "status".to_owned(),
            verbs: owned(&["get", "patch", "update"]),
            api_version,
            kind: kind.to_owned(),
        });
    }
    if definition.scale.is_some() {
        subresources.push(Subresource {
            name: "scale".to_owned(),
            verbs: owned(&["get", "patch", "update"]),
            api_version: "autoscaling/v1".to_owned(),
            kind: "Scale".to_owned(),
        });
    }
    let strategy = Strategy {
        has_status: definition.has_status,
        unconditional_update: false,
        validate_name: names::subdomain,
        ..Strategy::PLAIN
    };
    Resource {
        group: group.to_owned(),
        version: text(version, "/name").to_owned(),
        plural: text(crd, "/status/acceptedNames/plural").to_owned(),
        singular: text(crd, "/status/acceptedNames/singular").to_owned(),
        short_names: texts(crd, "/status/acceptedNames/shortNames"),
        categories: texts(crd, "/status/acceptedNames/categories"),
        storage_hash: Some(storage_hash(crd)),
        kind: kind.to_owned(),
        namespaced: text(crd, "/spec/scope") == "Namespaced",
        verbs: owned(&[
            "delete",
            "deletecollection",
            "get",
            "list",
            "patch",
            "create",
            "update",
            "watch",
        ]),
        subresources,
        strategy,
        nature: Nature::Custom(std::sync::Arc::new(definition)),
        blank: Value::Object(Map::new()),
    }
}

fn texts(object: &Value, pointer: &str) -> Vec<String> {
    let list = object.pointer(pointer).and_then(Value::as_array);
    list.into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}

/// As the real server makes it: of the group, the stored version and the kind.
fn storage_hash(crd: &Value) -> String {
    let versions = crd.pointer("/spec/versions").and_then(Value::as_array);
    let is_stored = |version: &&Value| version.get("storage").and_then(Value::as_bool) == Some(true);
    let stored = versions.into_iter().flatten().find(is_stored);
    let version = stored.map_or("", |version| text(version, "/name"));
    let place = format!(
        "{}/{version}/{}",
        text(crd, "/spec/group"),
        text(crd, "/status/acceptedNames/kind")
    );
    let digest = Sha256::digest(place.as_bytes());
    STANDARD.encode(digest.get(..8).unwrap_or_default())
}
