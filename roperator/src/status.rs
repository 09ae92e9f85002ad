//! The parent's status: the user's fields, the observed generation, the conditions.
//!
//! In: what the handler returned and how the turn went. Out: a status, composed purely, and one JSON patch that replaces
//! the old one if it differs. The patch tests the uid: it conflicts with nobody and never hits a recreated parent.

use std::sync::Arc;

use http::Method;
use jiff::Timestamp;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::JSONSchemaProps;
use serde_json::{Map, Value, json};

use crate::{
    api::{Api, ApiError, Content},
    apply::encode,
    config::OperatorConfig,
    desired::remove_nulls,
    manifest::crd::as_stored,
    object::{Object, ResourceVersion},
    operator::{Condition, ConditionStatus},
};

/// Longer messages are cut: the API allows 32 KiB, and nobody reads them.
const LONGEST_MESSAGE: usize = 4096;

/// How a turn went, for the conditions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// All is as desired.
    Ready,
    /// All is well, but something takes its time.
    Waiting { reason: &'static str, message: String },
    /// It failed, and is tried again.
    Failing { reason: &'static str, message: String },
    /// It failed, and trying again does not help.
    Stalled { reason: &'static str, message: String },
}

impl Verdict {
    fn conditions(&self) -> Vec<Condition> {
        let condition =
            |type_: &str, status, reason: &str, message: &str| Condition::new(type_, status, reason, message);
        let is_true = ConditionStatus::True;
        let is_false = ConditionStatus::False;
        match self {
            Self::Ready => vec![condition("Ready", is_true, "Reconciled", "")],
            Self::Waiting { reason, message } | Self::Failing { reason, message } => vec![
                condition("Ready", is_false, reason, message),
                condition("Reconciling", is_true, reason, message),
            ],
            Self::Stalled { reason, message } => {
                vec![
                    condition("Ready", is_false, reason, message),
                    condition("Stalled", is_true, reason, message),
                ]
            }
        }
    }

    fn has_failed(&self) -> bool {
        matches!(self, Self::Failing { .. } | Self::Stalled { .. })
    }
}

/// What the parent's kind can hold in its status.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Support {
    /// Whether there is a status subresource.
    pub subresource: bool,
    /// Whether it can hold conditions.
    pub conditions: bool,
    /// Whether a condition can hold the generation that it is about.
    pub condition_generation: bool,
    /// Whether the status can hold the observed generation.
    pub observed_generation: bool,
    /// The status's schema, for the defaults that the server puts in.
    pub schema: Option<Arc<JSONSchemaProps>>,
}

impl Support {
    /// Everything: what is assumed where nothing can be found out, since the server then says what it refuses.
    pub const ALL: Self = Self {
        subresource: true,
        conditions: true,
        condition_generation: true,
        observed_generation: true,
        schema: None,
    };
}

/// What a status is made of.
pub(crate) struct Parts<'a> {
    pub parent: &'a Object,
    /// The user's fields; `None` keeps those that are there.
    pub user: Option<Value>,
    /// The user's conditions.
    pub conditions: Vec<Condition>,
    pub verdict: &'a Verdict,
    pub now: Timestamp,
    pub support: &'a Support,
}

/// The status as it should be, and as it is.
pub(crate) struct Composed {
    pub desired: Value,
    pub observed: Option<Value>,
}

impl Composed {
    /// Whether nothing is to be written.
    pub fn is_same(&self) -> bool {
        match &self.observed {
            Some(observed) => *observed == self.desired,
            None => self.desired.as_object().is_some_and(Map::is_empty),
        }
    }
}

/// Composes the status. Conditions keep the time of their last transition for as long as their status stays the same.
pub(crate) fn compose(parts: Parts<'_>) -> Composed {
    let observed: Option<Value> = parts.parent.member("status");
    let mut status = match parts.user {
        Some(mut user) => {
            remove_nulls(&mut user);
            user
        }
        None => observed.clone().unwrap_or_else(|| json!({})),
    };
    if status.is_null() {
        status = json!({});
    }
    let Some(fields) = status.as_object_mut() else {
        return Composed {
            desired: status,
            observed,
        };
    };
    let generation = parts.parent.generation();
    if let (true, Some(generation)) = (parts.support.observed_generation, generation) {
        fields.insert("observedGeneration".to_owned(), generation.into());
    }
    if parts.support.conditions {
        // Without fields of the user's, those that are there stay; their conditions of ours are written anew.
        let mut own = parts.verdict.conditions();
        own = merged(own, parts.conditions, parts.verdict.has_failed());
        let kept = fields.remove("conditions");
        let of_condition = generation.filter(|_| parts.support.condition_generation);
        let conditions = conditions(kept, own, observed.as_ref(), of_condition, parts.now);
        fields.insert("conditions".to_owned(), conditions);
    }
    if let Some(schema) = &parts.support.schema {
        as_stored(schema, &mut status);
    }
    Composed {
        desired: status,
        observed,
    }
}

