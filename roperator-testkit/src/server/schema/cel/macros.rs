//! The macros that Kubernetes has and the evaluator's parser does not expand: a parsed expression in, one that the evaluator
//! can do out. `transformMap` and `transformMapEntry` are left out.

use kube_cel::cel::common::ast::{
    CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedExpr, ListExpr, LiteralValue, operators,
};

/// A function that lists the keys of a map, or the indices of a list.
pub(super) const KEYS: &str = "@keys";
/// A function that sorts a list by a list of keys.
pub(super) const SORT_BY: &str = "@sortBy";
const RESULT: &str = "@result";
const BOUND: &str = "@bound";

/// Expands all macros in an expression.
pub(super) fn expand(expression: IdedExpr) -> IdedExpr {
    let expr = match expression.expr {
        Expr::Call(mut call) => {
            call.target = call.target.map(|target| Box::new(expand(*target)));
            call.args = call.args.into_iter().map(expand).collect();
            expand_call(call)
        }
        Expr::Select(mut select) => {
            select.operand = Box::new(expand(*select.operand));
            Expr::Select(select)
        }
        Expr::List(mut list) => {
            list.elements = list.elements.into_iter().map(expand).collect();
            Expr::List(list)
        }
        Expr::Map(mut map) => {
            for entry in &mut map.entries {
                if let EntryExpr::MapEntry(entry) = &mut entry.expr {
                    entry.key = expand(std::mem::take(&mut entry.key));
                    entry.value = expand(std::mem::take(&mut entry.value));
                }
            }
            Expr::Map(map)
        }
        Expr::Comprehension(mut loops) => {
            let ComprehensionExpr {
                iter_range,
                accu_init,
                loop_cond,
                loop_step,
                result,
                ..
            } = &mut *loops;
            for part in [iter_range, accu_init, loop_cond, loop_step, result] {
                *part = expand(std::mem::take(part));
            }
            Expr::Comprehension(loops)
        }
        other => other,
    };
    IdedExpr {
        id: expression.id,
        expr,
    }
}

fn expand_call(call: CallExpr) -> Expr {
    // The evaluator's optional selection fails where the field is absent; its optional index does not.
    if call.func_name == operators::OPT_SELECT {
        return function(operators::OPT_INDEX, call.args).expr;
    }
    let Some(target) = call.target.clone() else {
        return Expr::Call(call);
    };
    match (call.func_name.as_str(), call.args.as_slice()) {
        ("optMap", [name, body]) if ident_of(name).is_some() => optional(*target, name, body.clone(), true),
        ("optFlatMap", [name, body]) if ident_of(name).is_some() => optional(*target, name, body.clone(), false),
        ("sortBy", [name, key]) => match ident_of(name) {
            Some(name) => {
                let keys = collect(target.as_ref().clone(), name, key.clone(), None);
                function(SORT_BY, vec![*target, keys]).expr
            }
            None => Expr::Call(call),
        },
        ("all" | "exists" | "existsOne" | "exists_one" | "transformList", [index, value, body @ ..]) => {
            match (ident_of(index), ident_of(value)) {
                (Some(index), Some(value)) => {
                    two_variables(&call.func_name, &target, index, value, body).unwrap_or(Expr::Call(call.clone()))
                }
                _ => Expr::Call(call),
            }
        }
        _ => Expr::Call(call),
    }
}

/// `target.hasValue() ? optional.of(body) : optional.none()`, with the value bound to a name.
fn optional(target: IdedExpr, name: &IdedExpr, body: IdedExpr, wrap: bool) -> Expr {
    let name = ident_of(name).unwrap_or_default();
    let bound = bind(name, method(target.clone(), "value", Vec::new()), body);
    let yes = if wrap {
        method(ident("optional"), "of", vec![bound])
    } else {
        bound
    };
    let no = method(ident("optional"), "none", Vec::new());
    function(
        operators::CONDITIONAL,
        vec![method(target, "hasValue", Vec::new()), yes, no],
    )
    .expr
}

