//! Label selectors: the text of a `labelSelector` parameter or a `LabelSelector` object in, a selector that matches
//! labels out. It never changes objects; what is wrong with a `LabelSelector` inside an object says `validate`.

use std::collections::BTreeSet;
use std::fmt::{self, Display};

use serde_json::Value;

use super::SelectorError;
use super::requirement::{Operator, Requirement, key_error};
use crate::server::field::{FieldPath, quote};

/// A label selector: nothing at all, or everything that meets all requirements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector {
    requirements: Option<Vec<Requirement>>,
}

impl Selector {
    /// Selects no object.
    #[must_use]
    pub const fn nothing() -> Self {
        Self { requirements: None }
    }

    /// Understands the text of a `labelSelector` parameter.
    ///
    /// # Errors
    /// If it is none.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        Parser {
            tokens: tokens(text),
            position: 0,
        }
        .selector()
        .map(Self::from_requirements)
    }

    /// A `LabelSelector` object's selector. None, or `null`, selects nothing; an empty one selects everything.
    ///
    /// # Errors
    /// If the object is not valid.
    pub fn from_object(selector: Option<&Value>) -> Result<Self, SelectorError> {
        let Some(selector) = selector.filter(|selector| !selector.is_null()) else {
            return Ok(Self::nothing());
        };
        let mut requirements = Vec::new();
        for (key, value) in selector
            .get("matchLabels")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            let value = value.as_str().unwrap_or_default().to_owned();
            requirements.push(Requirement::new(key, Operator::Equals, vec![value])?);
        }
        for expression in selector
            .get("matchExpressions")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            requirements.push(from_expression(expression)?);
        }
        Ok(Self::from_requirements(requirements))
    }

    /// The selector of a plain map from keys to values, such as a Service's. Nothing is checked.
    #[must_use]
    pub fn from_map(labels: &Value) -> Self {
        let labels = labels.as_object().into_iter().flatten();
        Self::from_requirements(
            labels
                .map(|(key, value)| Requirement::equals(key, value.as_str().unwrap_or_default()))
                .collect(),
        )
    }

    fn from_requirements(mut requirements: Vec<Requirement>) -> Self {
        requirements.sort_by(|a, b| a.key.cmp(&b.key));
        Self {
            requirements: Some(requirements),
        }
    }

    /// Whether nothing is required: every object matches.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.requirements.as_ref().is_some_and(Vec::is_empty)
    }

    /// Whether labels match, which `lookup` finds by their keys.
    pub fn matches_by<'a>(&self, lookup: impl Fn(&str) -> Option<&'a str>) -> bool {
        let Some(requirements) = &self.requirements else {
            return false;
        };
        requirements
            .iter()
            .all(|requirement| requirement.meets(lookup(&requirement.key)))
    }

    /// Whether an object's labels match, given as the map that they are in `metadata.labels`.
    #[must_use]
    pub fn matches(&self, labels: Option<&Value>) -> bool {
        self.matches_by(|key| labels?.get(key)?.as_str())
    }
}

impl Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let requirements = self.requirements.iter().flatten();
        let texts: Vec<String> = requirements.map(ToString::to_string).collect();
        f.write_str(&texts.join(","))
    }
}