/// The user's conditions beside the runtime's. Of the same type, the user's counts; but how a turn failed is for the runtime
/// alone to say, or a parent would be stalled and reconciling at once.
fn merged(mut own: Vec<Condition>, mut user: Vec<Condition>, failed: bool) -> Vec<Condition> {
    if failed {
        user.retain(|condition| !OWN_TYPES.contains(&&*condition.type_));
    }
    own.retain(|own| user.iter().all(|user| user.type_ != own.type_));
    let mut all = [user, own].concat();
    all.sort_by(|a, b| a.type_.cmp(&b.type_));
    all
}

/// The conditions that the runtime takes away again when they no longer hold.
const OWN_TYPES: [&str; 3] = ["Ready", "Reconciling", "Stalled"];

fn conditions(
    stated: Option<Value>,
    own: Vec<Condition>,
    observed: Option<&Value>,
    generation: Option<i64>,
    now: Timestamp,
) -> Value {
    let type_of = |condition: &Value| {
        condition
            .get("type")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let mut all: Vec<Value> = match stated {
        Some(Value::Array(stated)) => stated
            .into_iter()
            .filter(|condition| {
                let type_ = type_of(condition);
                !OWN_TYPES.contains(&&*type_) && own.iter().all(|own| own.type_ != type_)
            })
            .collect(),
        _ => Vec::new(),
    };
    let before: Vec<Value> = observed
        .and_then(|status| status.get("conditions"))
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    for condition in own {
        let since = before
            .iter()
            .find(|before| {
                type_of(before) == condition.type_
                    && before.get("status").and_then(Value::as_str) == Some(condition.status.as_str())
            })
            .and_then(|before| before.get("lastTransitionTime").cloned())
            .unwrap_or_else(|| now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string().into());
        let mut json = Map::new();
        json.insert("type".to_owned(), condition.type_.into());
        json.insert("status".to_owned(), condition.status.as_str().into());
        json.insert("reason".to_owned(), condition.reason.into());
        json.insert("message".to_owned(), shortened(condition.message).into());
        json.insert("lastTransitionTime".to_owned(), since);
        if let Some(generation) = generation {
            json.insert("observedGeneration".to_owned(), generation.into());
        }
        all.push(Value::Object(json));
    }
    Value::Array(all)
}

fn shortened(message: String) -> String {
    if message.len() > LONGEST_MESSAGE {
        format!("{}…", cut(&message, LONGEST_MESSAGE))
    } else {
        message
    }
}

/// So much of a text as fits into so many bytes.
pub(crate) fn cut(text: &str, longest: usize) -> &str {
    let end = (0..=longest.min(text.len()))
        .rev()
        .find(|end| text.is_char_boundary(*end));
    text.get(..end.unwrap_or_default()).unwrap_or_default()
}

/// What became of a status patch.
pub(crate) enum Patched {
    /// The version that the parent has now.
    Written(ResourceVersion),
    /// The parent is gone or another one.
    Stale,
    /// The parent's kind has no status subresource.
    Missing,
}

/// Replaces the status.
///
/// # Errors
/// When the API server refuses it: its schema does not allow it, or the request fails.
pub(crate) async fn patch(
    api: &Api,
    config: &OperatorConfig,
    parent: &Object,
    status: &Value,
) -> Result<Patched, ApiError> {
    let path = parent.kind().path(parent.namespace(), Some(parent.name()));
    // What the schema cannot hold was left out already: nothing is to be found by decoding the object a second time.
    let query = format!("fieldManager={}&fieldValidation=Ignore", encode(config.field_manager()));
    let url = format!("{path}/status?{query}");
    let patch = json!([
        {"op": "test", "path": "/metadata/uid", "value": parent.uid().as_str()},
        {"op": "add", "path": "/status", "value": status},
    ]);
    match api.send(Method::PATCH, &url, (Content::JsonPatch, &patch)).await {
        Ok(answer) => Ok(Patched::Written(ResourceVersion::from(
            &*answer.metadata.resource_version,
        ))),
        Err(error) if error.is_missing_resource() => Ok(Patched::Missing),
        Err(error) if error.is_stale() || error.is_failed_test() => Ok(Patched::Stale),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::kind::Kind;

    fn parent(status: &str) -> Object {
        let kind = Arc::new(Kind::namespaced("example.com/v1", "Site", "sites"));
        let json = format!(r#"{{"metadata":{{"name":"p","uid":"u","generation":3}},"status":{status}}}"#);
        Object::from_json(&json, &kind, &|_| false).unwrap()
    }

    fn composed(
        parent: &Object,
        user: Option<Value>,
        conditions: Vec<Condition>,
        verdict: &Verdict,
        now: &str,
    ) -> Value {
        let now = now.parse().unwrap();
        compose(Parts {
            parent,
            user,
            conditions,
            verdict,
            now,
            support: &Support::ALL,
        })
        .desired
    }

    #[test]
    fn a_status_is_composed_and_stays_the_same() {
        let first = composed(
            &parent("{}"),
            Some(json!({"ready": true, "n": null})),
            vec![],
            &Verdict::Ready,
            "2026-01-01T00:00:00.5Z",
        );
        assert_eq!(
            first,
            json!({"ready": true, "observedGeneration": 3, "conditions": [{"type": "Ready", "status": "True",
                "reason": "Reconciled", "message": "", "observedGeneration": 3, "lastTransitionTime": "2026-01-01T00:00:00Z"}]})
        );
        let again = composed(
            &parent(&first.to_string()),
            Some(json!({"ready": true})),
            vec![],
            &Verdict::Ready,
            "2026-02-01T00:00:00Z",
        );
        assert_eq!(again, first);
    }

    #[test]
    fn a_failure_keeps_the_users_fields_and_says_alone_how_it_went() {
        let before = parent(
            r#"{"ready":true,"conditions":[{"type":"Reconciling","status":"True"},{"type":"Mine","status":"True"}]}"#,
        );
        let verdict = Verdict::Stalled {
            reason: "SyncFailed",
            message: "no".into(),
        };
        let user = ["Ready", "Reconciling"].map(|type_| Condition::new(type_, ConditionStatus::True, "Fine", ""));
        let status = composed(&before, None, user.to_vec(), &verdict, "2026-01-01T00:00:00Z");
        assert_eq!(status["ready"], true);
        let types: Vec<&str> = status["conditions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|c| c["type"].as_str().unwrap())
            .collect();
        assert_eq!(types, ["Mine", "Ready", "Stalled"]);
        assert_eq!(status["conditions"][1]["status"], "False");
    }

    #[test]
    fn a_status_is_compared_as_the_server_stores_it() {
        let schema = json!({"type": "object", "properties": {
            "observed": {"type": "integer", "default": 0},
            "items": {"type": "array", "items": {"type": "object", "properties": {"on": {"type": "boolean", "default": true}}}}}});
        let support = Support {
            schema: Some(Arc::new(serde_json::from_value(schema).unwrap())),
            ..Support::ALL
        };
        let parent = parent("{}");
        let parts = Parts {
            parent: &parent,
            user: Some(json!({"items": [{"unknown": 1}], "unknown": 2})),
            conditions: vec![],
            verdict: &Verdict::Ready,
            now: Timestamp::UNIX_EPOCH,
            support: &support,
        };
        let status = compose(parts).desired;
        assert_eq!(status, json!({"observed": 0, "items": [{"on": true}]}));
    }

    #[test]
    fn what_the_schema_cannot_hold_is_left_out() {
        let support = Support {
            conditions: false,
            observed_generation: false,
            ..Support::ALL
        };
        let parent = parent("{}");
        let parts = Parts {
            parent: &parent,
            user: None,
            conditions: vec![],
            verdict: &Verdict::Ready,
            now: Timestamp::UNIX_EPOCH,
            support: &support,
        };
        assert_eq!(compose(parts).desired, json!({}));
    }

    #[test]
    fn long_messages_are_cut_at_a_character() {
        assert_eq!(shortened("ä".repeat(3000)).chars().count(), 2049);
    }
}
