//! The types of CEL: a place in a schema, or a declaration as text, in; a type out. And whether an argument fits a declared
//! parameter.

use std::fmt;

use super::declared::Declared;

/// How many parts a type has at most.
const MOST_PARTS: usize = 64;

/// The type of an expression, or of a parameter.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Type<'a> {
    /// Anything: what it is shows when it is evaluated.
    Dyn,
    /// A parameter of a declaration; or, without a name, what nothing is known of yet, as the items of an empty list.
    Parameter(&'a str),
    /// A type without parameters, by its name.
    Named(&'a str),
    /// A list with its items.
    List(Box<Self>),
    /// A map with its keys and values.
    Map(Box<Self>, Box<Self>),
    /// A value that may be absent.
    Optional(Box<Self>),
    /// An object with fields.
    Object(Declared<'a>),
}

/// What parameters stand for.
pub(super) type Bindings<'a> = Vec<(&'a str, Type<'a>)>;

impl<'a> Type<'a> {
    pub(super) const UNKNOWN: Self = Self::Parameter("");

    /// The type of the values at a place of a schema.
    pub(super) fn of(declared: Declared<'a>) -> Self {
        let element = || declared.element().map_or(Self::Dyn, Self::of);
        let node = match declared {
            Declared::Text | Declared::Key => return Self::Named("string"),
            Declared::Metadata => return Self::Object(declared),
            Declared::Value(node, _) => node,
        };
        if node.int_or_string {
            return Self::Dyn;
        }
        match (node.kind.as_str(), node.format.as_str()) {
            ("integer", _) => Self::Named("int"),
            ("number", _) => Self::Named("double"),
            ("boolean", _) => Self::Named("bool"),
            ("string", "byte") => Self::Named("bytes"),
            ("string", "duration") => Self::Named("duration"),
            ("string", "date" | "date-time") => Self::Named("timestamp"),
            ("string", _) => Self::Named("string"),
            ("array", _) => Self::List(Box::new(element())),
            ("object", _) if node.additional.schema().is_some() => {
                Self::Map(Box::new(Self::Named("string")), Box::new(element()))
            }
            ("object", _) => Self::Object(declared),
            _ => Self::Dyn,
        }
    }

    /// Reads a declaration: `int`, `list(T)`, `map(K, V)`, `optional(T)`. One capital letter is a parameter.
    pub(super) fn parse(text: &'a str) -> Self {
        let text = text.trim();
        let Some((name, inner)) = text.strip_suffix(')').and_then(|text| text.split_once('(')) else {
            let is_parameter = text.len() == 1 && text.chars().all(|letter| letter.is_ascii_uppercase());
            return match text {
                "dyn" => Self::Dyn,
                _ if is_parameter => Self::Parameter(text),
                _ => Self::Named(text),
            };
        };
        match (name, inner.split_once(',')) {
            ("map", Some((key, value))) => Self::Map(Box::new(Self::parse(key)), Box::new(Self::parse(value))),
            ("optional", _) => Self::Optional(Box::new(Self::parse(inner))),
            _ => Self::List(Box::new(Self::parse(inner))),
        }
    }

    /// Whether a value of a type may be where this one is declared; and what the parameters then stand for.
    pub(super) fn accepts(&self, given: &Self, bound: &mut Bindings<'a>) -> bool {
        match (self, given) {
            (Self::Parameter(name), given) if !name.is_empty() => {
                let Some((_, known)) = bound.iter_mut().find(|(known, _)| known == name) else {
                    bound.push((*name, given.clone()));
                    return true;
                };
                let fits = known.clone().accepts(given, &mut Vec::new());
                if fits {
                    *known = std::mem::replace(known, Self::Dyn).joined(given);
                }
                fits
            }
            (Self::Dyn | Self::Parameter(_), _) | (_, Self::Dyn | Self::Parameter(_)) => true,
            (Self::List(one), Self::List(other)) | (Self::Optional(one), Self::Optional(other)) => {
                one.accepts(other, bound)
            }
            (Self::Map(key, value), Self::Map(other_key, other_value)) => {
                key.accepts(other_key, bound) && value.accepts(other_value, bound)
            }
            (Self::Named("null_type"), other) | (other, Self::Named("null_type")) if other.is_nullable() => true,
            (one, other) => one == other,
        }
    }

    /// Whether it is the very same type, as far as it is known.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Parameter(_), _) | (_, Self::Parameter(_)) => true,
            (Self::List(one), Self::List(other)) | (Self::Optional(one), Self::Optional(other)) => one.is_same(other),
            (Self::Map(key, value), Self::Map(other_key, other_value)) => {
                key.is_same(other_key) && value.is_same(other_value)
            }
            (one, other) => one == other,
        }
    }

    /// The type, or anything, if it has too many parts to be carried along: expressions can make types that double with
    /// every step.
    pub(super) fn bounded(self) -> Self {
        let mut left = MOST_PARTS;
        if self.takes(&mut left) { self } else { Self::Dyn }
    }

    /// Counts its parts down.
    fn takes(&self, left: &mut usize) -> bool {
        *left = left.saturating_sub(1);
        *left > 0
            && match self {
                Self::List(inner) | Self::Optional(inner) => inner.takes(left),
                Self::Map(key, value) => key.takes(left) && value.takes(left),
                _ => true,
            }
    }

    /// The type with its parameters replaced by what they stand for. Of those that stand for nothing, nothing is known.
    pub(super) fn with(&self, bound: &Bindings<'a>) -> Self {
        let inner = |inner: &Self| Box::new(inner.with(bound));
        match self {
            Self::Parameter(name) => {
                let known = bound.iter().find(|(known, _)| known == name);
                known.map_or_else(|| self.clone(), |(_, known)| known.clone())
            }
            Self::List(item) => Self::List(inner(item)),
            Self::Optional(value) => Self::Optional(inner(value)),
            Self::Map(key, value) => Self::Map(inner(key), inner(value)),
            other => other.clone(),
        }
    }

    /// Whether a parameter is part of the type.
    pub(super) fn mentions(&self, parameter: &str) -> bool {
        match self {
            Self::Parameter(name) => *name == parameter,
            Self::List(inner) | Self::Optional(inner) => inner.mentions(parameter),
            Self::Map(key, value) => key.mentions(parameter) || value.mentions(parameter),
            _ => false,
        }
    }

    /// The type of what is of either of two types that fit each other: what is unknown in one is as in the other.
    pub(super) fn joined(self, other: &Self) -> Self {
        match (self, other) {
            (Self::Dyn, _) | (_, Self::Dyn) => Self::Dyn,
            (Self::Parameter(_), other) => other.clone(),
            (Self::List(one), Self::List(other)) => Self::List(Box::new(one.joined(other))),
            (Self::Optional(one), Self::Optional(other)) => Self::Optional(Box::new(one.joined(other))),
            (Self::Map(key, value), Self::Map(other_key, other_value)) => {
                Self::Map(Box::new(key.joined(other_key)), Box::new(value.joined(other_value)))
            }
            (Self::Named("null_type"), other) => other.clone(),
            (one, _) => one,
        }
    }

    /// The type without the wrapping of an optional one, and whether there was one.
    pub(super) fn unwrapped(self) -> (Self, bool) {
        match self {
            Self::Optional(inner) => (*inner, true),
            other => (other, false),
        }
    }

    /// Whether all values of the type have the same size.
    pub(super) fn is_fixed(&self) -> bool {
        match self {
            Self::Named(name) => matches!(*name, "bool" | "double" | "duration" | "int" | "timestamp" | "uint"),
            Self::Optional(inner) => inner.is_fixed(),
            _ => false,
        }
    }

    fn is_nullable(&self) -> bool {
        match self {
            Self::Named(name) => matches!(*name, "null_type" | "duration" | "timestamp") || name.contains('.'),
            Self::Object(_) | Self::Optional(_) => true,
            _ => false,
        }
    }
}

