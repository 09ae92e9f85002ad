//! What can be said of an expression before it is evaluated: a program and the schema of `self` in; its cost at most, or
//! errors in the form of Kubernetes' compiler, out. Where an optional value, or one that has any type, is involved, some
//! errors are only found by evaluating. Errors are located at the first place in the text that reads like the culprit.

use kube_cel::cel::common::ast::{
    CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedExpr, LiteralValue, SelectExpr, operators,
};

use super::super::structural::Node;
use super::constants::{misfits, unmakeable};
use super::declared::Declared;
use super::estimate::estimate;
use super::known::{Known, resolved};
use super::library::{Overload, TYPES, overloads};
use super::literals;
use super::places::{Mistake, Text};
use super::program::{Program, error_text};
use super::types::Type;

/// What is known of an expression that can be evaluated.
#[derive(Debug, Clone, Copy, Default)]
pub(in super::super) struct Checked {
    /// Whether it compares with the old value.
    pub(in super::super) uses_old: bool,
    /// What it costs at most, in units of Kubernetes' own.
    pub(in super::super) cost: u64,
}

/// Compiles and checks an expression over a schema.
///
/// # Errors
///
/// All that is wrong, one error after the other, each with the place in the text.
pub(in super::super) fn check(
    source: &str,
    node: &Node,
    resource: bool,
    optional_old: bool,
    wanted: Wanted,
) -> Result<Checked, String> {
    let failed = wanted.failed();
    let program = Program::new(source).map_err(|error| format!("{failed}: {error}"))?;
    let declared = Declared::Value(node, resource);
    let this = Type::of(declared);
    let old = match optional_old {
        true => Type::Optional(Box::new(this.clone())),
        false => this.clone(),
    };
    let mut checker = Checker {
        text: Text(source),
        scope: vec![("self", this), ("oldSelf", old)],
        known: Known::default(),
        mistakes: Vec::new(),
    };
    let found = program.walk(|expression| checker.infer(expression));
    let Checker {
        known,
        text,
        mut mistakes,
        ..
    } = checker;
    if mistakes.is_empty() {
        mistakes.extend(program.walk(|expression| literals::mistakes(expression, &known, text)));
        mistakes.extend(program.walk(|expression| misfits(expression, &known, text)));
    }
    if !mistakes.is_empty() {
        return Err(format!("{failed}: {}", text.all(mistakes)));
    }
    if found != Type::Named(wanted.type_name()) {
        return Err(wanted.mistyped().to_owned());
    }
    if let Some(error) = program.walk(|expression| unmakeable(expression, &known)) {
        return Err(format!("{}: {}", wanted.not_made(), error_text(&error)));
    }
    Ok(Checked {
        uses_old: program.uses_old(),
        cost: program.walk(|expression| estimate(expression, &known, declared)),
    })
}

/// What an expression is for.
#[derive(Debug, Clone, Copy)]
pub(in super::super) enum Wanted {
    /// A rule, which is true or false.
    Rule,
    /// A message, which is a text.
    Message,
}

impl Wanted {
    const fn type_name(self) -> &'static str {
        match self {
            Self::Rule => "bool",
            Self::Message => "string",
        }
    }

    const fn failed(self) -> &'static str {
        match self {
            Self::Rule => "compilation failed",
            Self::Message => "messageExpression compilation failed",
        }
    }

    const fn not_made(self) -> &'static str {
        match self {
            Self::Rule => "program instantiation failed",
            Self::Message => "messageExpression instantiation failed",
        }
    }

    const fn mistyped(self) -> &'static str {
        match self {
            Self::Rule => "cel expression must evaluate to a bool",
            Self::Message => "messageExpression must evaluate to a string",
        }
    }
}

struct Checker<'a> {
    text: Text<'a>,
    scope: Vec<(&'a str, Type<'a>)>,
    known: Known<'a>,
    mistakes: Vec<Mistake>,
}

