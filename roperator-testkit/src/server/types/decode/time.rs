//! Times. In goes a time as a client wrote it, out comes the same in UTC with the precision that the type has, or the
//! message of Go's parser, which names the part of its example time that something could not be parsed as.

use serde_json::Value;

use crate::server::field::quote;

/// How a type writes times.
#[derive(Debug, Clone, Copy)]
pub struct Layout {
    example: &'static str,
    micro: bool,
}

/// To the second; `metav1.Time`.
pub const SECONDS: Layout = Layout {
    example: "2006-01-02T15:04:05Z07:00",
    micro: false,
};

/// To the microsecond; `metav1.MicroTime`.
pub const MICROSECONDS: Layout = Layout {
    example: "2006-01-02T15:04:05.000000Z07:00",
    micro: true,
};

/// The first second of the year 1, which Go takes for no time at all.
const ZERO: i64 = -62_135_596_800;

/// What is answered for a time, if it is not the very text.
pub(super) fn canonical(text: &str, layout: Layout) -> Result<Option<Value>, String> {
    let (seconds, nanoseconds) = parse(text, layout)?;
    if (seconds, nanoseconds) == (ZERO, 0) {
        return Ok(Some(Value::Null));
    }
    let written = format(seconds, nanoseconds, layout);
    Ok((written != text).then_some(Value::String(written)))
}

/// Writes a time in UTC.
pub fn format(seconds: i64, nanoseconds: u32, layout: Layout) -> String {
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let fraction = if layout.micro {
        format!(".{:06}", nanoseconds / 1000)
    } else {
        String::new()
    };
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z")
}

fn parse(text: &str, layout: Layout) -> Result<(i64, u32), String> {
    let mut parser = Parser {
        text,
        rest: text,
        layout,
    };
    let year = parser.number("2006", 4, 4)?;
    parser.literal("-")?;
    let month = parser.number("01", 2, 2)?;
    parser.range("month", (1..=12).contains(&month))?;
    parser.literal("-")?;
    let day = parser.number("02", 2, 2)?;
    parser.literal("T")?;
    let hour = parser.number("15", 1, 2)?;
    parser.range("hour", hour < 24)?;
    parser.literal(":")?;
    let minute = parser.number("04", 2, 2)?;
    parser.range("minute", minute < 60)?;
    parser.literal(":")?;
    let second = parser.number("05", 2, 2)?;
    parser.range("second", second < 60)?;
    let nanoseconds = parser.fraction()?;
    let offset = parser.zone()?;
    if !parser.rest.is_empty() {
        return Err(parser.message(&format!(": extra text: {}", quote(parser.rest))));
    }
    parser.range("day", (1..=days_in(year, month)).contains(&day))?;
    let seconds = days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset;
    Ok((seconds, nanoseconds))
}

struct Parser<'a> {
    text: &'a str,
    rest: &'a str,
    layout: Layout,
}

