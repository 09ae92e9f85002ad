//! How deep an expression is nested: its text in; how deep, or the words in which Kubernetes' parser refuses it, out. It goes
//! through the text as that parser's grammar does, and makes nothing of it: the parser that does so knows no such limits.

use super::escaping::RESERVED;
use super::places::{Mistake, Text};
use super::tokens::{Kind, Token, tokens};

/// How deep a rule of the grammar may be within itself, and operators and selections within each other.
const MOST: usize = 250;
/// How long an expression may be.
const MOST_CHARACTERS: usize = 100_000;
/// How long an expression may be that is none, if its errors shall be told one by one.
const MOST_BROKEN: usize = 250;

/// What is in the way of parsing an expression.
enum Stop {
    Refused(String),
    Broken,
}

type Height = Result<usize, Stop>;

/// How deep a parser recurses at most, and the text for it: without what it misunderstands, signs that cancel each other.
///
/// # Errors
///
/// That it is too long or nested too deep, in the words of Kubernetes' parser.
pub(super) fn measure(source: &str) -> Result<(usize, String), String> {
    let size = source.chars().count();
    if size > MOST_CHARACTERS {
        let why = format!("expression code point size exceeds limit: size: {size}, limit {MOST_CHARACTERS}");
        return Err(nowhere(&why));
    }
    let mut grammar = Grammar {
        tokens: tokens(source),
        next: 0,
        expressions: Level::default(),
        relations: Level::default(),
        sums: Level::default(),
        cancelled: Vec::new(),
        mistakes: Vec::new(),
    };
    match grammar.start() {
        Ok(_) if !grammar.mistakes.is_empty() => Err(Text(source).all(grammar.mistakes)),
        Ok(height) => {
            let depth = grammar.expressions.most + height;
            Ok((depth, without(source, &grammar.cancelled)))
        }
        Err(Stop::Refused(why)) => Err(nowhere(&why)),
        Err(Stop::Broken) => grammar.broken(source),
    }
}

/// An error that has no place.
fn nowhere(why: &str) -> String {
    format!("ERROR: <input>:-1:0: {why}")
}

/// A text with spaces in the place of some characters.
fn without(source: &str, blank: &[usize]) -> String {
    let characters = source.char_indices();
    characters
        .map(|(at, character)| {
            if blank.binary_search(&at).is_ok() {
                ' '
            } else {
                character
            }
        })
        .collect()
}

/// How often a rule of the grammar is within itself, and was at most.
#[derive(Default)]
struct Level {
    now: usize,
    most: usize,
}

impl Level {
    fn enter(&mut self) -> Result<(), Stop> {
        self.now += 1;
        self.most = self.most.max(self.now);
        if self.now > MOST {
            return Err(Stop::Refused(format!("expression recursion limit exceeded: {MOST}")));
        }
        Ok(())
    }

    const fn leave(&mut self) {
        self.now = self.now.saturating_sub(1);
    }
}

/// The grammar at some place of a text. Every rule tells how many operators and selections are within each other at most.
struct Grammar<'a> {
    tokens: Vec<Token<'a>>,
    next: usize,
    expressions: Level,
    relations: Level,
    sums: Level,
    /// Where signs are that cancel each other, in ascending order.
    cancelled: Vec<usize>,
    /// Names that are none.
    mistakes: Vec<Mistake>,
}

impl<'a> Grammar<'a> {
    fn start(&mut self) -> Height {
        let height = self.expression()?;
        match self.peek() {
            // The parser counts once it has read all.
            None if height > MOST => Err(Stop::Refused("max recursion depth exceeded".to_owned())),
            None => Ok(height),
            Some(_) => Err(Stop::Broken),
        }
    }

    fn expression(&mut self) -> Height {
        self.expressions.enter()?;
        let mut height = self.logic()?;
        if self.takes("?") {
            let yes = self.logic()?;
            self.expect(":")?;
            let no = self.expression()?;
            height = 1 + height.max(yes).max(no);
        }
        self.expressions.leave();
        Ok(height)
    }

    fn logic(&mut self) -> Height {
        let mut height = self.relation()?;
        while self.takes("||") || self.takes("&&") {
            height = height.max(self.relation()?);
        }
        Ok(height)
    }

    fn relation(&mut self) -> Height {
        self.relations.enter()?;
        let mut height = self.sum(0)?;
        while ["<", "<=", ">=", ">", "==", "!=", "in"]
            .iter()
            .any(|sign| self.takes(sign))
        {
            self.relations.enter()?;
            height = 1 + height.max(self.sum(0)?);
            self.relations.leave();
        }
        self.relations.leave();
        Ok(height)
    }

    /// A sum, or a part of one that binds at least as closely as told.
    fn sum(&mut self, least: u8) -> Height {
        self.sums.enter()?;
        let mut height = self.unary()?;
        loop {
            let right = if least <= 2 && ["*", "/", "%"].iter().any(|sign| self.takes(sign)) {
                self.sum(3)?
            } else if least <= 1 && ["+", "-"].iter().any(|sign| self.takes(sign)) {
                self.sum(2)?
            } else {
                break;
            };
            height = 1 + height.max(right);
        }
        self.sums.leave();
        Ok(height)
    }

