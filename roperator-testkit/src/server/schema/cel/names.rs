//! Names with dots: a parsed expression in, the same with the names of types, which look like fields of something, made one out.

use kube_cel::cel::common::ast::{Expr, IdedExpr};

use super::library::TYPES;
use super::macros::parts_mut;

/// Makes the names of types one. No variable hides them.
pub(super) fn join(expression: &mut IdedExpr) {
    if let Some(name) = type_name(&expression.expr) {
        expression.expr = Expr::Ident(name);
        return;
    }
    parts_mut(expression).into_iter().for_each(join);
}

fn type_name(expression: &Expr) -> Option<String> {
    let mut parts = Vec::new();
    let mut rest = expression;
    while let Expr::Select(select) = rest {
        if select.test {
            return None;
        }
        parts.push(select.field.as_str());
        rest = &select.operand.expr;
    }
    let Expr::Ident(first) = rest else { return None };
    if parts.is_empty() {
        return None;
    }
    parts.push(first);
    parts.reverse();
    let name = parts.join(".");
    TYPES.contains(&name.as_str()).then_some(name)
}
