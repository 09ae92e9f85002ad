//! How Go writes values: `%q`, `%v`, JSON, and the complaints of `strconv`. Values in, text out.

use std::{fmt::Write as _, num::IntErrorKind};

use serde_json::{Number, Value};

/// Why a number cannot be read, as Go's `strconv` says it.
#[must_use]
pub fn parse_error(function: &str, text: &str, why: &IntErrorKind) -> String {
    let why = match why {
        IntErrorKind::PosOverflow | IntErrorKind::NegOverflow => "value out of range",
        _ => "invalid syntax",
    };
    format!("strconv.{function}: parsing {}: {why}", quote(text))
}

/// A string as Go's `%q` writes it.
#[must_use]
pub fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\u{7}' => quoted.push_str("\\a"),
            '\u{8}' => quoted.push_str("\\b"),
            '\u{b}' => quoted.push_str("\\v"),
            '\u{c}' => quoted.push_str("\\f"),
            control if u32::from(control) < 0x20 || control == '\u{7f}' => {
                let _ = write!(quoted, "\\x{:02x}", u32::from(control));
            }
            other if is_printable(other) => quoted.push(other),
            other if u32::from(other) > 0xffff => {
                let _ = write!(quoted, "\\U{:08x}", u32::from(other));
            }
            other => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(other));
            }
        }
    }
    quoted.push('"');
    quoted
}

/// Whether Go takes a character for one that can be printed: no space but the plain one. Rust's own table agrees with it,
/// but in the first place of a text it shows what only combines with a character before it in another way.
fn is_printable(character: char) -> bool {
    let text = String::from_iter(['a', character]);
    character == ' ' || !character.is_whitespace() && !text.escape_debug().to_string().starts_with("a\\u")
}

/// JSON as Go's encoder writes it: without the characters that HTML knows, and with numbers in Go's form.
#[must_use]
pub fn json(value: &Value) -> String {
    match value {
        Value::String(_) => escape(&value.to_string()),
        Value::Number(number) => float(number).map_or_else(|| number.to_string(), json_float),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(json).collect();
            format!("[{}]", items.join(","))
        }
        Value::Object(fields) => {
            let field = |(name, value): (&String, &Value)| {
                let name = escape(&Value::from(name.as_str()).to_string());
                format!("{name}:{}", json(value))
            };
            let fields: Vec<String> = fields.iter().map(field).collect();
            format!("{{{}}}", fields.join(","))
        }
        other => other.to_string(),
    }
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                let _ = write!(escaped, "\\u{:04x}", u32::from(character));
            }
            other => escaped.push(other),
        }
    }
    escaped
}

/// A number as `%v` writes it.
#[must_use]
pub fn number(number: &Number) -> String {
    float(number).map_or_else(|| number.to_string(), plain_float)
}

fn float(number: &Number) -> Option<f64> {
    number.as_f64().filter(|_| number.is_f64())
}

/// With an exponent of two digits at least, below 1e-4 and from 1e21 on.
fn plain_float(number: f64) -> String {
    let size = number.abs();
    if size == 0.0 || (1e-4..1e21).contains(&size) {
        return number.to_string();
    }
    scientific(number, 2)
}

/// With an exponent below 1e-6 and from 1e21 on.
fn json_float(number: f64) -> String {
    let size = number.abs();
    if size == 0.0 || (1e-6..1e21).contains(&size) {
        return number.to_string();
    }
    scientific(number, 1)
}

fn scientific(number: f64, digits: usize) -> String {
    let text = format!("{number:e}");
    let Some((mantissa, exponent)) = text.split_once('e') else {
        return text;
    };
    let (sign, exponent) = exponent
        .strip_prefix('-')
        .map_or(('+', exponent), |exponent| ('-', exponent));
    format!("{mantissa}e{sign}{exponent:0>digits$}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn strings_are_quoted() {
        assert_eq!(quote("a\"\\\n\u{1}"), r#""a\"\\\n\x01""#);
        assert_eq!(
            quote("é\u{301}日\u{9e}\u{a0}\u{e000}\u{10ffff}"),
            "\"é\u{301}日\\u009e\\u00a0\\ue000\\U0010ffff\""
        );
    }

    #[test]
    fn json_is_as_gos_encoder_writes_it() {
        let value = json!({"b": [1.0, 1e-7, 1e21, 1.5, -3], "a": "<&>", "<": null});
        assert_eq!(
            super::json(&value),
            r#"{"\u003c":null,"a":"\u003c\u0026\u003e","b":[1,1e-7,1e+21,1.5,-3]}"#
        );
    }

    #[test]
    fn numbers_are_as_v_writes_them() {
        let shown = |value: f64| number(&Number::from_f64(value).unwrap());
        assert_eq!(
            [1e-7, 0.0001, 1e20, 1e21, 2.0].map(shown),
            ["1e-07", "0.0001", "100000000000000000000", "1e+21", "2"]
        );
    }
}
