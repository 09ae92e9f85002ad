//! What an expression costs at most: a checked expression and the schema of `self` in, a number of Kubernetes' units out.
//! It goes the way of Kubernetes' own estimate step by step, for any other would take rules that a cluster refuses.

use std::collections::HashMap;

use kube_cel::cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedExpr, LiteralValue};

use super::calls::{Sizes, call_cost};
use super::declared::Declared;
use super::known::{Known, resolved};
use super::path::Path;
use super::range::Range;
use super::types::Type;

const ACCESS: Range = Range::exactly(1);
const NEW_LIST: Range = Range::exactly(10);
const NEW_MAP: Range = Range::exactly(30);

/// The most that an expression costs.
pub(super) fn estimate(expression: &IdedExpr, known: &Known<'_>, this: Declared<'_>) -> u64 {
    let mut estimate = Estimate {
        known,
        this,
        paths: HashMap::new(),
        sizes: HashMap::new(),
        entries: HashMap::new(),
        locals: HashMap::new(),
    };
    estimate.cost(expression).most
}

/// The sizes of the keys and the values of a list or map that the expression itself makes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entries {
    is_list: bool,
    keys: Range,
    values: Range,
}

impl Entries {
    fn or(self, other: Self) -> Self {
        Self {
            is_list: self.is_list,
            keys: self.keys.or(other.keys),
            values: self.values.or(other.values),
        }
    }
}

/// A variable of a loop.
#[derive(Debug, Clone, Default)]
struct Local {
    path: Path,
    size: Option<Range>,
    entries: Option<Entries>,
}

/// Which variable of a loop.
#[derive(Clone, Copy)]
enum Variable {
    Only,
    Key,
    Value,
}

struct Estimate<'e> {
    known: &'e Known<'e>,
    this: Declared<'e>,
    paths: HashMap<*const IdedExpr, Path>,
    sizes: HashMap<*const IdedExpr, Range>,
    entries: HashMap<*const IdedExpr, Entries>,
    locals: HashMap<&'e str, Vec<Local>>,
}

impl<'e> Estimate<'e> {
    fn cost(&mut self, expression: &'e IdedExpr) -> Range {
        match &expression.expr {
            Expr::Ident(name) => {
                let path = self.local(name).map(|local| local.path.clone());
                let path = path.unwrap_or_else(|| Path::default().then(name));
                self.paths.insert(std::ptr::from_ref(expression), path);
                ACCESS
            }
            Expr::Select(select) => {
                let cost = self.cost(&select.operand);
                if select.test {
                    return cost;
                }
                let path = self.path(&select.operand).then(&select.field);
                self.paths.insert(std::ptr::from_ref(expression), path);
                match self.known.type_of(&select.operand) {
                    Type::Map(..) | Type::Object(_) => cost.plus(ACCESS),
                    _ => cost,
                }
            }
            Expr::Call(call) => self.call(expression, call),
            Expr::List(list) => {
                let (costs, values) = self.common(list.elements.iter());
                let entries = Entries {
                    is_list: true,
                    keys: Range::exactly(1),
                    values,
                };
                self.entries.insert(std::ptr::from_ref(expression), entries);
                costs.plus(NEW_LIST)
            }
            Expr::Map(map) => {
                let entries = map.entries.iter().filter_map(|entry| match &entry.expr {
                    EntryExpr::MapEntry(entry) => Some(entry),
                    EntryExpr::StructField(_) => None,
                });
                let (cost_of_keys, keys) = self.common(entries.clone().map(|entry| &entry.key));
                let (cost_of_values, values) = self.common(entries.map(|entry| &entry.value));
                let costs = cost_of_keys.plus(cost_of_values);
                let entries = Entries {
                    is_list: false,
                    keys,
                    values,
                };
                self.entries.insert(std::ptr::from_ref(expression), entries);
                costs.plus(NEW_MAP)
            }
            Expr::Comprehension(loops) if is_binding(loops) => self.binding(expression, loops),
            Expr::Comprehension(loops) => self.comprehension(expression, loops),
            Expr::Literal(_) | Expr::Struct(_) | Expr::Unspecified => Range::ZERO,
        }
    }

