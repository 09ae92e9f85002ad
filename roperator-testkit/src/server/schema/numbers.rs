//! The bounds of numbers: a number and its schema in, what is wrong with it out. Integers are compared as integers, as Go
//! does it, and everything else as floating-point numbers.

use serde_json::{Number, Value};

use super::structural::Node;
use super::violation::{Body, Violation};

/// What is wrong with a number.
pub(super) fn check(body: Body<'_>, node: &Node, value: &Value, name: &str) -> Vec<Violation> {
    let range = Range::of(node);
    let shown = shown(value);
    let mut found = Vec::new();
    found.extend(range.misfit(value, "Checked", name).map(|text| body.composite(&text)));
    let bounds = &node.bounds;
    let limits = [
        (bounds.multiple_of, "MultipleOf", Limit::MultipleOf),
        (bounds.minimum, "Minimum boundary", Limit::Minimum(bounds.above_minimum)),
        (bounds.maximum, "Maximum boundary", Limit::Maximum(bounds.below_maximum)),
    ];
    for (bound, called, limit) in limits {
        let Some(bound) = bound else { continue };
        let misfit = range.misfit(&float(bound), called, name);
        let integer = value.as_i64().filter(|_| misfit.is_none());
        found.extend(misfit.map(|text| body.composite(&text)));
        // Where integers are compared, so is the bound's integral part.
        let bound = integer.map_or(bound, |_| bound.trunc());
        if matches!(limit, Limit::MultipleOf) && bound <= 0.0 {
            let text = format!(
                "factor MultipleOf declared for {name} must be positive: {}",
                go_float(bound)
            );
            found.push(body.described(name, &self::shown(&float(bound)), &text));
        } else if limit.is_broken(value, integer, bound) {
            found.push(body.invalid(name, &shown, &limit.why(&go_float(bound))));
        }
    }
    found
}

/// Whether a floating-point number stands for an integer, within what JSON can hold.
pub(super) fn is_integer(number: f64) -> bool {
    const MOST: f64 = 9_007_199_254_740_991.0;
    if !number.is_finite() || number.abs() > MOST {
        return false;
    }
    let difference = (number - number.trunc()).abs();
    let scale = number.abs() + number.trunc().abs();
    difference == 0.0 || difference / scale < 1e-9
}

/// A number as Go's `%v` writes it.
pub(super) fn go_float(number: f64) -> String {
    let exponent = if number == 0.0 {
        0.0
    } else {
        number.abs().log10().floor()
    };
    if (-4.0..21.0).contains(&exponent) {
        return number.to_string();
    }
    let written = format!("{number:e}");
    match written.split_once('e') {
        Some((digits, exponent)) => {
            let (sign, exponent) = exponent
                .strip_prefix('-')
                .map_or(('+', exponent), |exponent| ('-', exponent));
            format!("{digits}e{sign}{exponent:0>2}")
        }
        None => written,
    }
}

#[derive(Clone, Copy)]
enum Limit {
    MultipleOf,
    /// Whether the bound itself is too small.
    Minimum(bool),
    /// Whether the bound itself is too large.
    Maximum(bool),
}

impl Limit {
    fn is_broken(self, value: &Value, integer: Option<i64>, bound: f64) -> bool {
        if let Some(integer) = integer {
            let bound = truncate(bound);
            return match self {
                Self::MultipleOf => integer % bound != 0,
                Self::Minimum(open) => integer < bound || (open && integer == bound),
                Self::Maximum(open) => integer > bound || (open && integer == bound),
            };
        }
        let number = value.as_f64().unwrap_or_default();
        match self {
            Self::MultipleOf if bound < 1.0 => !is_integer(1.0 / bound * number),
            Self::MultipleOf => !is_integer(number / bound),
            Self::Minimum(open) => number < bound || (open && number <= bound),
            Self::Maximum(open) => number > bound || (open && number >= bound),
        }
    }

    fn why(self, bound: &str) -> String {
        match self {
            Self::MultipleOf => format!("should be a multiple of {bound}"),
            Self::Minimum(false) => format!("should be greater than or equal to {bound}"),
            Self::Minimum(true) => format!("should be greater than {bound}"),
            Self::Maximum(false) => format!("should be less than or equal to {bound}"),
            Self::Maximum(true) => format!("should be less than {bound}"),
        }
    }
}

/// The type that numbers must fit in.
struct Range<'a> {
    kind: &'a str,
    format: &'a str,
}

/// What 64 bits hold.
const LONG: std::ops::Range<f64> = -9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0;

impl<'a> Range<'a> {
    fn of(node: &'a Node) -> Self {
        if node.int_or_string {
            return Self { kind: "", format: "" };
        }
        let kind = if matches!(node.kind.as_str(), "integer" | "number") {
            &node.kind
        } else {
            ""
        };
        let format = if kind.is_empty() { "" } else { &node.format };
        Self { kind, format }
    }

    fn misfit(&self, value: &Value, called: &str, name: &str) -> Option<String> {
        let integer = || {
            value
                .as_i64()
                .or_else(|| value.as_f64().filter(|float| float.fract() == 0.0).map(truncate))
        };
        let fits = match (self.kind, self.format) {
            ("integer", "int32") => integer().is_some_and(|integer| i32::try_from(integer).is_ok()),
            ("integer", _) => {
                value.is_i64() || (integer().is_some() && value.as_f64().is_some_and(|float| LONG.contains(&float)))
            }
            ("number", "float") => value.as_f64().is_none_or(|float| float.abs() <= f64::from(f32::MAX)),
            _ => true,
        };
        let Self { kind, format } = self;
        let described = match format.is_empty() {
            true => format!("type {kind} (default format)"),
            false => format!("type {kind} with format {format}"),
        };
        (!fits).then(|| format!("{called} value must be of {described} in {name}"))
    }
}

fn float(number: f64) -> Value {
    Number::from_f64(number).map_or(Value::Null, Value::Number)
}

/// A number as errors show it: without the fraction that a whole number does not have.
fn shown(value: &Value) -> Value {
    let float = value.as_f64().filter(|_| !value.is_i64());
    float.and_then(whole).map_or_else(|| value.clone(), Value::from)
}

/// The integer that a floating-point number is, if it is one.
pub(super) fn whole(number: f64) -> Option<i64> {
    (number.fract() == 0.0 && number.abs() < 1e18).then(|| truncate(number))
}

#[expect(clippy::cast_possible_truncation, reason = "Go truncates here, too")]
pub(super) const fn truncate(number: f64) -> i64 {
    number as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_written_as_go_does() {
        let cases = [
            (1.5, "1.5"),
            (3.0, "3"),
            (1e21, "1e+21"),
            (1e-7, "1e-07"),
            (0.0, "0"),
            (1e20, "100000000000000000000"),
        ];
        for (number, text) in cases {
            assert_eq!(go_float(number), text);
        }
        assert!(is_integer(3.0) && !is_integer(3.1) && !is_integer(1e300));
    }
}
