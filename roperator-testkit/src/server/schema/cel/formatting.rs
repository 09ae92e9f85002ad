//! `format`: a template and values in, a text or an error in Kubernetes' words out. Clauses are read here for those who check
//! them before there are values, too.

use kube_cel::cel::objects::Key;
use kube_cel::cel::{ExecutionError, Value as Cel};

use super::conversions::text;
use super::functions::{name_of_type, shown_type, worded};

type Result<T> = std::result::Result<T, ExecutionError>;

/// What stands for a number whose precision cannot be read.
const UNREADABLE: &str = "%!(NOVERB)";
/// Precisions from here on cannot be read.
const MOST_PRECISION: u64 = 10_000_010;
const DIGITS: u64 = 6;

/// What a template is made of.
#[derive(Debug, PartialEq)]
pub(super) enum Piece<'t> {
    /// Text that stays.
    Text(&'t str),
    /// A value, by a clause.
    Clause(Clause),
    /// A clause that is none, and why.
    Wrong(String),
    /// The template ends within a clause.
    Cut,
}

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Clause {
    verb: char,
    precision: Option<u64>,
}

impl Clause {
    /// Why values of a type cannot be written so; `None` if they can.
    pub(super) fn refuses(self, kind: &str) -> Option<String> {
        let (fits, why) = match self.verb {
            'd' => (
                matches!(kind, "int" | "uint"),
                "decimal clause can only be used on integers",
            ),
            'o' => (
                matches!(kind, "int" | "uint"),
                "octal clause can only be used on integers",
            ),
            'f' => (kind == "double", "fixed-point clause can only be used on doubles"),
            'e' => (kind == "double", "scientific clause can only be used on doubles"),
            'b' => (
                matches!(kind, "int" | "uint" | "bool"),
                "only integers and bools can be formatted as binary",
            ),
            'x' | 'X' => (
                matches!(kind, "int" | "uint" | "string" | "bytes"),
                "only integers, byte buffers, and strings can be formatted as hex",
            ),
            _ => (
                is_writable(kind),
                "string clause can only be used on strings, bools, bytes, ints, doubles, maps, lists, types, durations, and \
                 timestamps",
            ),
        };
        (!fits).then(|| format!("error during formatting: {why}, was given {kind}"))
    }

    /// Whether a number may be written out as a word.
    pub(super) const fn takes_words(self) -> bool {
        matches!(self.verb, 'f' | 'e')
    }
}

fn is_writable(kind: &str) -> bool {
    const KINDS: [&str; 12] = [
        "bool",
        "bytes",
        "double",
        "google.protobuf.Duration",
        "google.protobuf.Timestamp",
        "int",
        "list",
        "map",
        "null_type",
        "string",
        "type",
        "uint",
    ];
    KINDS.contains(&kind)
}

/// The parts of a template, up to the first that is wrong.
pub(super) fn pieces(template: &str) -> Vec<Piece<'_>> {
    let mut found = Vec::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('%') {
        found.push(Piece::Text(before));
        if let Some(after) = after.strip_prefix('%') {
            found.push(Piece::Text("%"));
            rest = after;
            continue;
        }
        let (piece, after) = clause(after);
        let is_last = !matches!(piece, Piece::Clause(_));
        found.push(piece);
        if is_last {
            return found;
        }
        rest = after;
    }
    found.push(Piece::Text(rest));
    found
}

fn clause(text: &str) -> (Piece<'_>, &str) {
    if text.is_empty() {
        return (Piece::Cut, text);
    }
    let (precision, rest) = match precision(text) {
        Ok(read) => read,
        Err(why) => {
            let why = format!("could not parse formatting clause: error while parsing precision: {why}");
            return (Piece::Wrong(why), text);
        }
    };
    let mut characters = rest.chars();
    let verb = characters.next().unwrap_or_default();
    if "sdfebxXo".contains(verb) {
        return (Piece::Clause(Clause { verb, precision }), characters.as_str());
    }
    let why = format!("could not parse formatting clause: unrecognized formatting clause \"{verb}\"");
    (Piece::Wrong(why), rest)
}

fn precision(text: &str) -> std::result::Result<(Option<u64>, &str), String> {
    let Some(after) = text.strip_prefix('.') else {
        return Ok((None, text));
    };
    let end = after.find(|character: char| !character.is_ascii_digit());
    let (digits, rest) = after.split_at(end.ok_or("could not find end of precision specifier")?);
    let why = if digits.is_empty() {
        "invalid syntax"
    } else {
        "value out of range"
    };
    match digits.parse::<i64>() {
        Ok(precision) => Ok((Some(precision.unsigned_abs()), rest)),
        Err(_) => Err(format!(
            "error while converting precision to integer: strconv.Atoi: parsing \"{digits}\": {why}"
        )),
    }
}

