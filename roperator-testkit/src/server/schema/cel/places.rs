//! Where something is in the text of an expression: the text and what is looked for in, a place or an error with its place
//! out. A parsed expression does not know where it was; the first place that reads like it is taken for it.

use kube_cel::cel::common::ast::{Expr, IdedExpr, LiteralValue, operators};

/// An error with its place, as Kubernetes' compiler writes it. Lines count from one, columns from zero.
pub(super) fn located(source: &str, line: usize, column: usize, message: &str) -> String {
    let text = source.lines().nth(line.saturating_sub(1)).unwrap_or_default();
    format!(
        "ERROR: <input>:{line}:{}: {message}\n | {text}\n | {}^",
        column + 1,
        ".".repeat(column)
    )
}

/// What is wrong, and where.
pub(super) struct Mistake {
    at: Option<usize>,
    why: String,
}

impl Mistake {
    pub(super) const fn new(at: Option<usize>, why: String) -> Self {
        Self { at, why }
    }
}

/// The text of an expression.
#[derive(Clone, Copy)]
pub(super) struct Text<'a>(pub(super) &'a str);

impl Text<'_> {
    /// Where a piece of text is.
    pub(super) fn find(self, piece: &str) -> Option<usize> {
        self.0.find(piece)
    }

    /// Where a piece of text is that follows another one.
    pub(super) fn find_after(self, before: &str, piece: &str) -> Option<usize> {
        self.find(&format!("{before}{piece}")).map(|at| at + before.len())
    }

    /// All that is wrong, in the order of the text. What is said twice of a place is said once.
    pub(super) fn all(self, mut mistakes: Vec<Mistake>) -> String {
        mistakes.sort_by_key(|mistake| mistake.at);
        let mut errors: Vec<String> = mistakes
            .iter()
            .map(|mistake| self.located(mistake.at, &mistake.why))
            .collect();
        errors.dedup();
        errors.join("\n")
    }

    /// An error with its place.
    pub(super) fn located(self, at: Option<usize>, message: &str) -> String {
        let before = self.0.get(..at.unwrap_or_default()).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count();
        located(self.0, line, column, message)
    }

    /// Where a name stands as a whole word.
    pub(super) fn word(self, name: &str) -> Option<usize> {
        let is_part =
            |character: Option<char>| character.is_some_and(|part| part.is_ascii_alphanumeric() || part == '_');
        self.0.match_indices(name).map(|(at, _)| at).find(|at| {
            let (before, after) = self.0.split_at(*at);
            let after = after.get(name.len()..).unwrap_or_default();
            !is_part(before.chars().last()) && !is_part(after.chars().next())
        })
    }

    /// A function is where its arguments begin, an operator is where it stands.
    pub(super) fn place(self, function: &str) -> Option<usize> {
        match function {
            operators::INDEX | operators::OPT_INDEX => self.find("["),
            operators::CONDITIONAL => self.find("?"),
            _ if function.starts_with(|first: char| first.is_ascii_alphabetic()) => {
                self.word(function).map(|at| at + function.len())
            }
            _ => self.find(function.trim_matches(['_', '@'])),
        }
    }

    /// Where an expression is said to be.
    pub(super) fn place_of(self, expression: &IdedExpr) -> Option<usize> {
        match &expression.expr {
            Expr::Ident(name) => self.word(name),
            Expr::Select(select) => self.find(&format!(".{}", select.field)),
            Expr::Call(call) => self.place(&call.func_name),
            Expr::Literal(LiteralValue::String(text)) => {
                let quoted = |quote: &char| self.find(&format!("{quote}{}{quote}", text.inner()));
                ['\'', '"'].iter().find_map(quoted)
            }
            Expr::Literal(literal) => self.find(&written(literal)),
            _ => None,
        }
    }
}

fn written(literal: &LiteralValue) -> String {
    match literal {
        LiteralValue::Boolean(value) => value.inner().to_string(),
        LiteralValue::Double(value) => value.inner().to_string(),
        LiteralValue::Int(value) => value.inner().to_string(),
        LiteralValue::UInt(value) => value.inner().to_string(),
        LiteralValue::String(value) => format!("'{}'", value.inner()),
        LiteralValue::Bytes(_) => "b'".to_owned(),
        LiteralValue::Null => "null".to_owned(),
    }
}
