//! `metadata.managedFields`: who owns which fields of an object. Data in: its JSON form. Data out: a map of managers,
//! and back.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::set::FieldSet;
use crate::server::field::quote;

/// How a manager came by its fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operation {
    /// It applied them.
    Apply,
    /// It wrote them in any other way.
    Update,
}

impl Operation {
    /// As managed fields name it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Apply => "Apply",
            Self::Update => "Update",
        }
    }
}

/// What tells an entry of the managed fields apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ManagerKey {
    /// The manager's name.
    pub manager: String,
    /// Whether it applied its fields.
    pub operation: Operation,
    /// The version in which it wrote; empty for [`Operation::Apply`], which knows no two of them.
    pub api_version: String,
    /// The subresource through which it wrote; empty for the object itself.
    pub subresource: String,
}

impl ManagerKey {
    /// The key of an entry.
    #[must_use]
    pub fn new(manager: &str, operation: Operation, api_version: &str, subresource: &str) -> Self {
        let api_version = match operation {
            Operation::Apply => "",
            Operation::Update => api_version,
        };
        Self {
            manager: manager.to_owned(),
            operation,
            api_version: api_version.to_owned(),
            subresource: subresource.to_owned(),
        }
    }

    /// The key as text, by which the real server sorts where nothing else decides.
    #[must_use]
    pub fn identity(&self) -> String {
        let mut text = String::from("{");
        let fields = [
            ("manager", self.manager.as_str()),
            ("operation", self.operation.as_str()),
            ("apiVersion", &self.api_version),
            ("subresource", &self.subresource),
        ];
        for (name, value) in fields.iter().filter(|(_, value)| !value.is_empty()) {
            if text.len() > 1 {
                text.push(',');
            }
            text.push_str(&format!("{}:{}", json!(name), json!(value)));
        }
        text.push('}');
        text
    }

    /// The manager as conflicts name it.
    #[must_use]
    pub fn shown(&self) -> String {
        let mut text = quote(&self.manager);
        if !self.subresource.is_empty() {
            text.push_str(&format!(" with subresource {}", quote(&self.subresource)));
        }
        if self.operation == Operation::Update {
            text.push_str(&format!(" using {}", self.api_version));
        }
        text
    }
}

/// What a manager owns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Managed {
    /// Its fields.
    pub set: FieldSet,
    /// The version that the fields are of.
    pub api_version: String,
    /// When the entry last grew.
    pub time: Option<String>,
}

/// Who owns what.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Managers(pub BTreeMap<ManagerKey, Managed>);

impl Managers {
    /// The managers of an object.
    ///
    /// # Errors
    ///
    /// What is wrong with its managed fields.
    pub fn of(object: &Value) -> Result<Self, String> {
        let entries = managed_fields(object).and_then(Value::as_array);
        let mut managers = BTreeMap::new();
        for (index, entry) in entries.into_iter().flatten().enumerate() {
            let (key, managed) = decode(index, entry)?;
            managers.insert(key, managed);
        }
        Ok(Self(managers))
    }

    /// Writes the managers into an object.
    pub fn write(&self, object: &mut Value) {
        remove_managed_fields(object);
        if self.0.is_empty() {
            return;
        }
        let Some(object) = object.as_object_mut() else {
            return;
        };
        let metadata = object.entry("metadata").or_insert_with(|| json!({}));
        if let Some(metadata) = metadata.as_object_mut() {
            metadata.insert("managedFields".to_owned(), self.to_json());
        }
    }

    /// Without the entries that own nothing.
    pub(super) fn drop_empty(&mut self) {
        self.0.retain(|_, managed| !managed.set.is_empty());
    }

    fn to_json(&self) -> Value {
        let mut entries: Vec<(&ManagerKey, &Managed)> = self.0.iter().collect();
        entries.sort_by(|left, right| order(*left, *right));
        entries.into_iter().map(|(key, managed)| encode(key, managed)).collect()
    }
}

/// An object's managed fields, if there are any.
#[must_use]
pub fn managed_fields(object: &Value) -> Option<&Value> {
    object.get("metadata")?.get("managedFields")
}

/// The object without its managed fields, which may well be larger than all the rest.
#[must_use]
pub fn without_managed_fields(object: &Value) -> Value {
    let Some(fields) = object.as_object() else {
        return object.clone();
    };
    let bare = |name: &str, value: &Value| match value {
        Value::Object(metadata) if name == "metadata" => Value::Object(
            metadata
                .iter()
                .filter(|(name, _)| *name != "managedFields")
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
        ),
        other => other.clone(),
    };
    Value::Object(
        fields
            .iter()
            .map(|(name, value)| (name.clone(), bare(name, value)))
            .collect(),
    )
}

/// Takes an object's managed fields out.
pub fn remove_managed_fields(object: &mut Value) {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
    }
}

/// Whether a client asks to forget all managers: with no entry, or with one empty entry. In custom objects, decoding
/// drops a list without entries before anybody asks.
#[must_use]
pub fn is_reset(object: &Value) -> bool {
    match managed_fields(object).and_then(Value::as_array).map(Vec::as_slice) {
        Some([]) => true,
        Some([Value::Object(only)]) => only.values().all(|value| value.is_null() || value == ""),
        _ => false,
    }
}

fn order(left: (&ManagerKey, &Managed), right: (&ManagerKey, &Managed)) -> Ordering {
    let time = |managed: &Managed| managed.time.clone().unwrap_or_default();
    left.0
        .operation
        .cmp(&right.0.operation)
        .then_with(|| time(left.1).cmp(&time(right.1)))
        .then_with(|| left.0.manager.cmp(&right.0.manager))
        .then_with(|| left.1.api_version.cmp(&right.1.api_version))
        .then_with(|| left.0.subresource.cmp(&right.0.subresource))
}

fn decode(index: usize, entry: &Value) -> Result<(ManagerKey, Managed), String> {
    let text = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or_default();
    let operation = match text("operation") {
        "Apply" => Operation::Apply,
        "Update" => Operation::Update,
        _ => return Err("operation must be `Apply` or `Update`".to_owned()),
    };
    if text("apiVersion").is_empty() {
        return Err("apiVersion must not be empty".to_owned());
    }
    match text("fieldsType") {
        "FieldsV1" => {}
        "" => return Err(format!("missing fieldsType in managed fields entry {index}")),
        other => {
            let quoted = quote(other);
            return Err(format!("invalid fieldsType {quoted} in managed fields entry {index}"));
        }
    }
    let set = FieldSet::from_fields_v1(entry.get("fieldsV1").unwrap_or(&Value::Null))
        .map_err(|why| format!("error decoding versioned set: error decoding set: {why}"))?;
    let key = ManagerKey::new(text("manager"), operation, text("apiVersion"), text("subresource"));
    let managed = Managed {
        set,
        api_version: text("apiVersion").to_owned(),
        time: entry.get("time").and_then(Value::as_str).map(str::to_owned),
    };
    Ok((key, managed))
}

fn encode(key: &ManagerKey, managed: &Managed) -> Value {
    let mut entry = Map::new();
    let texts = [
        ("manager", key.manager.as_str()),
        ("operation", key.operation.as_str()),
        ("apiVersion", &managed.api_version),
        ("time", managed.time.as_deref().unwrap_or_default()),
        ("fieldsType", "FieldsV1"),
        ("subresource", &key.subresource),
    ];
    for (name, text) in texts.iter().filter(|(_, text)| !text.is_empty()) {
        entry.insert((*name).to_owned(), (*text).into());
    }
    entry.insert("fieldsV1".to_owned(), managed.set.to_fields_v1());
    Value::Object(entry)
}
