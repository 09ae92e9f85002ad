//! Times and spans as CEL has them: values and texts in; their parts, sums, differences and texts out. A time keeps the offset
//! that it was written with, but its parts are those in UTC unless a zone is named. No time is before the year 1 or after the
//! year 9999, and no span is longer than can be counted in nanoseconds.

use chrono::{DateTime, FixedOffset, TimeDelta};
use jiff::tz::{Offset, TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Timestamp, civil};
use kube_cel::cel::{ExecutionError, Value as Cel};

use super::functions::{integer_overflow, worded};

type Result<T> = std::result::Result<T, ExecutionError>;

/// The seconds since 1970 of the first and the last second of all times.
const FIRST_SECOND: i64 = -62_135_596_800;
const LAST_SECOND: i64 = 253_402_300_799;
const SECOND: i64 = 1_000_000_000;

/// A part of a time or of a span; `None` for what is neither, or has no such part.
pub(super) fn part(name: &str, operands: &[Cel]) -> Option<Result<Cel>> {
    let (time, zone) = match operands {
        [Cel::Duration(span)] => return whole(name, *span).map(|whole| Ok(Cel::Int(whole))),
        [Cel::Timestamp(time)] => (time, ""),
        [Cel::Timestamp(time), Cel::String(zone)] => (time, zone.as_str()),
        _ => return None,
    };
    let part: fn(civil::DateTime) -> i64 = match name {
        "getFullYear" => |time| time.year().into(),
        "getMonth" => |time| i64::from(time.month()) - 1,
        "getDayOfYear" => |time| i64::from(time.day_of_year()) - 1,
        "getDayOfMonth" => |time| i64::from(time.day()) - 1,
        "getDate" => |time| time.day().into(),
        "getDayOfWeek" => |time| time.weekday().to_sunday_zero_offset().into(),
        "getHours" => |time| time.hour().into(),
        "getMinutes" => |time| time.minute().into(),
        "getSeconds" => |time| time.second().into(),
        "getMilliseconds" => |time| time.millisecond().into(),
        _ => return None,
    };
    Some(local(time, zone).map(|time| Cel::Int(part(time))))
}

/// How many of a unit a span has.
fn whole(name: &str, span: TimeDelta) -> Option<i64> {
    match name {
        "getHours" => Some(span.num_hours()),
        "getMinutes" => Some(span.num_minutes()),
        "getSeconds" => Some(span.num_seconds()),
        "getMilliseconds" => Some(span.num_milliseconds()),
        _ => None,
    }
}

