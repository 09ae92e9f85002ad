//! Objects as the API server sent them, kept slim.
//!
//! In: the JSON of a list item or a watch event. Out: an [`Object`], whose identity is parsed, whose `managedFields` are
//! reduced to our own field managers' entries, and whose rest stays JSON text until somebody decodes it. Cloning an
//! `Object` is cheap; it never changes, but for a note of what it was last found to be as desired for.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use kube::core::{DynamicResourceScope, ObjectMeta};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, MapAccess, Visitor},
};
use serde_json::{Value, value::RawValue};

use crate::kind::{Kind, TypedKind};

/// The name of an object within its kind: a namespace, if it lives in one, and a name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectKey {
    /// The namespace; `None` for cluster-scoped objects.
    pub namespace: Option<Box<str>>,
    /// The name.
    pub name: Box<str>,
}

impl ObjectKey {
    /// A key from its parts.
    #[must_use]
    pub fn new(namespace: Option<&str>, name: &str) -> Self {
        Self {
            namespace: namespace.map(Into::into),
            name: name.into(),
        }
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{namespace}/{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// The identity of one object's life: a recreated object has another one.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Uid(Arc<str>);

impl Uid {
    /// The uid's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Uid {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The version of an object. Versions of one kind are decimal numbers that grow, which the API guarantees since
/// Kubernetes 1.35 and every release before it kept.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct ResourceVersion(Box<str>);

impl ResourceVersion {
    /// The version's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this version is `other` or a later one. Versions that are not numbers compare by equality alone.
    #[must_use]
    pub fn is_at_least(&self, other: &Self) -> bool {
        match (self.0.parse::<u64>(), other.0.parse::<u64>()) {
            (Ok(this), Ok(other)) => this >= other,
            _ => self == other,
        }
    }
}

impl From<&str> for ResourceVersion {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

/// The owner reference that says `controller: true`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Controller {
    /// The owner's `apiVersion`.
    pub api_version: Box<str>,
    /// The owner's kind.
    pub kind: Box<str>,
    /// The owner's name.
    pub name: Box<str>,
    /// The owner's uid: what ownership is decided by.
    pub uid: Uid,
}

/// An entry of `managedFields` that one of our field managers wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ManagedEntry {
    /// Its place in the object's whole list of entries, for patches that address it.
    pub index: usize,
    pub manager: Box<str>,
    /// `Apply` entries give up fields by leaving them out; `Update` entries never do.
    pub is_apply: bool,
    pub api_version: Box<str>,
    /// The entry's `fieldsV1` as JSON.
    pub fields: Box<str>,
}

/// An object as the API server sent it.
///
/// It holds the object's JSON (without other managers' `managedFields`) and decodes it on demand.
#[derive(Clone)]
pub struct Object(Arc<Slim>);

struct Slim {
    kind: Arc<Kind>,
    key: ObjectKey,
    uid: Uid,
    resource_version: ResourceVersion,
    generation: Option<i64>,
    is_deleting: bool,
    finalizers: Box<[Box<str>]>,
    labels: Box<[(Box<str>, Box<str>)]>,
    controller: Option<Controller>,
    managed: Box<[ManagedEntry]>,
    json: Box<str>,
    /// What this version was last found to be as desired for; 0: nothing.
    current_for: AtomicU64,
}

/// Why an object could not be decoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} {object} does not decode as `{rust_type}`: {reason}")]
pub struct DecodeError {
    /// The object's kind.
    pub kind: String,
    /// The object's namespace and name.
    pub object: String,
    /// The Rust type that was asked for.
    pub rust_type: &'static str,
    /// What is wrong, and where in the object.
    pub reason: String,
}

impl Object {
    /// The object's kind.
    #[must_use]
    pub fn kind(&self) -> &Kind {
        &self.0.kind
    }

    /// The object's namespace and name.
    #[must_use]
    pub fn key(&self) -> &ObjectKey {
        &self.0.key
    }

    /// The object's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.key.name
    }

    /// The object's namespace; `None` for cluster-scoped objects.
    #[must_use]
    pub fn namespace(&self) -> Option<&str> {
        self.0.key.namespace.as_deref()
    }

    /// The object's uid.
    #[must_use]
    pub fn uid(&self) -> &Uid {
        &self.0.uid
    }

    /// The version that this is of the object.
    #[must_use]
    pub fn resource_version(&self) -> &ResourceVersion {
        &self.0.resource_version
    }

    /// How often the object's desired state has changed; `None` for kinds that do not count it.
    #[must_use]
    pub fn generation(&self) -> Option<i64> {
        self.0.generation
    }

    /// Whether somebody asked for the object's deletion.
    #[must_use]
    pub fn is_deleting(&self) -> bool {
        self.0.is_deleting
    }

    /// The object's finalizers.
    pub fn finalizers(&self) -> impl Iterator<Item = &str> {
        self.0.finalizers.iter().map(|finalizer| &**finalizer)
    }

    /// The owner reference that says `controller: true`, if there is one.
    #[must_use]
    pub fn controller(&self) -> Option<&Controller> {
        self.0.controller.as_ref()
    }

    /// The object's labels, by key.
    pub fn labels(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.labels.iter().map(|(key, value)| (&**key, &**value))
    }

    /// The value of one label.
    #[must_use]
    pub fn label(&self, key: &str) -> Option<&str> {
        self.labels().find(|(label, _)| *label == key).map(|(_, value)| value)
    }

    /// The object's annotations.
    #[must_use]
    pub fn annotations(&self) -> BTreeMap<String, String> {
        let annotations = self.raw_annotations();
        annotations
            .and_then(|raw| serde_json::from_str(raw).ok())
            .unwrap_or_default()
    }

    /// The object's annotations as JSON text.
    fn raw_annotations(&self) -> Option<&str> {
        #[derive(Deserialize)]
        struct Head<'a> {
            #[serde(borrow)]
            metadata: Annotations<'a>,
        }
        #[derive(Deserialize)]
        struct Annotations<'a> {
            #[serde(borrow)]
            annotations: Option<&'a RawValue>,
        }
        let head: Head<'_> = serde_json::from_str(&self.0.json).ok()?;
        Some(head.metadata.annotations?.get())
    }

