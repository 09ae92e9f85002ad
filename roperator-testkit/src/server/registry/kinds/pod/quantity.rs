//! Quantities such as `500m` or `1Gi` as numbers, to compare and to add them. Texts are canonical already: writing one
//! back is needed only for sums of whole numbers, and is not done here.

use std::cmp::Ordering;

const NANO: i128 = 1_000_000_000;

/// A quantity in billionths; `None` for what is not one.
#[must_use]
pub fn parse(text: &str) -> Option<i128> {
    let split = text
        .char_indices()
        .find(|(index, character)| {
            !(character.is_ascii_digit() || *character == '.' || (*index == 0 && matches!(character, '+' | '-')))
        })
        .map_or(text.len(), |(index, _)| index);
    let (number, suffix) = text.split_at_checked(split)?;
    let (factor, divisor) = scale(suffix)?;
    let (negative, digits) = match number.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, number.strip_prefix('+').unwrap_or(number)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let places = u32::try_from(fraction.len()).ok().filter(|places| *places < 20)?;
    let mantissa: i128 = format!("{whole}{fraction}").parse().ok()?;
    let unit = 10_i128.checked_pow(places)?.checked_mul(divisor)?;
    let scaled = mantissa.checked_mul(factor)?.checked_mul(NANO)?;
    // Quantities are rounded up to the next billionth.
    let billionths = scaled.checked_add(unit - 1)?.checked_div(unit)?;
    Some(if negative { -billionths } else { billionths })
}

/// The factor and the divisor of a suffix.
fn scale(suffix: &str) -> Option<(i128, i128)> {
    let binary = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
    if let Some(power) = binary.iter().position(|unit| *unit == suffix) {
        let power = u32::try_from(power + 1).ok()?;
        return Some((1024_i128.checked_pow(power)?, 1));
    }
    let decimal = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];
    let exponent = match decimal.iter().position(|unit| *unit == suffix) {
        Some(place) => 3 * (i32::try_from(place).ok()? - 3),
        None => suffix.strip_prefix(['e', 'E'])?.parse().ok()?,
    };
    let power = 10_i128.checked_pow(exponent.unsigned_abs())?;
    Some(if exponent < 0 { (1, power) } else { (power, 1) })
}

/// How two quantities compare; what is not one counts as zero.
#[must_use]
pub fn compare(one: &str, other: &str) -> Ordering {
    parse(one).unwrap_or_default().cmp(&parse(other).unwrap_or_default())
}

/// Whether a quantity is a whole number.
#[must_use]
pub fn is_whole(text: &str) -> bool {
    parse(text).is_none_or(|billionths| billionths % NANO == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_compare_by_value() {
        assert_eq!(compare("1000m", "1"), Ordering::Equal);
        assert_eq!(compare("1Gi", "1024Mi"), Ordering::Equal);
        assert_eq!(compare("1G", "1Gi"), Ordering::Less);
        assert_eq!(compare("1e3", "1k"), Ordering::Equal);
        assert_eq!(compare("-1", "0"), Ordering::Less);
        assert_eq!(compare("1.5Gi", "1536Mi"), Ordering::Equal);
        assert_eq!(parse("abc"), None);
        assert!(is_whole("2k") && !is_whole("1500m"));
    }
}
