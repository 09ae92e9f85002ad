//! The evaluation of an expression without macros: variables in; a value, or why there is none, and what it took, out. What
//! it costs is counted as Kubernetes counts it, and too much ends it. Functions and arithmetic are the evaluator crate's.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use kube_cel::cel::common::ast::{
    CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedExpr, ListExpr, LiteralValue, MapExpr, SelectExpr, operators,
};
use kube_cel::cel::objects::{Key, Map, OptionalValue};
use kube_cel::cel::{Context, ExecutionError, Value as Cel};

use super::associative::Associative;
use super::effort::Effort;
use super::functions::{elements, insert, type_named, worded};
use super::known::resolved;
use super::library::{TYPES, overloads};
use super::macros::INSERT;
use super::operators::{CONVERSIONS, apply, contains, entry, indexed, optional};
use super::sequences::sum;
use super::spending;

/// Why there is no value.
#[derive(Debug)]
pub(super) enum Failure {
    /// It would have cost more than is allowed.
    Limit,
    /// It went wrong.
    Error(ExecutionError),
}

impl From<ExecutionError> for Failure {
    fn from(error: ExecutionError) -> Self {
        Self::Error(error)
    }
}

/// What a variable is. That of a loop can be an error, which later turns may yet outweigh.
type Known = std::result::Result<Cel, ExecutionError>;
type Result<T> = std::result::Result<T, Failure>;

const NO_OVERLOAD: Failure = Failure::Error(ExecutionError::NoSuchOverload);

/// An evaluation under way.
pub(super) struct Evaluation<'e> {
    functions: &'e Context<'static>,
    scope: Vec<(&'e str, Known)>,
    lists: Associative,
    limit: u64,
    pub(super) spent: u64,
    /// What may still be gone through.
    effort: Effort,
}

