//! The syntax of Go's regular expressions: a pattern in; the same one in the syntax of the `regex` crate, or what is wrong
//! with it in Go's words, out. Go's classes `\d`, `\w` and `\s` are ASCII, its brackets know no nesting and no set operations,
//! its repetitions neither repeat repetitions nor go beyond a thousand, and a brace that counts nothing is a letter.

use regex::{Regex, escape as literal};

/// How often something may be repeated, all repetitions within each other together.
const MOST_TIMES: usize = 1000;
const CLASSES: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper", "word",
    "xdigit",
];

type Result<T> = std::result::Result<T, String>;

/// Translates a pattern.
///
/// # Errors
///
/// What is wrong with it.
pub(super) fn translate(pattern: &str) -> Result<String> {
    let mut reader = Reader {
        pattern,
        rest: pattern,
        written: String::with_capacity(pattern.len()),
        groups: Vec::new(),
        heaviest: 1,
        last: None,
        repeated: None,
    };
    while !reader.rest.is_empty() {
        reader.step()?;
    }
    match reader.groups.is_empty() {
        true => Ok(reader.written),
        false => Err(wrong("missing closing )", pattern)),
    }
}

fn wrong(what: &str, culprit: &str) -> String {
    format!("{what}: `{culprit}`")
}

/// A pattern that is read up to some place.
struct Reader<'p> {
    pattern: &'p str,
    rest: &'p str,
    written: String,
    /// For each open group, how often something in front of it in the group around it is repeated at most.
    groups: Vec<usize>,
    /// How often something in this group is repeated at most.
    heaviest: usize,
    /// What a repetition would repeat, if anything: how often something within it is repeated.
    last: Option<usize>,
    /// Where the repetition began that is just before.
    repeated: Option<&'p str>,
}

impl<'p> Reader<'p> {
    fn step(&mut self) -> Result<()> {
        let before = self.rest;
        let repeated = self.repeated.take();
        let Some(character) = self.next() else {
            return Ok(());
        };
        match character {
            '(' => return self.open(before),
            ')' => return self.close(),
            '|' => {
                self.written.push('|');
                self.last = None;
                return Ok(());
            }
            '*' | '+' | '?' => {
                let most = None;
                return self.repeat(before, repeated, &character.to_string(), most);
            }
            '{' => match self.count() {
                Some((written, least, most)) => {
                    let fits = |times: usize| times <= MOST_TIMES;
                    if !fits(least) || most.is_some_and(|most| !fits(most) || most < least) {
                        return Err(wrong("invalid repeat count", self.since(before)));
                    }
                    return self.repeat(before, repeated, &written, Some((least, most)));
                }
                None => self.written.push_str("\\{"),
            },
            '^' | '$' | '.' => self.written.push(character),
            '[' => self.class(before)?,
            '\\' => return self.escaped(before),
            other => self.written.push_str(&literal(other.encode_utf8(&mut [0; 4]))),
        }
        self.last = Some(1);
        Ok(())
    }

    fn next(&mut self) -> Option<char> {
        let mut characters = self.rest.chars();
        let next = characters.next();
        self.rest = characters.as_str();
        next
    }

    fn takes(&mut self, piece: &str) -> bool {
        let after = self.rest.strip_prefix(piece);
        self.rest = after.unwrap_or(self.rest);
        after.is_some()
    }

