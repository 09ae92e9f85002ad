//! The macros that Kubernetes has and the parser does not expand: a parsed expression in, the same without macros out. It has the
//! very form that Kubernetes' own parser makes, for costs depend on it.

use kube_cel::cel::common::ast::{
    CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedExpr, ListExpr, LiteralValue, MapExpr, operators,
};

use super::places::{Mistake, Text};

/// A function that sorts a list by a list of keys.
pub(super) const SORT_BY: &str = "@sortByAssociatedKeys";
/// A function that adds entries to a map.
pub(super) const INSERT: &str = "cel.@mapInsert";
/// What a macro is applied to can be twice in what it stands for, so that a chain of them grows exponentially. Kubernetes itself
/// does not come to an end long before this many parts are copied.
const MOST_COPIED: usize = 100_000;
const RESULT: &str = "@result";
const TO_SORT: &str = "@__sortBy_input__";
const UNUSED: &str = "#unused";

/// Expands all macros in an expression.
///
/// # Errors
///
/// That it becomes too large, or that a macro has the same name for two things.
pub(super) fn expand(expression: &mut IdedExpr, text: Text<'_>) -> Result<(), String> {
    let mut expansion = Expansion::default();
    expansion.expand(expression);
    if expansion.copied > MOST_COPIED {
        return Err("expression is too large".to_owned());
    }
    let mistake = |name: &String| Mistake::new(text.find_after(", ", name), format!("duplicate variable name: {name}"));
    match expansion.twice.as_slice() {
        [] => Ok(()),
        names => Err(text.all(names.iter().map(mistake).collect())),
    }
}

/// The expressions that an expression is made of.
pub(super) fn parts(expression: &IdedExpr) -> Vec<&IdedExpr> {
    match &expression.expr {
        Expr::Call(call) => call.target.as_deref().into_iter().chain(&call.args).collect(),
        Expr::Select(select) => vec![&select.operand],
        Expr::List(list) => list.elements.iter().collect(),
        Expr::Map(map) => {
            let entries = map.entries.iter().filter_map(|entry| match &entry.expr {
                EntryExpr::MapEntry(entry) => Some([&entry.key, &entry.value]),
                EntryExpr::StructField(_) => None,
            });
            entries.flatten().collect()
        }
        Expr::Comprehension(loops) => vec![
            &loops.iter_range,
            &loops.accu_init,
            &loops.loop_cond,
            &loops.loop_step,
            &loops.result,
        ],
        Expr::Ident(_) | Expr::Literal(_) | Expr::Struct(_) | Expr::Unspecified => Vec::new(),
    }
}

/// The same, to be changed.
pub(super) fn parts_mut(expression: &mut IdedExpr) -> Vec<&mut IdedExpr> {
    match &mut expression.expr {
        Expr::Call(call) => call.target.as_deref_mut().into_iter().chain(&mut call.args).collect(),
        Expr::Select(select) => vec![&mut select.operand],
        Expr::List(list) => list.elements.iter_mut().collect(),
        Expr::Map(map) => {
            let entries = map.entries.iter_mut().filter_map(|entry| match &mut entry.expr {
                EntryExpr::MapEntry(entry) => Some([&mut entry.key, &mut entry.value]),
                EntryExpr::StructField(_) => None,
            });
            entries.flatten().collect()
        }
        Expr::Comprehension(loops) => vec![
            &mut loops.iter_range,
            &mut loops.accu_init,
            &mut loops.loop_cond,
            &mut loops.loop_step,
            &mut loops.result,
        ],
        Expr::Ident(_) | Expr::Literal(_) | Expr::Struct(_) | Expr::Unspecified => Vec::new(),
    }
}

/// What is found on the way.
#[derive(Default)]
struct Expansion {
    /// How many parts were copied.
    copied: usize,
    /// The names that stand for two things in a macro.
    twice: Vec<String>,
}

impl Expansion {
    fn expand(&mut self, expression: &mut IdedExpr) {
        if self.copied > MOST_COPIED {
            return;
        }
        for part in parts_mut(expression) {
            self.expand(part);
        }
        if let Expr::Call(call) = &expression.expr
            && let Some(expanded) = self.expanded(call)
        {
            expression.expr = expanded;
        }
    }

    fn expanded(&mut self, call: &CallExpr) -> Option<Expr> {
        let target = call.target.as_deref()?;
        if matches!(call.func_name.as_str(), "optMap" | "optFlatMap") {
            self.copied += size(target);
            if self.copied > MOST_COPIED {
                return None;
            }
        }
        match (call.func_name.as_str(), call.args.as_slice()) {
            ("optMap", [name, body]) => Some(optional(target, ident_of(name)?, body, true)),
            ("optFlatMap", [name, body]) => Some(optional(target, ident_of(name)?, body, false)),
            ("sortBy", [name, key]) => Some(sorted(target, ident_of(name)?, key)),
            (name, [first, second, body @ ..]) => {
                let (first, second) = (ident_of(first)?, ident_of(second)?);
                let expanded = two_variables(name, target, first, second, body)?;
                self.twice.extend((first == second).then(|| first.to_owned()));
                Some(expanded)
            }
            _ => None,
        }
    }
}