    /// Whether both have the same annotations.
    pub(crate) fn has_annotations_of(&self, other: &Self) -> bool {
        self.raw_annotations() == other.raw_annotations() || self.annotations() == other.annotations()
    }

    /// The object's JSON text.
    #[must_use]
    pub fn json(&self) -> &str {
        &self.0.json
    }

    /// The object as a JSON value.
    #[must_use]
    pub fn to_value(&self) -> Value {
        serde_json::from_str(&self.0.json).unwrap_or_default()
    }

    /// Decodes the object.
    ///
    /// # Errors
    /// When the object does not have the shape of `T`.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, DecodeError> {
        serde_json::from_str(&self.0.json).map_err(|error| self.decode_error::<T>(error.to_string()))
    }

    /// Decodes the object as if it had no status.
    pub(crate) fn decode_without_status<T: DeserializeOwned>(&self) -> Result<T, DecodeError> {
        let mut value = self.to_value();
        if let Some(object) = value.as_object_mut() {
            object.remove("status");
        }
        serde_json::from_value(value).map_err(|error| self.decode_error::<T>(error.to_string()))
    }

    fn decode_error<T>(&self, reason: String) -> DecodeError {
        DecodeError {
            kind: self.0.kind.kind().to_owned(),
            object: self.0.key.to_string(),
            rust_type: std::any::type_name::<T>(),
            reason,
        }
    }

    /// One top-level member, decoded, if it is there and decodes.
    pub(crate) fn member<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        let members: Members<'_> = serde_json::from_str(&self.0.json).ok()?;
        serde_json::from_str(members.get(name)?.get()).ok()
    }

    /// Remembers what this version was found to be as desired for.
    pub(crate) fn found_current(&self, desired: u64) {
        self.0.current_for.store(desired, Ordering::Relaxed);
    }

    /// Whether this version was last found to be as desired for just this.
    pub(crate) fn is_known_current(&self, desired: u64) -> bool {
        self.0.current_for.load(Ordering::Relaxed) == desired
    }

    /// The entries that our field managers have in `managedFields`, the status subresource's left out.
    pub(crate) fn managed(&self) -> &[ManagedEntry] {
        &self.0.managed
    }

    /// An object of a kind from JSON, for tests of handlers.
    ///
    /// # Errors
    /// When the JSON is not an object with `metadata`.
    pub fn from_value(kind: &Kind, value: &Value) -> Result<Self, serde_json::Error> {
        Self::from_json(&value.to_string(), &Arc::new(kind.clone()), &|_| false)
    }

    /// An object from a typed one, for tests of handlers.
    ///
    /// # Errors
    /// When the object cannot be written as JSON.
    pub fn from_typed<K: TypedKind>(object: &K) -> Result<Self, serde_json::Error> {
        Self::from_json(&serde_json::to_string(object)?, &Arc::new(K::kind_of()), &|_| false)
    }

    /// An object from its JSON, keeping the `managedFields` entries for whose manager `is_ours` says so.
    ///
    /// # Errors
    /// When the JSON is not an object with `metadata`.
    pub(crate) fn from_json(
        json: &str,
        kind: &Arc<Kind>,
        is_ours: &dyn Fn(&str) -> bool,
    ) -> Result<Self, serde_json::Error> {
        serde_json::from_str::<Received>(json)?.into_object(kind, is_ours)
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {} (uid {}, version {})",
            self.0.kind.kind(),
            self.0.key,
            self.0.uid,
            self.0.resource_version.0
        )
    }
}