/// What clocks show in a zone, which is named, or given as hours and minutes.
fn local(time: &DateTime<FixedOffset>, zone: &str) -> Result<civil::DateTime> {
    let nanoseconds = i32::try_from(time.timestamp_subsec_nanos()).unwrap_or_default();
    let time = Timestamp::new(time.timestamp(), nanoseconds).map_err(|_| overflow())?;
    let Some((hours, minutes)) = zone.split_once(':') else {
        return Ok(named(zone)?.to_datetime(time));
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    let minutes = if zone.starts_with('-') { -minutes } else { minutes };
    let ahead = i128::from(hours) * 3600 + i128::from(minutes) * 60;
    let ahead = i64::try_from(ahead).map_err(|_| overflow())?;
    let shown = time
        .checked_add(SignedDuration::from_secs(ahead))
        .map_err(|_| overflow())?;
    Ok(Offset::UTC.to_datetime(shown))
}

/// Kubernetes brings the zones with it, and so do we: the machine's are not asked.
fn named(zone: &str) -> Result<TimeZone> {
    if matches!(zone, "" | "UTC" | "Local") {
        return Ok(TimeZone::UTC);
    }
    if zone.contains("..") || zone.starts_with(['/', '\\']) {
        return Err(worded("time: invalid location name"));
    }
    let found = TimeZoneDatabase::bundled().get(zone);
    let found = found.ok().filter(|found| found.iana_name() == Some(zone));
    found.ok_or_else(|| worded(format!("unknown time zone {zone}")))
}

fn number(text: &str) -> Result<i64> {
    text.parse()
        .map_err(|_| worded(format!("strconv.Atoi: parsing {text:?}: invalid syntax")))
}

/// The sum of times and spans; `None` for other values.
pub(super) fn sum(left: &Cel, right: &Cel) -> Option<Result<Cel>> {
    match (left, right) {
        (Cel::Duration(left), Cel::Duration(right)) => Some(combined(*left, *right, i64::checked_add)),
        (Cel::Timestamp(time), Cel::Duration(span)) | (Cel::Duration(span), Cel::Timestamp(time)) => {
            Some(later(time, nanoseconds(*span)))
        }
        _ => None,
    }
}

/// The difference of times and spans; `None` for other values.
pub(super) fn difference(left: &Cel, right: &Cel) -> Option<Result<Cel>> {
    match (left, right) {
        (Cel::Duration(left), Cel::Duration(right)) => Some(combined(*left, *right, i64::checked_sub)),
        (Cel::Timestamp(time), Cel::Duration(span)) => Some(later(time, nanoseconds(*span).and_then(i64::checked_neg))),
        (Cel::Timestamp(left), Cel::Timestamp(right)) => {
            let seconds = left.timestamp() - right.timestamp();
            let rest = i64::from(left.timestamp_subsec_nanos()) - i64::from(right.timestamp_subsec_nanos());
            let all = seconds.checked_mul(SECOND).and_then(|all| all.checked_add(rest));
            Some(all.map(span_of).ok_or_else(integer_overflow))
        }
        _ => None,
    }
}

fn combined(left: TimeDelta, right: TimeDelta, by: fn(i64, i64) -> Option<i64>) -> Result<Cel> {
    let both = nanoseconds(left).zip(nanoseconds(right));
    let combined = both.and_then(|(left, right)| by(left, right));
    combined.map(span_of).ok_or_else(integer_overflow)
}

fn later(time: &DateTime<FixedOffset>, by: Option<i64>) -> Result<Cel> {
    let by = by.ok_or_else(integer_overflow)?;
    let later = time.checked_add_signed(TimeDelta::nanoseconds(by));
    later.filter(in_range).map(Cel::Timestamp).ok_or_else(overflow)
}

/// The time so many seconds after 1970.
pub(super) fn at_second(second: i64) -> Result<Cel> {
    let time = DateTime::from_timestamp(second, 0).map(|time| time.fixed_offset());
    time.filter(in_range).map(Cel::Timestamp).ok_or_else(overflow)
}

/// The time that is written as RFC 3339 has it; a comma may stand for the point.
pub(super) fn read_time(text: &str) -> Option<Cel> {
    let is_strict = text.as_bytes().get(10) == Some(&b'T') && !text.ends_with('z') && text.get(17..19) != Some("60");
    let time = DateTime::parse_from_rfc3339(&text.replace(',', ".")).ok()?;
    (is_strict && in_range(&time)).then_some(Cel::Timestamp(time))
}

/// The text of a time.
pub(super) fn write_time(time: &DateTime<FixedOffset>) -> String {
    let local = time.naive_local();
    let nanoseconds = format!(".{:09}", time.timestamp_subsec_nanos());
    let fraction = nanoseconds.trim_end_matches('0').trim_end_matches('.');
    let offset = match time.offset().local_minus_utc() {
        0 => "Z".to_owned(),
        _ => time.offset().to_string(),
    };
    format!("{}{fraction}{offset}", local.format("%Y-%m-%dT%H:%M:%S"))
}

/// The span that is written as Go has it: numbers with units.
pub(super) fn read_span(text: &str) -> Option<Cel> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let is_negative = text.starts_with('-');
    let (mut all, mut rest) = match unsigned {
        "0" => (0, ""),
        terms => first_term(terms)?,
    };
    while !rest.is_empty() {
        let (more, after) = first_term(rest)?;
        all = all.checked_add(more)?;
        rest = after;
    }
    let span = match is_negative {
        true => 0_i64.checked_sub_unsigned(all),
        false => i64::try_from(all).ok(),
    };
    span.map(span_of)
}

/// The span that is written in words, as in `3 days`: numbers with the names of units, and anything between them. As on a
/// cluster, what is too long is nothing but wrong.
pub(super) fn read_words(text: &str) -> Option<Cel> {
    const UNITS: [(&[&str], &str, i64); 8] = [
        (&["ns"], "nano", 1),
        (&["us", "µs"], "micro", 1_000),
        (&["ms"], "milli", 1_000_000),
        (&["s"], "sec", SECOND),
        (&["m"], "min", 60 * SECOND),
        (&["h", "hr"], "hour", 3600 * SECOND),
        (&["d"], "day", 24 * 3600 * SECOND),
        (&["w", "wk"], "week", 7 * 24 * 3600 * SECOND),
    ];
    let mut sum = None;
    let mut rest = text;
    while let Some(at) = rest.find(|character: char| character.is_ascii_digit()) {
        let (_, from) = rest.split_at(at);
        let after = from.trim_start_matches(|character: char| character.is_ascii_digit());
        let number = from.strip_suffix(after).unwrap_or_default();
        let named = after.trim_start_matches([' ', '\t', '\n', '\r', '\x0C']);
        rest = named.trim_start_matches(|letter: char| letter.is_ascii_alphabetic() || letter == 'µ');
        let unit = named.strip_suffix(rest).unwrap_or_default().to_lowercase();
        let is_meant =
            |(short, long, _): &&(&[&str], &str, i64)| short.contains(&unit.as_str()) || unit.starts_with(long);
        let number: i64 = if unit.is_empty() {
            continue;
        } else {
            number.parse().ok()?
        };
        if let Some((_, _, length)) = UNITS.iter().find(is_meant) {
            sum = Some(sum.unwrap_or(0_i64).wrapping_add(number.wrapping_mul(*length)));
        }
    }
    sum.map(span_of)
}