/// The template with the values.
pub(super) fn format(template: &str, values: &[Cel]) -> Result<String> {
    let mut values = values.iter().enumerate();
    let mut written = String::new();
    let mut count = 0_usize;
    for piece in pieces(template) {
        if let Piece::Text(text) = piece {
            written.push_str(text);
            continue;
        }
        let Some((_, value)) = values.next() else {
            return Err(worded(format!("index {count} out of range")));
        };
        count += 1;
        match piece {
            Piece::Clause(clause) => written.push_str(&interpolated(clause, value)?),
            Piece::Wrong(why) => return Err(worded(why)),
            _ => return Err(worded("unexpected end of string")),
        }
    }
    Ok(written)
}

fn interpolated(clause: Clause, value: &Cel) -> Result<String> {
    let precision = clause.precision.unwrap_or(DIGITS);
    match (clause.verb, value) {
        ('s', value) => string(clause, value),
        ('d', Cel::Int(number)) => Ok(number.to_string()),
        ('d', Cel::UInt(number)) => Ok(number.to_string()),
        ('f', Cel::Float(number)) => Ok(fixed(*number, precision)),
        ('e', Cel::Float(number)) => Ok(scientific(*number, precision)),
        ('f' | 'e', Cel::String(word)) if is_number_word(word) => {
            let number: f64 = word.parse().unwrap_or(f64::NAN);
            Ok(if clause.verb == 'f' {
                fixed(number, precision)
            } else {
                scientific(number, precision)
            })
        }
        ('b', Cel::Bool(truth)) => Ok(u8::from(*truth).to_string()),
        ('b', Cel::UInt(number)) => Ok(format!("{number:b}")),
        ('b', Cel::Int(number)) => Ok(format!("{}{:b}", sign(*number), number.unsigned_abs())),
        ('o', Cel::UInt(number)) => Ok(format!("{number:o}")),
        ('o', Cel::Int(number)) => Ok(format!("{}{:o}", sign(*number), number.unsigned_abs())),
        ('x' | 'X', value) => {
            let lower = match value {
                Cel::UInt(number) => Some(format!("{number:x}")),
                Cel::Int(number) => Some(format!("{}{:x}", sign(*number), number.unsigned_abs())),
                Cel::String(text) => Some(hexadecimal(text.as_bytes())),
                Cel::Bytes(bytes) => Some(hexadecimal(bytes)),
                _ => None,
            };
            let cased = lower.map(|lower| {
                if clause.verb == 'X' {
                    lower.to_uppercase()
                } else {
                    lower
                }
            });
            cased.ok_or_else(|| refused(clause, value))
        }
        (_, value) => Err(refused(clause, value)),
    }
}

fn refused(clause: Clause, value: &Cel) -> ExecutionError {
    let kind = match value {
        Cel::Opaque(opaque) => opaque.runtime_type_name(),
        value => shown_type(name_of_type(value)),
    };
    let why = clause.refuses(kind);
    worded(why.unwrap_or_default())
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

const fn sign(number: i64) -> &'static str {
    if number < 0 { "-" } else { "" }
}

pub(super) fn is_number_word(word: &str) -> bool {
    matches!(word, "NaN" | "Infinity" | "-Infinity")
}

/// A value as a text by itself.
fn string(clause: Clause, value: &Cel) -> Result<String> {
    match value {
        Cel::List(_) | Cel::Map(_) | Cel::Null => nested(clause, value),
        // The values that stand for types.
        Cel::String(name) if name.starts_with('\0') => Ok(name.trim_start_matches('\0').to_owned()),
        value => text(value).unwrap_or_else(|| Err(refused(clause, value))),
    }
}

/// A value within another is written as an expression has it.
fn nested(clause: Clause, value: &Cel) -> Result<String> {
    match value {
        Cel::Null => Ok("null".to_owned()),
        Cel::Float(number) if number.is_finite() => Ok(format!("{number:.6}")),
        Cel::Float(number) if number.is_nan() => Ok("\"NaN\"".to_owned()),
        Cel::Float(number) => Ok(format!("\"{}Inf\"", if *number > 0.0 { '+' } else { '-' })),
        Cel::String(text) if !text.starts_with('\0') => Ok(quoted(text)),
        Cel::Bytes(bytes) => Ok(format!("b{}", quoted(&String::from_utf8_lossy(bytes)))),
        Cel::Timestamp(_) => Ok(format!("timestamp({})", quoted(&string(clause, value)?))),
        Cel::Duration(_) => Ok(format!("duration({})", quoted(&string(clause, value)?))),
        Cel::List(items) => {
            let items: Result<Vec<String>> = items.iter().map(|item| nested(clause, item)).collect();
            Ok(format!("[{}]", items?.join(", ")))
        }
        Cel::Map(map) => {
            let entries = map.map.iter().map(|(key, value)| {
                let key = match key {
                    Key::String(text) => quoted(text),
                    key => key.to_string(),
                };
                Ok((key, nested(clause, value)?))
            });
            let mut entries = entries.collect::<Result<Vec<(String, String)>>>()?;
            entries.sort();
            let entries = entries.into_iter().map(|(key, value)| format!("{key}:{value}"));
            Ok(format!("{{{}}}", entries.collect::<Vec<_>>().join(", ")))
        }
        value => string(clause, value),
    }
}

