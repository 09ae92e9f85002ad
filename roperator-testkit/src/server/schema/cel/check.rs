//! What can be said of an expression before it is evaluated: a program and the schema of `self` in, errors in the form of
//! Kubernetes' compiler out. Found are names that are not declared, fields that the schema does not have, comparisons of
//! different scalar types, and results that are no booleans. Everything else is only found by evaluating. Errors are
//! located at the first place in the text that reads like the culprit.

use kube_cel::cel::common::ast::{
    CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedExpr, LiteralValue, SelectExpr, operators,
};

use super::super::pattern::Pattern;
use super::super::structural::Node;
use super::library::{FUNCTIONS, NAMESPACES, TYPES, result_type};
use super::program::Program;
use super::value::{convert, escape};

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
) -> Result<Program, String> {
    let failed = wanted.failed();
    let program = Program::new(source).map_err(|error| format!("{failed}: {error}"))?;
    let this = Type::Node(node, resource);
    let mut checker = Checker {
        source,
        scope: vec![("self", this), ("oldSelf", if optional_old { Type::Any } else { this })],
        errors: Vec::new(),
    };
    let found = checker.infer(program.expression());
    if !checker.errors.is_empty() {
        return Err(format!("{failed}: {}", checker.errors.join("\n")));
    }
    if found.name().is_some_and(|found| found != wanted.type_name()) {
        return Err(wanted.mistyped().to_owned());
    }
    Ok(program)
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

    const fn mistyped(self) -> &'static str {
        match self {
            Self::Rule => "cel expression must evaluate to a bool",
            Self::Message => "messageExpression must evaluate to a string",
        }
    }
}

/// An error with its place, as Kubernetes' compiler writes it. Lines count from one, columns from zero.
pub(super) fn located(source: &str, line: usize, column: usize, message: &str) -> String {
    let text = source.lines().nth(line.saturating_sub(1)).unwrap_or_default();
    format!(
        "ERROR: <input>:{line}:{}: {message}\n | {text}\n | {}^",
        column + 1,
        ".".repeat(column)
    )
}

/// What is known of a value.
#[derive(Clone, Copy)]
enum Type<'a> {
    /// Nothing.
    Any,
    /// A scalar type by its name.
    Scalar(&'static str),
    /// A value of a schema; whether it is a resource's root.
    Node(&'a Node, bool),
    /// The metadata of a resource, of which only names are seen.
    Metadata,
}

impl Type<'_> {
    fn name(self) -> Option<&'static str> {
        match self {
            Self::Any => None,
            Self::Metadata => Some("object"),
            Self::Scalar(name) => Some(name),
            Self::Node(node, _) if node.int_or_string || node.preserves_unknown => None,
            Self::Node(node, _) => Some(match (node.kind.as_str(), node.format.as_str()) {
                ("integer", _) => "int",
                ("number", _) => "double",
                ("boolean", _) => "bool",
                ("string", "byte") => "bytes",
                ("string", "duration") => "google.protobuf.Duration",
                ("string", "date" | "date-time") => "google.protobuf.Timestamp",
                ("string", _) => "string",
                ("object", _) => "object",
                ("array", _) => "list",
                _ => return None,
            }),
        }
    }

    /// A scalar that is no point in time and no duration, which combine with each other.
    fn is_plain(self) -> bool {
        self.is_scalar() && !self.name().is_some_and(|name| name.contains('.'))
    }

    fn is_scalar(self) -> bool {
        self.name().is_some_and(|name| !matches!(name, "object" | "list"))
    }
}

struct Checker<'a> {
    source: &'a str,
    scope: Vec<(&'a str, Type<'a>)>,
    errors: Vec<String>,
}

impl<'a> Checker<'a> {
    fn infer<'e: 'a>(&mut self, expression: &'e IdedExpr) -> Type<'a> {
        match &expression.expr {
            Expr::Ident(name) => self.variable(name),
            Expr::Literal(literal) => literal_type(literal),
            Expr::Select(select) => self.select(select),
            Expr::Call(call) => self.call(call),
            Expr::List(list) => {
                for element in &list.elements {
                    self.infer(element);
                }
                Type::Any
            }
            Expr::Map(map) => {
                for entry in &map.entries {
                    if let EntryExpr::MapEntry(entry) = &entry.expr {
                        self.infer(&entry.key);
                        self.infer(&entry.value);
                    }
                }
                Type::Any
            }
            Expr::Comprehension(comprehension) => self.comprehension(comprehension),
            Expr::Struct(_) | Expr::Unspecified => Type::Any,
        }
    }

    fn variable(&mut self, name: &str) -> Type<'a> {
        if let Some((_, known)) = self.scope.iter().rev().find(|(known, _)| *known == name) {
            return *known;
        }
        if !TYPES.contains(&name) && !NAMESPACES.contains(&name) {
            self.error(
                self.word(name),
                &format!("undeclared reference to '{name}' (in container '')"),
            );
        }
        Type::Any
    }

