//! Changes → requests.
//!
//! In: one [`Change`]. Out: its [`Effect`], or why the API server refused it. Every write names what it means: updates and
//! deletions carry the observed uid, creations take nothing that is there already.

use std::sync::Arc;

use http::Method;
use serde_json::{Value, json};

use crate::{
    api::{Answer, Api, ApiError, Content},
    config::OperatorConfig,
    desired::{DesiredChild, applied::Applied},
    diff::{Change, Memory, Update, WhyDelete, Written, diff_child},
    error::Retry,
    kind::Kind,
    losses::Losses,
    object::{Object, ObjectKey, ResourceVersion, Uid},
    watch::{Expected, Store},
};

/// What became of a change.
#[derive(Debug)]
pub(crate) enum Effect {
    /// Done.
    Done,
    /// Being deleted: its successor waits.
    Deleting(String),
    /// Left as it is until somebody deletes it.
    Left(String),
    /// What we saw is not what is there: observe again.
    Stale(String),
}

/// What the watch will show of a write.
#[derive(Debug)]
pub(crate) struct Seen {
    pub kind: Kind,
    pub key: ObjectKey,
    pub expected: Expected,
    /// One word for logs and metrics; `None` if somebody else's write is waited for.
    pub verb: Option<&'static str>,
}

/// Why a change could not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApplyError {
    #[error(
        "{object} exists and {owner}; it is left alone: delete or rename it, or return the child under another name"
    )]
    Foreign { object: String, owner: String },
    #[error("{object} still belongs to a deleted {owner} of the same name; waiting for the garbage collector")]
    Predecessor { object: String, owner: String },
    #[error(
        "{object} cannot be updated, because the change touches an immutable field: {source}; declare the child with \
         `on_immutable = recreate`, or delete it"
    )]
    Immutable { object: String, source: ApiError },
    #[error("{object} could not be {verb}: {source}")]
    Refused {
        object: String,
        verb: &'static str,
        source: ApiError,
    },
    #[error("{object} is being deleted; waiting until it is gone")]
    Terminating { object: String },
    #[error("{object} answered with no readable object: {source}")]
    Unreadable { object: String, source: serde_json::Error },
}

impl ApplyError {
    pub fn retry(&self) -> Retry {
        match self {
            Self::Foreign { .. } | Self::Predecessor { .. } | Self::Terminating { .. } | Self::Unreadable { .. } => {
                Retry::Transient
            }
            Self::Immutable { .. } => Retry::Terminal,
            Self::Refused { source, .. } => source.retry(),
        }
    }

    pub fn retry_after(&self) -> Option<std::time::Duration> {
        match self {
            Self::Refused { source, .. } => source.retry_after(),
            _ => None,
        }
    }

    /// One word for conditions and events.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Foreign { .. } => "ForeignObject",
            Self::Predecessor { .. } => "AwaitingGarbageCollection",
            Self::Terminating { .. } => "Recreating",
            Self::Immutable { .. } => "ImmutableField",
            Self::Refused { .. } | Self::Unreadable { .. } => "ChildRefused",
        }
    }
}

/// Makes the changes of one parent.
pub(crate) struct Applier<'a> {
    pub losses: &'a Losses,
    pub api: &'a Api,
    pub config: &'a OperatorConfig,
    pub parent: &'a Object,
    /// The writes so far.
    pub seen: Vec<Seen>,
}