    /// What was read since some place.
    fn since(&self, before: &'p str) -> &'p str {
        before.strip_suffix(self.rest).unwrap_or(before)
    }

    fn open(&mut self, before: &'p str) -> Result<()> {
        self.written.push('(');
        if self.takes("?P<") || self.takes("?<") {
            let Some((name, rest)) = self.rest.split_once('>') else {
                return Err(wrong("invalid named capture", before));
            };
            self.rest = rest;
            if name.is_empty() || !name.chars().all(|part| part.is_ascii_alphanumeric() || part == '_') {
                return Err(wrong("invalid named capture", self.since(before)));
            }
        } else if self.takes("?") {
            self.written.push('?');
            if !self.flags(before)? {
                return Ok(());
            }
        }
        self.groups.push(self.heaviest);
        self.heaviest = 1;
        self.last = None;
        Ok(())
    }

    /// Whether the flags are those of a group, and not of all that follows.
    fn flags(&mut self, before: &'p str) -> Result<bool> {
        let mut negated = false;
        let mut given = false;
        while let Some(flag) = self.next() {
            self.written.push(flag);
            match flag {
                'i' | 'm' | 's' | 'U' => given = true,
                '-' if !negated => (negated, given) = (true, false),
                ':' | ')' if given || !negated => {
                    // No flags at all are fine for Go.
                    if self.written.ends_with("(?)") {
                        self.written.truncate(self.written.len() - 3);
                    }
                    return Ok(flag == ':');
                }
                _ => break,
            }
        }
        Err(wrong("invalid or unsupported Perl syntax", self.since(before)))
    }

    fn close(&mut self) -> Result<()> {
        let Some(around) = self.groups.pop() else {
            return Err(wrong("unexpected )", self.pattern));
        };
        self.written.push(')');
        self.last = Some(self.heaviest);
        self.heaviest = around.max(self.heaviest);
        Ok(())
    }

    fn repeat(
        &mut self,
        before: &'p str,
        repeated: Option<&'p str>,
        written: &str,
        counted: Option<(usize, Option<usize>)>,
    ) -> Result<()> {
        let lazy = self.takes("?");
        if let Some(first) = repeated {
            return Err(wrong("invalid nested repetition operator", self.since(first)));
        }
        let Some(within) = self.last else {
            return Err(wrong("missing argument to repetition operator", self.since(before)));
        };
        let times = counted.map_or(1, |(least, most)| most.unwrap_or(least.max(1)));
        let times = times.saturating_mul(within);
        if counted.is_some_and(|(least, most)| least.max(most.unwrap_or_default()) >= 2) && times > MOST_TIMES {
            return Err(wrong("invalid repeat count", self.since(before)));
        }
        self.written.push_str(written);
        self.written.push_str(if lazy { "?" } else { "" });
        self.heaviest = self.heaviest.max(times);
        self.last = Some(times);
        self.repeated = Some(before);
        Ok(())
    }

    /// How often a brace repeats: as it is written, at least and at most; `None` if it counts nothing.
    fn count(&mut self) -> Option<(String, usize, Option<usize>)> {
        let number = |text: &str| {
            let is_one =
                text.bytes().all(|digit| digit.is_ascii_digit()) && (text.len() == 1 || !text.starts_with('0'));
            (is_one && !text.is_empty()).then(|| text.parse().unwrap_or(usize::MAX))
        };
        let (within, rest) = self.rest.split_once('}')?;
        let (least, most) = match within.split_once(',') {
            Some((least, "")) => (number(least)?, None),
            Some((least, most)) => (number(least)?, Some(number(most)?)),
            None => (number(within)?, Some(number(within)?)),
        };
        self.rest = rest;
        Some((format!("{{{within}}}"), least, most))
    }

    /// What follows a backslash outside of brackets.
    fn escaped(&mut self, before: &'p str) -> Result<()> {
        self.last = Some(1);
        if self.takes("Q") {
            let (quoted, rest) = self.rest.split_once("\\E").unwrap_or((self.rest, ""));
            self.rest = rest;
            self.written.push_str(&literal(quoted));
            return Ok(());
        }
        let boundaries = [("A", "\\A"), ("z", "\\z"), ("b", "(?-u:\\b)"), ("B", "\\B")];
        for (name, written) in boundaries {
            if self.takes(name) {
                self.written.push_str(written);
                return Ok(());
            }
        }
        if let Some(class) = self.named(before)? {
            self.written.push_str(&class);
            return Ok(());
        }
        let character = self.character(before)?;
        self.written.push_str(&literal(character.encode_utf8(&mut [0; 4])));
        Ok(())
    }

    /// A class that a letter after a backslash stands for, as it may stand in brackets and outside.
    fn named(&mut self, before: &'p str) -> Result<Option<String>> {
        let class = match self.rest.chars().next() {
            Some('d') => "[0-9]",
            Some('D') => "[^0-9]",
            Some('w') => "[0-9A-Za-z_]",
            Some('W') => "[^0-9A-Za-z_]",
            Some('s') => "[\\t\\n\\x0C\\r ]",
            Some('S') => "[^\\t\\n\\x0C\\r ]",
            Some('p' | 'P') => {
                self.next();
                let braced = self.takes("{");
                let end = if braced {
                    self.rest.find('}')
                } else {
                    self.rest.chars().next().map(char::len_utf8)
                };
                let name = end.and_then(|end| self.rest.split_at_checked(end));
                self.rest = name.map_or("", |(_, rest)| rest);
                self.takes(if braced { "}" } else { "" });
                let class = self.since(before);
                return match Regex::new(class) {
                    Ok(_) => Ok(Some(class.to_owned())),
                    Err(_) => Err(wrong("invalid character class range", class)),
                };
            }
            _ => return Ok(None),
        };
        self.next();
        Ok(Some(class.to_owned()))
    }

    /// The character that is written with a backslash, which was read.
    fn character(&mut self, before: &'p str) -> Result<char> {
        let Some(escaped) = self.next() else {
            return Err(wrong("trailing backslash at end of expression", ""));
        };
        let octal = |text: &str| {
            text.bytes()
                .take(3)
                .take_while(|digit| (b'0'..b'8').contains(digit))
                .count()
        };
        let found = match escaped {
            'a' => Some('\x07'),
            'f' => Some('\x0C'),
            'n' => Some('\n'),
            'r' => Some('\r'),
            't' => Some('\t'),
            'v' => Some('\x0B'),
            'x' => self.hexadecimal(),
            '0'..='7' if escaped == '0' || octal(self.rest) > 0 => {
                let digits = before.get(1..).unwrap_or_default();
                let (digits, rest) = digits.split_at_checked(octal(digits)).unwrap_or((digits, ""));
                self.rest = rest;
                u32::from_str_radix(digits, 8).ok().and_then(char::from_u32)
            }
            other if other.is_ascii() && !other.is_ascii_alphanumeric() => Some(other),
            _ => None,
        };
        found.ok_or_else(|| wrong("invalid escape sequence", self.since(before)))
    }

    fn hexadecimal(&mut self) -> Option<char> {
        let (digits, rest) = match self.rest.strip_prefix('{') {
            Some(within) => within.split_once('}')?,
            None => self.rest.split_at_checked(2)?,
        };
        self.rest = rest;
        let is_number = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        u32::from_str_radix(digits, 16)
            .ok()
            .filter(|_| is_number)
            .and_then(char::from_u32)
    }

    /// What is in brackets, of which the first was read.
    fn class(&mut self, whole: &'p str) -> Result<()> {
        self.written.push('[');
        if self.takes("^") {
            self.written.push('^');
        }
        let mut is_first = true;
        while is_first || !self.takes("]") {
            is_first = false;
            let before = self.rest;
            if let Some((name, rest)) = self.rest.strip_prefix("[:").and_then(|rest| rest.split_once(":]")) {
                self.rest = rest;
                if !CLASSES.contains(&name.trim_start_matches('^')) {
                    return Err(wrong("invalid character class range", self.since(before)));
                }
                self.written.push_str(self.since(before));
                continue;
            }
            if self.takes("\\") {
                if let Some(class) = self.named(before)? {
                    self.written.push_str(&class);
                    continue;
                }
                self.rest = before;
            }
            let first = self.in_class(whole)?;
            let is_range = self.rest.starts_with('-') && !self.rest.starts_with("-]") && self.rest != "-";
            let last = if is_range && self.takes("-") {
                self.in_class(whole)?
            } else {
                first
            };
            if last < first {
                return Err(wrong("invalid character class range", self.since(before)));
            }
            self.written
                .push_str(&format!("\\x{{{:x}}}-\\x{{{:x}}}", u32::from(first), u32::from(last)));
        }
        self.written.push(']');
        Ok(())
    }

    fn in_class(&mut self, whole: &'p str) -> Result<char> {
        let before = self.rest;
        match self.next() {
            None => Err(wrong("missing closing ]", whole)),
            Some('\\') => self.character(before),
            Some(other) => Ok(other),
        }
    }
}
