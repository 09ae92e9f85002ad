//! What `#[operator(…)]` states, as constants.
//!
//! Data only. The macro writes a [`Declaration`]; [`OperatorConfig`](crate::OperatorConfig) adds what a deployment
//! chooses. Kinds are function pointers because `kube::Resource` has no constants.

use crate::kind::{Kind, OwnsScope, TypedKind};

/// How children of a kind are brought to their desired state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Strategy {
    /// Server-side apply: the operator owns the fields that it states, and others may own the rest.
    Apply,
    /// A PUT of the desired fields laid over the live object.
    Replace,
    /// Deleted and, once it is gone, created anew.
    Recreate,
    /// Left as it is until somebody deletes it; then created in its new state.
    OnDelete,
}

/// What happens when an update is refused because it changes an immutable field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum OnImmutable {
    /// It is reported in the parent's status.
    #[default]
    Report,
    /// The child is deleted and, once it is gone, created anew.
    Recreate,
}

/// A declared child kind.
#[derive(Clone, Copy, Debug)]
pub struct ChildDeclaration {
    /// The child's kind.
    pub kind: fn() -> Kind,
    /// How children of the kind are updated.
    pub strategy: Strategy,
    /// What happens when an update changes an immutable field.
    pub on_immutable: OnImmutable,
}

impl ChildDeclaration {
    /// A child of type `K` of parents of type `P` that is applied. A cluster-scoped child of a namespaced parent does not
    /// compile, here and below.
    #[must_use]
    pub const fn apply<P: TypedKind<Scope: OwnsScope<K::Scope>>, K: TypedKind>() -> Self {
        Self::of::<K>(Strategy::Apply)
    }

    /// A child that is replaced.
    #[must_use]
    pub const fn replace<P: TypedKind<Scope: OwnsScope<K::Scope>>, K: TypedKind>() -> Self {
        Self::of::<K>(Strategy::Replace)
    }

    /// A child that is recreated.
    #[must_use]
    pub const fn recreate<P: TypedKind<Scope: OwnsScope<K::Scope>>, K: TypedKind>() -> Self {
        Self::of::<K>(Strategy::Recreate)
    }

    /// A child that is replaced once somebody deletes it.
    #[must_use]
    pub const fn on_delete<P: TypedKind<Scope: OwnsScope<K::Scope>>, K: TypedKind>() -> Self {
        Self::of::<K>(Strategy::OnDelete)
    }

    const fn of<K: TypedKind>(strategy: Strategy) -> Self {
        Self {
            kind: K::kind_of,
            strategy,
            on_immutable: OnImmutable::Report,
        }
    }

    /// Children are recreated when an update changes an immutable field.
    #[must_use]
    pub const fn on_immutable_recreate(mut self) -> Self {
        self.on_immutable = OnImmutable::Recreate;
        self
    }
}

/// Whether an operator finalizes, and under which finalizer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FinalizerDeclaration {
    /// The operator does not finalize.
    None,
    /// The finalizer is `roperator.dev/NAME`.
    Default,
    /// The finalizer is this one.
    Named(&'static str),
}

/// An operator as data.
#[derive(Clone, Copy, Debug)]
pub struct Declaration {
    /// The operator's name: label value, field manager and finalizer come from it.
    pub name: &'static str,
    /// The parents' kind.
    pub parent: fn() -> Kind,
    /// The kinds of children that the operator may create.
    pub children: &'static [ChildDeclaration],
    /// The field manager; the name where `None`.
    pub field_manager: Option<&'static str>,
    /// Whether the operator finalizes.
    pub finalizer: FinalizerDeclaration,
    /// Names that the operator had before: their labels, field managers and finalizers are taken over.
    pub previous_names: &'static [&'static str],
}

impl Declaration {
    /// An operator for parents of type `P`.
    #[must_use]
    pub const fn new<P: TypedKind>(name: &'static str, children: &'static [ChildDeclaration]) -> Self {
        Self {
            name,
            parent: P::kind_of,
            children,
            field_manager: None,
            finalizer: FinalizerDeclaration::None,
            previous_names: &[],
        }
    }

    /// Writes under this field manager instead of the operator's name.
    #[must_use]
    pub const fn field_manager(mut self, field_manager: &'static str) -> Self {
        self.field_manager = Some(field_manager);
        self
    }

    /// The operator finalizes under `roperator.dev/NAME`.
    #[must_use]
    pub const fn with_finalizer(mut self) -> Self {
        self.finalizer = FinalizerDeclaration::Default;
        self
    }

    /// The operator finalizes under this finalizer.
    #[must_use]
    pub const fn finalizer(mut self, finalizer: &'static str) -> Self {
        self.finalizer = FinalizerDeclaration::Named(finalizer);
        self
    }

    /// Names that the operator had before.
    #[must_use]
    pub const fn previous_names(mut self, previous_names: &'static [&'static str]) -> Self {
        self.previous_names = previous_names;
        self
    }
}
