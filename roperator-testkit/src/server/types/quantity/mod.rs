//! Quantities: `500m`, `1Gi`, `1e3`. In goes the text that a client sends, out comes the text that the server answers, and
//! a value to compare. Amounts are exact up to 38 digits, and rounded up to the ninth decimal place.

mod parse;
#[cfg(test)]
mod tests;

#[cfg(test)]
use std::cmp::Ordering;
use std::fmt::{self, Display};

use serde_json::Value;
use thiserror::Error;

use parse::{Parts, interpret};

/// Why a text is not a quantity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum QuantityError {
    /// It has characters that no quantity has.
    #[error("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'")]
    Format,
    /// It has no digits.
    #[error("unable to parse numeric part of quantity")]
    Numeric,
    /// There is no such suffix.
    #[error("unable to parse quantity's suffix")]
    Suffix,
}

/// An amount, and how it is written.
#[derive(Debug, Clone)]
pub struct Quantity {
    /// The amount is this times ten to the power of the exponent.
    mantissa: i128,
    exponent: i64,
    format: Format,
    /// What was parsed, if it is to be written the same again.
    text: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    /// `12M`
    Decimal,
    /// `12Mi`
    Binary,
    /// `12e6`
    Exponent,
}

/// The smallest decimal place.
const NANO: i64 = -9;

const DECIMAL: [(&str, i64); 10] = [
    ("n", -9),
    ("u", -6),
    ("m", -3),
    ("", 0),
    ("k", 3),
    ("M", 6),
    ("G", 9),
    ("T", 12),
    ("P", 15),
    ("E", 18),
];

/// Each is 1024 times the one before it.
const BINARY: [&str; 7] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];

impl Quantity {
    /// Parses a quantity.
    ///
    /// # Errors
    ///
    /// When the text is none.
    pub fn parse(text: &str) -> Result<Self, QuantityError> {
        if text.is_empty() {
            return Err(QuantityError::Format);
        }
        let parts = Parts::split(text)?;
        let (format, power) = interpret(parts.suffix)?;
        let simple = parts.is_simple(format, power);
        if parts.empty && !simple {
            return Err(QuantityError::Numeric);
        }
        let (mut mantissa, mut exponent) = parts.amount();
        let keep = simple && parts.is_canonical(format, power);
        if format == Format::Binary {
            mantissa = mantissa.checked_mul(1 << power).unwrap_or(i128::MAX);
        } else {
            exponent = exponent.saturating_add(power);
        }
        (mantissa, exponent) = round_up(mantissa, exponent);
        let mut quantity = Self {
            mantissa,
            exponent,
            format,
            text: keep.then(|| text.to_owned()),
        };
        if format == Format::Binary {
            quantity.cap();
        }
        if parts.negative {
            quantity.mantissa = -quantity.mantissa;
        }
        Ok(quantity)
    }

    /// What the server makes of a quantity in JSON: the text that it answers.
    ///
    /// # Errors
    ///
    /// When the value is no quantity.
    pub fn canonical(value: &Value) -> Result<String, QuantityError> {
        match value {
            Value::Null => Ok("0".to_owned()),
            Value::String(text) => Ok(Self::parse(text.trim())?.to_string()),
            Value::Number(number) => Ok(Self::parse(&number.to_string())?.to_string()),
            _ => Err(QuantityError::Format),
        }
    }

    /// Which of two amounts is larger, however they are written.
    #[cfg(test)]
    pub fn compare(&self, other: &Self) -> Ordering {
        if self.exponent < other.exponent {
            return other.compare(self).reverse();
        }
        let aligned = power_of_ten(self.exponent - other.exponent).and_then(|factor| self.mantissa.checked_mul(factor));
        match aligned {
            Some(mantissa) => mantissa.cmp(&other.mantissa),
            // It is too large for 128 bits, which the other is not.
            None => self.mantissa.cmp(&0),
        }
    }

    /// Binary amounts are at most what 64 bits hold; those below one are written in decimal.
    fn cap(&mut self) {
        let most = i128::from(i64::MAX);
        let whole = divide_up(self.mantissa, -self.exponent.min(0));
        if whole > most || self.exponent > 0 {
            (self.mantissa, self.exponent, self.text) = (most, 0, None);
        }
        let one = power_of_ten(-self.exponent).unwrap_or(i128::MAX);
        if self.mantissa > 0 && self.mantissa < one {
            self.format = Format::Decimal;
        }
    }

    /// The amount if a binary suffix can say it; what none can say is read again, and written, as a decimal amount.
    fn binary(&self) -> Option<i128> {
        let unit = power_of_ten(-self.exponent)?;
        let whole = self.mantissa / unit;
        (whole * unit == self.mantissa && whole % 1024 == 0).then_some(whole)
    }
}

impl Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(text) = &self.text {
            return f.write_str(text);
        }
        if self.mantissa == 0 {
            return f.write_str("0");
        }
        if let (Format::Binary, Some(mut amount)) = (self.format, self.binary()) {
            let mut suffixes = BINARY.iter();
            let mut suffix = suffixes.next();
            while amount % 1024 == 0 {
                amount /= 1024;
                suffix = suffixes.next();
            }
            return write!(f, "{amount}{}", suffix.unwrap_or(&""));
        }
        let (mut mantissa, mut exponent) = (self.mantissa, self.exponent);
        while mantissa % 10 == 0 {
            mantissa /= 10;
            exponent += 1;
        }
        let beyond = exponent.rem_euclid(3);
        exponent -= beyond;
        write!(
            f,
            "{mantissa}{}",
            ["", "0", "00"].get(usize::try_from(beyond).unwrap_or(0)).unwrap_or(&"")
        )?;
        if self.format == Format::Exponent {
            return if exponent == 0 {
                Ok(())
            } else {
                write!(f, "e{exponent}")
            };
        }
        // Where there is no suffix that large, the real server writes none.
        let suffix = DECIMAL.iter().find(|(_, power)| *power == exponent);
        f.write_str(suffix.map_or("", |(suffix, _)| suffix))
    }
}

fn power_of_ten(exponent: i64) -> Option<i128> {
    10_i128.checked_pow(u32::try_from(exponent).ok()?)
}

/// Divides a positive amount by a power of ten and rounds up.
fn divide_up(amount: i128, exponent: i64) -> i128 {
    match power_of_ten(exponent) {
        Some(unit) => amount / unit + i128::from(amount % unit != 0),
        None => i128::from(amount > 0),
    }
}

fn round_up(mantissa: i128, exponent: i64) -> (i128, i64) {
    if exponent >= NANO {
        return (mantissa, exponent);
    }
    (divide_up(mantissa, NANO - exponent), NANO)
}
