//! Bytes, which are base64 in JSON. In goes what a client sent, out comes the same in canonical form, or Go's error.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::error::{At, Here, Wrong};
use crate::server::types::place::Path;

pub(super) fn decode(value: &mut Value, go: &str, at: &At<'_>) -> Result<(), Wrong> {
    let decoded = match &*value {
        // What this engine takes is canonical already.
        Value::String(text) if STANDARD.decode(text).is_ok() => return Ok(()),
        Value::String(text) => lenient(text.as_bytes())
            .map_err(|offset| Wrong::plain(format!("illegal base64 data at input byte {offset}")))?,
        Value::Array(items) => numbers(items, at)?,
        other => return Err(Wrong::mismatch(at, other, go)),
    };
    *value = Value::String(STANDARD.encode(decoded));
    Ok(())
}

/// Go also takes a list of numbers for bytes.
fn numbers(items: &[Value], at: &At<'_>) -> Result<Vec<u8>, Wrong> {
    let byte = |(index, item): (usize, &Value)| {
        let at = Path::At(at, Here::Index(index));
        match item {
            Value::Null => Ok(0),
            Value::Number(number) => {
                let byte = number.as_u64().and_then(|number| u8::try_from(number).ok());
                byte.ok_or_else(|| Wrong::number(&at, number, "uint8"))
            }
            other => Err(Wrong::mismatch(&at, other, "uint8")),
        }
    };
    items.iter().enumerate().map(byte).collect()
}

/// Decodes base64 as Go does: line breaks are ignored, and so are bits that are too many. The error is where it went wrong.
fn lenient(text: &[u8]) -> Result<Vec<u8>, usize> {
    let mut letters = text
        .iter()
        .enumerate()
        .filter(|(_, letter)| !matches!(letter, b'\n' | b'\r'));
    let mut decoded = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0_u32, 0);
    while let Some((offset, letter)) = letters.next() {
        if *letter == b'=' {
            return padded(decoded, bits, count, offset, text.len(), &mut letters);
        }
        bits = bits << 6 | u32::from(sextet(*letter).ok_or(offset)?);
        count += 1;
        if count == 4 {
            let [_, bytes @ ..] = bits.to_be_bytes();
            decoded.extend(bytes);
            (bits, count) = (0, 0);
        }
    }
    if count == 0 {
        Ok(decoded)
    } else {
        Err(text.len() - count)
    }
}

/// The end of a text from its first `=` on.
fn padded<'a>(
    mut decoded: Vec<u8>,
    bits: u32,
    count: usize,
    offset: usize,
    length: usize,
    rest: &mut impl Iterator<Item = (usize, &'a u8)>,
) -> Result<Vec<u8>, usize> {
    if count < 2 {
        return Err(offset);
    }
    if count == 2 {
        match rest.next() {
            None => return Err(length),
            Some((_, b'=')) => {}
            Some((offset, _)) => return Err(offset),
        }
    }
    if let Some((offset, _)) = rest.next() {
        return Err(offset);
    }
    let [_, bytes @ ..] = (bits << (6 * (4 - count))).to_be_bytes();
    decoded.extend(bytes.iter().take(count - 1));
    Ok(decoded)
}

fn sextet(letter: u8) -> Option<u8> {
    match letter {
        b'A'..=b'Z' => Some(letter - b'A'),
        b'a'..=b'z' => Some(letter - b'a' + 26),
        b'0'..=b'9' => Some(letter - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn base64_is_as_lenient_as_in_go() {
        let cases: [(&str, Result<&[u8], usize>); 9] = [
            ("", Ok(b"")),
            ("YQ==", Ok(b"a")),
            ("Y\nQ=\r=\n", Ok(b"a")),
            ("YR==", Ok(b"a")),
            ("a", Err(0)),
            ("YWJjY", Err(4)),
            ("YQ=", Err(3)),
            ("Y=Q=", Err(1)),
            ("YWJj!", Err(4)),
        ];
        for (text, decoded) in cases {
            assert_eq!(lenient(text.as_bytes()), decoded.map(<[u8]>::to_vec), "{text}");
        }
    }

    proptest! {
        #[test]
        fn bytes_come_back(bytes: Vec<u8>) {
            prop_assert_eq!(lenient(STANDARD.encode(&bytes).as_bytes()), Ok(bytes));
        }

        #[test]
        fn any_text_is_decoded_or_refused(text in "[A-c=\n]{0,12}") {
            if let Err(offset) = lenient(text.as_bytes()) {
                prop_assert!(offset <= text.len());
            }
        }
    }
}
