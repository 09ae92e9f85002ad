//! One version of a custom kind, compiled from its CustomResourceDefinition: what decoding, judging, merging and showing
//! its objects takes. Data in: the definition. Data out: answers about objects; nothing is stored. All versions know each
//! other: what is stored has the fields of the version that it was stored in, and what was applied in one may be merged in
//! another.

mod hollow;
mod schemas;

use std::sync::Arc;

use serde_json::Value;

use self::schemas::{Schema, Schemas};
use super::object::text;
use crate::server::{
    field::FieldError,
    schema::{ScalePaths, decode_object_meta, definition::versions, flag, selectable_fields},
    shape::{ShapeId, Shapes},
    table::{self, Column},
};

/// One version of a custom kind.
#[derive(Debug)]
pub struct Definition {
    /// Where the scale is, if there is one.
    pub scale: Option<ScalePaths>,
    /// The columns of tables.
    pub columns: Vec<Column>,
    own: Arc<Schema>,
    stored: Arc<Schema>,
    all: Schemas,
    version: Value,
    has_status: bool,
    /// Whether a webhook makes objects of one version those of another.
    is_converted_by_webhook: bool,
}

impl Definition {
    /// The versions of a definition, with what it says of each; none if none of them is stored.
    pub(super) fn all(definition: &Value) -> Vec<(&Value, Self)> {
        let versions = versions(definition);
        let is_converted_by_webhook = text(definition, "/spec/conversion/strategy") == "Webhook";
        let all = Schema::all(versions);
        let schema_of = |version: &Value| all.get(text(version, "/name")).map(Arc::clone);
        let stored = versions.iter().find(|version| flag(version, "storage"));
        let Some(stored) = stored.and_then(schema_of) else {
            return Vec::new();
        };
        let all_versions = versions.iter().filter_map(|version| {
            let printed = version.get("additionalPrinterColumns").and_then(Value::as_array);
            let one = Self {
                scale: ScalePaths::of_version(version),
                columns: table::columns_of_custom(printed.map_or(&[], Vec::as_slice)),
                own: schema_of(version)?,
                stored: Arc::clone(&stored),
                all: Arc::clone(&all),
                has_status: version.pointer("/subresources/status").is_some(),
                version: version.clone(),
                is_converted_by_webhook,
            };
            Some((version, one))
        });
        all_versions.collect()
    }

    /// Whether objects have a status of their own.
    #[must_use]
    pub const fn has_status(&self) -> bool {
        self.has_status
    }

    /// Reads an object by the schema: what it does not know is dropped and told, what is absent gets its default.
    ///
    /// # Errors
    ///
    /// Metadata of a wrong type, in Go's words.
    pub fn decode(&self, object: &mut Value) -> Result<Vec<String>, String> {
        let unknown = self.own.meaning.structural.decode(object)?;
        self.own.meaning.structural.default(object);
        Ok(unknown)
    }

    /// Reads what merging made of an object: its metadata by its type, and what is absent gets its default.
    ///
    /// # Errors
    ///
    /// Metadata of a wrong type, in Go's words.
    pub fn read_merged(&self, mut object: Value) -> Result<Value, String> {
        let metadata = object.get("metadata").map(decode_object_meta).transpose()?;
        if let (Some((mut metadata, _)), Some(map)) = (metadata, object.as_object_mut()) {
            let merged = map.get("metadata").unwrap_or(&Value::Null);
            hollow::keep(merged, &mut metadata);
            map.insert("metadata".to_owned(), metadata);
        }
        self.own.meaning.structural.default(&mut object);
        Ok(object)
    }

    /// Makes an object what storing it makes of it: one without the fields that the stored version does not know. Says by
    /// which schema it is stored.
    ///
    /// # Errors
    ///
    /// When that takes a webhook.
    pub fn store(&self, object: &mut Value) -> Result<Arc<str>, Unconverted> {
        self.check_converts(&self.own, &self.stored)?;
        let is_converted = self.is_stored_otherwise();
        if is_converted {
            self.stored.meaning.structural.prune(object);
        }
        if is_converted || hollow::is_in(object) {
            // Reading it makes something else of it: the name is the same, but not the one that is shared.
            return Ok(Arc::from(&*self.stored.name));
        }
        Ok(Arc::clone(&self.stored.name))
    }

