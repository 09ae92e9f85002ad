//! Compiled expressions: text in, a program out; bindings in, a result out.

use std::cell::OnceCell;
use std::sync::Arc;

use kube_cel::cel::common::ast::{EntryExpr, Expr, IdedExpr};
use kube_cel::cel::objects::OptionalValue;
use kube_cel::cel::parser::Parser;
use kube_cel::cel::{Context, ExecutionError, Value as Cel};
use serde_json::Value;

use super::super::structural::Node;
use super::associative::Associative;
use super::evaluate::{Evaluation, Failure};
use super::functions::{WORDED, library};
use super::macros::{expand, parts};
use super::names;
use super::nesting::measure;
use super::places::{Text, located};
use super::stack;
use super::value::to_cel;

/// What one evaluation may cost.
const MOST_COST: u64 = 1_000_000;
const QUANTITY: &str = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";

thread_local! {
    /// The functions, which are many, are registered once.
    static LIBRARY: OnceCell<Context<'static>> = const { OnceCell::new() };
}

/// An expression.
#[derive(Debug)]
pub(in super::super) struct Program {
    expression: IdedExpr,
    depth: usize,
    uses_old: bool,
}

impl Program {
    /// Compiles an expression.
    ///
    /// # Errors
    ///
    /// What is wrong with its syntax.
    pub(in super::super) fn new(source: &str) -> Result<Self, String> {
        let (depth, text) = measure(source)?;
        stack::for_parsing(depth, || {
            let mut expression = parse(source, &text)?;
            if has_struct(&expression) {
                return Err("messages are not supported".to_owned());
            }
            expand(&mut expression, Text(source))?;
            names::join(&mut expression);
            let uses_old = expression.references().has_variable("oldSelf");
            Ok(Self {
                depth: depth_of(&expression),
                expression,
                uses_old,
            })
        })
    }

    /// Walks through its syntax tree.
    pub(super) fn walk<'p, T>(&'p self, walk: impl FnOnce(&'p IdedExpr) -> T) -> T {
        stack::for_walking(self.depth, || walk(&self.expression))
    }

    /// Whether it compares with the old value.
    pub(in super::super) const fn uses_old(&self) -> bool {
        self.uses_old
    }

    /// The result, and what it cost; with `optional_old`, the old value is an optional one.
    pub(in super::super) fn evaluate(&self, bindings: &Bindings, optional_old: bool) -> Evaluated {
        let mut scope = vec![("self", bindings.value.clone())];
        if optional_old {
            let old = bindings.old.clone().map_or_else(OptionalValue::none, OptionalValue::of);
            scope.push(("oldSelf", Cel::Opaque(Arc::new(old))));
        } else if let Some(old) = &bindings.old {
            scope.push(("oldSelf", old.clone()));
        }
        LIBRARY.with(|cell| {
            let mut evaluation = Evaluation::new(cell.get_or_init(library), scope, bindings.lists.clone(), MOST_COST);
            let result = self.walk(|expression| evaluation.value(expression));
            Evaluated {
                cost: evaluation.spent,
                result: result.map(Outcome).map_err(|failure| match failure {
                    Failure::Limit => Trouble::Limit,
                    Failure::Error(error) => Trouble::Error(error_text(&error)),
                }),
            }
        })
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let expression = std::mem::take(&mut self.expression);
        stack::for_walking(self.depth, || drop(expression));
    }
}

/// What came of an evaluation.
pub(in super::super) struct Evaluated {
    /// What it cost, in units of Kubernetes' own.
    pub(in super::super) cost: u64,
    /// The value, or why there is none.
    pub(in super::super) result: Result<Outcome, Trouble>,
}

/// Why there is no value.
pub(in super::super) enum Trouble {
    /// It would have cost more than one evaluation may.
    Limit,
    /// It went wrong, in Kubernetes' words.
    Error(String),
}

