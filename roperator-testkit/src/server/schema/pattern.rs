//! Regular expressions as Go reads them: the text of a pattern in, a matcher or what is wrong with it out. The text is
//! brought into the syntax of the `regex` crate by `gosyntax`.

use regex::{Regex, RegexBuilder};

use super::gosyntax::translate;

/// What a compiled pattern may take: Go allows for more than the `regex` crate does by default.
const MOST_BYTES: usize = 64 << 20;

/// A compiled pattern.
#[derive(Debug, Clone)]
pub struct Pattern {
    text: String,
    compiled: Result<Regex, String>,
}

impl Pattern {
    /// Compiles a pattern. A pattern that is none matches nothing.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let compiled = translate(text).and_then(|translated| {
            let built = RegexBuilder::new(&translated).size_limit(MOST_BYTES).build();
            built.map_err(|_| format!("expression too large: `{text}`"))
        });
        Self {
            text: text.to_owned(),
            compiled,
        }
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it is found in a text.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        self.compiled.as_ref().is_ok_and(|regex| regex.is_match(text))
    }

    /// Where it is found in a text: the pieces that match, one after the other.
    pub fn found<'t>(&self, text: &'t str) -> impl Iterator<Item = &'t str> {
        let found = self.compiled.iter().flat_map(|regex| regex.find_iter(text));
        found.map(|found| found.as_str())
    }

    /// Why it is no pattern, in Go's words.
    #[must_use]
    pub fn error(&self) -> Option<&str> {
        self.compiled.as_ref().err().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_gos() {
        let cases = [
            (r"^\d+$", "12", true),
            (r"^\d+$", "١٢", false),
            (r"^\w$", "é", false),
            (r"^[\d.]+$", "1.2", true),
            (r"^[^\s]+$", "a b", false),
            (r"^[^\W]+$", "ab", true),
            (r"^[^\W]+$", "a-", false),
            (r"^[a[]$", "[", true),
            (r"^[]a]+$", "]a", true),
            (r"^[[:alpha:]-]+$", "a-b", true),
            (r"^[&&~]+$", "&~", true),
            (r"^([a-z:]*[a-z])?$", "ab", true),
            (r"\bfoo\b", "a foo b", true),
            (r"^(?:[a-z]|\W)$", "-", true),
            (r"^[\W]$", "-", true),
            (r"^a{,2}$", "a{,2}", true),
            (r"^{a}$", "{a}", true),
            (r"^a{2,3}?$", "aaa", true),
            (r"^\Qa*\E+$", "a**", true),
            (r"^\<\_\x41\x{42}\103$", "<_ABC", true),
            (r"^\p{Greek}\pL$", "αz", true),
            (r"^(?P<n>a)(?<n>b)(?i:C)$", "abc", true),
            (r"^[a-]+$", "a-", true),
            (r"^[\x41-\x43]+$", "ABC", true),
            (r"^*a", "a", true),
            ("(", "(", false),
        ];
        for (pattern, text, matches) in cases {
            assert_eq!(Pattern::new(pattern).matches(text), matches, "{pattern} {text}");
        }
        let found = Pattern::new(r"\w*");
        assert_eq!(found.found("aé b").collect::<Vec<_>>(), ["a", "", "b"]);
    }

    /// What the server says of each.
    #[test]
    fn what_is_none_is_refused_in_gos_words() {
        let cases = [
            ("a(b", "missing closing ): `a(b`"),
            ("a)", "unexpected ): `a)`"),
            ("a[b", "missing closing ]: `[b`"),
            ("a(?!b)", "invalid or unsupported Perl syntax: `(?!`"),
            ("(?z)", "invalid or unsupported Perl syntax: `(?z`"),
            ("(?i", "invalid or unsupported Perl syntax: `(?i`"),
            ("(?P=n)", "invalid or unsupported Perl syntax: `(?P`"),
            ("(?P<n", "invalid named capture: `(?P<n`"),
            ("(?<=a)", "invalid named capture: `(?<=a)`"),
            ("a{1001}", "invalid repeat count: `{1001}`"),
            ("a{2,1}", "invalid repeat count: `{2,1}`"),
            ("(a{1000}){2}", "invalid repeat count: `{2}`"),
            ("a**", "invalid nested repetition operator: `**`"),
            ("x{1,2}{3}", "invalid nested repetition operator: `{1,2}{3}`"),
            ("*", "missing argument to repetition operator: `*`"),
            ("(|*)", "missing argument to repetition operator: `*`"),
            ("[b-a]", "invalid character class range: `b-a`"),
            ("[[:foo:]]", "invalid character class range: `[:foo:]`"),
            (r"\p{Foo}", r"invalid character class range: `\p{Foo}`"),
            (r"\8", r"invalid escape sequence: `\8`"),
            (r"\C", r"invalid escape sequence: `\C`"),
            (r"[a-\d]", r"invalid escape sequence: `\d`"),
            (r"\", "trailing backslash at end of expression: ``"),
        ];
        for (pattern, error) in cases {
            assert_eq!(Pattern::new(pattern).error(), Some(error), "{pattern}");
        }
    }
}
