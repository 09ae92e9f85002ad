//! The compiled form of an `openAPIV3Schema`: JSON in, a tree that is cheap to share out. Compiling never fails: what
//! a CustomResourceDefinition may not say is refused where definitions are validated, and ignored here.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::fields::{flag, text, texts};
use super::pattern::Pattern;
use super::rule::Rule;

/// The schema of one version of a CustomResourceDefinition.
#[derive(Debug, Clone)]
pub struct Structural {
    root: Arc<Node>,
}

impl Structural {
    /// Compiles an `openAPIV3Schema`.
    #[must_use]
    pub fn new(schema: &Value) -> Self {
        Self {
            root: Arc::new(Node::new(schema)),
        }
    }

    /// The schema of the whole object.
    #[must_use]
    pub fn root(&self) -> &Node {
        &self.root
    }
}

/// The schema of one value, also where it stands in `allOf`, `anyOf`, `oneOf` or `not`.
#[derive(Debug, Default)]
pub struct Node {
    /// `type`; empty where none is given.
    pub kind: String,
    /// `format`; empty where none is given.
    pub format: String,
    /// `nullable`.
    pub nullable: bool,
    /// `x-kubernetes-preserve-unknown-fields`.
    pub preserves_unknown: bool,
    /// `x-kubernetes-embedded-resource`.
    pub embedded: bool,
    /// `x-kubernetes-int-or-string`.
    pub int_or_string: bool,
    /// `x-kubernetes-map-type: atomic`.
    pub atomic_map: bool,
    /// `x-kubernetes-list-type` with its keys.
    pub list: ListType,
    /// `default`.
    pub default: Option<Value>,
    /// `properties`.
    pub properties: BTreeMap<String, Self>,
    /// `additionalProperties`.
    pub additional: Additional,
    /// `items`.
    pub items: Option<Box<Self>>,
    /// `required`, in its order.
    pub required: Vec<String>,
    /// `enum`.
    pub choices: Vec<Value>,
    /// The bounds of numbers, strings, lists and objects.
    pub bounds: Bounds,
    /// `pattern`.
    pub pattern: Option<Pattern>,
    /// `allOf`.
    pub all_of: Vec<Self>,
    /// `anyOf`.
    pub any_of: Vec<Self>,
    /// `oneOf`.
    pub one_of: Vec<Self>,
    /// `not`.
    pub not: Option<Box<Self>>,
    /// `x-kubernetes-validations`.
    pub rules: Vec<Rule>,
    /// Whether there are rules here or below.
    pub has_rules: bool,
}

/// `x-kubernetes-list-type`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ListType {
    /// A list that is replaced as a whole.
    #[default]
    Atomic,
    /// Items are unique.
    Set,
    /// Items are told apart by these fields.
    Map(Vec<String>),
}

/// `additionalProperties`.
#[derive(Debug, Default)]
pub enum Additional {
    /// Not given.
    #[default]
    Unset,
    /// `false`.
    Forbidden,
    /// `true`.
    Any,
    /// The schema of every value.
    Schema(Box<Node>),
}

/// Bounds of numbers, strings, lists and objects.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Bounds {
    /// `minimum`.
    pub minimum: Option<f64>,
    /// `maximum`.
    pub maximum: Option<f64>,
    /// `exclusiveMinimum`.
    pub above_minimum: bool,
    /// `exclusiveMaximum`.
    pub below_maximum: bool,
    /// `multipleOf`.
    pub multiple_of: Option<f64>,
    /// `minLength`.
    pub min_length: Option<i64>,
    /// `maxLength`.
    pub max_length: Option<i64>,
    /// `minItems`.
    pub min_items: Option<i64>,
    /// `maxItems`.
    pub max_items: Option<i64>,
    /// `uniqueItems`.
    pub unique_items: bool,
    /// `minProperties`.
    pub min_properties: Option<i64>,
    /// `maxProperties`.
    pub max_properties: Option<i64>,
}