/// What a watch decodes: an object's JSON text. It becomes an [`Object`] where kind and managers are known.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    json: Box<RawValue>,
    /// Holds nothing but the version, which is all that `kube`'s watcher asks for.
    meta: ObjectMeta,
}

/// A map's members as JSON text, in their order.
struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Members<'a> {
    fn get(&self, name: &str) -> Option<&'a RawValue> {
        let (_, raw) = self.0.iter().find(|(member, _)| member == name)?;
        Some(raw)
    }
}

/// A name, borrowed where the text has no escapes.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;
        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a Kubernetes object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::with_capacity(10);
                while let Some((Name(name), raw)) = map.next_entry()? {
                    members.push((name, raw));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(MembersVisitor)
    }
}

impl<'de> Deserialize<'de> for Received {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Head {
            metadata: Version,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Version {
            resource_version: Option<String>,
        }
        let json = Box::<RawValue>::deserialize(deserializer)?;
        let head: Head = serde_json::from_str(json.get()).map_err(serde::de::Error::custom)?;
        let meta = ObjectMeta {
            resource_version: head.metadata.resource_version,
            ..ObjectMeta::default()
        };
        Ok(Self { json, meta })
    }
}

impl kube::Resource for Received {
    type DynamicType = Kind;
    type Scope = DynamicResourceScope;

    fn kind(kind: &Kind) -> Cow<'_, str> {
        kind.kind().into()
    }

    fn group(kind: &Kind) -> Cow<'_, str> {
        kind.group().into()
    }

    fn version(kind: &Kind) -> Cow<'_, str> {
        kind.version().into()
    }

    fn plural(kind: &Kind) -> Cow<'_, str> {
        kind.plural().into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.meta
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.meta
    }
}

/// The parts of `metadata` that are parsed, borrowed from its text.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata<'a> {
    #[serde(borrow)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    namespace: Option<Cow<'a, str>>,
    #[serde(borrow)]
    uid: Option<Cow<'a, str>>,
    #[serde(borrow)]
    resource_version: Option<Cow<'a, str>>,
    generation: Option<i64>,
    deletion_timestamp: Option<serde::de::IgnoredAny>,
    finalizers: Option<Vec<Box<str>>>,
    labels: Option<BTreeMap<Box<str>, Box<str>>>,
    #[serde(borrow)]
    owner_references: Option<Vec<OwnerReference<'a>>>,
    #[serde(borrow)]
    managed_fields: Option<Vec<Managed<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OwnerReference<'a> {
    #[serde(borrow)]
    api_version: Cow<'a, str>,
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    uid: Cow<'a, str>,
    #[serde(default)]
    controller: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Managed<'a> {
    #[serde(borrow, default)]
    manager: Cow<'a, str>,
    #[serde(borrow, default)]
    operation: Cow<'a, str>,
    #[serde(borrow, default)]
    api_version: Cow<'a, str>,
    #[serde(borrow, default)]
    subresource: Cow<'a, str>,
    #[serde(borrow)]
    fields_v1: Option<&'a RawValue>,
}

impl Received {
    /// # Errors
    /// When `metadata` does not have the API's shape.
    pub fn into_object(self, kind: &Arc<Kind>, is_ours: &dyn Fn(&str) -> bool) -> Result<Object, serde_json::Error> {
        let members: Members<'_> = serde_json::from_str(self.json.get())?;
        let metadata_text = members.get("metadata").map_or("{}", RawValue::get);
        let metadata: Metadata<'_> = serde_json::from_str(metadata_text)?;
        let managed = metadata
            .managed_fields
            .unwrap_or_default()
            .into_iter()
            .enumerate()
            .filter(|(_, entry)| entry.subresource.is_empty() && is_ours(&entry.manager))
            .map(|(index, entry)| ManagedEntry {
                index,
                manager: (&*entry.manager).into(),
                is_apply: entry.operation == "Apply",
                api_version: (&*entry.api_version).into(),
                fields: entry.fields_v1.map_or("{}", RawValue::get).into(),
            })
            .collect();
        let controller = metadata
            .owner_references
            .unwrap_or_default()
            .into_iter()
            .find(|owner| owner.controller == Some(true));
        Ok(Object(Arc::new(Slim {
            key: ObjectKey::new(
                metadata.namespace.as_deref(),
                metadata.name.as_deref().unwrap_or_default(),
            ),
            uid: metadata.uid.as_deref().unwrap_or_default().into(),
            resource_version: metadata.resource_version.as_deref().unwrap_or_default().into(),
            generation: metadata.generation,
            is_deleting: metadata.deletion_timestamp.is_some(),
            finalizers: metadata.finalizers.unwrap_or_default().into(),
            labels: metadata.labels.unwrap_or_default().into_iter().collect(),
            controller: controller.map(|owner| Controller {
                api_version: (&*owner.api_version).into(),
                kind: (&*owner.kind).into(),
                name: (&*owner.name).into(),
                uid: (&*owner.uid).into(),
            }),
            managed,
            json: slim_json(kind, metadata_text, &members)?,
            kind: kind.clone(),
            current_for: AtomicU64::new(0),
        })))
    }
}