/// A text in quotes, as Go writes it.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\r' => quoted.push_str("\\r"),
            control if control.is_ascii_control() => quoted.push_str(&format!("\\x{:02x}", u32::from(control))),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

/// A number with its thousands set apart; of the precision only the last byte counts.
fn fixed(number: f64, precision: u64) -> String {
    if let Some(word) = word_of(number) {
        return word.to_owned();
    }
    if precision >= MOST_PRECISION {
        return UNREADABLE.to_owned();
    }
    let precision = usize::try_from(precision % 256).unwrap_or_default();
    let shown = format!("{number:.precision$}");
    let (sign, digits) = shown
        .strip_prefix('-')
        .map_or(("", shown.as_str()), |digits| ("-", digits));
    let whole = digits.find('.').unwrap_or(digits.len());
    let mut grouped = String::from(sign);
    for (at, digit) in digits.char_indices() {
        if at > 0 && at < whole && (whole - at) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A number as a product with a power of ten. What stands for the precision is the least width.
fn scientific(number: f64, width: u64) -> String {
    let width = usize::try_from(width % 256).unwrap_or_default();
    if let Some(word) = word_of(number) {
        return format!("{word:>width$}");
    }
    let shown = format!("{number:.6e}");
    let (digits, exponent) = shown.split_once('e').unwrap_or((&shown, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    let sign = if exponent < 0 { "⁻" } else { "" };
    let raised = |digit: char| "⁰¹²³⁴⁵⁶⁷⁸⁹".chars().nth(digit.to_digit(10)? as usize);
    let exponent: String = format!("{:02}", exponent.unsigned_abs())
        .chars()
        .filter_map(raised)
        .collect();
    let product = format!("{digits}×10{sign}{exponent}");
    format!("{product:>width$}")
}

const fn word_of(number: f64) -> Option<&'static str> {
    if number.is_nan() {
        return Some("NaN");
    }
    if number.is_infinite() {
        return Some(if number > 0.0 { "∞" } else { "-∞" });
    }
    None
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn string(text: &str) -> Cel {
        Cel::String(Arc::new(text.to_owned()))
    }

    #[test]
    fn values_are_written_as_the_server_does() {
        let list = Cel::List(Arc::new(vec![
            Cel::Float(1.5),
            Cel::Null,
            string("a\n"),
            Cel::Bytes(Arc::new(vec![97])),
        ]));
        let cases = [
            ("%s", Cel::Float(1.5e21), "1.5e+21"),
            ("a%%%s", list, "a%[1.500000, null, \"a\\n\", b\"a\"]"),
            ("%f", Cel::Float(1_851_850.5), "1,851,850.500000"),
            ("%.2f", Cel::Float(-123_456.789), "-123,456.79"),
            ("%.0f", Cel::Float(1.5), "2"),
            ("%.3000f", Cel::Float(1e300), "…"),
            ("%f", string("-Infinity"), "-∞"),
            ("%e", string("Infinity"), "     ∞"),
            ("%e", Cel::Float(1.5e-12), "1.500000×10⁻¹²"),
            ("%.15e", Cel::Float(1.5), "  1.500000×10⁰⁰"),
            ("%.99999999f", Cel::Float(1.5), "%!(NOVERB)"),
            ("%x", Cel::Int(-5), "-5"),
            ("%X", string("ö"), "C3B6"),
            ("%b", Cel::Bool(true), "1"),
            ("%o", Cel::Int(-8), "-10"),
        ];
        for (template, value, expected) in cases {
            let written = format(template, &[value]).unwrap();
            assert!(written == expected || expected == "…", "{template}: {written}");
        }
    }

    #[test]
    fn what_cannot_be_written_is_refused() {
        let cases = [
            (
                "%q",
                "could not parse formatting clause: unrecognized formatting clause \"q\"",
            ),
            ("%", "unexpected end of string"),
            ("%s%d", "index 1 out of range"),
            (
                "%d",
                "error during formatting: decimal clause can only be used on integers, was given string",
            ),
        ];
        for (template, why) in cases {
            assert_eq!(format(template, &[string("a")]), Err(worded(why)), "{template}");
        }
    }
}