    fn call(&mut self, expression: &'e IdedExpr, call: &'e CallExpr) -> Range {
        let here = std::ptr::from_ref(expression);
        if let ("dyn", [argument]) = (call.func_name.as_str(), call.args.as_slice()) {
            let cost = self.cost(argument);
            self.copy_sizes(expression, argument);
            return cost.plus(ACCESS);
        }
        let mut costs = Vec::new();
        let mut operands = Vec::new();
        for argument in &call.args {
            costs.push(self.cost(argument));
            operands.push(self.sizes_of(argument));
        }
        let overloads = self.known.overloads(expression);
        if overloads.is_empty() {
            return Range::ZERO;
        }
        let mut cost_of_receiver = Range::ZERO;
        if let (_, Some(receiver)) = resolved(call) {
            cost_of_receiver = self.cost(receiver);
            operands.insert(0, self.sizes_of(receiver));
        }
        let mut cost = Range::new(u64::MAX, 0);
        let mut size: Option<Range> = None;
        for overload in overloads {
            if matches!(overload.cost, "choice" | "join-lists" | "join-texts") {
                self.join_entries(expression, call);
            }
            let (of_call, of_result) = with_arguments(overload.cost, &operands, &costs);
            cost = cost.or(of_call);
            size = match (size, of_result) {
                (Some(size), Some(of_result)) => Some(size.or(of_result)),
                (size, of_result) => size.or(of_result),
            };
            let element = match overload.cost {
                "item" => Some("@items"),
                "entry" => Some("@values"),
                _ => None,
            };
            if let (Some(element), Some(container)) = (element, call.args.first()) {
                size = self.entries(container).map(|entries| entries.values);
                let path = self.path(container).then(element);
                self.paths.insert(here, path);
            }
            size = size.or_else(|| self.size(expression));
        }
        if let Some(size) = size {
            self.sizes.insert(here, size);
        }
        cost_of_receiver.plus(cost)
    }

    /// What is one of two lists, or of both, has items of both.
    fn join_entries(&mut self, expression: &IdedExpr, call: &CallExpr) {
        if let [.., one, other] = call.args.as_slice()
            && let (Some(one), Some(other)) = (self.entries(one), self.entries(other))
        {
            self.entries.insert(std::ptr::from_ref(expression), one.or(other));
        }
    }

    fn comprehension(&mut self, expression: &'e IdedExpr, loops: &'e ComprehensionExpr) -> Range {
        let here = std::ptr::from_ref(expression);
        let before = self.cost(&loops.iter_range).plus(self.cost(&loops.accu_init));
        self.bind(&loops.accu_var, &loops.accu_init);
        match &loops.iter_var2 {
            Some(second) => {
                self.iterate(&loops.iter_var, &loops.iter_range, Variable::Key);
                self.iterate(second, &loops.iter_range, Variable::Value);
            }
            None => self.iterate(&loops.iter_var, &loops.iter_range, Variable::Only),
        }
        let turn = self.cost(&loops.loop_cond).plus(self.cost(&loops.loop_step));
        for variable in [Some(&loops.iter_var), loops.iter_var2.as_ref()].into_iter().flatten() {
            self.unbind(variable);
        }
        let after = self.cost(&loops.result);
        self.unbind(&loops.accu_var);
        let turns = self.size_or_any(&loops.iter_range);
        match &loops.accu_init.expr {
            Expr::Literal(_) => {
                let size = self.size(&loops.accu_init);
                self.sizes.extend(size.map(|size| (here, size)));
            }
            Expr::List(_) | Expr::Map(_) => {
                self.sizes.insert(here, turns);
                let entries = self.entries(&loops.loop_step);
                self.entries.extend(entries.map(|entries| (here, entries)));
            }
            _ => {}
        }
        before.plus(after).plus(turns.times(turn))
    }

    fn binding(&mut self, expression: &'e IdedExpr, loops: &'e ComprehensionExpr) -> Range {
        let before = self.cost(&loops.iter_range).plus(self.cost(&loops.accu_init));
        self.bind(&loops.accu_var, &loops.accu_init);
        let after = self.cost(&loops.result);
        self.unbind(&loops.accu_var);
        self.copy_sizes(expression, &loops.result);
        before.plus(after)
    }
}

impl<'e> Estimate<'e> {
    fn bind(&mut self, name: &'e str, value: &IdedExpr) {
        let local = Local {
            path: self.path(value),
            entries: self.entries(value),
            size: self.size(value),
        };
        self.locals.entry(name).or_default().push(local);
    }

    fn iterate(&mut self, name: &'e str, range: &IdedExpr, variable: Variable) {
        let entries = self.entries(range);
        let is_list = entries.map_or_else(
            || matches!(self.known.type_of(range), Type::List(_)),
            |entries| entries.is_list,
        );
        let (step, is_value) = match (variable, is_list) {
            (Variable::Key, true) => ("@indices", false),
            (Variable::Key | Variable::Only, false) => ("@keys", false),
            (Variable::Value | Variable::Only, true) => ("@items", true),
            (Variable::Value, false) => ("@values", true),
        };
        let local = Local {
            path: self.path(range).then(step),
            size: entries.map(|entries| if is_value { entries.values } else { entries.keys }),
            entries: None,
        };
        self.locals.entry(name).or_default().push(local);
    }

    fn unbind(&mut self, name: &str) {
        self.locals.get_mut(name).and_then(Vec::pop);
    }

    fn local(&self, name: &str) -> Option<&Local> {
        self.locals.get(name).and_then(|stack| stack.last())
    }

    fn path(&self, expression: &IdedExpr) -> Path {
        if let Expr::Ident(name) = &expression.expr
            && let Some(local) = self.local(name)
        {
            return local.path.clone();
        }
        let known = self.paths.get(&std::ptr::from_ref(expression));
        known.cloned().unwrap_or_default()
    }