/// The object's JSON without `managedFields`, with the `apiVersion` and `kind` that list items lack.
fn slim_json(kind: &Kind, metadata: &str, members: &Members<'_>) -> Result<Box<str>, serde_json::Error> {
    let metadata: Members<'_> = serde_json::from_str(metadata)?;
    let kept = || metadata.0.iter().filter(|(name, _)| name != "managedFields");
    let rest = || {
        let is_rest = |name: &str| !matches!(name, "apiVersion" | "kind" | "metadata");
        members.0.iter().filter(move |(name, _)| is_rest(name))
    };
    let sizes = kept().chain(rest()).map(|(name, raw)| name.len() + raw.get().len() + 4);
    let mut json = Vec::with_capacity(64 + kind.api_version().len() + kind.kind().len() + sizes.sum::<usize>());
    json.extend_from_slice(b"{\"apiVersion\":");
    serde_json::to_writer(&mut json, kind.api_version())?;
    json.extend_from_slice(b",\"kind\":");
    serde_json::to_writer(&mut json, kind.kind())?;
    json.extend_from_slice(b",\"metadata\":{");
    for (place, (name, raw)) in kept().enumerate() {
        push_member(&mut json, place > 0, name, raw)?;
    }
    json.push(b'}');
    for (name, raw) in rest() {
        push_member(&mut json, true, name, raw)?;
    }
    json.push(b'}');
    // All that was put together is text.
    let json = String::from_utf8(json).map_err(serde::de::Error::custom)?;
    Ok(json.into_boxed_str())
}

fn push_member(json: &mut Vec<u8>, comma: bool, name: &str, raw: &RawValue) -> Result<(), serde_json::Error> {
    if comma {
        json.push(b',');
    }
    serde_json::to_writer(&mut *json, name)?;
    json.push(b':');
    json.extend_from_slice(raw.get().as_bytes());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const POD: &str = r#"{"metadata":{"name":"a","namespace":"n","uid":"u1","resourceVersion":"10","generation":2,
        "labels":{"l":"1"},"ownerReferences":[{"apiVersion":"e/v1","kind":"E","name":"p","uid":"u0","controller":true}],
        "managedFields":[{"manager":"kubelet","operation":"Update","apiVersion":"v1","subresource":"status","fieldsV1":{"f:status":{}}},
        {"manager":"echo","operation":"Update","apiVersion":"v1","fieldsV1":{"f:spec":{"f:x":{}}}}]},"spec":{"x":1},"status":{}}"#;

    fn pod() -> Object {
        let kind = Arc::new(Kind::namespaced("v1", "Pod", "pods"));
        Object::from_json(POD, &kind, &|manager| manager == "echo").unwrap()
    }

    #[test]
    fn keeps_identity_and_our_managed_fields_only() {
        let pod = pod();
        assert_eq!(pod.key().to_string(), "n/a");
        assert_eq!(pod.controller().unwrap().uid.as_str(), "u0");
        assert_eq!(pod.managed().len(), 1);
        assert_eq!(pod.managed()[0].index, 1);
        assert!(!pod.json().contains("managedFields"));
        assert_eq!(pod.to_value()["kind"], "Pod");
        assert_eq!(pod.label("l"), Some("1"));
        assert_eq!(pod.member::<Value>("spec").unwrap()["x"], 1);
    }

    #[test]
    fn versions_compare_as_numbers() {
        let version = |text: &str| ResourceVersion::from(text);
        assert!(version("10").is_at_least(&version("9")));
        assert!(!version("9").is_at_least(&version("10")));
        assert!(version("x").is_at_least(&version("x")) && !version("x").is_at_least(&version("1")));
    }
}