    /// Makes a stored object what reading it makes of it: it has the fields and the defaults of the version that it was
    /// stored in, as that is now, and of these the fields that this version knows.
    ///
    /// # Errors
    ///
    /// When there is no such version any more, or reading it in this one takes a webhook.
    pub fn read(&self, version: &str, object: &mut Value) -> Result<(), Unconverted> {
        let stored = self.readable(version)?;
        stored.meaning.structural.prune(object);
        stored.meaning.structural.default(object);
        if !stored.says_as(&self.own) {
            self.own.meaning.structural.prune(object);
        }
        hollow::remove(object);
        Ok(())
    }

    /// Whether what was stored in a version can be read in this one.
    ///
    /// # Errors
    ///
    /// As [`Definition::read`].
    pub fn check_readable(&self, version: &str) -> Result<(), Unconverted> {
        self.readable(version).map(drop)
    }

    fn readable(&self, version: &str) -> Result<&Arc<Schema>, Unconverted> {
        let unknown = || Unconverted::UnknownVersion(version.to_owned());
        let stored = self.all.get(version).ok_or_else(unknown)?;
        self.check_converts(stored, &self.own)?;
        Ok(stored)
    }

    fn check_converts(&self, from: &Schema, to: &Schema) -> Result<(), Unconverted> {
        if self.is_converted_by_webhook && from.name != to.name {
            return Err(Unconverted::Webhook(from.name.to_string()));
        }
        Ok(())
    }

    /// Whether what was stored under a schema may be shown as it is.
    #[must_use]
    pub fn is_shown_as_stored(&self, schema: &Arc<str>) -> bool {
        let known = self.all.get(&**schema);
        known.is_some_and(|known| {
            Arc::ptr_eq(&known.name, schema)
                && known.says_as(&self.own)
                && self.check_converts(known, &self.own).is_ok()
        })
    }

    /// Whether objects are stored in a version of another schema, so that what this one knows may be lost.
    #[must_use]
    pub fn is_stored_otherwise(&self) -> bool {
        !self.own.says_as(&self.stored)
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
            ("status", Some(old)) => {
                self.own
                    .meaning
                    .structural
                    .validate_status(metadata, new, old, self.scale.as_ref())
            }
            _ => self
                .own
                .meaning
                .structural
                .validate_after(metadata, new, old, self.scale.as_ref()),
        }
    }

    /// What is wrong with an object by rules that it broke before and may go on breaking.
    #[must_use]
    pub fn tolerated(&self, new: &Value, old: Option<&Value>) -> Vec<FieldError> {
        old.map(|old| self.own.meaning.structural.tolerated(new, old))
            .unwrap_or_default()
    }

    /// How objects merge.
    #[must_use]
    pub fn shapes(&self) -> (&Shapes, ShapeId) {
        (&self.own.meaning.shapes, self.own.meaning.root)
    }

    /// How objects merge in another version; `None` if there is no such version.
    #[must_use]
    pub fn shapes_of(&self, version: &str) -> Option<(&Shapes, ShapeId)> {
        let schema = self.all.get(version)?;
        Some((&schema.meaning.shapes, schema.meaning.root))
    }

    /// The value of a field that field selectors know, as they see it.
    #[must_use]
    pub fn selected(&self, object: &Value, field: &str) -> Option<String> {
        let mut fields = selectable_fields(&self.version, object).into_iter();
        fields.find(|(name, _)| name == field).map(|(_, value)| value)
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

/// Why an object of one version cannot be had in another.
#[derive(Debug)]
pub enum Unconverted {
    /// It was stored in a version that its definition no longer has.
    UnknownVersion(String),
    /// A webhook would have to make it another, from this version.
    Webhook(String),
}

impl Unconverted {
    /// In the real server's words, as far as it has any: it calls the webhook.
    #[must_use]
    pub fn told(&self, group: &str, kind: &str) -> String {
        match self {
            Self::UnknownVersion(version) => {
                format!("request to convert CR from an invalid group/version: {group}/{version}")
            }
            Self::Webhook(version) => {
                let why = "this API server calls no webhooks; use the version that objects are stored in";
                format!("conversion webhook for {group}/{version}, Kind={kind} failed: {why}")
            }
        }
    }
}
