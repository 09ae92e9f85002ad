//! Why a document is no JSON, in the words of Go's scanner. In goes what another parser refused, out comes the message.

use crate::server::field::quote;

/// What is wrong with a document; `None` if Go would find nothing.
pub(super) fn error(body: &[u8]) -> Option<String> {
    let mut scanner = Scanner { body, place: 0 };
    match scanner.document() {
        Ok(()) => None,
        Err(Wrong::End) => Some("unexpected end of JSON input".to_owned()),
        Err(Wrong::Letter(letter, context)) => {
            let shown = match letter {
                b'\'' => r"'\''".to_owned(),
                b'"' => r#"'"'"#.to_owned(),
                other => {
                    let quoted = quote(&char::from(other).to_string());
                    format!("'{}'", quoted.trim_matches('"'))
                }
            };
            Some(format!("invalid character {shown} {context}"))
        }
    }
}

enum Wrong {
    End,
    Letter(u8, String),
}

struct Scanner<'a> {
    body: &'a [u8],
    place: usize,
}

impl Scanner<'_> {
    fn document(&mut self) -> Result<(), Wrong> {
        let mut open: Vec<u8> = Vec::new();
        loop {
            self.value(&mut open)?;
            // What follows a value, as often as it closes what it is in.
            loop {
                let Some(inside) = open.last().copied() else {
                    return match self.skip() {
                        None => Ok(()),
                        Some(letter) => Err(wrong(letter, "after top-level value")),
                    };
                };
                match (inside, self.skip().ok_or(Wrong::End)?) {
                    (b'[', b']') | (b'{', b'}') => {
                        self.place += 1;
                        open.pop();
                    }
                    (b'{', b',') => {
                        self.place += 1;
                        self.key()?;
                        break;
                    }
                    (b'[', b',') => {
                        self.place += 1;
                        break;
                    }
                    (b'{', letter) => return Err(wrong(letter, "after object key:value pair")),
                    (_, letter) => return Err(wrong(letter, "after array element")),
                }
            }
        }
    }

    /// Reads up to the end of the first scalar or empty object or list, and notes what is open then.
    fn value(&mut self, open: &mut Vec<u8>) -> Result<(), Wrong> {
        loop {
            let letter = self.skip().ok_or(Wrong::End)?;
            self.place += 1;
            match letter {
                b'{' if self.skip() == Some(b'}') => return self.next().map(drop),
                b'[' if self.skip() == Some(b']') => return self.next().map(drop),
                b'{' => {
                    open.push(letter);
                    self.key()?;
                }
                b'[' => open.push(letter),
                b'"' => return self.string(),
                b't' => return self.word("true"),
                b'f' => return self.word("false"),
                b'n' => return self.word("null"),
                b'-' | b'0'..=b'9' => return self.number(letter),
                _ => return Err(wrong(letter, "looking for beginning of value")),
            }
        }
    }

    fn key(&mut self) -> Result<(), Wrong> {
        match self.skip().ok_or(Wrong::End)? {
            b'"' => self.place += 1,
            letter => return Err(wrong(letter, "looking for beginning of object key string")),
        }
        self.string()?;
        match self.skip().ok_or(Wrong::End)? {
            b':' => self.place += 1,
            letter => return Err(wrong(letter, "after object key")),
        }
        Ok(())
    }

    /// The rest of a string whose quotation mark was read.
    fn string(&mut self) -> Result<(), Wrong> {
        loop {
            match self.next()? {
                b'"' => return Ok(()),
                b'\\' => match self.next()? {
                    b'u' => {
                        for _ in 0..4 {
                            let digit = self.next()?;
                            if !digit.is_ascii_hexdigit() {
                                return Err(wrong(digit, "in \\u hexadecimal character escape"));
                            }
                        }
                    }
                    b'b' | b'f' | b'n' | b'r' | b't' | b'\\' | b'/' | b'"' => {}
                    letter => return Err(wrong(letter, "in string escape code")),
                },
                letter if letter < 0x20 => return Err(wrong(letter, "in string literal")),
                _ => {}
            }
        }
    }

    /// The rest of a word whose first letter was read.
    fn word(&mut self, word: &str) -> Result<(), Wrong> {
        for expected in word.bytes().skip(1) {
            let letter = self.next()?;
            if letter != expected {
                let expected = char::from(expected);
                return Err(wrong(letter, &format!("in literal {word} (expecting '{expected}')")));
            }
        }
        Ok(())
    }

    /// The rest of a number whose first letter was read.
    fn number(&mut self, first: u8) -> Result<(), Wrong> {
        let mut digit = first;
        if first == b'-' {
            digit = self.digit("in numeric literal")?;
        }
        if digit != b'0' {
            self.digits();
        }
        if self.peek() == Some(b'.') {
            self.place += 1;
            self.digit("after decimal point in numeric literal")?;
            self.digits();
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.place += 1;
            if matches!(self.peek(), Some(b'-' | b'+')) {
                self.place += 1;
            }
            self.digit("in exponent of numeric literal")?;
            self.digits();
        }
        Ok(())
    }

    fn digit(&mut self, context: &str) -> Result<u8, Wrong> {
        let letter = self.next()?;
        if letter.is_ascii_digit() {
            Ok(letter)
        } else {
            Err(wrong(letter, context))
        }
    }

    fn digits(&mut self) {
        while self.peek().is_some_and(|letter| letter.is_ascii_digit()) {
            self.place += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.body.get(self.place).copied()
    }

    fn next(&mut self) -> Result<u8, Wrong> {
        let letter = self.peek().ok_or(Wrong::End)?;
        self.place += 1;
        Ok(letter)
    }

    /// The next letter that is no space. It is not consumed.
    fn skip(&mut self) -> Option<u8> {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.place += 1;
        }
        self.peek()
    }
}

fn wrong(letter: u8, context: &str) -> Wrong {
    Wrong::Letter(letter, context.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn errors_are_those_of_go() {
        for (body, message) in [
            ("", "unexpected end of JSON input"),
            ("{", "unexpected end of JSON input"),
            ("[1,", "unexpected end of JSON input"),
            ("{\"a\":}", "invalid character '}' looking for beginning of value"),
            (
                "{a}",
                "invalid character 'a' looking for beginning of object key string",
            ),
            (
                "{\"a\":1,}",
                "invalid character '}' looking for beginning of object key string",
            ),
            ("{\"a\" 1}", "invalid character '1' after object key"),
            ("{\"a\":1 \"b\"}", "invalid character '\"' after object key:value pair"),
            ("[1 2]", "invalid character '2' after array element"),
            ("{} x", "invalid character 'x' after top-level value"),
            ("tru1", "invalid character '1' in literal true (expecting 'e')"),
            ("\"\n\"", "invalid character '\\n' in string literal"),
            ("\"\\x\"", "invalid character 'x' in string escape code"),
            ("01", "invalid character '1' after top-level value"),
            ("[-]", "invalid character ']' in numeric literal"),
            ("[1.]", "invalid character ']' after decimal point in numeric literal"),
            ("'", "invalid character '\\'' looking for beginning of value"),
        ] {
            assert_eq!(error(body.as_bytes()).as_deref(), Some(message), "{body}");
        }
    }

    proptest! {
        #[test]
        fn json_has_no_error_and_other_text_has_one(body in "[\\[\\]{}\",:0-9ae.\\- ]{0,24}") {
            let is_json = serde_json::from_str::<serde::de::IgnoredAny>(&body).is_ok();
            prop_assert_eq!(error(body.as_bytes()).is_none(), is_json);
        }
    }
}