/// A number with its unit in nanoseconds, and what follows it.
fn first_term(text: &str) -> Option<(u64, &str)> {
    let is_number = |character: char| character.is_ascii_digit() || character == '.';
    let (number, rest) = text.split_at(text.find(|character| !is_number(character))?);
    let (unit, rest) = rest.split_at(rest.find(is_number).unwrap_or(rest.len()));
    let unit: u64 = match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let is_one = number.contains(|digit: char| digit != '.') && !fraction.contains('.');
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let fraction: f64 = format!("0.{fraction}0").parse().ok()?;
    let part = (fraction * unit as f64) as u64;
    is_one.then(|| Some((whole.checked_mul(unit)?.checked_add(part)?, rest)))?
}

/// The text of a span, in seconds.
pub(super) fn write_span(span: TimeDelta) -> String {
    let seconds = span.num_seconds() as f64 + f64::from(span.subsec_nanos()) / SECOND as f64;
    format!("{seconds}s")
}

/// How long a span is, if that can be counted.
pub(super) const fn nanoseconds(span: TimeDelta) -> Option<i64> {
    span.num_nanoseconds()
}

const fn span_of(nanoseconds: i64) -> Cel {
    Cel::Duration(TimeDelta::nanoseconds(nanoseconds))
}

fn in_range(time: &DateTime<FixedOffset>) -> bool {
    (FIRST_SECOND..=LAST_SECOND).contains(&time.timestamp())
}

fn overflow() -> ExecutionError {
    worded("timestamp overflow")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Cel {
        read_time(text).unwrap()
    }

    #[test]
    fn parts_are_those_of_the_zone() {
        let noon = time("2020-01-01T12:30:45.125Z");
        let cases = [
            ("getHours", "America/New_York", Some(7)),
            ("getHours", "US/Central", Some(6)),
            ("getHours", "-05:30", Some(7)),
            ("getMinutes", "-05:30", Some(0)),
            ("getHours", "05:30", Some(18)),
            ("getHours", "+25:00", Some(13)),
            ("getHours", "", Some(12)),
            ("getMilliseconds", "UTC", Some(125)),
            ("getHours", "Nowhere", None),
            ("getHours", "america/new_york", None),
            ("getHours", "../etc", None),
            ("getHours", "x:30", None),
        ];
        for (name, zone, expected) in cases {
            let operands = [noon.clone(), Cel::String(zone.to_owned().into())];
            let found = part(name, &operands).unwrap().ok();
            assert_eq!(found, expected.map(Cel::Int), "{name} {zone}");
        }
    }

    #[test]
    fn texts_of_times_are_those_of_go() {
        for text in [
            "2020-01-01T12:30:45.125Z",
            "2020-01-01T00:00:00+02:00",
            "0001-01-01T00:00:00Z",
        ] {
            let Some(Cel::Timestamp(time)) = read_time(text) else {
                panic!("{text}")
            };
            assert_eq!(write_time(&time), text);
        }
        for text in [
            "2020-01-01t00:00:00Z",
            "2020-01-01T00:00:60Z",
            "0000-01-01T00:00:00Z",
            "x",
        ] {
            assert_eq!(read_time(text), None, "{text}");
        }
    }

    #[test]
    fn texts_of_spans_are_those_of_go() {
        let cases = [
            ("1h30m", Some("5400s")),
            ("-1.5h0.5m", Some("-5430s")),
            (".5s", Some("0.5s")),
            ("1us", Some("0.000001s")),
            ("0", Some("0s")),
            ("0s1s", Some("1s")),
            ("", None),
            ("1", None),
            ("1d", None),
            ("9999999h", None),
        ];
        for (text, expected) in cases {
            let found = read_span(text).map(|span| match span {
                Cel::Duration(span) => write_span(span),
                other => panic!("{other:?}"),
            });
            assert_eq!(found.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn spans_are_written_in_words() {
        let cases = [
            ("3 days", Some(3 * 24 * 3600)),
            ("1w2 HOURS and 5min", Some(7 * 24 * 3600 + 2 * 3600 + 300)),
            ("2 x 3s", Some(3)),
            ("5", None),
            ("x", None),
            ("99999999999999999999s", None),
        ];
        for (text, seconds) in cases {
            let expected = seconds.map(|seconds| span_of(seconds * SECOND));
            assert_eq!(read_words(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_too_long_overflows() {
        let long = read_span("9223372036s").unwrap();
        assert!(sum(&long, &long).unwrap().is_err());
        let (first, last) = (time("0001-01-01T00:00:00Z"), time("9999-12-31T23:59:59Z"));
        assert!(difference(&last, &first).unwrap().is_err());
        assert!(sum(&last, &read_span("1s").unwrap()).unwrap().is_err());
        assert!(difference(&first, &read_span("1s").unwrap()).unwrap().is_err());
    }
}