impl Applier<'_> {
    /// Makes one change, and remembers what was written.
    ///
    /// # Errors
    /// When the API server refuses it for good or for now, or something else is in the way.
    pub async fn apply(&mut self, change: &Change, store: &Store, memory: &mut Memory) -> Result<Effect, ApplyError> {
        match change {
            Change::Create { child, body } => self.create(child, body, store, memory).await,
            Change::Apply(update) => {
                let observed = &update.observed;
                if let Some(patch) = &update.convert
                    && self.convert(observed, patch).await?.is_none()
                {
                    return Ok(Effect::Stale(changed(observed)));
                }
                let mut body = update.body.clone();
                if let Some(metadata) = body.get_mut("metadata").and_then(Value::as_object_mut) {
                    metadata.insert("uid".to_owned(), observed.uid().as_str().into());
                }
                // An apply with an unknown field is refused in any case. The other modes parse the body a second time, to say
                // so in a warning and to find keys that are there twice, which cannot be.
                let query = "&force=true&fieldValidation=Ignore";
                let answer = self.send(Method::PATCH, observed, query, (Content::Apply, &body)).await;
                self.updated(answer, "applied", update, memory).await
            }
            Change::Replace { update, put } => {
                let observed = &update.observed;
                let mut put = put.clone();
                if let Some(patch) = &update.convert {
                    let Some(version) = self.convert(observed, patch).await? else {
                        return Ok(Effect::Stale(changed(observed)));
                    };
                    if let Some(metadata) = put.get_mut("metadata").and_then(Value::as_object_mut) {
                        metadata.insert("resourceVersion".to_owned(), version.as_str().into());
                    }
                }
                let query = "&fieldValidation=Strict";
                let answer = self.send(Method::PUT, observed, query, (Content::Json, &put)).await;
                self.updated(answer, "replaced", update, memory).await
            }
            Change::Delete { observed, why } => self.delete(observed, *why).await,
            Change::AwaitDeletion { observed } => {
                self.saw_deletion(observed, None);
                Ok(Effect::Deleting(deleting(observed)))
            }
            Change::Leave { observed } => Ok(Effect::Left(format!(
                "{} differs from what is desired; it is replaced once somebody deletes it",
                called(observed.kind(), observed.key())
            ))),
        }
    }

    fn query(&self, rest: &str) -> String {
        format!("?fieldManager={}{rest}", encode(self.config.field_manager()))
    }

    async fn send(
        &self,
        method: Method,
        observed: &Object,
        query: &str,
        body: (Content, &Value),
    ) -> Result<Answer, ApiError> {
        let path = observed.kind().path(observed.namespace(), Some(observed.name()));
        self.api
            .send(method, &format!("{path}{}", self.query(query)), body)
            .await
    }

    async fn create(
        &mut self,
        child: &Arc<DesiredChild>,
        body: &Value,
        store: &Store,
        memory: &mut Memory,
    ) -> Result<Effect, ApplyError> {
        let path = child.kind.path(child.key.namespace.as_deref(), None);
        let url = format!("{path}{}", self.query("&fieldValidation=Strict"));
        // Before it is sent: the watch may show that it is there, and gone again, before the answer is here.
        let now = tokio::time::Instant::now();
        self.losses.making(self.parent, &child.kind, &child.key, now);
        match self.api.send(Method::POST, &url, (Content::Json, body)).await {
            Ok(answer) => {
                self.written(&child.kind, &child.key, answer, "created", child.applied, memory);
                Ok(Effect::Done)
            }
            Err(ApiError::Status(status)) if status.code == 409 && status.reason == "AlreadyExists" => {
                self.occupied(child, store, memory).await
            }
            Err(source) => Err(ApplyError::Refused {
                object: called(&child.kind, &child.key),
                verb: "created",
                source,
            }),
        }
    }

    /// Something has the child's name. Ours (its label was taken away, or the watch is behind): it is brought up to date.
    /// Anybody else's: it is left alone.
    async fn occupied(
        &mut self,
        child: &Arc<DesiredChild>,
        store: &Store,
        memory: &mut Memory,
    ) -> Result<Effect, ApplyError> {
        let object = called(&child.kind, &child.key);
        let path = child.kind.path(child.key.namespace.as_deref(), Some(&child.key.name));
        let live = match self.api.get(&path).await {
            Ok(json) => store.parse(&json).map_err(|source| ApplyError::Unreadable {
                object: object.clone(),
                source,
            })?,
            Err(error) if error.code() == Some(404) => return Ok(Effect::Stale(format!("{object} has just gone"))),
            Err(source) => {
                return Err(ApplyError::Refused {
                    object,
                    verb: "read",
                    source,
                });
            }
        };
        self.check_ours(&live)?;
        if live.is_deleting() {
            // Without our label no watch tells when it is gone.
            return Err(ApplyError::Terminating { object });
        }
        let change = diff_child(self.config, self.parent, child, Some(&live), memory);
        store.take_over(live.clone());
        match change {
            None => Ok(Effect::Stale(format!("{object} is there already"))),
            Some(change) => match Box::pin(self.apply(&change, store, memory)).await? {
                // Nor does any watch tell of this deletion.
                Effect::Deleting(_) => Err(ApplyError::Terminating { object }),
                effect => Ok(effect),
            },
        }
    }

    /// Whether what has a child's name is ours after all.
    fn check_ours(&self, live: &Object) -> Result<(), ApplyError> {
        let object = called(live.kind(), live.key());
        let foreign = |owner| ApplyError::Foreign {
            object: object.clone(),
            owner,
        };
        let Some(owner) = live.controller() else {
            return Err(foreign(self.unowned(live)));
        };
        if owner.uid != *self.parent.uid() {
            let is_predecessor = *owner.kind == *self.parent.kind().kind() && *owner.name == *self.parent.name();
            let owner = format!("{} `{}`", owner.kind, owner.name);
            return Err(if is_predecessor {
                ApplyError::Predecessor { object, owner }
            } else {
                foreign(format!("is controlled by {owner}"))
            });
        }
        let mut managers = live.managed().iter().map(|entry| &*entry.manager);
        if managers.any(|manager| self.config.is_own_manager(manager)) {
            return Ok(());
        }
        Err(foreign(match live.label(&self.config.operator_label) {
            Some(operator) => format!("is a child of the same parent by the operator `{operator}`"),
            None => "was made by somebody else, though it names the same parent as its controller".to_owned(),
        }))
    }

    /// Says of an object without a controller whose it looks like.
    fn unowned(&self, live: &Object) -> String {
        if live.annotations().contains_key(&self.config.applied_annotation) {
            format!(
                "has no owner: it was a child of this {} `{}` or of an earlier one (an owner reference with the uid {} \
                 gives it back)",
                self.parent.kind().kind(),
                self.parent.name(),
                self.parent.uid()
            )
        } else {
            "is not controlled by anything, so that it is somebody's".to_owned()
        }
    }

    /// Sends the patch of `managedFields`. `None`: the object is not what was observed.
    async fn convert(&mut self, observed: &Object, patch: &Value) -> Result<Option<ResourceVersion>, ApplyError> {
        match self
            .send(Method::PATCH, observed, "", (Content::JsonPatch, patch))
            .await
        {
            Ok(answer) => {
                let version = ResourceVersion::from(&*answer.metadata.resource_version);
                self.seen.push(Seen {
                    kind: observed.kind().clone(),
                    key: observed.key().clone(),
                    expected: Expected::Version(version.clone()),
                    verb: Some("converted"),
                });
                Ok(Some(version))
            }
            Err(error) if error.is_stale() || error.is_failed_test() => Ok(None),
            Err(source) => Err(ApplyError::Refused {
                object: called(observed.kind(), observed.key()),
                verb: "prepared for an update",
                source,
            }),
        }
    }

    async fn updated(
        &mut self,
        answer: Result<Answer, ApiError>,
        verb: &'static str,
        update: &Update,
        memory: &mut Memory,
    ) -> Result<Effect, ApplyError> {
        let observed = &update.observed;
        let object = called(observed.kind(), observed.key());
        match answer {
            Ok(answer) => {
                self.written(observed.kind(), observed.key(), answer, verb, update.applied, memory);
                Ok(Effect::Done)
            }
            Err(error) if error.is_stale() => Ok(Effect::Stale(changed(observed))),
            Err(source) if source.is_invalid() => match (self.would_be_valid(update).await, update.recreate) {
                (Ok(true), Some(why)) => self.delete(observed, why).await,
                (Ok(true), None) => Err(ApplyError::Immutable { object, source }),
                (Ok(false), _) => Err(ApplyError::Refused { object, verb, source }),
                (Err(source), _) => Err(ApplyError::Refused { object, verb, source }),
            },
            Err(source) => Err(ApplyError::Refused { object, verb, source }),
        }
    }

    /// Whether the object would be valid if it were created anew. The server says so without our reading its messages: a
    /// dry run of its creation fails for the name being taken, which is checked after everything else.
    ///
    /// # Errors
    /// When the server does not say.
    async fn would_be_valid(&self, update: &Update) -> Result<bool, ApiError> {
        let observed = &update.observed;
        let url = format!(
            "{}{}",
            observed.kind().path(observed.namespace(), None),
            self.query("&dryRun=All")
        );
        match self.api.send(Method::POST, &url, (Content::Json, &update.body)).await {
            Ok(_) => Ok(true),
            Err(error) if error.code() == Some(409) => Ok(true),
            Err(error) if error.retry() == Retry::Terminal => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn delete(&mut self, observed: &Object, why: WhyDelete) -> Result<Effect, ApplyError> {
        let object = called(observed.kind(), observed.key());
        let path = observed.kind().path(observed.namespace(), Some(observed.name()));
        // Without a policy some kinds orphan what belongs to them: a Job its Pods.
        let options = json!({"propagationPolicy": "Background", "preconditions": {"uid": observed.uid().as_str()}});
        let now = tokio::time::Instant::now();
        self.losses.deleting(self.parent, observed.uid(), why, now);
        let answer = self.api.send(Method::DELETE, &path, (Content::Json, &options)).await;
        if answer.is_err() {
            self.losses.not_deleting(self.parent, observed.uid());
        }
        match answer {
            Ok(_) => {}
            Err(error) if error.code() == Some(404) => {}
            // Another object has the name by now, or the server gave up on a conflict.
            Err(error) if error.code() == Some(409) => return Ok(Effect::Stale(changed(observed))),
            Err(source) => {
                return Err(ApplyError::Refused {
                    object,
                    verb: "deleted",
                    source,
                });
            }
        }
        self.saw_deletion(observed, Some("deleted"));
        Ok(match why {
            WhyDelete::Undesired => Effect::Done,
            WhyDelete::Changed | WhyDelete::Drifted => Effect::Deleting(deleting(observed)),
        })
    }

    fn written(
        &mut self,
        kind: &Kind,
        key: &ObjectKey,
        answer: Answer,
        verb: &'static str,
        applied: Applied,
        memory: &mut Memory,
    ) {
        let version = ResourceVersion::from(&*answer.metadata.resource_version);
        let written = Written {
            applied,
            version: version.clone(),
        };
        memory.written.insert(Uid::from(&*answer.metadata.uid), written);
        self.seen.push(Seen {
            kind: kind.clone(),
            key: key.clone(),
            expected: Expected::Version(version),
            verb: Some(verb),
        });
    }

    fn saw_deletion(&mut self, observed: &Object, verb: Option<&'static str>) {
        self.seen.push(Seen {
            kind: observed.kind().clone(),
            key: observed.key().clone(),
            expected: Expected::Deletion(observed.uid().clone()),
            verb,
        });
    }
}

fn changed(observed: &Object) -> String {
    format!("{} has changed meanwhile", called(observed.kind(), observed.key()))
}

fn deleting(observed: &Object) -> String {
    let object = called(observed.kind(), observed.key());
    format!("{object} is being deleted before it is created anew")
}

pub(crate) fn called(kind: &Kind, key: &ObjectKey) -> String {
    format!("{} {key}", kind.kind())
}

/// A query parameter's value.
pub(crate) fn encode(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect()
}
