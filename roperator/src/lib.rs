//! Kubernetes operators from a declaration and one function.
//!
//! Annotate a struct with [`#[operator]`](macro@operator), write one [`#[sync]`](macro@sync) function from the observed
//! children to the desired ones, and [`run`] it.

// The modules in the order of the data, from what everything uses to what uses everything.
mod error;
mod kind;
mod object;

mod declaration;

mod config;
pub mod manifest;

mod desired;
mod observed;

mod diff;
mod operator;
mod sync;

mod connection;

mod api;
mod watch;

mod losses;

mod apply;
mod event;
mod finalize;
mod status;
mod support;

mod reconcile;

mod runtime;

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;
pub mod k8s_types;

pub use roperator_macros::{finalize, operator, sync};

pub use crate::{
    config::{APPLIED_ANNOTATION, Backoff, ChildConfig, ConfigError, OPERATOR_LABEL, OperatorConfig, ServerConfig},
    declaration::{ChildDeclaration, Declaration, FinalizerDeclaration, OnImmutable, Strategy},
    error::{BoxError, Error, Result, ResultExt, Retry},
    kind::{Kind, KnownScope, OwnsScope, Scope, TypedKind},
    object::{Controller, DecodeError, Object, ObjectKey, ResourceVersion, Uid},
    observed::{Children, RawView, View},
    operator::{
        AsAsyncFn, AsFn, AsHandler, AsOwnedAsyncFn, ChildOf, Condition, ConditionStatus, Declared, Declares, Dispatch,
        Dynamic, DynamicChildren, Failable, FailableHandler, Finalize, FinalizeResponse, FinalizerDeclared, Handler,
        IntoHandler, IsStatus, Operator, Parent, SyncRequest, SyncResponse, WithFinalize, WithFinalizer, WithStatus,
        WithoutFinalizer,
    },
    runtime::{OperatorHandle, Runtime, RuntimeError, client, run, run_operator},
};

/// What an operator's source file needs.
pub mod prelude {
    pub use crate::{
        ChildConfig, Condition, ConditionStatus, Declared, Error, Finalize, FinalizeResponse, Handler, Operator,
        OperatorConfig, Result, ResultExt, Runtime, SyncRequest, SyncResponse, finalize, k8s_types, operator, run,
        run_operator, sync,
    };
}

/// The code of the README and of the guide compiles.
#[cfg(doctest)]
mod documentation {
    #[doc = include_str!("../../README.md")]
    struct Readme;
    #[doc = include_str!("../../docs/guide/README.md")]
    struct Index;
    #[doc = include_str!("../../docs/guide/children-and-strategies.md")]
    struct ChildrenAndStrategies;
    #[doc = include_str!("../../docs/guide/crdgen.md")]
    struct Crdgen;
    #[doc = include_str!("../../docs/guide/dynamic-kinds.md")]
    struct DynamicKinds;
    #[doc = include_str!("../../docs/guide/errors-and-retries.md")]
    struct ErrorsAndRetries;
    #[doc = include_str!("../../docs/guide/finalizers.md")]
    struct Finalizers;
    #[doc = include_str!("../../docs/guide/getting-started.md")]
    struct GettingStarted;
    #[doc = include_str!("../../docs/guide/migrating.md")]
    struct Migrating;
    #[doc = include_str!("../../docs/guide/running.md")]
    struct Running;
    #[doc = include_str!("../../docs/guide/status.md")]
    struct Status;
    #[doc = include_str!("../../docs/guide/testing.md")]
    struct Testing;
}