impl Node {
    /// Compiles a schema.
    #[must_use]
    pub fn new(schema: &Value) -> Self {
        let mut node = Self {
            kind: text(schema, "type"),
            nullable: flag(schema, "nullable"),
            preserves_unknown: flag(schema, "x-kubernetes-preserve-unknown-fields"),
            embedded: flag(schema, "x-kubernetes-embedded-resource"),
            int_or_string: flag(schema, "x-kubernetes-int-or-string"),
            atomic_map: text(schema, "x-kubernetes-map-type") == "atomic",
            list: ListType::new(schema),
            default: schema.get("default").filter(|value| !value.is_null()).cloned(),
            properties: properties(schema),
            additional: Additional::new(schema),
            items: schema.get("items").map(|items| Box::new(Self::new(items))),
            required: texts(schema, "required"),
            choices: schema
                .get("enum")
                .and_then(Value::as_array)
                .cloned()
                .unwrap_or_default(),
            bounds: Bounds::new(schema),
            pattern: Some(text(schema, "pattern"))
                .filter(|pattern| !pattern.is_empty())
                .map(|pattern| Pattern::new(&pattern)),
            all_of: schemas(schema, "allOf"),
            any_of: schemas(schema, "anyOf"),
            one_of: schemas(schema, "oneOf"),
            not: schema.get("not").map(|not| Box::new(Self::new(not))),
            ..Self::default()
        };
        node.format = node.known_format(text(schema, "format"));
        node.rules = Rule::all(schema);
        node.has_rules = !node.rules.is_empty() || node.children().any(|child| child.has_rules);
        node
    }

    /// The schema of a field: of the property of this name, else of additional properties.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Self> {
        self.properties.get(name).or_else(|| self.additional.schema())
    }

    /// The JSON types that a value may have; empty where any will do.
    #[must_use]
    pub fn types(&self) -> Vec<&str> {
        if self.int_or_string {
            vec!["integer", "string"]
        } else if self.kind.is_empty() {
            Vec::new()
        } else {
            vec![&self.kind]
        }
    }

    fn children(&self) -> impl Iterator<Item = &Self> {
        let properties = self.properties.values();
        properties.chain(self.additional.schema()).chain(self.items.as_deref())
    }

    /// Formats that the server does not know are as if they were not there.
    fn known_format(&self, format: String) -> String {
        let known = match self.types().as_slice() {
            [] | ["string"] | [_, _] => super::formats::is_known(&format),
            ["integer"] => matches!(format.as_str(), "int32" | "int64"),
            ["number"] => matches!(format.as_str(), "float" | "double"),
            _ => false,
        };
        if known { format } else { String::new() }
    }
}

impl ListType {
    fn new(schema: &Value) -> Self {
        match text(schema, "x-kubernetes-list-type").as_str() {
            "set" => Self::Set,
            "map" => Self::Map(texts(schema, "x-kubernetes-list-map-keys")),
            _ => Self::Atomic,
        }
    }
}

impl Additional {
    fn new(schema: &Value) -> Self {
        match schema.get("additionalProperties") {
            None | Some(Value::Null) => Self::Unset,
            Some(Value::Bool(false)) => Self::Forbidden,
            Some(Value::Bool(true)) => Self::Any,
            Some(values) => Self::Schema(Box::new(Node::new(values))),
        }
    }

    /// The schema of every value, where there is one.
    #[must_use]
    pub fn schema(&self) -> Option<&Node> {
        match self {
            Self::Schema(node) => Some(node),
            _ => None,
        }
    }
}

impl Bounds {
    fn new(schema: &Value) -> Self {
        let float = |key: &str| schema.get(key).and_then(Value::as_f64);
        let int = |key: &str| schema.get(key).and_then(Value::as_i64);
        Self {
            minimum: float("minimum"),
            maximum: float("maximum"),
            above_minimum: flag(schema, "exclusiveMinimum"),
            below_maximum: flag(schema, "exclusiveMaximum"),
            multiple_of: float("multipleOf"),
            min_length: int("minLength"),
            max_length: int("maxLength"),
            min_items: int("minItems"),
            max_items: int("maxItems"),
            unique_items: flag(schema, "uniqueItems"),
            min_properties: int("minProperties"),
            max_properties: int("maxProperties"),
        }
    }
}

fn properties(schema: &Value) -> BTreeMap<String, Node> {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
        return BTreeMap::new();
    };
    properties
        .iter()
        .map(|(name, property)| (name.clone(), Node::new(property)))
        .collect()
}

fn schemas(schema: &Value, key: &str) -> Vec<Node> {
    let list = schema.get(key).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    list.iter().map(Node::new).collect()
}