/// Parses a text; errors show the source that it was made of.
fn parse(source: &str, text: &str) -> Result<IdedExpr, String> {
    // What is nested too deep was refused before.
    let parser = Parser::new().enable_optional_syntax(true).max_recursion_depth(u16::MAX);
    parser.parse(text).map_err(|errors| {
        // The parser tells of what it could not make of it, too.
        let told = |message: &str| !message.starts_with("Incomplete ");
        let shown = errors.errors.iter().filter(|error| told(&error.msg)).map(|error| {
            let line = usize::try_from(error.pos.0).unwrap_or_default();
            let column = usize::try_from(error.pos.1).unwrap_or_default();
            located(source, line, column.saturating_sub(1), &error.msg)
        });
        shown.collect::<Vec<_>>().join("\n")
    })
}

/// The evaluator knows no messages, and must not meet one.
fn has_struct(expression: &IdedExpr) -> bool {
    match &expression.expr {
        Expr::Struct(_) | Expr::Unspecified => true,
        Expr::Map(map)
            if map
                .entries
                .iter()
                .any(|entry| matches!(entry.expr, EntryExpr::StructField(_))) =>
        {
            true
        }
        _ => parts(expression).into_iter().any(has_struct),
    }
}

fn depth_of(expression: &IdedExpr) -> usize {
    1 + parts(expression).into_iter().map(depth_of).max().unwrap_or_default()
}

/// The value of an expression.
pub(in super::super) struct Outcome(Cel);

impl Outcome {
    /// Whether it is `true`.
    pub(in super::super) const fn is_true(&self) -> bool {
        matches!(self.0, Cel::Bool(true))
    }

    /// Its text, if it is one.
    pub(in super::super) fn into_text(self) -> Option<String> {
        match self.0 {
            Cel::String(text) => Some(text.to_string()),
            _ => None,
        }
    }
}

/// `self` and `oldSelf`.
pub(in super::super) struct Bindings {
    value: Cel,
    old: Option<Cel>,
    lists: Associative,
}

impl Bindings {
    /// Binds a value and its old state. A resource's root has a version, a kind and a name in any case.
    pub(in super::super) fn new(node: &Node, value: &Value, old: Option<&Value>, resource: bool) -> Self {
        let mut lists = Associative::default();
        let value = to_cel(value, node, resource, &mut lists);
        let old = old.map(|old| to_cel(old, node, resource, &mut lists));
        Self { value, old, lists }
    }

    /// Whether there is an old value.
    pub(in super::super) const fn has_old(&self) -> bool {
        self.old.is_some()
    }
}