fn two_variables(name: &str, target: &IdedExpr, index: &str, value: &str, body: &[IdedExpr]) -> Option<Expr> {
    let keys = function(KEYS, vec![target.clone()]);
    let item = || function(operators::INDEX, vec![target.clone(), ident(index)]);
    let within = |body: &IdedExpr| bind(value, item(), body.clone());
    let result = || ident(RESULT);
    let goes_on = |condition: IdedExpr| function(operators::NOT_STRICTLY_FALSE, vec![condition]);
    Some(match (name, body) {
        ("all", [test]) => {
            let step = function(operators::LOGICAL_AND, vec![result(), within(test)]);
            comprehension(keys, index, boolean(true), goes_on(result()), step, result()).expr
        }
        ("exists", [test]) => {
            let step = function(operators::LOGICAL_OR, vec![result(), within(test)]);
            let not_yet = goes_on(function(operators::LOGICAL_NOT, vec![result()]));
            comprehension(keys, index, boolean(false), not_yet, step, result()).expr
        }
        ("existsOne" | "exists_one", [test]) => {
            let more = function(operators::ADD, vec![result(), integer(1)]);
            let step = function(operators::CONDITIONAL, vec![within(test), more, result()]);
            let one = function(operators::EQUALS, vec![result(), integer(1)]);
            comprehension(keys, index, integer(0), boolean(true), step, one).expr
        }
        ("transformList", [item]) => collect(keys, index, within(item), None).expr,
        ("transformList", [filter, item]) => collect(keys, index, within(item), Some(within(filter))).expr,
        _ => return None,
    })
}

/// The list of what an expression is for every item of a range, or for those that a filter lets pass.
fn collect(range: IdedExpr, name: &str, item: IdedExpr, filter: Option<IdedExpr>) -> IdedExpr {
    let longer = function(operators::ADD, vec![ident(RESULT), list(vec![item])]);
    let step = match filter {
        Some(filter) => function(operators::CONDITIONAL, vec![filter, longer, ident(RESULT)]),
        None => longer,
    };
    comprehension(range, name, list(Vec::new()), boolean(true), step, ident(RESULT))
}

/// An expression in which a name stands for a value: a loop over that value alone.
fn bind(name: &str, value: IdedExpr, body: IdedExpr) -> IdedExpr {
    let mut loops = comprehension(
        list(vec![value]),
        name,
        boolean(false),
        boolean(true),
        body,
        ident(BOUND),
    );
    if let Expr::Comprehension(loops) = &mut loops.expr {
        BOUND.clone_into(&mut loops.accu_var);
    }
    loops
}

fn comprehension(
    iter_range: IdedExpr,
    iter_var: &str,
    accu_init: IdedExpr,
    loop_cond: IdedExpr,
    loop_step: IdedExpr,
    result: IdedExpr,
) -> IdedExpr {
    of(Expr::Comprehension(Box::new(ComprehensionExpr {
        iter_range,
        iter_var: iter_var.to_owned(),
        iter_var2: None,
        accu_var: RESULT.to_owned(),
        accu_init,
        loop_cond,
        loop_step,
        result,
    })))
}

const fn of(expr: Expr) -> IdedExpr {
    IdedExpr { id: 0, expr }
}

fn ident(name: &str) -> IdedExpr {
    of(Expr::Ident(name.to_owned()))
}

const fn ident_of(expression: &IdedExpr) -> Option<&str> {
    match &expression.expr {
        Expr::Ident(name) => Some(name.as_str()),
        _ => None,
    }
}

fn list(elements: Vec<IdedExpr>) -> IdedExpr {
    of(Expr::List(ListExpr::new(elements)))
}

fn boolean(value: bool) -> IdedExpr {
    of(Expr::Literal(LiteralValue::Boolean(value.into())))
}

fn integer(value: i64) -> IdedExpr {
    of(Expr::Literal(LiteralValue::Int(value.into())))
}

fn function(name: &str, args: Vec<IdedExpr>) -> IdedExpr {
    call(name, None, args)
}

fn method(target: IdedExpr, name: &str, args: Vec<IdedExpr>) -> IdedExpr {
    call(name, Some(Box::new(target)), args)
}

fn call(name: &str, target: Option<Box<IdedExpr>>, args: Vec<IdedExpr>) -> IdedExpr {
    let func_name = name.to_owned();
    of(Expr::Call(CallExpr {
        func_name,
        target,
        args,
    }))
}
