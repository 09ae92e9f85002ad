//! A custom resource definition in, one that can hold what the runtime writes out.
//!
//! [`graft`] completes the CRD of a type of our own; [`support`] judges one that was found on a cluster. Both are pure,
//! and neither ever takes a user's field away.

use std::collections::BTreeMap;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, CustomResourceDefinitionVersion, CustomResourceSubresourceStatus, JSON, JSONSchemaProps,
    JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use serde_json::{Value, json};

type Properties = BTreeMap<String, JSONSchemaProps>;

/// What every condition has to carry; metav1.Condition requires the same.
const CONDITION_REQUIRED: [&str; 5] = ["lastTransitionTime", "message", "reason", "status", "type"];

/// Completes every version of a CRD, so that the API server neither prunes nor refuses what the runtime writes.
///
/// - The status subresource is served.
/// - `status` has `observedGeneration` and `conditions`, unless the user declared fields of these names.
/// - A status that holds nothing but these is valid: what the status root requires (`required`, and rules over several
///   fields such as the `oneOf` of an enum) is dropped. Rules in CEL stay.
/// - An object without a status is valid, as every object is before its first sync.
///
/// Left alone: versions without a schema, a status that keeps unknown fields anyway, and one that is no object with
/// named fields (a map or a string), which [`support`] then reports. Grafting twice changes nothing more.
pub fn graft(mut crd: CustomResourceDefinition) -> CustomResourceDefinition {
    for version in &mut crd.spec.versions {
        serve_status(version);
        if let Some(root) = version
            .schema
            .as_mut()
            .and_then(|schema| schema.open_api_v3_schema.as_mut())
        {
            graft_root(root);
            drop_unknown_formats(root);
        }
    }
    crd
}

fn serve_status(version: &mut CustomResourceDefinitionVersion) {
    let status = &mut version.subresources.get_or_insert_default().status;
    // The type's own default is `null`, which the server reads as absent.
    if status.as_ref().is_none_or(|status| status.0.is_null()) {
        *status = Some(CustomResourceSubresourceStatus(json!({})));
    }
}

fn graft_root(root: &mut JSONSchemaProps) {
    if let Some(required) = &mut root.required {
        required.retain(|field| field != "status");
    }
    root.required.take_if(|required| required.is_empty());

    let declared = root
        .properties
        .as_ref()
        .is_some_and(|properties| properties.contains_key("status"));
    if !declared && (keeps_unknown(root) || root.additional_properties.is_some()) {
        return;
    }
    let status = root
        .properties
        .get_or_insert_default()
        .entry("status".to_owned())
        .or_insert_with(|| object("What the operator observed.", Properties::new()));
    graft_status(status);
}

fn graft_status(status: &mut JSONSchemaProps) {
    if status.type_.as_deref().is_some_and(|kind| kind != "object") {
        return;
    }
    status.required = None;
    status.one_of = None;
    status.any_of = None;
    status.all_of = None;
    status.not = None;
    status.min_properties = None;
    // The server refuses `properties` beside `additionalProperties`.
    if keeps_unknown(status) || status.additional_properties.is_some() {
        return;
    }
    status.type_ = Some("object".to_owned());
    let properties = status.properties.get_or_insert_default();
    properties
        .entry("observedGeneration".to_owned())
        .or_insert_with(|| generation("The generation of the object that the operator last acted upon."));
    properties.entry("conditions".to_owned()).or_insert_with(conditions);
}

fn keeps_unknown(schema: &JSONSchemaProps) -> bool {
    schema.x_kubernetes_preserve_unknown_fields == Some(true)
}

fn conditions() -> JSONSchemaProps {
    let status = JSONSchemaProps {
        enum_: Some(["True", "False", "Unknown"].map(|value| JSON(json!(value))).to_vec()),
        ..string("Whether the condition holds; Unknown when the operator cannot tell.")
    };
    let changed = JSONSchemaProps {
        format: Some("date-time".to_owned()),
        ..string("When the status of the condition last changed.")
    };
    let item = object(
        "One aspect of the state of this object.",
        [
            ("type", string("The name of the condition, such as Ready.")),
            ("status", status),
            (
                "reason",
                string("Why the condition has its status: one word in CamelCase, for programs."),
            ),
            ("message", string("Why the condition has its status, for people.")),
            ("lastTransitionTime", changed),
            (
                "observedGeneration",
                generation("The generation of the object that the condition was made for."),
            ),
        ]
        .map(|(name, schema)| (name.to_owned(), schema))
        .into(),
    );
    JSONSchemaProps {
        description: Some("The latest observations of the object's state, one for each type.".to_owned()),
        items: Some(JSONSchemaPropsOrArray::Schema(Box::new(JSONSchemaProps {
            required: Some(CONDITION_REQUIRED.map(str::to_owned).to_vec()),
            ..item
        }))),
        type_: Some("array".to_owned()),
        x_kubernetes_list_map_keys: Some(vec!["type".to_owned()]),
        x_kubernetes_list_type: Some("map".to_owned()),
        ..JSONSchemaProps::default()
    }
}

