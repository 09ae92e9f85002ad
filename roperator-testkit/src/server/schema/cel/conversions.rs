//! Conversions from type to type: the name of a type and a value in, the value as one of that type out.

use std::sync::Arc;

use kube_cel::cel::{ExecutionError, Value as Cel};

use super::functions::{integer_overflow, worded};
use super::times::{at_second, nanoseconds, read_span, read_time, write_span, write_time};

type Result<T> = std::result::Result<T, ExecutionError>;

/// The value as one of a type; `None` where that is not known here.
pub(super) fn convert(wanted: &str, value: &Cel) -> Option<Result<Cel>> {
    let not_one = |from: &str, to: &str| worded(format!("type conversion error from '{from}' to '{to}'"));
    Some(match (wanted, value) {
        ("bool", Cel::Bool(_))
        | ("bytes", Cel::Bytes(_))
        | ("double", Cel::Float(_))
        | ("duration", Cel::Duration(_))
        | ("int", Cel::Int(_))
        | ("timestamp", Cel::Timestamp(_))
        | ("uint", Cel::UInt(_))
        | ("dyn", _) => Ok(value.clone()),
        ("string", value) => return text(value).map(|text| text.map(|text| Cel::String(Arc::new(text)))),
        ("bool", Cel::String(text)) => truth(text).ok_or_else(|| not_one("string", "bool")),
        ("bytes", Cel::String(text)) => Ok(Cel::Bytes(Arc::new(text.as_bytes().to_vec()))),
        ("double", Cel::Int(number)) => Ok(Cel::Float(*number as f64)),
        ("double", Cel::UInt(number)) => Ok(Cel::Float(*number as f64)),
        ("double", Cel::String(text)) => float(text).ok_or_else(|| not_one("string", "double")),
        ("duration", Cel::Int(_)) => Err(not_one("int", "google.protobuf.Duration")),
        ("duration", Cel::String(text)) => read_span(text).ok_or_else(|| not_one("string", "google.protobuf.Duration")),
        ("timestamp", Cel::Int(second)) => at_second(*second),
        ("timestamp", Cel::String(text)) => {
            read_time(text).ok_or_else(|| not_one("string", "google.protobuf.Timestamp"))
        }
        ("int", value) => match value {
            Cel::UInt(number) => i64::try_from(*number).ok().map(Cel::Int).ok_or_else(integer_overflow),
            Cel::Float(number) => integer(*number).map(Cel::Int).ok_or_else(integer_overflow),
            Cel::Timestamp(time) => Ok(Cel::Int(time.timestamp())),
            Cel::Duration(span) => nanoseconds(*span).map(Cel::Int).ok_or_else(integer_overflow),
            Cel::String(text) => text.parse().map(Cel::Int).map_err(|_| not_one("string", "int")),
            _ => return None,
        },
        ("uint", value) => match value {
            Cel::Int(number) => u64::try_from(*number).ok().map(Cel::UInt).ok_or_else(unsigned_overflow),
            Cel::Float(number) => natural(*number).map(Cel::UInt).ok_or_else(unsigned_overflow),
            Cel::String(text) if !text.starts_with('+') => {
                text.parse().map(Cel::UInt).map_err(|_| not_one("string", "uint"))
            }
            Cel::String(_) => Err(not_one("string", "uint")),
            _ => return None,
        },
        _ => return None,
    })
}

/// The text of a value.
pub(super) fn text(value: &Cel) -> Option<Result<String>> {
    Some(Ok(match value {
        Cel::String(text) => text.to_string(),
        Cel::Bool(truth) => truth.to_string(),
        Cel::Int(number) => number.to_string(),
        Cel::UInt(number) => number.to_string(),
        Cel::Float(number) => float_text(*number),
        Cel::Duration(span) => write_span(*span),
        Cel::Timestamp(time) => write_time(time),
        Cel::Bytes(bytes) => {
            let text = String::from_utf8(bytes.to_vec());
            return Some(text.map_err(|_| worded("invalid UTF-8 in bytes, cannot convert to string")));
        }
        _ => return None,
    }))
}