fn size(expression: &IdedExpr) -> usize {
    1 + parts(expression).into_iter().map(size).sum::<usize>()
}

/// `target.hasValue() ? optional.of(body) : optional.none()`, with the value bound to a name.
fn optional(target: &IdedExpr, name: &str, body: &IdedExpr, wrap: bool) -> Expr {
    let value = method(target.clone(), "value", Vec::new());
    let bound = bind(name, value, body.clone());
    let yes = if wrap {
        method(ident("optional"), "of", vec![bound])
    } else {
        bound
    };
    let no = method(ident("optional"), "none", Vec::new());
    let given = method(target.clone(), "hasValue", Vec::new());
    function(operators::CONDITIONAL, vec![given, yes, no]).expr
}

fn sorted(target: &IdedExpr, name: &str, key: &IdedExpr) -> Expr {
    let longer = function(operators::ADD, vec![ident(RESULT), list(vec![key.clone()])]);
    let keys = comprehension(Loop {
        range: ident(TO_SORT),
        variables: (name, None),
        start: list(Vec::new()),
        condition: boolean(true),
        step: longer,
        result: ident(RESULT),
    });
    bind(TO_SORT, target.clone(), method(ident(TO_SORT), SORT_BY, vec![keys])).expr
}

fn two_variables(name: &str, target: &IdedExpr, first: &str, second: &str, body: &[IdedExpr]) -> Option<Expr> {
    let result = || ident(RESULT);
    let goes_on = |condition: IdedExpr| function(operators::NOT_STRICTLY_FALSE, vec![condition]);
    let if_passes = |filter: Option<&IdedExpr>, step: IdedExpr| match filter {
        Some(filter) => function(operators::CONDITIONAL, vec![filter.clone(), step, result()]),
        None => step,
    };
    let (filter, item) = match body {
        [item] => (None, item),
        [filter, item] if name.starts_with("transform") => (Some(filter), item),
        _ => return None,
    };
    let (start, condition, step, end) = match name {
        "all" => {
            let step = function(operators::LOGICAL_AND, vec![result(), item.clone()]);
            (boolean(true), goes_on(result()), step, result())
        }
        "exists" => {
            let step = function(operators::LOGICAL_OR, vec![result(), item.clone()]);
            let not_yet = function(operators::LOGICAL_NOT, vec![result()]);
            (boolean(false), goes_on(not_yet), step, result())
        }
        "existsOne" | "exists_one" => {
            let more = function(operators::ADD, vec![result(), integer(1)]);
            let one = function(operators::EQUALS, vec![result(), integer(1)]);
            (integer(0), boolean(true), if_passes(Some(item), more), one)
        }
        "transformList" => {
            let longer = function(operators::ADD, vec![result(), list(vec![item.clone()])]);
            (list(Vec::new()), boolean(true), if_passes(filter, longer), result())
        }
        "transformMap" => {
            let larger = function(INSERT, vec![result(), ident(first), item.clone()]);
            (empty_map(), boolean(true), if_passes(filter, larger), result())
        }
        "transformMapEntry" => {
            let larger = function(INSERT, vec![result(), item.clone()]);
            (empty_map(), boolean(true), if_passes(filter, larger), result())
        }
        _ => return None,
    };
    let loops = Loop {
        range: target.clone(),
        variables: (first, Some(second)),
        start,
        condition,
        step,
        result: end,
    };
    Some(comprehension(loops).expr)
}

/// An expression in which a name stands for a value: a loop over nothing, whose result is the expression.
fn bind(name: &str, value: IdedExpr, body: IdedExpr) -> IdedExpr {
    let mut bound = comprehension(Loop {
        range: list(Vec::new()),
        variables: (UNUSED, None),
        start: value,
        condition: boolean(false),
        step: ident(name),
        result: body,
    });
    if let Expr::Comprehension(bound) = &mut bound.expr {
        name.clone_into(&mut bound.accu_var);
    }
    bound
}

struct Loop<'a> {
    range: IdedExpr,
    variables: (&'a str, Option<&'a str>),
    start: IdedExpr,
    condition: IdedExpr,
    step: IdedExpr,
    result: IdedExpr,
}

fn comprehension(of_loop: Loop<'_>) -> IdedExpr {
    let (first, second) = of_loop.variables;
    of(Expr::Comprehension(Box::new(ComprehensionExpr {
        iter_range: of_loop.range,
        iter_var: first.to_owned(),
        iter_var2: second.map(str::to_owned),
        accu_var: RESULT.to_owned(),
        accu_init: of_loop.start,
        loop_cond: of_loop.condition,
        loop_step: of_loop.step,
        result: of_loop.result,
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

fn empty_map() -> IdedExpr {
    of(Expr::Map(MapExpr { entries: Vec::new() }))
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