    fn select<'e: 'a>(&mut self, select: &'e SelectExpr) -> Type<'a> {
        let field = select.field.as_str();
        let operand = self.infer(&select.operand);
        if select.test {
            let at = self.source.find("has(").map(|at| at + "has".len());
            self.field(operand, field, at);
            return Type::Scalar("bool");
        }
        let at = self.source.find(&format!(".{field}"));
        self.field(operand, field, at)
    }

    fn field(&mut self, operand: Type<'a>, field: &str, at: Option<usize>) -> Type<'a> {
        match operand {
            Type::Node(node, resource) if node.kind == "object" && !node.int_or_string => {
                match field_type(node, resource, field) {
                    Some(found) => found,
                    None => {
                        self.error(at, &format!("undefined field '{field}'"));
                        Type::Any
                    }
                }
            }
            Type::Metadata if matches!(field, "name" | "generateName") => Type::Scalar("string"),
            Type::Metadata => {
                self.error(at, &format!("undefined field '{field}'"));
                Type::Any
            }
            scalar if scalar.is_scalar() => {
                let name = scalar.name().unwrap_or_default();
                self.error(at, &format!("type '{name}' does not support field selection"));
                Type::Any
            }
            _ => Type::Any,
        }
    }

    fn call<'e: 'a>(&mut self, call: &'e CallExpr) -> Type<'a> {
        if let Some(target) = call.target.as_deref() {
            self.infer(target);
        }
        self.literal(&call.func_name, &call.args);
        let arguments: Vec<Type<'a>> = call.args.iter().map(|argument| self.infer(argument)).collect();
        if call.func_name == operators::OPT_INDEX {
            return Type::Any;
        }
        if call.func_name.starts_with(|first: char| first.is_ascii_alphabetic()) {
            if !FUNCTIONS.contains(&call.func_name.as_str()) {
                let message = format!("undeclared reference to '{}' (in container '')", call.func_name);
                let at = self.word(&call.func_name).map(|at| at + call.func_name.len());
                self.error(at, &message);
            }
            return result_type(&call.func_name, call.target.is_some()).map_or(Type::Any, Type::Scalar);
        }
        self.operator(&call.func_name, &arguments)
    }

    /// Patterns and times that are written out must be some.
    fn literal(&mut self, function: &str, arguments: &[IdedExpr]) {
        let [
            IdedExpr {
                expr: Expr::Literal(LiteralValue::String(text)),
                ..
            },
        ] = arguments
        else {
            return;
        };
        let text = text.inner();
        let is_one = match function {
            "matches" => Pattern::new(text).error().is_none(),
            "duration" | "timestamp" => convert(&format!("{function}(text)"), text).is_some(),
            _ => true,
        };
        if !is_one {
            let at = ['\'', '"']
                .iter()
                .find_map(|quote| self.source.find(&format!("{quote}{text}{quote}")));
            self.error(at, &format!("invalid {function} argument"));
        }
    }

    fn operator(&mut self, operator: &str, arguments: &[Type<'a>]) -> Type<'a> {
        match (operator, arguments) {
            (operators::INDEX, [Type::Node(node, _), _]) => {
                let inner = node.items.as_deref().or_else(|| node.additional.schema());
                inner.map_or(Type::Any, |inner| Type::Node(inner, inner.embedded))
            }
            (operators::CONDITIONAL, [_, yes, no]) if yes.name() == no.name() => *yes,
            (operators::EQUALS | operators::NOT_EQUALS, [left, right]) => {
                self.same(operator, *left, *right);
                Type::Scalar("bool")
            }
            (
                operators::LESS | operators::LESS_EQUALS | operators::GREATER | operators::GREATER_EQUALS,
                [left, right],
            ) => {
                let numbers = |side: &Type<'_>| matches!(side.name(), Some("int" | "double" | "uint"));
                if !(numbers(left) && numbers(right)) {
                    self.same(operator, *left, *right);
                }
                Type::Scalar("bool")
            }
            (operators::LOGICAL_AND | operators::LOGICAL_OR | operators::LOGICAL_NOT | operators::IN, _) => {
                Type::Scalar("bool")
            }
            (
                operators::ADD | operators::SUBSTRACT | operators::MULTIPLY | operators::DIVIDE | operators::MODULO,
                [left, right],
            ) if left.is_plain() && right.is_plain() && left.name() != right.name() => {
                self.same(operator, *left, *right);
                Type::Any
            }
            (
                operators::ADD | operators::MULTIPLY | operators::DIVIDE | operators::SUBSTRACT | operators::MODULO,
                [left, right],
            ) if left.is_plain() && left.name() == right.name() => *left,
            (operators::NEGATE, [operand]) => *operand,
            _ => Type::Any,
        }
    }

    fn same(&mut self, operator: &str, left: Type<'_>, right: Type<'_>) {
        if let (Some(one), Some(other), true) = (left.name(), right.name(), left.is_scalar() && right.is_scalar())
            && one != other
        {
            let at = self.source.find(operator.trim_matches('_'));
            let message = format!("found no matching overload for '{operator}' applied to '({one}, {other})'");
            self.error(at, &message);
        }
    }

    fn comprehension<'e: 'a>(&mut self, loops: &'e ComprehensionExpr) -> Type<'a> {
        let item = match self.infer(&loops.iter_range) {
            Type::Node(node, _) if node.kind == "array" => node
                .items
                .as_deref()
                .map_or(Type::Any, |inner| Type::Node(inner, inner.embedded)),
            Type::Node(node, _) if node.kind == "object" => Type::Scalar("string"),
            _ => Type::Any,
        };
        let depth = self.scope.len();
        let start = self.infer(&loops.accu_init);
        self.scope.push((loops.accu_var.as_str(), start));
        self.scope.push((loops.iter_var.as_str(), item));
        for part in [&loops.loop_cond, &loops.loop_step] {
            self.infer(part);
        }
        let result = self.infer(&loops.result);
        self.scope.truncate(depth);
        result
    }

    fn word(&self, name: &str) -> Option<usize> {
        let is_part =
            |character: Option<char>| character.is_some_and(|part| part.is_ascii_alphanumeric() || part == '_');
        self.source.match_indices(name).map(|(at, _)| at).find(|at| {
            let (before, after) = self.source.split_at(*at);
            let after = after.get(name.len()..).unwrap_or_default();
            !is_part(before.chars().last()) && !is_part(after.chars().next())
        })
    }

    fn error(&mut self, at: Option<usize>, message: &str) {
        let before = self.source.get(..at.unwrap_or_default()).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count();
        let error = located(self.source, line, column, message);
        if !self.errors.contains(&error) {
            self.errors.push(error);
        }
    }
}

fn field_type<'a>(node: &'a Node, resource: bool, field: &str) -> Option<Type<'a>> {
    if let (true, Some(additional)) = (node.properties.is_empty(), node.additional.schema()) {
        return Some(Type::Node(additional, additional.embedded));
    }
    if resource && field == "metadata" {
        return Some(Type::Metadata);
    }
    let property = node
        .properties
        .iter()
        .find(|(name, _)| escape(name).as_deref() == Some(field));
    match property.map(|(_, property)| property) {
        Some(property) if !is_exposed(property) => None,
        Some(property) => Some(Type::Node(property, property.embedded)),
        None if resource && matches!(field, "apiVersion" | "kind") => Some(Type::Scalar("string")),
        None => None,
    }
}

/// Values without a type cannot be seen by rules.
fn is_exposed(node: &Node) -> bool {
    node.int_or_string
        || match node.kind.as_str() {
            "" => false,
            "array" => node.items.as_deref().is_some_and(is_exposed),
            "object" => node.additional.schema().is_none_or(is_exposed),
            _ => true,
        }
}

fn literal_type(literal: &LiteralValue) -> Type<'static> {
    Type::Scalar(match literal {
        LiteralValue::Boolean(_) => "bool",
        LiteralValue::Bytes(_) => "bytes",
        LiteralValue::Double(_) => "double",
        LiteralValue::Int(_) => "int",
        LiteralValue::Null => "null",
        LiteralValue::String(_) => "string",
        LiteralValue::UInt(_) => "uint",
    })
}
