//! The indexes of a job's pods: whether they have them, and lists of them as texts. Reads only.

use crate::server::{field::quote, registry::kinds::pod::at::At};

/// Whether a job's pods have indexes.
#[must_use]
pub fn is_indexed(spec: &At<'_>) -> bool {
    spec.text_of("completionMode") == "Indexed"
}

/// How many indexes a text such as `0,2-4` names, or what is wrong with it.
pub fn count_indexes(text: &str, completions: i64) -> Result<i64, String> {
    let mut total = 0;
    let mut last = None;
    for interval in text.split(',').filter(|_| !text.is_empty()) {
        let (first, end) = index_interval(interval, completions)?;
        if let Some(last) = last.filter(|last| *last >= first) {
            return Err(format!("non-increasing order, previous: {last}, current: {first}"));
        }
        total += end - first + 1;
        last = Some(end);
    }
    Ok(total)
}

/// The first and the last index of an interval such as `2-4` or `2`, or what is wrong with it.
pub fn index_interval(interval: &str, completions: i64) -> Result<(i64, i64), String> {
    let index = |text: &str| {
        let not_a_number = |_| format!("cannot convert string to integer for index: {}", quote(text));
        let index: i64 = text.parse().map_err(not_a_number)?;
        if index >= completions {
            return Err(format!("too large index: {}", quote(text)));
        }
        Ok(index)
    };
    let parts: Vec<&str> = interval.split('-').collect();
    match parts.as_slice() {
        [first] => index(first).map(|first| (first, first)),
        [first, last] => {
            let (first, last) = (index(first)?, index(last)?);
            if first >= last {
                return Err(format!("non-increasing order, previous: {first}, current: {last}"));
            }
            Ok((first, last))
        }
        _ => Err(format!(
            "the fragment {} violates the requirement that an index interval can have at most two parts separated by \
             '-'",
            quote(interval)
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indexes_are_counted() {
        assert_eq!(count_indexes("", 5), Ok(0));
        assert_eq!(count_indexes("0,2-4", 5), Ok(4));
        assert_eq!(count_indexes("5", 5), Err("too large index: \"5\"".to_owned()));
        assert!(
            count_indexes("2,1", 5).is_err() && count_indexes("a", 5).is_err() && count_indexes("1-2-3", 5).is_err()
        );
    }
}