    fn unary(&mut self) -> Height {
        let sign = if self.is("!") { "!" } else { "-" };
        let mut signs = Vec::new();
        while let Some(token) = self.peek().filter(|token| token.text == sign) {
            signs.push(token.at);
            self.next += 1;
        }
        if signs.len() % 2 == 0 {
            self.cancelled.extend(signs);
        }
        self.member()
    }

    fn member(&mut self) -> Height {
        let mut height = self.primary()?;
        loop {
            if self.takes(".") {
                self.takes("?");
                let name = self.name()?;
                if name.text.starts_with('`') {
                    let why = "unsupported syntax: '`'".to_owned();
                    self.mistakes.push(Mistake::new(Some(name.at), why));
                }
                let arguments = if self.takes("(") { self.items(")", false)? } else { 0 };
                height = 1 + height.max(arguments);
            } else if self.takes("[") {
                self.takes("?");
                height = 1 + height.max(self.expression()?);
                self.expect("]")?;
            } else if self.takes("{") {
                height = height.max(self.items("}", true)?);
            } else {
                return Ok(height);
            }
        }
    }

    fn primary(&mut self) -> Height {
        if self.takes("(") {
            let height = self.expression()?;
            self.expect(")")?;
            return Ok(height);
        }
        if self.takes("[") {
            return self.items("]", false);
        }
        if self.takes("{") {
            return self.items("}", true);
        }
        if self.peek().is_some_and(|token| token.kind == Kind::Literal) {
            self.next += 1;
            return Ok(0);
        }
        self.takes(".");
        let name = self.name()?;
        if RESERVED.contains(&name.text) {
            let why = format!("reserved identifier: {}", name.text);
            self.mistakes.push(Mistake::new(Some(name.at), why));
        }
        if self.takes("(") { self.items(")", false) } else { Ok(0) }
    }

    /// Expressions, or pairs of them, until a bracket closes.
    fn items(&mut self, close: &str, pairs: bool) -> Height {
        let mut height = 0;
        while !self.takes(close) {
            self.takes("?");
            height = height.max(self.expression()?);
            if pairs {
                self.expect(":")?;
                height = height.max(self.expression()?);
            }
            if !self.takes(",") && !self.is(close) {
                return Err(Stop::Broken);
            }
        }
        Ok(height)
    }

    fn name(&mut self) -> Result<Token<'a>, Stop> {
        let name = self
            .peek()
            .filter(|token| token.kind == Kind::Name)
            .ok_or(Stop::Broken)?;
        self.next += 1;
        Ok(name)
    }

    fn peek(&self) -> Option<Token<'a>> {
        self.tokens.get(self.next).copied()
    }

    fn is(&self, sign: &str) -> bool {
        self.peek().is_some_and(|token| token.text == sign)
    }

    fn takes(&mut self, sign: &str) -> bool {
        let is = self.is(sign);
        self.next += usize::from(is);
        is
    }

    fn expect(&mut self, sign: &str) -> Result<(), Stop> {
        if self.takes(sign) { Ok(()) } else { Err(Stop::Broken) }
    }

    /// What is no expression is left to the parser, which tells all that is wrong; unless that would take it too deep.
    fn broken(&self, source: &str) -> Result<(usize, String), String> {
        if self.tokens.len() <= MOST_BROKEN {
            return Ok((self.tokens.len(), source.to_owned()));
        }
        let (at, text) = self
            .peek()
            .map_or((source.len(), "<EOF>"), |token| (token.at, token.text));
        Err(Text(source).located(Some(at), &format!("Syntax error: mismatched input '{text}'")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(open: &str, close: &str, times: usize) -> String {
        format!("{}a{}", open.repeat(times), close.repeat(times))
    }

    /// What the server takes, and once more what it refuses.
    #[test]
    fn limits_are_the_servers() {
        let recursion = "ERROR: <input>:-1:0: expression recursion limit exceeded: 250";
        let depth = "ERROR: <input>:-1:0: max recursion depth exceeded";
        let nested_in = [
            ("(", ")", 249, recursion),
            ("[", "]", 249, recursion),
            ("1+(", ")", 124, recursion),
            ("1+1*(", ")", 83, recursion),
            ("true?1:", "", 249, recursion),
            ("1+", "", 250, depth),
            ("", ".b", 250, depth),
            ("", ".b()", 250, depth),
        ];
        for (open, close, most, why) in nested_in {
            let makes = |times| measure(&nested(open, close, times)).map(|_| ());
            assert_eq!(makes(most), Ok(()), "{open} {close}");
            assert_eq!(makes(most + 1), Err(why.to_owned()), "{open} {close}");
        }
        assert!(measure(&vec!["true"; 10_000].join("&&")).is_ok());
        assert!(measure(&" ".repeat(100_001)).is_err());
    }

    #[test]
    fn signs_that_cancel_each_other_are_taken_out() {
        let text = |source| measure(source).unwrap().1;
        assert_eq!(text("!!a && !b"), "  a && !b");
        assert_eq!(text("---1 - -1 -- 1"), "---1 - -1 -- 1");
        assert_eq!(text("[- - 1]"), "[    1]");
    }
}