impl<'e> Evaluation<'e> {
    pub(super) fn new(
        functions: &'e Context<'static>,
        scope: Vec<(&'e str, Cel)>,
        lists: Associative,
        limit: u64,
    ) -> Self {
        Self {
            functions,
            scope: scope.into_iter().map(|(name, value)| (name, Ok(value))).collect(),
            lists,
            limit,
            spent: 0,
            effort: Effort::default(),
        }
    }

    /// The value of an expression.
    pub(super) fn value(&mut self, expression: &'e IdedExpr) -> Result<Cel> {
        match &expression.expr {
            Expr::Literal(literal) => Ok(written(literal)),
            Expr::Ident(name) => self.variable(name),
            Expr::Select(select) => self.select(select),
            Expr::List(list) => self.list(list),
            Expr::Map(map) => self.map(map),
            Expr::Comprehension(loops) => self.comprehension(loops),
            Expr::Call(call) => self.call(call),
            Expr::Struct(_) | Expr::Unspecified => Err(NO_OVERLOAD),
        }
    }

    fn spend(&mut self, cost: u64) -> Result<()> {
        self.spent = self.spent.saturating_add(cost);
        if self.spent > self.limit {
            return Err(Failure::Limit);
        }
        Ok(())
    }

    fn endure(&mut self, effort: Option<Effort>) -> Result<()> {
        self.effort = effort.ok_or(Failure::Limit)?;
        Ok(())
    }

    /// Kubernetes does not count the variable of what is chosen, or is an index.
    const fn refund(&mut self, is_access: bool) {
        self.spent = self.spent.saturating_sub(is_access as u64);
    }

    fn variable(&mut self, name: &str) -> Result<Cel> {
        let mut known = self.scope.iter().rev();
        if let Some((_, value)) = known.find(|(known, _)| *known == name) {
            let value = value.clone();
            self.spend(1)?;
            return Ok(value?);
        }
        match TYPES.contains(&name) {
            true => Ok(type_named(name)),
            false => Err(ExecutionError::undeclared_reference(name).into()),
        }
    }

    fn select(&mut self, select: &'e SelectExpr) -> Result<Cel> {
        let operand = self.value(&select.operand)?;
        let field = Cel::String(Arc::new(select.field.clone()));
        if select.test {
            return Ok(Cel::Bool(entry(&operand, &field)?.is_some()));
        }
        self.spend(if is_access(&select.operand) { 1 } else { 2 })?;
        Ok(indexed(&operand, &field, false)?)
    }

    fn list(&mut self, list: &'e ListExpr) -> Result<Cel> {
        let mut items = Vec::with_capacity(list.elements.len());
        for (index, element) in list.elements.iter().enumerate() {
            let item = self.value(element)?;
            items.extend(given(item, list.optional_indices.contains(&index)));
        }
        if !list.elements.iter().all(is_constant) {
            self.spend(10)?;
        }
        Ok(Cel::List(Arc::new(items)))
    }

    fn map(&mut self, map: &'e MapExpr) -> Result<Cel> {
        let mut entries: HashMap<Key, Cel> = HashMap::with_capacity(map.entries.len());
        for entry in &map.entries {
            let EntryExpr::MapEntry(entry) = &entry.expr else {
                return Err(NO_OVERLOAD);
            };
            let key: Key = self
                .value(&entry.key)?
                .try_into()
                .map_err(ExecutionError::UnsupportedKeyType)?;
            let value = self.value(&entry.value)?;
            entries.extend(given(value, entry.optional).map(|value| (key, value)));
        }
        if !is_constant_map(map) {
            self.spend(30)?;
        }
        Ok(Cel::Map(Map { map: Arc::new(entries) }))
    }

    fn comprehension(&mut self, loops: &'e ComprehensionExpr) -> Result<Cel> {
        let range = self.value(&loops.iter_range)?;
        let start = self.value(&loops.accu_init)?;
        let depth = self.scope.len();
        self.scope.push((&loops.accu_var, Ok(start)));
        let result = self
            .turns(loops, &range, depth)
            .and_then(|()| self.value(&loops.result));
        self.scope.truncate(depth);
        result
    }

    fn turns(&mut self, loops: &'e ComprehensionExpr, range: &Cel, depth: usize) -> Result<()> {
        for (first, second) in elements(range, loops.iter_var2.is_some())? {
            if !is_true(&self.value(&loops.loop_cond)?)? {
                break;
            }
            self.scope.push((&loops.iter_var, Ok(first)));
            if let (Some(name), Some(second)) = (&loops.iter_var2, second) {
                self.scope.push((name, Ok(second)));
            }
            let next = match self.value(&loops.loop_step) {
                Ok(next) => Ok(next),
                Err(Failure::Error(error)) => Err(error),
                Err(Failure::Limit) => return Err(Failure::Limit),
            };
            self.scope.truncate(depth);
            self.scope.push((&loops.accu_var, next));
        }
        Ok(())
    }

    fn call(&mut self, call: &'e CallExpr) -> Result<Cel> {
        match (call.func_name.as_str(), call.args.as_slice()) {
            (operators::CONDITIONAL, [condition, yes, no]) => {
                let branch = if is_true(&self.value(condition)?)? { yes } else { no };
                let value = self.value(branch)?;
                self.refund(is_access(branch));
                Ok(value)
            }
            (operators::INDEX | operators::OPT_INDEX, [of, index]) => {
                let operands = vec![self.value(of)?, self.value(index)?];
                self.refund(is_access(index));
                self.spend(if is_access(of) { 0 } else { 1 })?;
                self.evaluated(&call.func_name, false, operands)
            }
            (operators::LOGICAL_AND, [left, right]) => self.logic(left, right, false),
            (operators::LOGICAL_OR, [left, right]) => self.logic(left, right, true),
            (operators::NOT_STRICTLY_FALSE, [condition]) => {
                let goes_on = match self.value(condition) {
                    Ok(value) => !matches!(value, Cel::Bool(false)),
                    Err(Failure::Limit) => return Err(Failure::Limit),
                    Err(Failure::Error(_)) => true,
                };
                self.spend(1)?;
                Ok(Cel::Bool(goes_on))
            }
            (operators::ADD, [left, right]) if call.target.is_none() => self.add(left, right),
            (operators::IN, [item, list]) if matches!(list.expr, Expr::List(_)) && is_constant(list) => {
                let (item, list) = (self.value(item)?, self.value(list)?);
                match self.lists.contains(&list, &item) {
                    Some(is_in) => Ok(Cel::Bool(is_in)),
                    None => Ok(contains(&list, &item)?),
                }
            }
            _ => self.function(call),
        }
    }

    /// One side that decides is enough, even if the other one fails.
    fn logic(&mut self, left: &'e IdedExpr, right: &'e IdedExpr, decides: bool) -> Result<Cel> {
        let mut failure = None;
        for side in [left, right] {
            match self.value(side).and_then(|value| is_true(&value)) {
                Ok(value) if value == decides => return Ok(Cel::Bool(decides)),
                Ok(_) => {}
                Err(Failure::Limit) => return Err(Failure::Limit),
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        failure.map_or(Ok(Cel::Bool(!decides)), Err)
    }

    /// A loop's list grows where it is: it is not needed any more as it was before.
    fn add(&mut self, left: &'e IdedExpr, right: &'e IdedExpr) -> Result<Cel> {
        let one = self.value(left)?;
        let other = self.value(right)?;
        self.spend(spending::of_call(operators::ADD, false, &[one.clone(), other.clone()]).unwrap_or_default())?;
        self.release(left);
        self.endure(self.effort.after_sum(&one, &other))?;
        match self.lists.sum(&one, &other) {
            Some(sum) => Ok(sum),
            None => Ok(sum(one, other)?),
        }
    }

    fn release(&mut self, expression: &IdedExpr) {
        if let Expr::Ident(name) = &expression.expr
            && name.starts_with('@')
            && let Some((_, kept)) = self.scope.iter_mut().rev().find(|(known, _)| known == name)
        {
            *kept = Ok(Cel::Null);
        }
    }

    fn function(&mut self, call: &'e CallExpr) -> Result<Cel> {
        let (name, receiver) = resolved(call);
        let mut operands = Vec::with_capacity(call.args.len() + 1);
        let mut failure = None;
        for operand in receiver.into_iter().chain(&call.args) {
            match self.value(operand) {
                Ok(value) => operands.push(value),
                Err(Failure::Limit) => return Err(Failure::Limit),
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        if let Some(failure) = failure {
            self.spend(1)?;
            return Err(failure);
        }
        if name == INSERT {
            self.spend(1)?;
            call.args.iter().take(1).for_each(|map| self.release(map));
            return Ok(insert(operands)?);
        }
        // What is written out is converted before.
        let is_done = CONVERSIONS.contains(&name.as_str()) && call.args.iter().all(is_constant);
        let value = self.evaluated(&name, receiver.is_some(), operands)?;
        self.refund(is_done);
        Ok(value)
    }

    /// The value of a call whose operands are known. Those of which that is bounded cost before, all others after.
    fn evaluated(&mut self, name: &str, is_method: bool, operands: Vec<Cel>) -> Result<Cel> {
        self.endure(self.effort.after_call(name, &operands))?;
        let cost = spending::of_call(name, is_method, &operands);
        self.spend(cost.unwrap_or_default())?;
        if let ("format.named", [Cel::String(format)]) = (name, operands.as_slice()) {
            return self.format_named(format);
        }
        let value = match self.compared(name, &operands).or_else(|| apply(name, &operands)) {
            Some(value) => value?,
            None => self.library(name, is_method, operands)?,
        };
        if cost.is_none() {
            self.spend(spending::of_result(name, &value))?;
        }
        Ok(value)
    }

    /// A format that has a name is a function without operands.
    fn format_named(&self, name: &str) -> Result<Cel> {
        let name = format!("format.{name}");
        let is_one = overloads(&name).iter().any(|overload| overload.operands.is_empty());
        let format = is_one.then(|| self.library(&name, false, Vec::new())).transpose()?;
        Ok(optional(format.as_ref()))
    }

    /// Lists can be sets or maps, which compare by what they are.
    fn compared(&self, name: &str, operands: &[Cel]) -> Option<std::result::Result<Cel, ExecutionError>> {
        let holds = match (name, operands) {
            (operators::EQUALS, [left, right]) => self.lists.equal(left, right),
            (operators::NOT_EQUALS, [left, right]) => !self.lists.equal(left, right),
            (operators::IN, [item, list]) => self.lists.contains(list, item)?,
            _ => return None,
        };
        Some(Ok(Cel::Bool(holds)))
    }

    /// The evaluator crate's functions take expressions: the operands are given as variables.
    fn library(&self, name: &str, is_method: bool, operands: Vec<Cel>) -> Result<Cel> {
        let mut scope = self.functions.new_inner_scope();
        let mut arguments = Vec::with_capacity(operands.len());
        for (index, operand) in operands.into_iter().enumerate() {
            let name = format!("@{index}");
            scope.add_variable_from_value(name.clone(), operand);
            arguments.push(IdedExpr {
                id: 0,
                expr: Expr::Ident(name),
            });
        }
        let target = is_method.then(|| Box::new(arguments.remove(0)));
        let call = CallExpr {
            func_name: name.to_owned(),
            target,
            args: arguments,
        };
        let call = IdedExpr {
            id: 0,
            expr: Expr::Call(call),
        };
        // They may panic at numbers that are too large for them.
        let result = catch_unwind(AssertUnwindSafe(|| scope.resolve(&call)));
        Ok(result.unwrap_or_else(|_| Err(worded("internal error: arithmetic overflow")))?)
    }
}

fn is_true(value: &Cel) -> Result<bool> {
    match value {
        Cel::Bool(value) => Ok(*value),
        _ => Err(NO_OVERLOAD),
    }
}

/// An item that may be left out is there if it has a value.
fn given(item: Cel, optional: bool) -> Option<Cel> {
    match <&OptionalValue>::try_from(&item) {
        Ok(within) if optional => within.value().cloned(),
        _ => Some(item),
    }
}

/// The value of what is written out.
pub(super) fn written(literal: &LiteralValue) -> Cel {
    match literal {
        LiteralValue::Boolean(value) => Cel::Bool(*value.inner()),
        LiteralValue::Bytes(value) => Cel::Bytes(Arc::new(value.inner().to_vec())),
        LiteralValue::Double(value) => Cel::Float(*value.inner()),
        LiteralValue::Int(value) => Cel::Int(*value.inner()),
        LiteralValue::Null => Cel::Null,
        LiteralValue::String(value) => Cel::String(Arc::new(value.inner().to_owned())),
        LiteralValue::UInt(value) => Cel::UInt(*value.inner()),
    }
}

/// Whether an expression is a variable, or a part of one.
fn is_access(expression: &IdedExpr) -> bool {
    match &expression.expr {
        Expr::Ident(_) => true,
        Expr::Select(select) => !select.test,
        Expr::Call(call) => matches!(
            call.func_name.as_str(),
            operators::INDEX | operators::OPT_INDEX | operators::OPT_SELECT
        ),
        _ => false,
    }
}

/// Whether a value is written out. Such values are made before the evaluation, and cost nothing.
fn is_constant(expression: &IdedExpr) -> bool {
    match &expression.expr {
        Expr::Literal(_) => true,
        Expr::List(list) => list.elements.iter().all(is_constant),
        Expr::Map(map) => is_constant_map(map),
        _ => false,
    }
}

fn is_constant_map(map: &MapExpr) -> bool {
    map.entries.iter().all(|entry| match &entry.expr {
        EntryExpr::MapEntry(entry) => is_constant(&entry.key) && is_constant(&entry.value),
        EntryExpr::StructField(_) => false,
    })
}
