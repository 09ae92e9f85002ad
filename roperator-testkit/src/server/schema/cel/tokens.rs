//! The tokens of an expression: its text in, pieces of it without space and comments out. What cannot be a token is one of a
//! single character, which no grammar takes.

use std::sync::LazyLock;

use regex::Regex;

/// What a token is, as far as its place in the grammar depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A number, a text, bytes, a truth or null.
    Literal,
    /// An identifier.
    Name,
    /// An operator or a bracket.
    Sign,
}

/// A piece of an expression.
#[derive(Debug, Clone, Copy)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    pub(super) text: &'a str,
    /// Where it begins, in bytes.
    pub(super) at: usize,
}

/// Space, literals, names and signs: each alternative is a group.
static TOKEN: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let pattern = r#"(?xs)
        ( [\t\n\x0C\r\x20]+ | //[^\n]* )
      | ( [bB]?[rR] (?: """.*?""" | '''.*?''' | "[^"\n\r]*" | '[^'\n\r]*' )
        | [bB]? (?: """(?:\\.|[^\\])*?""" | '''(?:\\.|[^\\])*?''' | "(?:\\.|[^\\"\n\r])*" | '(?:\\.|[^\\'\n\r])*' )
        | [0-9]+\.[0-9]+(?:[eE][+-]?[0-9]+)? | [0-9]+[eE][+-]?[0-9]+ | \.[0-9]+(?:[eE][+-]?[0-9]+)?
        | 0x[0-9a-fA-F]+[uU]? | [0-9]+[uU]? )
      | ( [A-Za-z_][A-Za-z0-9_]* | `[A-Za-z0-9_./\x20-]+` )
      | ( == | != | <= | >= | && | \|\| | . )"#;
    Regex::new(pattern).ok()
});

/// The tokens of an expression, in their order.
pub(super) fn tokens(source: &str) -> Vec<Token<'_>> {
    let found = TOKEN.iter().flat_map(|token| token.captures_iter(source));
    let token = |captures: regex::Captures<'_>| {
        let kinds = [(2, Kind::Literal), (3, Kind::Name), (4, Kind::Sign)];
        let (range, kind) = kinds
            .into_iter()
            .find_map(|(group, kind)| Some((captures.get(group)?.range(), kind)))?;
        let text = source.get(range.clone())?;
        let kind = match text {
            "true" | "false" | "null" => Kind::Literal,
            "in" => Kind::Sign,
            _ => kind,
        };
        Some(Token {
            kind,
            text,
            at: range.start,
        })
    };
    found.filter_map(token).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_is_taken_to_pieces() {
        let pieces = |source| tokens(source).into_iter().map(|token| token.text).collect::<Vec<_>>();
        assert_eq!(
            pieces("a.b+1.5e3 // c\n in x"),
            ["a", ".", "b", "+", "1.5e3", "in", "x"]
        );
        assert_eq!(
            pieces(r#"r'\' + "a\"b" == b'''x'y'''"#),
            [r"r'\'", "+", r#""a\"b""#, "==", "b'''x'y'''"]
        );
        assert_eq!(pieces("!!a[?0]"), ["!", "!", "a", "[", "?", "0", "]"]);
        assert_eq!(pieces("'open"), ["'", "open"]);
    }
}