impl<'a> Checker<'a> {
    fn infer<'e: 'a>(&mut self, expression: &'e IdedExpr) -> Type<'a> {
        let found = match &expression.expr {
            Expr::Ident(name) => self.variable(name),
            Expr::Literal(literal) => literal_type(literal),
            Expr::Select(select) => self.select(select),
            Expr::Call(call) if call.func_name == operators::OPT_SELECT => self.optional_select(expression, call),
            Expr::Call(call) => self.call(expression, call),
            Expr::List(list) => {
                let optional = |index: usize| list.optional_indices.contains(&index);
                let mut items = Type::UNKNOWN;
                for (index, item) in list.elements.iter().enumerate() {
                    items = self.joined(items, item, optional(index));
                }
                Type::List(Box::new(items))
            }
            Expr::Map(map) => {
                let (mut keys, mut values) = (Type::UNKNOWN, Type::UNKNOWN);
                for entry in &map.entries {
                    if let EntryExpr::MapEntry(entry) = &entry.expr {
                        keys = self.joined(keys, &entry.key, false);
                        values = self.joined(values, &entry.value, entry.optional);
                    }
                }
                Type::Map(Box::new(keys), Box::new(values))
            }
            Expr::Comprehension(comprehension) => self.comprehension(comprehension),
            Expr::Struct(_) | Expr::Unspecified => Type::Dyn,
        }
        .bounded();
        self.known.note_type(expression, found.clone());
        found
    }

    /// The type of the items of a list, with one more: anything, if they do not fit. One that may be left out is optional.
    fn joined<'e: 'a>(&mut self, items: Type<'a>, item: &'e IdedExpr, optional: bool) -> Type<'a> {
        let found = match self.infer(item) {
            found @ (Type::Dyn | Type::Parameter(_)) => found,
            found if optional => match found.unwrapped() {
                (found, true) => found,
                (found, false) => {
                    self.expect(&Type::Optional(Box::new(found.clone())), &found, item);
                    found
                }
            },
            found => found,
        };
        match items.accepts(&found, &mut Vec::new()) {
            true => items.joined(&found),
            false => Type::Dyn,
        }
    }

    fn expect(&mut self, wanted: &Type<'a>, found: &Type<'a>, culprit: &IdedExpr) {
        if !wanted.accepts(found, &mut Vec::new()) {
            let at = self.text.place_of(culprit);
            self.error(at, &format!("expected type '{wanted}' but found '{found}'"));
        }
    }

