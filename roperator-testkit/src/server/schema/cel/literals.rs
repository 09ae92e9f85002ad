//! What is wrong with what is written out in an expression that is well typed: the expression and its types in, mistakes in
//! Kubernetes' words out. Times and patterns must be some, and the parts of a list or map are all of one type.

use kube_cel::cel::common::ast::{CallExpr, EntryExpr, Expr, IdedExpr, LiteralValue};

use super::super::pattern::Pattern;
use super::known::Known;
use super::macros::parts;
use super::places::{Mistake, Text};
use super::times::{at_second, read_span, read_time};
use super::types::Type;

/// All that is wrong.
pub(super) fn mistakes(expression: &IdedExpr, known: &Known<'_>, text: Text<'_>) -> Vec<Mistake> {
    let mut checker = Checker {
        known,
        text,
        found: Vec::new(),
    };
    checker.visit(expression, false);
    checker.found
}

struct Checker<'e> {
    known: &'e Known<'e>,
    text: Text<'e>,
    found: Vec<Mistake>,
}

impl Checker<'_> {
    /// What is formatted may be of several types.
    fn visit(&mut self, expression: &IdedExpr, is_formatted: bool) {
        let formats = matches!(&expression.expr, Expr::Call(call) if call.func_name == "format");
        match &expression.expr {
            Expr::Call(call) => self.call(call),
            Expr::List(list) if !is_formatted => {
                let items = list.elements.iter().enumerate();
                self.alike(items.map(|(index, item)| (item, list.optional_indices.contains(&index))));
            }
            Expr::Map(map) if !is_formatted => {
                let entries = map.entries.iter().filter_map(|entry| match &entry.expr {
                    EntryExpr::MapEntry(entry) => Some(entry),
                    EntryExpr::StructField(_) => None,
                });
                self.alike(entries.clone().map(|entry| (&entry.key, false)));
                self.alike(entries.map(|entry| (&entry.value, entry.optional)));
            }
            _ => {}
        }
        for part in parts(expression) {
            self.visit(part, is_formatted || formats);
        }
    }

    /// The first part says which type it is; one that is optional counts without its wrapping.
    fn alike<'e>(&mut self, parts: impl Iterator<Item = (&'e IdedExpr, bool)>) {
        let mut wanted: Option<Type<'_>> = None;
        for (part, optional) in parts {
            let found = self.known.type_of(part).clone();
            let found = if optional { found.unwrapped().0 } else { found };
            match &wanted {
                None => wanted = Some(found),
                Some(wanted) if wanted.is_same(&found) => {}
                Some(wanted) => {
                    let why = format!("expected type '{wanted}' but found '{found}'");
                    self.found.push(Mistake::new(self.text.place_of(part), why));
                    return;
                }
            }
        }
    }

    fn call(&mut self, call: &CallExpr) {
        let [argument] = call.args.as_slice() else {
            if let ("matches", [_, pattern]) = (call.func_name.as_str(), call.args.as_slice()) {
                self.argument("matches", pattern);
            }
            return;
        };
        self.argument(&call.func_name, argument);
    }

    fn argument(&mut self, function: &str, argument: &IdedExpr) {
        let Expr::Literal(literal) = &argument.expr else {
            return;
        };
        let is_one = match (function, literal) {
            ("matches", LiteralValue::String(text)) => Pattern::new(text.inner()).error().is_none(),
            ("duration", LiteralValue::String(text)) => read_span(text.inner()).is_some(),
            ("duration", LiteralValue::Int(_)) => false,
            ("timestamp", LiteralValue::String(text)) => read_time(text.inner()).is_some(),
            ("timestamp", LiteralValue::Int(second)) => at_second(*second.inner()).is_ok(),
            _ => true,
        };
        if !is_one {
            let at = self.text.place_of(argument);
            self.found
                .push(Mistake::new(at, format!("invalid {function} argument")));
        }
    }
}