impl Parser<'_> {
    /// A number of so many digits. `part` is what Go's example time has there.
    fn number(&mut self, part: &str, least: usize, most: usize) -> Result<i64, String> {
        let digits = self.rest.bytes().take(most).take_while(u8::is_ascii_digit).count();
        match self.rest.split_at_checked(digits) {
            Some((number, rest)) if digits >= least => {
                self.rest = rest;
                Ok(number.parse().unwrap_or(0))
            }
            _ => Err(self.unlike(part)),
        }
    }

    fn literal(&mut self, literal: &str) -> Result<(), String> {
        self.rest = self.rest.strip_prefix(literal).ok_or_else(|| self.unlike(literal))?;
        Ok(())
    }

    fn fraction(&mut self) -> Result<u32, String> {
        let found = self.rest.strip_prefix(['.', ',']);
        let digits = found.map_or(0, |digits| digits.bytes().take_while(u8::is_ascii_digit).count());
        let digits = if self.layout.micro { digits.min(6) } else { digits };
        let Some((fraction, rest)) = found.and_then(|found| found.split_at_checked(digits)) else {
            return if self.layout.micro {
                Err(self.unlike(".000000"))
            } else {
                Ok(0)
            };
        };
        if self.layout.micro && digits < 6 {
            return Err(self.unlike(".000000"));
        }
        if digits == 0 {
            return Ok(0);
        }
        self.rest = rest;
        let nine: String = fraction.chars().chain("000000000".chars()).take(9).collect();
        Ok(nine.parse().unwrap_or(0))
    }

    /// How many seconds the time is ahead of UTC.
    fn zone(&mut self) -> Result<i64, String> {
        if let Some(rest) = self.rest.strip_prefix('Z') {
            self.rest = rest;
            return Ok(0);
        }
        let bytes: Vec<u8> = self.rest.bytes().take(6).collect();
        let digit = |letter: u8| letter.is_ascii_digit().then(|| i64::from(letter - b'0'));
        let parsed = match *bytes {
            [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => (|| {
                let (hours, minutes) = (digit(h1)? * 10 + digit(h2)?, digit(m1)? * 10 + digit(m2)?);
                Some((if sign == b'-' { -1 } else { 1 }, hours, minutes))
            })(),
            _ => None,
        };
        let (sign, hours, minutes) = parsed.ok_or_else(|| self.unlike("Z07:00"))?;
        self.rest = self.rest.get(6..).unwrap_or_default();
        self.range("time zone offset hour", hours <= 24)?;
        self.range("time zone offset minute", minutes <= 60)?;
        Ok(sign * (hours * 3600 + minutes * 60))
    }

    fn range(&self, name: &str, within: bool) -> Result<(), String> {
        if within {
            Ok(())
        } else {
            Err(self.message(&format!(": {name} out of range")))
        }
    }

    fn unlike(&self, part: &str) -> String {
        let example = quote(self.layout.example);
        let (text, rest) = (quote(self.text), quote(self.rest));
        format!(
            "parsing time {text} as {example}: cannot parse {rest} as {}",
            quote(part)
        )
    }

    fn message(&self, message: &str) -> String {
        format!("parsing time {}{message}", quote(self.text))
    }
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 => 28 + i64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The days from 1970 to a date. Years are counted from March, so that the leap day is their last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month > 2 { year } else { year - 1 };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The date that so many days after 1970 is; the inverse of [`days`].
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    (year + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(text: &str, layout: Layout) -> String {
        parse(text, layout).map_or_else(|error| error, |(seconds, nano)| format(seconds, nano, layout))
    }

    #[test]
    fn times_are_answered_in_utc() {
        for (text, answer) in [
            ("2020-01-01T00:00:00Z", "2020-01-01T00:00:00Z"),
            ("2020-01-01T00:30:00+01:00", "2019-12-31T23:30:00Z"),
            ("2024-02-29T1:00:00.999Z", "2024-02-29T01:00:00Z"),
            ("1969-12-31T23:59:59-00:01", "1970-01-01T00:00:59Z"),
        ] {
            assert_eq!(written(text, SECONDS), answer);
        }
        assert_eq!(
            written("2020-01-01T00:00:00.123456Z", MICROSECONDS),
            "2020-01-01T00:00:00.123456Z"
        );
        assert_eq!(canonical("0001-01-01T00:00:00Z", SECONDS), Ok(Some(Value::Null)));
        assert_eq!(canonical("2020-01-01T00:00:00Z", SECONDS), Ok(None));
    }

    #[test]
    fn errors_are_those_of_go() {
        let seconds = "2006-01-02T15:04:05Z07:00";
        for (text, error) in [
            (
                "x",
                format!("parsing time \"x\" as \"{seconds}\": cannot parse \"x\" as \"2006\""),
            ),
            (
                "",
                format!("parsing time \"\" as \"{seconds}\": cannot parse \"\" as \"2006\""),
            ),
            (
                "2020-01-01",
                format!("parsing time \"2020-01-01\" as \"{seconds}\": cannot parse \"\" as \"T\""),
            ),
            (
                "2020-13-01T00:00:00Z",
                "parsing time \"2020-13-01T00:00:00Z\": month out of range".to_owned(),
            ),
            (
                "2021-02-29T00:00:00Z",
                "parsing time \"2021-02-29T00:00:00Z\": day out of range".to_owned(),
            ),
            (
                "2021-02-01T00:00:00Zx",
                "parsing time \"2021-02-01T00:00:00Zx\": extra text: \"x\"".to_owned(),
            ),
        ] {
            assert_eq!(written(text, SECONDS), error);
        }
        let text = "2020-01-01T00:00:00Z";
        let example = MICROSECONDS.example;
        let error = format!("parsing time \"{text}\" as \"{example}\": cannot parse \"Z\" as \".000000\"");
        assert_eq!(written(text, MICROSECONDS), error);
    }

    proptest! {
        #[test]
        fn dates_come_back(day in -719_000_i64..2_900_000) {
            let (year, month, of_month) = civil(day);
            prop_assert_eq!(days(year, month, of_month), day);
        }

        #[test]
        fn what_is_written_is_parsed(seconds in -60_000_000_000_i64..250_000_000_000, micro in 0_u32..1_000_000) {
            let text = format(seconds, micro * 1000, MICROSECONDS);
            prop_assert_eq!(parse(&text, MICROSECONDS), Ok((seconds, micro * 1000)));
        }

        #[test]
        fn any_text_is_parsed_or_refused(text in "[0-9:TZ.+-]{0,32}|\\PC*") {
            let _ = canonical(&text, SECONDS);
            let _ = canonical(&text, MICROSECONDS);
        }
    }
}