impl fmt::Display for Type<'_> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dyn | Self::Parameter(_) => write!(to, "dyn"),
            Self::Named("null_type") => write!(to, "null"),
            Self::Named(name) => write!(to, "{name}"),
            Self::List(item) => write!(to, "list({item})"),
            Self::Map(key, value) => write!(to, "map({key}, {value})"),
            Self::Optional(value) => write!(to, "optional_type({value})"),
            Self::Object(_) => write!(to, "object"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declarations_are_read_as_they_are_shown() {
        for text in ["int", "list(string)", "map(string, list(dyn))", "net.IP"] {
            assert_eq!(Type::parse(text).to_string(), text);
        }
        assert_eq!(Type::parse("list(T)"), Type::List(Box::new(Type::Parameter("T"))));
    }

    #[test]
    fn arguments_bind_parameters() {
        let cases = [
            ("T", "list(int)", true),
            ("list(T)", "list(int)", true),
            ("list(int)", "list(string)", false),
            ("int", "dyn", true),
            ("map(K, V)", "list(int)", false),
            ("timestamp", "null_type", true),
            ("string", "null_type", false),
        ];
        for (declared, given, fits) in cases {
            let accepts = Type::parse(declared).accepts(&Type::parse(given), &mut Vec::new());
            assert_eq!(accepts, fits, "{declared} {given}");
        }
        let mut bound = Vec::new();
        let pair = Type::parse("map(A, A)");
        assert!(pair.accepts(&Type::parse("map(int, int)"), &mut bound));
        assert_eq!(Type::parse("list(A)").with(&bound).to_string(), "list(int)");
        assert!(!pair.accepts(&Type::parse("map(int, string)"), &mut Vec::new()));
    }
}
