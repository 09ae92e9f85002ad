//! What calls cost: the rule of an overload, as the library's table names it, and the sizes of the operands in; the cost of
//! the call itself and the size of its result out. The costs of computing the operands are not part of it.

use super::range::Range;
use super::types::Type;

/// To go through a text costs this much a character.
const TEXT: f64 = 0.1;
/// To match a pattern costs this much a character of the pattern, times what it costs to go through the text.
const PATTERN: f64 = 0.25;
/// The length of the patterns of named formats.
const FORMAT_PATTERN: f64 = 128.0;
const FORMAT_SIZE: u64 = 64;
const UNIT: Range = Range::exactly(1);
const NEW_LIST: Range = Range::exactly(10);
const NEW_OBJECT: f64 = 40.0;
/// An IP address in bytes.
const ADDRESS: Range = Range::new(4, 16);
/// So that two checks of permissions are affordable.
const CHECK: Range = Range::exactly(350_000);

/// What counts of an operand of a call.
pub(super) struct Sizes<'e> {
    pub(super) kind: &'e Type<'e>,
    pub(super) known: Option<Range>,
    /// Its size, or any.
    pub(super) size: Range,
    /// The size of its items, if it is a list of a schema, or any.
    pub(super) items: Range,
    /// The number that it is, if that is known.
    pub(super) number: Option<i64>,
}