fn object(description: &str, properties: Properties) -> JSONSchemaProps {
    JSONSchemaProps {
        properties: Some(properties),
        ..scalar("object", description)
    }
}

fn string(description: &str) -> JSONSchemaProps {
    scalar("string", description)
}

fn generation(description: &str) -> JSONSchemaProps {
    JSONSchemaProps {
        format: Some("int64".to_owned()),
        minimum: Some(0.0),
        ..scalar("integer", description)
    }
}

fn scalar(kind: &str, description: &str) -> JSONSchemaProps {
    JSONSchemaProps {
        description: Some(description.to_owned()),
        type_: Some(kind.to_owned()),
        ..JSONSchemaProps::default()
    }
}

/// What one version of a CRD on a cluster can hold of that which the runtime writes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StatusSupport {
    /// The name of the CRD: `echoservers.example.com`.
    pub crd: String,
    /// The version asked for.
    pub version: String,
    /// Whether the CRD has this version and serves it.
    pub served: bool,
    /// Whether the version has the status subresource.
    pub subresource: bool,
    /// Whether `status.conditions` holds standard conditions.
    pub conditions: bool,
    /// Whether `status.observedGeneration` holds an integer.
    pub observed_generation: bool,
    /// Whether each condition can hold its own `observedGeneration`; many older CRDs lack this one.
    pub condition_generation: bool,
    /// Fields that the schema requires and that the runtime does not write of its own accord: a status that holds
    /// conditions alone is refused without them.
    pub required: Vec<String>,
}

impl StatusSupport {
    /// One sentence or two a problem: what is missing, what comes of it, and what mends it. Empty when all is well.
    pub fn problems(&self) -> Vec<String> {
        let Self { crd, version, .. } = self;
        if !self.served {
            return vec![format!(
                "`{crd}` serves no version `{version}`, so there is nothing to watch. Install the CRD that `crdgen` \
                 prints, or declare a version that is served."
            )];
        }
        let mut problems = Vec::new();
        if !self.subresource {
            problems.push(format!(
                "`{crd}` {version} has no status subresource, so writing a status is answered with 404. Add \
                 `subresources: {{status: {{}}}}` to this version."
            ));
        }
        if !self.conditions {
            problems.push(format!(
                "`{crd}` {version} has no place for standard conditions in `status`: the server prunes or refuses \
                 them, and nobody sees whether the object is ready or why it is not. Add `status.conditions` as \
                 `crdgen` prints it, or set `x-kubernetes-preserve-unknown-fields: true` on `status`."
            ));
        } else if !self.condition_generation {
            problems.push(format!(
                "`{crd}` {version} prunes `observedGeneration` from the conditions, so what is written never equals \
                 what is stored. Add the integer `status.conditions[].observedGeneration`."
            ));
        }
        if !self.observed_generation {
            problems.push(format!(
                "`{crd}` {version} has no `status.observedGeneration`: nobody can tell whether a status is about the \
                 current spec. Add it as an integer of format int64."
            ));
        }
        problems.extend(self.required.iter().map(|field| {
            format!(
                "`{crd}` {version} requires `{field}`, so a status that reports nothing but conditions is refused \
                 with 422. Take the field out of `required`."
            )
        }));
        problems
    }
}

/// Says what `version` of a CRD found on a cluster can hold. A schema that keeps unknown fields counts as one that can.
pub fn support(crd: &CustomResourceDefinition, version: &str) -> StatusSupport {
    let mut support = StatusSupport {
        crd: name(crd),
        version: version.to_owned(),
        ..StatusSupport::default()
    };
    let Some(found) = crd
        .spec
        .versions
        .iter()
        .find(|found| found.name == version && found.served)
    else {
        return support;
    };
    support.served = true;
    support.subresource = found
        .subresources
        .as_ref()
        .and_then(|subresources| subresources.status.as_ref())
        .is_some_and(|status| !status.0.is_null());
    let root = match found
        .schema
        .as_ref()
        .and_then(|schema| schema.open_api_v3_schema.as_ref())
    {
        _ if crd.spec.preserve_unknown_fields == Some(true) => Node::Anything,
        Some(schema) => Node::Schema(schema),
        None => Node::Anything,
    };
    judge(&mut support, root.field("status"));
    support
}

fn judge(support: &mut StatusSupport, status: Node<'_>) {
    let conditions = status.field("conditions");
    let item = conditions.item();
    support.observed_generation = status.holds("object") && status.field("observedGeneration").holds("integer");
    support.conditions = status.holds("object")
        && conditions.holds("array")
        && item.holds("object")
        && CONDITION_REQUIRED.iter().all(|field| item.field(field).holds("string"));
    support.condition_generation = support.conditions && item.field("observedGeneration").holds("integer");
    let written = ["conditions", "observedGeneration"];
    support.required = std::iter::empty()
        .chain(
            status
                .required()
                .filter(|field| !written.contains(field))
                .map(|field| format!("status.{field}")),
        )
        .chain(
            item.required()
                .filter(|field| !CONDITION_REQUIRED.contains(field) && *field != "observedGeneration")
                .map(|field| format!("status.conditions[].{field}")),
        )
        .collect();
}

