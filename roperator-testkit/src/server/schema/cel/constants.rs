//! What is wrong with the constants of an expression, before there are values: an expression that is well typed in, errors in
//! Kubernetes' words out. Conversions of what is written out are made at once, and templates are held against their values.

use kube_cel::cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue};
use kube_cel::cel::{ExecutionError, Value as Cel};

use super::super::pattern::Pattern;
use super::conversions::convert;
use super::evaluate::written;
use super::formatting::{Clause, Piece, pieces};
use super::functions::{name_of_type, shown_type, worded};
use super::known::Known;
use super::macros::parts;
use super::operators::CONVERSIONS;
use super::places::{Mistake, Text};
use super::types::Type;

/// The names of types that nothing has.
const NOTHING: [&str; 2] = ["duration", "timestamp"];

/// Why a program cannot be made: a conversion of a constant, or a pattern that is one, goes wrong, or a name stands for nothing.
pub(super) fn unmakeable(expression: &IdedExpr, known: &Known<'_>) -> Option<ExecutionError> {
    constant(expression, known).err()
}

/// The value of what is written out, or converted from that; nothing for all else.
fn constant(expression: &IdedExpr, known: &Known<'_>) -> Result<Option<Cel>, ExecutionError> {
    match &expression.expr {
        Expr::Literal(literal) => return Ok(Some(written(literal))),
        Expr::Ident(name) if NOTHING.contains(&name.as_str()) && known.type_of(expression) == &Type::Named("type") => {
            return Err(worded(format!("reference to undefined type: {name}")));
        }
        _ => {}
    }
    let operands: Vec<Option<Cel>> = parts(expression)
        .into_iter()
        .map(|part| constant(part, known))
        .collect::<Result<_, _>>()?;
    let Expr::Call(call) = &expression.expr else {
        return Ok(None);
    };
    match (call.func_name.as_str(), operands.as_slice()) {
        (name, [Some(value)]) if call.target.is_none() && CONVERSIONS.contains(&name) => {
            let no_overload = || worded(format!("no such overload: {name}({})", name_of_type(value)));
            convert(name, value).unwrap_or_else(|| Err(no_overload())).map(Some)
        }
        ("find" | "findAll", [_, Some(Cel::String(pattern)), ..]) => match Pattern::new(pattern).error() {
            Some(why) => Err(worded(format!("error parsing regexp: {why}"))),
            None => Ok(None),
        },
        _ => Ok(None),
    }
}

/// Which templates do not fit their values.
pub(super) fn misfits(expression: &IdedExpr, known: &Known<'_>, text: Text<'_>) -> Vec<Mistake> {
    let mut found: Vec<Mistake> = parts(expression)
        .into_iter()
        .flat_map(|part| misfits(part, known, text))
        .collect();
    if let Expr::Call(call) = &expression.expr
        && let Some((culprit, why)) = misfit(call, known)
    {
        let at = culprit.map_or_else(|| text.place(&call.func_name), |culprit| text.place_of(culprit));
        found.push(Mistake::new(at, why));
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
