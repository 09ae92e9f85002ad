//! Regular expressions as Go reads them: the text of a `pattern` in, a matcher out. Go's classes `\d`, `\w` and `\s` are
//! ASCII, and its brackets know no nesting and no set operations.

use regex::Regex;

/// A compiled `pattern`.
#[derive(Debug, Clone)]
pub struct Pattern {
    text: String,
    compiled: Result<Regex, String>,
}

impl Pattern {
    /// Compiles a pattern. A pattern that is none matches nothing.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let compiled = Regex::new(&translate(text)).map_err(|error| go_error(text, &error.to_string()));
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

    /// Why it is no pattern: in Go's words where the mistake is a common one.
    #[must_use]
    pub fn error(&self) -> Option<&str> {
        self.compiled.as_ref().err().map(String::as_str)
    }
}

fn go_error(pattern: &str, error: &str) -> String {
    let line = error.lines().last().unwrap_or_default().trim_start_matches("error: ");
    let from = |needle: &str| pattern.find(needle).and_then(|at| pattern.get(at..)).unwrap_or(pattern);
    match line {
        "unclosed group" => format!("missing closing ): `{pattern}`"),
        "unopened group" => format!("unexpected ): `{pattern}`"),
        "unclosed character class" => format!("missing closing ]: `{}`", from("[")),
        "look-around, including look-ahead and look-behind, is not supported" => {
            let end = if from("(?").starts_with("(?<") { 4 } else { 3 };
            format!(
                "invalid or unsupported Perl syntax: `{}`",
                from("(?").get(..end).unwrap_or_default()
            )
        }
        other => other.to_owned(),
    }
}

/// The same pattern in the syntax of the `regex` crate.
fn translate(pattern: &str) -> String {
    let mut translated = String::with_capacity(pattern.len());
    let mut in_class = false;
    let mut in_name = false;
    let mut class_start = 0;
    let mut characters = pattern.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some((_, escaped)) => translated.push_str(&escape(escaped, in_class)),
                None => translated.push('\\'),
            },
            '[' if !in_class => {
                in_class = true;
                translated.push('[');
                class_start = at + 1;
                if let Some((negation, _)) = characters.next_if(|(_, next)| *next == '^') {
                    translated.push('^');
                    class_start = negation + 1;
                }
            }
            '[' if characters.peek().is_some_and(|(_, next)| *next == ':') => {
                in_name = true;
                translated.push('[');
            }
            '[' => translated.push_str("\\["),
            // A bracket that closes nothing yet is a literal one, and one of `[:alpha:]` does not close the class.
            ']' if in_class && at == class_start => translated.push_str("\\]"),
            ']' if in_name => {
                in_name = false;
                translated.push(']');
            }
            ']' if in_class => {
                in_class = false;
                translated.push(']');
            }
            '&' | '~' if in_class => {
                translated.push('\\');
                translated.push(character);
            }
            other => translated.push(other),
        }
    }
    translated
}

fn escape(escaped: char, in_class: bool) -> String {
    let class = match escaped {
        'd' => "0-9",
        'w' => "0-9A-Za-z_",
        's' => "\\t\\n\\x0C\\r ",
        'D' => return "[^0-9]".to_owned(),
        'W' => return "[^0-9A-Za-z_]".to_owned(),
        'S' => return "[^\\t\\n\\x0C\\r ]".to_owned(),
        'b' if !in_class => return "(?-u:\\b)".to_owned(),
        other => return format!("\\{other}"),
    };
    if in_class {
        class.to_owned()
    } else {
        format!("[{class}]")
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
            (r"^[\d.]+$", "1.2", true),
            (r"^[^\s]+$", "a b", false),
            (r"^[a[]$", "[", true),
            (r"^[]a]+$", "]a", true),
            (r"^[[:alpha:]-]+$", "a-b", true),
            (r"^[&&~]+$", "&~", true),
            (r"^([a-z:]*[a-z])?$", "ab", true),
            (r"\bfoo\b", "a foo b", true),
            (r"^(?:[a-z]|\W)$", "-", true),
            (r"^[\W]$", "-", true),
            ("(", "(", false),
        ];
        for (pattern, text, matches) in cases {
            assert_eq!(Pattern::new(pattern).matches(text), matches, "{pattern} {text}");
        }
        assert_eq!(Pattern::new("a(b").error(), Some("missing closing ): `a(b`"));
        assert_eq!(
            Pattern::new("a(?!b)").error(),
            Some("invalid or unsupported Perl syntax: `(?!`")
        );
        assert_eq!(Pattern::new("a[b").error(), Some("missing closing ]: `[b`"));
    }
}