pub(super) fn error_text(error: &ExecutionError) -> String {
    match error {
        ExecutionError::NoSuchKey(key) => format!("no such key: {key}"),
        ExecutionError::IndexOutOfBounds(Cel::Int(index)) => format!("index out of bounds: {index}"),
        ExecutionError::IndexOutOfBounds(_) => "index out of bounds".to_owned(),
        ExecutionError::DivisionByZero(_) => "division by zero".to_owned(),
        ExecutionError::RemainderByZero(_) => "modulus by zero".to_owned(),
        ExecutionError::Overflow(_, Cel::UInt(_), _) => "unsigned integer overflow".to_owned(),
        ExecutionError::Overflow(..) => "integer overflow".to_owned(),
        ExecutionError::UndeclaredReference(name) => format!("undeclared reference to '{name}'"),
        ExecutionError::FunctionError { function, message } if function == WORDED => message.clone(),
        ExecutionError::FunctionError { function, .. } if function == "quantity" => QUANTITY.to_owned(),
        ExecutionError::FunctionError { function, .. } if function == "asInteger" => {
            "cannot convert value to integer".to_owned()
        }
        ExecutionError::FunctionError { message, .. } => {
            let index = message.strip_prefix("start ").unwrap_or(message);
            let index = index
                .strip_prefix("index ")
                .and_then(|rest| rest.split_once(" out of range"));
            index.map_or_else(|| message.clone(), |(index, _)| format!("index out of range: {index}"))
        }
        _ => "no such overload".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_library_is_there() {
        let bindings = Bindings::new(&Node::new(&json!({"type": "object"})), &json!({}), None, false);
        let all = [
            "[[1]].flatten()==[1]",
            "[1].first().hasValue()",
            "[1].last().hasValue()",
            "[1,2].slice(0,1)==[1]",
            "[1,1].distinct()==[1]",
            "[2,1].sort()==[1,2]",
            "lists.range(2)==[0,1]",
            "strings.quote('a')=='\"a\"'",
            "ip.isCanonical('1.2.3.4')",
            "sets.equivalent([1],[1])",
            "[1].reverse()==[1]",
            "quantity('1').sign()==1",
            "bool('true')",
            "bytes('a')==b'a'",
            "string(1.5)=='1.5'",
            "duration('1h').getHours()==1",
            "timestamp('2020-01-01T00:00:00Z').getFullYear('UTC')==2020",
            "url('https://a/b').getEscapedPath()=='/b'",
            "semver('1.2.3').compareTo(semver('1.2.4'))<0",
            "isSemver('v1.0', true)",
            "'a,b'.split(',',1).size()==1",
            "'%.2f'.format([1.5])=='1.50'",
            "cidr('10.0.0.0/8').masked()==cidr('10.0.0.0/8')",
            "[1,2].sum()==3",
            "[1,2].min()==1",
            "'abab'.replace('a','x',1)=='xbab'",
            "'a'.find('b')==''",
            "'abc'.findAll('[a-c]').size()==3",
            "1 < 1.5",
            "{'a':1}.size()==1",
            "'a' in {'a':1}",
            "[1,2].exists_one(x, x==1)",
            "[1].existsOne(i,v,v==1)",
            "b'a' == b'a'",
            "-1 == -(1)",
            "3 % 2 == 1",
            "1u + 2u == 3u",
            "optional.ofNonZeroValue('').orValue('x')=='x'",
            "{?'a': optional.none()}.size()==0",
            "[?optional.of(1)].size()==1",
            "'x'.matches('^[a-z]$')",
            "int('5')==5 && int(5.9)==5",
            "double('1.5')==1.5",
            "size('äö')==2",
            "'äö'.charAt(1)=='ö'",
            "timestamp('2020-01-01T00:00:00Z') + duration('1h') > timestamp('2020-01-01T00:00:00Z')",
            "type(1) == int",
            "dyn(1) == 1",
            "has({'a':1}.a)",
            "true ? true : 1/0 == 1",
            "false && 1/0 == 1 || true",
            "[1,2,3].filter(x, x>1).map(x, x*2) == [4,6]",
            "[1,2].map(x, x>1, x) == [2]",
            "'A'.lowerAscii()=='a'",
            "isIP('1.2.3.4') && ip('::1').isLoopback()",
            "quantity('1Gi').isGreaterThan(quantity('1Mi'))",
            "quantity('50k').add(20) == quantity('50020')",
            "[{'a':1}].exists(x, x.?a.orValue(0) == 1)",
            "uint(3) == 3u",
            "{'a': 1}.transformMap(k, v, v + 1) == {'a': 2}",
            "['a'].transformMapEntry(i, v, {v: i}) == {'a': 0}",
            "[3, 1, 2].sortBy(x, -x) == [3, 2, 1]",
            "[optional.of(1), optional.none()].unwrapOpt() == [1]",
            "1 == 1.0 && 1.0 in [1]",
            "b'a' < b'b'",
            "type(duration('1s')) == google.protobuf.Duration",
            "google.protobuf.Timestamp == type(timestamp(0))",
            "type(ip('1.1.1.1')) == net.IP && type(type(1)) == type",
            "format.named('uuid').hasValue() && !format.named('x').hasValue()",
        ];
        for expression in all {
            let evaluated = Program::new(expression).unwrap().evaluate(&bindings, false);
            assert!(evaluated.result.is_ok_and(|result| result.is_true()), "{expression}");
        }
    }
}