fn from_expression(expression: &Value) -> Result<Requirement, SelectorError> {
    let text = |field: &str| expression.get(field).and_then(Value::as_str).unwrap_or_default();
    let operator = match text("operator") {
        "In" => Operator::In,
        "NotIn" => Operator::NotIn,
        "Exists" => Operator::Exists,
        "DoesNotExist" => Operator::DoesNotExist,
        other => {
            let message = format!("{} is not a valid label selector operator", quote(other));
            return Err(SelectorError::new(message));
        }
    };
    let values = expression.get("values").and_then(Value::as_array).into_iter().flatten();
    let values = values.map(|value| value.as_str().unwrap_or_default().to_owned());
    Requirement::new(text("key"), operator, values.collect())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token<'a> {
    End,
    Word(&'a str),
    Symbol(&'a str),
}

impl<'a> Token<'a> {
    const fn literal(self) -> &'a str {
        match self {
            Self::End => "",
            Self::Word(text) | Self::Symbol(text) => text,
        }
    }
}

const SYMBOLS: [char; 7] = ['=', '!', '(', ')', ',', '>', '<'];
const SPACES: [char; 4] = [' ', '\t', '\r', '\n'];

fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = text.split('\0').next().unwrap_or_default();
    loop {
        rest = rest.trim_start_matches(SPACES);
        let length = if rest.starts_with("==") || rest.starts_with("!=") {
            2
        } else if rest.starts_with(SYMBOLS) {
            1
        } else {
            let ends = |character| SYMBOLS.contains(&character) || SPACES.contains(&character);
            rest.find(ends).unwrap_or(rest.len())
        };
        let (token, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
        tokens.push(match token {
            "" => return tokens,
            symbol if symbol.starts_with(SYMBOLS) => Token::Symbol(symbol),
            word => Token::Word(word),
        });
        rest = after;
    }
}

struct Parser<'a> {
    tokens: Vec<Token<'a>>,
    position: usize,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Token<'a> {
        self.tokens.get(self.position).copied().unwrap_or(Token::End)
    }

    fn next(&mut self) -> Token<'a> {
        let token = self.peek();
        self.position += 1;
        token
    }

    fn selector(&mut self) -> Result<Vec<Requirement>, SelectorError> {
        let mut requirements = Vec::new();
        loop {
            match self.peek() {
                Token::End => return Ok(requirements),
                Token::Word(_) | Token::Symbol("!") => {}
                other => return Err(found(other, ", expected: !, identifier, or 'end of string'")),
            }
            requirements.push(self.requirement().map_err(|error| {
                let message = format!("unable to parse requirement: {error}");
                SelectorError::new(message)
            })?);
            match self.next() {
                Token::End => return Ok(requirements),
                Token::Symbol(",") => {}
                other => return Err(found(other, ", expected: ',' or 'end of string'")),
            }
            let following = self.peek();
            if !matches!(following, Token::Word(_) | Token::Symbol("!")) {
                return Err(found(following, ", expected: identifier after ','"));
            }
        }
    }

    fn requirement(&mut self) -> Result<Requirement, SelectorError> {
        let negated = self.peek() == Token::Symbol("!");
        if negated {
            self.next();
        }
        let key = match self.next() {
            Token::Word(key) => key,
            other => return Err(found(other, ", expected: identifier")),
        };
        if let Some(error) = key_error(key, &FieldPath::root()) {
            return Err(SelectorError::new(error.to_string()));
        }
        if negated {
            return Requirement::new(key, Operator::DoesNotExist, Vec::new());
        }
        if matches!(self.peek(), Token::End | Token::Symbol(",")) {
            return Requirement::new(key, Operator::Exists, Vec::new());
        }
        let operator = self.operator()?;
        let values = match operator {
            Operator::In | Operator::NotIn => self.values()?,
            _ => BTreeSet::from([self.value()?]),
        };
        Requirement::new(key, operator, values.into_iter().map(str::to_owned).collect())
    }

    fn operator(&mut self) -> Result<Operator, SelectorError> {
        match self.next() {
            Token::Word("in") => Ok(Operator::In),
            Token::Word("notin") => Ok(Operator::NotIn),
            Token::Symbol("=") => Ok(Operator::Equals),
            Token::Symbol("==") => Ok(Operator::DoubleEquals),
            Token::Symbol("!=") => Ok(Operator::NotEquals),
            Token::Symbol(">") => Ok(Operator::GreaterThan),
            Token::Symbol("<") => Ok(Operator::LessThan),
            other => Err(found(other, ", expected: in, notin, =, ==, !=, gt, lt")),
        }
    }

    fn value(&mut self) -> Result<&'a str, SelectorError> {
        match self.peek() {
            Token::End | Token::Symbol(",") => Ok(""),
            Token::Word(value) => {
                self.next();
                Ok(value)
            }
            other => Err(found(other, ", expected: identifier")),
        }
    }

    /// `(a,b)`: values between commas, of which any may be empty.
    fn values(&mut self) -> Result<BTreeSet<&'a str>, SelectorError> {
        match self.next() {
            Token::Symbol("(") => {}
            other => return Err(found(other, " expected: '('")),
        }
        match self.peek() {
            Token::Word(_) | Token::Symbol("," | ")") => {}
            other => return Err(found(other, ", expected: ',', ')' or identifier")),
        }
        let mut values = BTreeSet::new();
        loop {
            let mut value = "";
            if let Token::Word(word) = self.peek() {
                value = word;
                self.next();
            }
            values.insert(value);
            match (self.next(), value) {
                (Token::Symbol(")"), _) => return Ok(values),
                (Token::Symbol(","), _) => {}
                (other, "") => return Err(found(other, ", expected: ',', or identifier")),
                (other, _) => return Err(found(other, ", expected: ',' or ')'")),
            }
        }
    }
}

fn found(token: Token<'_>, expected: &str) -> SelectorError {
    SelectorError::new(format!("found '{}'{expected}", token.literal()))
}

#[cfg(test)]
mod tests;
