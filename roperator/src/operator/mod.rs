//! What an operator is to the type system: the traits that the macro implements and the user's code meets.
//!
//! [`Operator`] names the parent and the children, [`Declared`] carries the declaration, [`Declares`] marks each child
//! kind so that an undeclared child does not compile, and [`Handler`] and [`Finalize`] are what the user writes.

mod failable;
mod handler;
mod manifests;
mod request;
mod response;

use std::{borrow::Cow, ops::Deref};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    CustomResourceExt,
    core::{ClusterResourceScope, ObjectMeta, object::HasStatus},
};
use serde::Serialize;
use serde_json::Value;

pub use self::{
    failable::{Failable, FailableHandler},
    handler::{
        AsAsyncFn, AsFn, AsHandler, AsOwnedAsyncFn, Dispatch, Finalize, FinalizerDeclared, Handler, IntoHandler,
        WithFinalize,
    },
    request::SyncRequest,
    response::{Condition, ConditionStatus, FinalizeResponse, SyncResponse},
};
use crate::{
    config::OperatorConfig,
    declaration::Declaration,
    kind::{Kind, TypedKind},
    object::{DecodeError, Object},
    observed::Children,
};

/// An operator: a parent type, its children, and whether it finalizes. `#[operator(…)]` implements it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an operator",
    note = "annotate it with `#[operator(parent = …, children(…))]`"
)]
pub trait Operator: Sized + Send + Sync + 'static {
    /// The parent's type.
    type Parent: Parent;
    /// The observed children, with an accessor for each declared kind.
    type Children: From<Children> + Deref<Target = Children> + Send + Sync + 'static;
    /// [`WithFinalizer`] or [`WithoutFinalizer`].
    type Finalization: Send + Sync + 'static;

    /// The operator's declaration, if it has one: a configuration that it is run with has to fit.
    #[must_use]
    fn declaration() -> Option<Declaration> {
        None
    }
}

/// An operator whose declaration is a constant. `#[operator(…)]` implements it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no declaration",
    note = "annotate it with `#[operator(parent = …, children(…))]`"
)]
pub trait Declared: Operator<Parent: TypedKind> {
    /// The operator as data.
    const DECLARATION: Declaration;

    /// The configuration that the declaration states, to be adapted to a deployment.
    #[must_use]
    fn config() -> OperatorConfig {
        OperatorConfig::from_declaration(&Self::DECLARATION)
    }

    /// The parent's custom resource definition, with what the runtime writes (`status.conditions`,
    /// `status.observedGeneration`, the status subresource) in its schema.
    #[must_use]
    fn crd() -> CustomResourceDefinition
    where
        Self::Parent: CustomResourceExt,
    {
        crate::manifest::crd::graft(Self::Parent::crd())
    }
}

/// Marks a kind as a declared child of an operator. `#[operator(…)]` implements it, once a child.
#[diagnostic::on_unimplemented(
    message = "`{K}` is not a declared child of `{Self}`",
    label = "not declared in `children(…)`",
    note = "add it to the declaration: `#[operator(…, children(…, {K} = apply))]`"
)]
pub trait Declares<K> {}

/// What may be returned as a child of an operator.
pub trait ChildOf<O: Operator>: Serialize {}

impl<O: Operator + Declares<K>, K: Serialize> ChildOf<O> for K {}

/// The operator finalizes: its parents carry its finalizer until `finalize` says that it is done.
pub struct WithFinalizer;

/// The operator does not finalize: its parents carry no finalizer of it.
pub struct WithoutFinalizer;

/// What can be a parent: a Rust type that knows its kind, or an [`Object`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a parent",
    label = "not a Kubernetes type",
    note = "use a type that derives `kube::CustomResource`, `Serialize` and `Deserialize`, or one of `k8s_openapi`"
)]
pub trait Parent: Send + Sync + Sized + 'static {
    /// The kind that the type stands for, if it stands for one.
    #[doc(hidden)]
    fn expected_kind() -> Option<Kind>;

    /// # Errors
    /// When the object, even without its status, does not have the type's shape.
    #[doc(hidden)]
    fn from_object(object: &Object) -> Result<Self, DecodeError>;
}

#[diagnostic::do_not_recommend]
impl<K: TypedKind> Parent for K {
    fn expected_kind() -> Option<Kind> {
        Some(K::kind_of())
    }

    fn from_object(object: &Object) -> Result<Self, DecodeError> {
        // The status is ours to write: one that does not decode is written anew, not a reason to give up the parent.
        object
            .decode()
            .or_else(|error| object.decode_without_status().map_err(|_| error))
    }
}

impl Parent for Object {
    fn expected_kind() -> Option<Kind> {
        None
    }

    fn from_object(object: &Object) -> Result<Self, DecodeError> {
        Ok(object.clone())
    }
}

/// A parent type that has a status.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no status",
    note = "add `status = \"…\"` to its `#[kube(…)]`, or use `SyncResponse::new()`"
)]
pub trait WithStatus {
    /// The status, without the conditions and the observed generation that the runtime adds.
    type Status: Serialize;
}

#[diagnostic::do_not_recommend]
impl<K: HasStatus<Status: Serialize>> WithStatus for K {
    type Status = K::Status;
}

impl WithStatus for Object {
    type Status = Value;
}

/// Holds for a status type and itself alone: so the compiler names both types where a handler returns another status.
#[diagnostic::on_unimplemented(
    message = "the status of this operator's parent is `{Self}`, not `{S}`",
    label = "expected `{Self}`",
    note = "the status type stands in the parent's `#[kube(…, status = \"…\")]`"
)]
pub trait IsStatus<S> {
    /// The status.
    #[doc(hidden)]
    fn is(status: S) -> Self;
}

impl<S> IsStatus<S> for S {
    fn is(status: S) -> S {
        status
    }
}

pub(crate) type StatusOf<O> = <<O as Operator>::Parent as WithStatus>::Status;

/// An operator whose kinds are known only at run time: parents and children are [`Object`]s and JSON.
pub struct Dynamic<F = WithoutFinalizer>(std::marker::PhantomData<fn() -> F>);

impl<F: Send + Sync + 'static> Operator for Dynamic<F> {
    type Parent = Object;
    type Children = DynamicChildren;
    type Finalization = F;
}

impl<F, K: Serialize> Declares<K> for Dynamic<F> {}

/// The observed children of a [`Dynamic`] operator.
pub struct DynamicChildren(Children);

impl From<Children> for DynamicChildren {
    fn from(children: Children) -> Self {
        Self(children)
    }
}

impl Deref for DynamicChildren {
    type Target = Children;

    fn deref(&self) -> &Children {
        &self.0
    }
}

/// The parent of a declaration that names none: the macro has reported that, and nothing else is to be said about it.
#[doc(hidden)]
#[derive(serde::Deserialize, serde::Serialize)]
pub struct UnknownParent {
    metadata: ObjectMeta,
}

impl kube::Resource for UnknownParent {
    type DynamicType = ();
    // It may own children of any scope.
    type Scope = ClusterResourceScope;

    fn kind(_: &()) -> Cow<'_, str> {
        "Unknown".into()
    }

    fn group(_: &()) -> Cow<'_, str> {
        "roperator.dev".into()
    }

    fn version(_: &()) -> Cow<'_, str> {
        "v1".into()
    }

    fn plural(_: &()) -> Cow<'_, str> {
        "unknowns".into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}
