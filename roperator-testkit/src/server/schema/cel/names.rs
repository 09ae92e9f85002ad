//! Names with dots: a parsed expression in, the same with the names of types, which look like fields of something, made one out.

use kube_cel::cel::common::ast::{EntryExpr, Expr, IdedExpr};

use super::library::TYPES;

/// Makes the names of types one. No variable hides them.
pub(super) fn join(expression: &mut IdedExpr) {
    if let Some(name) = type_name(&expression.expr) {
        expression.expr = Expr::Ident(name);
        return;
    }
    match &mut expression.expr {
        Expr::Select(select) => join(&mut select.operand),
        Expr::Call(call) => {
            let operands = call.target.as_deref_mut().into_iter().chain(&mut call.args);
            operands.for_each(join);
        }
        Expr::List(list) => list.elements.iter_mut().for_each(join),
        Expr::Map(map) => {
            for entry in &mut map.entries {
                if let EntryExpr::MapEntry(entry) = &mut entry.expr {
                    join(&mut entry.key);
                    join(&mut entry.value);
                }
            }
        }
        Expr::Comprehension(loops) => {
            let parts = [
                &mut loops.iter_range,
                &mut loops.accu_init,
                &mut loops.loop_cond,
                &mut loops.loop_step,
                &mut loops.result,
            ];
            parts.into_iter().for_each(join);
        }
        Expr::Ident(_) | Expr::Literal(_) | Expr::Struct(_) | Expr::Unspecified => {}
    }
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