    fn variable(&mut self, name: &str) -> Type<'a> {
        if let Some((_, known)) = self.scope.iter().rev().find(|(known, _)| *known == name) {
            return known.clone();
        }
        if TYPES.contains(&name) {
            return Type::Named("type");
        }
        self.error(
            self.text.word(name),
            &format!("undeclared reference to '{name}' (in container '')"),
        );
        Type::Dyn
    }

    fn select<'e: 'a>(&mut self, select: &'e SelectExpr) -> Type<'a> {
        let field = select.field.as_str();
        let operand = self.infer(&select.operand);
        if select.test {
            let at = self.text.find("has(").map(|at| at + "has".len());
            self.field(operand, field, at);
            return Type::Named("bool");
        }
        let at = self.text.find(&format!(".{field}"));
        self.field(operand, field, at)
    }

    /// What is selected from an optional value is optional.
    fn field(&mut self, operand: Type<'a>, field: &str, at: Option<usize>) -> Type<'a> {
        let (operand, optional) = operand.unwrapped();
        let found = match &operand {
            Type::Dyn | Type::Parameter(_) => Type::Dyn,
            Type::Map(_, value) => value.as_ref().clone(),
            Type::Object(declared) => match declared.field(field) {
                Some(declared) => Type::of(declared),
                None => {
                    self.error(at, &format!("undefined field '{field}'"));
                    Type::Dyn
                }
            },
            other => {
                let why = match other {
                    Type::Named(name) if name.contains('.') => format!("unexpected failed resolution of '{name}'"),
                    _ => format!("type '{other}' does not support field selection"),
                };
                self.error(at, &why);
                Type::Dyn
            }
        };
        match optional {
            true => Type::Optional(Box::new(found)),
            false => found,
        }
    }

    fn optional_select<'e: 'a>(&mut self, expression: &'e IdedExpr, call: &'e CallExpr) -> Type<'a> {
        let known: Vec<_> = overloads(operators::OPT_SELECT).iter().collect();
        self.known.note_overloads(expression, known);
        let [operand, field] = call.args.as_slice() else {
            return Type::Dyn;
        };
        let operand = self.infer(operand);
        self.infer(field);
        let Expr::Literal(LiteralValue::String(field)) = &field.expr else {
            return Type::Dyn;
        };
        let at = self.text.find(&format!(".?{}", field.inner()));
        let (found, _) = self.field(operand, field.inner(), at).unwrapped();
        Type::Optional(Box::new(found))
    }

    fn call<'e: 'a>(&mut self, expression: &'e IdedExpr, call: &'e CallExpr) -> Type<'a> {
        let name = call.func_name.as_str();
        let (qualified, target) = resolved(call);
        let mut operands: Vec<Type<'a>> = target.map(|target| self.infer(target)).into_iter().collect();
        operands.extend(call.args.iter().map(|argument| self.infer(argument)));
        let declared = overloads(&qualified);
        let at = self.text.place(name);
        if declared.is_empty() {
            self.error(at, &format!("undeclared reference to '{name}' (in container '')"));
            return Type::Dyn;
        }
        if let (operators::LOGICAL_AND | operators::LOGICAL_OR, [_, _]) = (name, operands.as_slice()) {
            for (operand, found) in call.args.iter().zip(&operands) {
                self.expect(&Type::Named("bool"), found, operand);
            }
            let known = declared.iter().collect();
            self.known.note_overloads(expression, known);
            return Type::Named("bool");
        }
        let (matching, result) = matching(declared, target.is_some(), &operands);
        if matching.is_empty() {
            let shown = |operands: &[Type<'_>]| operands.iter().map(Type::to_string).collect::<Vec<_>>().join(", ");
            let shown = match operands.split_first().filter(|_| target.is_some()) {
                Some((receiver, arguments)) => format!("{receiver}.({})", shown(arguments)),
                None => format!("({})", shown(&operands)),
            };
            self.error(
                at,
                &format!("found no matching overload for '{qualified}' applied to '{shown}'"),
            );
        }
        self.known.note_overloads(expression, matching);
        result
    }

    fn comprehension<'e: 'a>(&mut self, loops: &'e ComprehensionExpr) -> Type<'a> {
        let (first, second) = match self.infer(&loops.iter_range) {
            Type::List(item) if loops.iter_var2.is_some() => (Type::Named("int"), *item),
            Type::List(item) => (*item, Type::Dyn),
            Type::Map(key, value) => (*key, *value),
            Type::Dyn | Type::Parameter(_) => (Type::Dyn, Type::Dyn),
            other => {
                let why = format!(
                    "expression of type '{other}' cannot be range of a comprehension (must be list, map, or dynamic)"
                );
                self.error(self.text.place_of(&loops.iter_range), &why);
                (Type::Dyn, Type::Dyn)
            }
        };
        let depth = self.scope.len();
        let start = self.infer(&loops.accu_init);
        self.scope.push((loops.accu_var.as_str(), start.clone()));
        self.scope.push((loops.iter_var.as_str(), first));
        if let Some(name) = &loops.iter_var2 {
            self.scope.push((name.as_str(), second));
        }
        self.infer(&loops.loop_cond);
        let step = self.infer(&loops.loop_step);
        self.scope.truncate(depth);
        self.scope.push((loops.accu_var.as_str(), start.joined(&step)));
        let result = self.infer(&loops.result);
        self.scope.truncate(depth);
        result
    }

    fn error(&mut self, at: Option<usize>, message: &str) {
        self.mistakes.push(Mistake::new(at, message.to_owned()));
    }
}

/// The overloads that take these operands, and what they result in: anything, if they disagree.
fn matching<'a>(
    declared: &'static [Overload],
    is_method: bool,
    operands: &[Type<'a>],
) -> (Vec<&'static Overload>, Type<'a>) {
    let mut found = Vec::new();
    let mut result = None;
    for overload in declared.iter().filter(|overload| overload.is_method == is_method) {
        let mut bound = Vec::new();
        let mut pairs = overload.operands.iter().zip(operands);
        let fits = overload.operands.len() == operands.len()
            && pairs.all(|(declared, given)| declared.accepts(given, &mut bound));
        if fits {
            found.push(overload);
            let this = overload.result.with(&bound);
            let agrees = result.is_none() || result.as_ref() == Some(&this);
            result = Some(if agrees { this } else { Type::Dyn });
        }
    }
    (found, result.unwrap_or(Type::Dyn))
}

fn literal_type(literal: &LiteralValue) -> Type<'static> {
    Type::Named(match literal {
        LiteralValue::Boolean(_) => "bool",
        LiteralValue::Bytes(_) => "bytes",
        LiteralValue::Double(_) => "double",
        LiteralValue::Int(_) => "int",
        LiteralValue::Null => "null_type",
        LiteralValue::String(_) => "string",
        LiteralValue::UInt(_) => "uint",
    })
}
