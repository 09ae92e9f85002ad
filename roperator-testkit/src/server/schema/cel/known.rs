//! What the type check finds out of an expression's parts, for those who come after it.

use std::collections::HashMap;

use kube_cel::cel::common::ast::{CallExpr, Expr, IdedExpr};

use super::library::{Overload, overloads};
use super::types::Type;

/// The types of the parts of an expression, and the overloads that its calls may turn out to be. Parts are known by where they
/// are: macros leave several with one id.
#[derive(Default)]
pub(super) struct Known<'a> {
    types: HashMap<*const IdedExpr, Type<'a>>,
    overloads: HashMap<*const IdedExpr, Vec<&'static Overload>>,
}

impl<'a> Known<'a> {
    pub(super) fn note_type(&mut self, expression: &IdedExpr, found: Type<'a>) {
        self.types.insert(std::ptr::from_ref(expression), found);
    }

    pub(super) fn note_overloads(&mut self, call: &IdedExpr, found: Vec<&'static Overload>) {
        self.overloads.insert(std::ptr::from_ref(call), found);
    }

    pub(super) fn type_of(&self, expression: &IdedExpr) -> &Type<'a> {
        self.types.get(&std::ptr::from_ref(expression)).unwrap_or(&Type::Dyn)
    }

    pub(super) fn overloads(&self, call: &IdedExpr) -> &[&'static Overload] {
        self.overloads.get(&std::ptr::from_ref(call)).map_or(&[], Vec::as_slice)
    }
}

/// The name of the function, with the prefix that looks like a receiver; and the receiver, if it is one.
pub(super) fn resolved(call: &CallExpr) -> (String, Option<&IdedExpr>) {
    if let Some(Expr::Ident(prefix)) = call.target.as_deref().map(|target| &target.expr) {
        let qualified = format!("{prefix}.{}", call.func_name);
        if !overloads(&qualified).is_empty() {
            return (qualified, None);
        }
    }
    (call.func_name.clone(), call.target.as_deref())
}