/// A number as Go writes it: with an exponent if it is large or small.
fn float_text(number: f64) -> String {
    if number.is_infinite() {
        return if number > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let shown = format!("{number:e}");
    let Some((digits, exponent)) = shown.split_once('e') else {
        return shown;
    };
    match exponent.parse::<i32>() {
        Ok(exponent) if !(-4..6).contains(&exponent) => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{digits}e{sign}{:02}", exponent.unsigned_abs())
        }
        _ => number.to_string(),
    }
}

fn truth(text: &str) -> Option<Cel> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(Cel::Bool(true)),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(Cel::Bool(false)),
        _ => None,
    }
}

/// What is infinite is so only if it is written.
fn float(text: &str) -> Option<Cel> {
    let is_joined = |(at, _): (usize, &str)| {
        let is_digit = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_digit);
        let bytes = text.as_bytes();
        is_digit(at.checked_sub(1).and_then(|before| bytes.get(before))) && is_digit(bytes.get(at + 1))
    };
    let number: f64 = text
        .match_indices('_')
        .all(is_joined)
        .then(|| text.replace('_', "").parse().ok())??;
    let is_written = text.contains(['i', 'I']);
    (number.is_finite() || number.is_nan() || is_written).then_some(Cel::Float(number))
}

/// The bounds themselves are out of bounds: they are the next larger ones that a float can be.
fn integer(number: f64) -> Option<i64> {
    (number > i64::MIN as f64 && number < i64::MAX as f64).then_some(number as i64)
}

fn natural(number: f64) -> Option<u64> {
    (number >= 0.0 && number < u64::MAX as f64).then_some(number as u64)
}

fn unsigned_overflow() -> ExecutionError {
    worded("unsigned integer overflow")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn string(text: &str) -> Cel {
        Cel::String(Arc::new(text.to_owned()))
    }

    #[test]
    fn floats_are_written_as_go_does() {
        let cases = [
            (1.5, "1.5"),
            (1e21, "1e+21"),
            (1e-6, "1e-06"),
            (123_456_789.0, "1.23456789e+08"),
            (150_000.0, "150000"),
            (1_000_000.0, "1e+06"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (-0.0, "-0"),
            (f64::INFINITY, "+Inf"),
            (f64::NAN, "NaN"),
        ];
        for (number, expected) in cases {
            assert_eq!(float_text(number), expected);
        }
    }

    #[test]
    fn texts_are_read_as_go_does() {
        let cases = [
            ("int", "+5", Some(Cel::Int(5))),
            ("int", " 5", None),
            ("uint", "-1", None),
            ("uint", "+1", None),
            ("double", "1_0", Some(Cel::Float(10.0))),
            ("double", "_1", None),
            ("double", ".5", Some(Cel::Float(0.5))),
            ("double", "1e400", None),
            ("double", "-Infinity", Some(Cel::Float(f64::NEG_INFINITY))),
            ("bool", "True", Some(Cel::Bool(true))),
            ("bool", "tRUE", None),
        ];
        for (wanted, text, expected) in cases {
            assert_eq!(
                convert(wanted, &string(text)).unwrap().ok(),
                expected,
                "{wanted} {text}"
            );
        }
    }

    #[test]
    fn what_does_not_fit_overflows() {
        let cases = [
            ("int", Cel::Float(1e30)),
            ("int", Cel::UInt(u64::MAX)),
            ("uint", Cel::Int(-1)),
            ("uint", Cel::Float(-1.0)),
            ("timestamp", Cel::Int(-999_999_999_999)),
        ];
        for (wanted, value) in cases {
            assert!(convert(wanted, &value).unwrap().is_err(), "{wanted} {value:?}");
        }
    }
}