/// The name that the API server demands of a CRD.
pub(super) fn name(crd: &CustomResourceDefinition) -> String {
    crd.metadata
        .name
        .clone()
        .unwrap_or_else(|| format!("{}.{}", crd.spec.names.plural, crd.spec.group))
}

/// A place in an object, as the server's pruning sees it.
#[derive(Clone, Copy)]
enum Node<'a> {
    /// Described by a schema.
    Schema(&'a JSONSchemaProps),
    /// Kept whatever it is.
    Anything,
    /// Below a place without a schema: scalars are kept, objects lose their fields.
    Emptied,
    /// Pruned.
    Nothing,
}

impl<'a> Node<'a> {
    fn field(self, name: &str) -> Self {
        let schema = match self {
            Self::Schema(schema) => schema,
            Self::Anything => return Self::Anything,
            Self::Emptied | Self::Nothing => return Self::Nothing,
        };
        match (
            schema.properties.as_ref().and_then(|properties| properties.get(name)),
            &schema.additional_properties,
        ) {
            (Some(property), _) => Self::Schema(property),
            (None, Some(JSONSchemaPropsOrBool::Schema(additional))) => Self::Schema(additional),
            (None, Some(JSONSchemaPropsOrBool::Bool(_))) => Self::Emptied,
            (None, None) if keeps_unknown(schema) => Self::Anything,
            (None, None) => Self::Nothing,
        }
    }

    fn item(self) -> Self {
        match self {
            Self::Schema(schema) => match &schema.items {
                Some(JSONSchemaPropsOrArray::Schema(items)) => Self::Schema(items),
                None if keeps_unknown(schema) => Self::Anything,
                Some(JSONSchemaPropsOrArray::Schemas(_)) | None => Self::Emptied,
            },
            other => other,
        }
    }

    fn holds(self, kind: &str) -> bool {
        match self {
            Self::Schema(schema) => match schema.type_.as_deref() {
                Some(declared) => declared == kind || (declared == "number" && kind == "integer"),
                None => keeps_unknown(schema),
            },
            Self::Anything | Self::Emptied => true,
            Self::Nothing => false,
        }
    }

    fn required(self) -> impl Iterator<Item = &'a str> {
        let schema = match self {
            Self::Schema(schema) => Some(schema),
            Self::Anything | Self::Emptied | Self::Nothing => None,
        };
        schema
            .into_iter()
            .flat_map(|schema| schema.required.iter().flatten())
            .map(String::as_str)
    }
}

#[cfg(test)]
mod tests;

/// The schema of `status` in a version of a CRD.
pub(crate) fn status_schema<'a>(crd: &'a CustomResourceDefinition, version: &str) -> Option<&'a JSONSchemaProps> {
    let version = crd.spec.versions.iter().find(|found| found.name == version)?;
    let root = version.schema.as_ref()?.open_api_v3_schema.as_ref()?;
    root.properties.as_ref()?.get("status")
}

/// Makes of a status what the server would: members that are left out get their defaults, and those that the schema does
/// not know are gone.
pub(crate) fn as_stored(schema: &JSONSchemaProps, value: &mut Value) {
    match value {
        Value::Object(members) => {
            if let (Some(known), None) = (&schema.properties, &schema.additional_properties)
                && schema.x_kubernetes_preserve_unknown_fields != Some(true)
            {
                members.retain(|name, _| known.contains_key(name));
            }
            for (name, schema) in schema.properties.iter().flatten() {
                if let (None, Some(default)) = (members.get(name), &schema.default) {
                    members.insert(name.clone(), default.0.clone());
                }
                if let Some(member) = members.get_mut(name) {
                    as_stored(schema, member);
                }
            }
            if let Some(JSONSchemaPropsOrBool::Schema(schema)) = &schema.additional_properties {
                members.values_mut().for_each(|member| as_stored(schema, member));
            }
        }
        Value::Array(items) => {
            if let Some(JSONSchemaPropsOrArray::Schema(schema)) = &schema.items {
                items.iter_mut().for_each(|item| as_stored(schema, item));
            }
        }
        _ => {}
    }
}

/// Drops the formats that the server does not know and warns of: those of Rust's unsigned integers.
fn drop_unknown_formats(schema: &mut JSONSchemaProps) {
    schema.format.take_if(|format| format.starts_with("uint"));
    schema
        .properties
        .iter_mut()
        .flatten()
        .for_each(|(_, schema)| drop_unknown_formats(schema));
    if let Some(JSONSchemaPropsOrArray::Schema(schema)) = &mut schema.items {
        drop_unknown_formats(schema);
    }
    if let Some(JSONSchemaPropsOrBool::Schema(schema)) = &mut schema.additional_properties {
        drop_unknown_formats(schema);
    }
}
