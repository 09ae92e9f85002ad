//! What is wrong with the constants of an expression, before there are values: an expression that is well typed in, errors in
//! Kubernetes' words out. Conversions of what is written out are made at once, and templates are held against their values.

use kube_cel::cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue};
use kube_cel::cel::{ExecutionError, Value as Cel};

use super::conversions::convert;
use super::evaluate::written;
use super::formatting::{Clause, Piece, pieces};
use super::functions::shown_type;
use super::known::Known;
use super::macros::parts;
use super::operators::CONVERSIONS;
use super::places::Text;
use super::types::Type;

/// Why a conversion cannot be made.
pub(super) fn unconvertible(expression: &IdedExpr) -> Option<ExecutionError> {
    let within = parts(expression).into_iter().find_map(unconvertible);
    within.or_else(|| constant(expression)?.err())
}

/// The value of what is written out, or converted from that.
fn constant(expression: &IdedExpr) -> Option<Result<Cel, ExecutionError>> {
    match &expression.expr {
        Expr::Literal(literal) => Some(Ok(written(literal))),
        Expr::Call(call) if call.target.is_none() && CONVERSIONS.contains(&call.func_name.as_str()) => {
            let [operand] = call.args.as_slice() else { return None };
            convert(&call.func_name, &constant(operand)?.ok()?)
        }
        _ => None,
    }
}

/// Which templates do not fit their values.
pub(super) fn misfits(expression: &IdedExpr, known: &Known<'_>, text: Text<'_>) -> Vec<String> {
    let mut found: Vec<String> = parts(expression)
        .into_iter()
        .flat_map(|part| misfits(part, known, text))
        .collect();
    if let Expr::Call(call) = &expression.expr
        && let Some((culprit, why)) = misfit(call, known)
    {
        let at = culprit.map_or_else(|| text.place(&call.func_name), |culprit| text.place_of(culprit));
        found.push(text.located(at, &why));
    }
    found
}

/// What does not fit, and why; nothing for the whole template.
fn misfit<'e>(call: &'e CallExpr, known: &Known<'_>) -> Option<(Option<&'e IdedExpr>, String)> {
    let (Some(Expr::Literal(LiteralValue::String(template))), "format") =
        (call.target.as_ref().map(|target| &target.expr), call.func_name.as_str())
    else {
        return None;
    };
    let [
        IdedExpr {
            expr: Expr::List(values),
            ..
        },
    ] = call.args.as_slice()
    else {
        return None;
    };
    let mut used = 0;
    for piece in pieces(template.inner()) {
        if let Piece::Text(_) = piece {
            continue;
        }
        let value = values.elements.get(used);
        let wrong = match (piece, value) {
            (Piece::Cut, _) => Some((None, "unexpected end of string".to_owned())),
            (_, None) => Some((None, format!("index {used} out of range"))),
            (Piece::Clause(clause), Some(value)) => refused(clause, value, known).map(|(at, why)| (Some(at), why)),
            (Piece::Wrong(why), _) => Some((None, why)),
            (Piece::Text(_), _) => None,
        };
        if wrong.is_some() {
            return wrong;
        }
        used += 1;
    }
    let given = values.elements.len();
    let why = format!("too many arguments supplied to string.format (expected {used}, got {given})");
    (given > used).then_some((None, why))
}

/// The value, or the part of it, that cannot be written by a clause.
fn refused<'e>(clause: Clause, value: &'e IdedExpr, known: &Known<'_>) -> Option<(&'e IdedExpr, String)> {
    let kind = match known.type_of(value) {
        Type::Dyn | Type::Parameter(_) => return None,
        Type::Named(name) => shown_type(name),
        Type::List(_) => "list",
        Type::Map(..) => "map",
        Type::Optional(_) => "optional_type",
        Type::Object(_) => "object",
    };
    let why = clause
        .refuses(kind)
        .filter(|_| !(kind == "string" && clause.takes_words()));
    let is_whole = matches!(value.expr, Expr::List(_) | Expr::Map(_));
    let within = || {
        let parts = parts(value).into_iter().filter(|_| is_whole);
        parts.into_iter().find_map(|part| refused(clause, part, known))
    };
    why.map(|why| (value, why)).or_else(within)
}