    fn sizes_of(&mut self, expression: &'e IdedExpr) -> Sizes<'e> {
        let kind = self.known.type_of(expression);
        let items = match kind {
            Type::List(_) => {
                let path = Some(self.path(expression)).filter(|path| !path.is_empty());
                let most = path.and_then(|path| self.most_elements(&path.then("@items")));
                most.map_or(Range::ANY, |most| Range::new(0, most))
            }
            _ => Range::ANY,
        };
        let number = match &expression.expr {
            Expr::Literal(LiteralValue::Int(number)) => Some(*number.inner()),
            _ => None,
        };
        Sizes {
            kind,
            known: self.size(expression),
            size: self.size_or_any(expression),
            items,
            number,
        }
    }

    fn size_or_any(&mut self, expression: &IdedExpr) -> Range {
        self.size(expression).unwrap_or(Range::ANY)
    }

    /// The costs of all, and a size that each of them may have.
    fn common(&mut self, expressions: impl Iterator<Item = &'e IdedExpr>) -> (Range, Range) {
        let parts = expressions.map(|expression| (self.cost(expression), self.size_or_any(expression)));
        let common = parts.reduce(|(costs, sizes), (cost, size)| (costs.plus(cost), sizes.or(size)));
        common.unwrap_or((Range::ZERO, Range::ZERO))
    }

    /// The size of a value, where it is known.
    fn size(&mut self, expression: &IdedExpr) -> Option<Range> {
        let here = std::ptr::from_ref(expression);
        if let Some(size) = self.sizes.get(&here) {
            return Some(*size);
        }
        if let Some(size) = written_size(&expression.expr) {
            return Some(Range::exactly(size));
        }
        if let Some(most) = self.most_elements(&self.path(expression)) {
            let size = Range::new(0, most);
            self.sizes.insert(here, size);
            return Some(size);
        }
        if self.known.type_of(expression).is_fixed() {
            return Some(Range::exactly(1));
        }
        match &expression.expr {
            Expr::Ident(name) => self.local(name).and_then(|local| local.size),
            _ => None,
        }
    }

    /// How much there is at most at the end of a path. Its first step, the variable, is taken to be `self` in any case.
    fn most_elements(&self, path: &Path) -> Option<u64> {
        let steps = path.steps();
        let mut steps = steps.get(1..)?.iter().map(String::as_str);
        let end = steps.try_fold(self.this, |here, step| match step {
            "@items" | "@values" => here.element(),
            "@keys" => here.key(),
            field => here.field(field),
        });
        end.map(Declared::most_elements)
    }

    fn entries(&self, expression: &IdedExpr) -> Option<Entries> {
        if let Some(entries) = self.entries.get(&std::ptr::from_ref(expression)) {
            return Some(*entries);
        }
        match &expression.expr {
            Expr::Ident(name) => self.local(name).and_then(|local| local.entries),
            _ => None,
        }
    }

    fn copy_sizes(&mut self, to: &IdedExpr, from: &IdedExpr) {
        let to = std::ptr::from_ref(to);
        let (size, entries) = (self.size(from), self.entries(from));
        self.sizes.extend(size.map(|size| (to, size)));
        self.entries.extend(entries.map(|entries| (to, entries)));
    }
}

/// What a call costs with its arguments, and the size of its result. The receiver's cost is not part of it.
fn with_arguments(rule: &str, operands: &[Sizes<'_>], costs: &[Range]) -> (Range, Option<Range>) {
    match (rule, operands, costs) {
        ("logic", _, [left, right]) => (Range::new(left.least, left.plus(*right).most), None),
        ("choice", [_, yes, no], [condition, cost_of_yes, cost_of_no]) => {
            let cost = condition.plus(cost_of_yes.or(*cost_of_no));
            (cost, Some(yes.size.or(no.size)))
        }
        _ => {
            let (cost, size) = call_cost(rule, operands);
            (cost.plus(costs.iter().copied().sum()), size)
        }
    }
}

/// Whether a comprehension only gives a name to a value.
fn is_binding(loops: &ComprehensionExpr) -> bool {
    let empty = matches!(&loops.iter_range.expr, Expr::List(list) if list.elements.is_empty());
    let never = matches!(&loops.loop_cond.expr, Expr::Literal(LiteralValue::Boolean(value)) if !value.inner());
    empty && never
}

/// The size of what is written out. Bytes are counted, characters of texts are, and all else that is one value is one.
fn written_size(expression: &Expr) -> Option<u64> {
    let size = match expression {
        Expr::Literal(LiteralValue::String(text)) => text.inner().chars().count(),
        Expr::Literal(LiteralValue::Bytes(bytes)) => bytes.inner().len(),
        Expr::Literal(_) => 1,
        Expr::List(list) => list.elements.len(),
        Expr::Map(map) => map.entries.len(),
        _ => return None,
    };
    Some(size as u64)
}