/// The cost of a call by a rule, and the size of its result where the rule knows it.
pub(super) fn call_cost(rule: &str, operands: &[Sizes<'_>]) -> (Range, Option<Range>) {
    let size = |index: usize| operands.get(index).map_or(Range::ANY, |operand| operand.size);
    let read = |index: usize| size(index).scaled(TEXT);
    match rule {
        "read" => (read(0), None),
        "read-argument" => (read(1), None),
        "read-twice" => (size(0).scaled(2.0 * TEXT), None),
        "copy" => (read(0), Some(size(0))),
        // A character has up to four bytes.
        "encode" => (read(0), Some(Range::new(size(0).least, size(0).most.wrapping_mul(4)))),
        "decode" => (read(0), Some(Range::new(size(0).least / 4, size(0).most))),
        "quote" => {
            let longest = size(0).most.wrapping_mul(2).wrapping_add(2);
            (read(0), Some(Range::new(size(0).least.wrapping_add(2), longest)))
        }
        "search" => (size(1).scaled(1.0), None),
        "product" => (read(0).times(read(1)), None),
        "pattern" => (pattern(size(0), size(1)), None),
        "find" => (pattern(size(0), size(1)), Some(Range::new(0, size(0).most))),
        "join-lists" => (UNIT, Some(size(0).plus(size(1)))),
        "join-texts" => {
            let both = size(0).plus(size(1));
            (both.scaled(TEXT), Some(both))
        }
        "comparison" => (comparison(size(0), size(1)), None),
        "equality" => (equality(operands).unwrap_or_else(|| comparison(size(0), size(1))), None),
        "traversal" => (traversal(operands), None),
        "replacement" => (size(0).scaled(2.0 * TEXT), Some(replaced(size(0), size(1), size(2)))),
        "split" => {
            // Kubernetes takes a negative number for a very large one.
            let most = operands
                .get(2)
                .and_then(|operand| operand.number)
                .map(i64::cast_unsigned);
            let most = most.unwrap_or(size(0).most);
            (size(0).scaled(2.0 * TEXT), Some(Range::new(0, most)))
        }
        "join" => {
            let joined = joined(operands);
            (joined.scaled(TEXT), Some(joined))
        }
        "contains-ip" => (ADDRESS.plus(ADDRESS).scaled(TEXT), None),
        "contains-text" => (ADDRESS.plus(ADDRESS).scaled(TEXT).plus(read(1)), None),
        "contains-cidr" => (masked(), None),
        "contains-cidr-text" => (masked().plus(read(1)), None),
        "validation" => (read(1).scaled(FORMAT_PATTERN * PATTERN), None),
        "check" => (CHECK, None),
        "selector" => (
            NEW_LIST
                .plus(read(1))
                .plus(size(1).scaled(0.5).scaled(10.0 + NEW_OBJECT)),
            None,
        ),
        "set" => (size(0).times(size(1)).scaled(1.0).plus(UNIT), None),
        "sets" => (size(0).times(size(1)).scaled(2.0).plus(UNIT), None),
        _ => list_cost(rule, operands).map_or((UNIT, None), |(cost, size)| (cost, Some(size))),
    }
}

/// Functions that make a list.
fn list_cost(rule: &str, operands: &[Sizes<'_>]) -> Option<(Range, Range)> {
    let of = operands.first().map_or(Range::ANY, |operand| operand.size);
    let number = |index: usize| {
        let number = operands.get(index).and_then(|operand| operand.number);
        number.map(|number| u64::try_from(number).unwrap_or_default())
    };
    // What is sorted by other values costs what it costs to sort those.
    let sorted = operands.last().map_or(Range::ANY, |operand| operand.size);
    let (factor, size) = match rule {
        "reverse" => (1.0, of),
        "range" => (1.0, Range::exactly(number(0).unwrap_or(u64::MAX))),
        "slice" => {
            let (start, end) = (number(1).unwrap_or_default(), number(2).unwrap_or(of.most));
            (1.0, Range::exactly(end.wrapping_sub(start)))
        }
        "flatten" if operands.len() > 1 => (number(1).unwrap_or(u64::MAX) as f64, of),
        "flatten" => (1.0, of),
        "distinct" => (2.0, of.times(of)),
        "sort" => (2.0, sorted.times(sorted)),
        "sort-texts" => (2.0 + TEXT, sorted.times(sorted)),
        _ => return None,
    };
    Some((size.scaled(factor).plus(UNIT).plus(NEW_LIST), size))
}

/// An empty text is as expensive to match as one of one character.
fn pattern(text: Range, pattern: Range) -> Range {
    text.plus(UNIT).scaled(TEXT).times(pattern.scaled(PATTERN))
}

/// Two values differ at the end of the shorter one at the latest.
fn comparison(left: Range, right: Range) -> Range {
    let most = left.most.min(right.most);
    Range::new(most.min(1), most).scaled(TEXT)
}

/// What it costs to compare values of Kubernetes' own types.
fn equality(operands: &[Sizes<'_>]) -> Option<Range> {
    let [left, right] = operands else { return None };
    let (Type::Named(name), true) = (left.kind, left.kind == right.kind) else {
        return None;
    };
    match *name {
        "net.IP" | "net.CIDR" | "kubernetes.Quantity" | "kubernetes.Semver" => Some(UNIT),
        "kubernetes.NamedFormat" => Some(Range::new(1, FORMAT_SIZE).scaled(TEXT)),
        "kubernetes.URL" => {
            let most = right.known.map_or(1, |size| size.most);
            Some(Range::new(1, most).scaled(TEXT))
        }
        name if name.starts_with("authorization.") => Some(UNIT),
        _ => None,
    }
}

/// To go through a list costs a unit an item, and more where the items are texts.
fn traversal(operands: &[Sizes<'_>]) -> Range {
    let Some(all) = operands.first() else { return UNIT };
    let Type::List(item) = all.kind else {
        return all.size.scaled(TEXT);
    };
    let of_item = match item.as_ref() {
        Type::Named("string" | "bytes") => UNIT.plus(all.items.scaled(TEXT)),
        _ => UNIT,
    };
    all.size.times(of_item)
}

/// How long a text can become in which parts are replaced.
fn replaced(text: Range, part: Range, by: Range) -> Range {
    let times = |text: u64, part: u64| (text as f64 / part as f64).ceil() as u64;
    let (most, kept_at_most) = if part.least == 0 {
        (text.most.saturating_add(1), text.most)
    } else if by.most <= part.least {
        (0, text.most)
    } else {
        (times(text.most, part.least), 0)
    };
    let (least, kept_at_least) = if part.most == 0 {
        (text.least.saturating_add(1), text.least)
    } else if part.most <= by.least {
        (0, text.least)
    } else {
        (times(text.least, part.most), 0)
    };
    Range::new(least, most)
        .times(by)
        .plus(Range::new(kept_at_least, kept_at_most))
}

/// How long the texts of a list are together, with what separates them.
fn joined(operands: &[Sizes<'_>]) -> Range {
    let Some(list) = operands.first() else {
        return Range::ANY;
    };
    let texts = match list.kind {
        Type::List(_) => list.size.times(list.items),
        _ => Range::ZERO,
    };
    let gaps = Range::new(list.size.least.saturating_sub(1), list.size.most.saturating_sub(1));
    operands
        .get(1)
        .map_or(texts, |separator| texts.plus(separator.size.times(gaps)))
}

/// A network is masked, and then two addresses are compared.
fn masked() -> Range {
    ADDRESS.plus(ADDRESS).scaled(TEXT).plus(ADDRESS.scaled(TEXT)).plus(UNIT)
}
