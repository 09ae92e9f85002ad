//! The text of a quantity, taken apart. In goes the text, out come its parts and how the real server would calculate with
//! them.

use super::{BINARY, DECIMAL, Format, NANO, QuantityError};

/// The parts of a quantity's text.
pub(super) struct Parts<'a> {
    pub(super) negative: bool,
    /// There are no digits at all, which the real server takes for zero where it has little to calculate.
    pub(super) empty: bool,
    /// The digits before the point without leading zeros; `0` if none are left.
    whole: &'a str,
    /// The digits behind the point.
    fraction: &'a str,
    pub(super) suffix: &'a str,
}

impl<'a> Parts<'a> {
    pub(super) fn split(text: &'a str) -> Result<Self, QuantityError> {
        let negative = text.starts_with('-');
        let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
        let (whole, rest) = digits(unsigned.trim_start_matches('0'));
        let (fraction, suffix) = rest.strip_prefix('.').map_or(("", rest), digits);
        let exponent = suffix.trim_start_matches(|letter| "eEinumkKMGTP".contains(letter));
        let exponent = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        if !digits(exponent).1.is_empty() {
            return Err(QuantityError::Format);
        }
        Ok(Self {
            negative,
            empty: !unsigned.starts_with('0') && whole.is_empty() && fraction.is_empty(),
            whole: if whole.is_empty() { "0" } else { whole },
            fraction,
            suffix,
        })
    }

    /// The digits as an integer, and the power of ten that they are to be multiplied with.
    pub(super) fn amount(&self) -> (i128, i64) {
        let mut amount: i128 = 0;
        let mut exponent = -length(self.fraction);
        let mut full = false;
        for digit in self.whole.bytes().chain(self.fraction.bytes()) {
            let longer = amount
                .checked_mul(10)
                .and_then(|amount| amount.checked_add(i128::from(digit - b'0')));
            match longer.filter(|_| !full) {
                Some(longer) => amount = longer,
                // What is beyond the precision only counts as a place.
                None => (full, exponent) = (true, exponent + 1),
            }
        }
        (amount, exponent)
    }

    /// Whether the real server calculates with 64 bits.
    pub(super) fn is_simple(&self, format: Format, power: i64) -> bool {
        let (whole, fraction) = (length(self.whole), length(self.fraction));
        match format {
            Format::Binary => fraction == 0 && 15 - whole - power * 3 / 10 > 0,
            Format::Decimal | Format::Exponent => whole + fraction <= 18 && power - fraction >= NANO,
        }
    }

    /// Whether the real server answers the very text that it was given, if it is a simple one. That is not only so for
    /// canonical ones, because its check is a cheap one: `+1`, `01` and `1.500` pass it.
    pub(super) fn is_canonical(&self, format: Format, power: i64) -> bool {
        if format == Format::Binary {
            return self.amount().0 % 8 != 0;
        }
        let thousands = (power - length(self.fraction)) % 3 == 0;
        let zeros = format!("{}{}", self.whole, self.fraction).ends_with("000");
        thousands && !zeros && !self.whole.starts_with('0')
    }
}

fn digits(text: &str) -> (&str, &str) {
    let end = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    text.split_at(end)
}

fn length(text: &str) -> i64 {
    i64::try_from(text.len()).unwrap_or(i64::MAX)
}

/// The format that a suffix asks for, and its power of ten or, if it is a binary one, of two.
pub(super) fn interpret(suffix: &str) -> Result<(Format, i64), QuantityError> {
    if let Some((_, power)) = DECIMAL.iter().find(|(name, _)| *name == suffix) {
        return Ok((Format::Decimal, *power));
    }
    if let Some((_, power)) = BINARY.iter().zip((0..).step_by(10)).find(|(name, _)| **name == suffix) {
        return Ok((Format::Binary, power));
    }
    let exponent = suffix.strip_prefix(['e', 'E']).ok_or(QuantityError::Suffix)?;
    let exponent: i32 = exponent.parse().map_err(|_| QuantityError::Suffix)?;
    Ok((Format::Exponent, i64::from(exponent)))
}
