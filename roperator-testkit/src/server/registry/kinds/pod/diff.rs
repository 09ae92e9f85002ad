//! Differences of texts, line by line, as messages of the real server show them: two lists of lines in, the unified
//! difference out. It is the method of Ratcliff and Obershelp as Python made it known, its neglect of frequent lines in
//! long texts included, since the result is part of the message.

use std::collections::HashMap;

/// How many equal lines are shown around different ones.
const CONTEXT: usize = 3;

/// From how many lines on frequent lines are neglected.
const LONG: usize = 200;

/// A run of equal lines: where it starts in the old and in the new text, and its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Run {
    old: usize,
    new: usize,
    length: usize,
}

/// A part of both texts, equal or not: from and to where in each.
#[derive(Debug, Clone, Copy)]
struct Part {
    equal: bool,
    old: (usize, usize),
    new: (usize, usize),
}

/// The unified difference of two texts.
#[must_use]
pub fn unified(old: &[String], new: &[String]) -> String {
    let mut text = String::new();
    for hunk in hunks(&parts(old, new)) {
        let (Some(first), Some(last)) = (hunk.first(), hunk.last()) else {
            continue;
        };
        let before = range(first.old.0, last.old.1);
        let after = range(first.new.0, last.new.1);
        text.push_str(&format!("@@ -{before} +{after} @@\n"));
        for part in hunk {
            let removed = if part.equal { ' ' } else { '-' };
            lines(&mut text, removed, old, part.old);
            if !part.equal {
                lines(&mut text, '+', new, part.new);
            }
        }
    }
    text
}

fn lines(text: &mut String, mark: char, of: &[String], (from, to): (usize, usize)) {
    for line in of.get(from..to).unwrap_or_default() {
        text.push(mark);
        text.push_str(line);
        text.push('\n');
    }
}

fn range(from: usize, to: usize) -> String {
    match to - from {
        0 => format!("{from},0"),
        1 => format!("{}", from + 1),
        length => format!("{},{length}", from + 1),
    }
}

/// The parts with what surrounds them, in groups with many equal lines between.
fn hunks(parts: &[Part]) -> Vec<Vec<Part>> {
    let mut hunks = Vec::new();
    let mut hunk: Vec<Part> = Vec::new();
    let last = parts.len().saturating_sub(1);
    for (index, part) in parts.iter().enumerate() {
        let length = part.old.1 - part.old.0;
        if !part.equal || (index > 0 && index < last && length <= 2 * CONTEXT) {
            hunk.push(*part);
            continue;
        }
        let kept = length.min(CONTEXT);
        if index > 0 {
            hunk.push(Part {
                old: (part.old.0, part.old.0 + kept),
                new: (part.new.0, part.new.0 + kept),
                ..*part
            });
            hunks.push(std::mem::take(&mut hunk));
        }
        if index < last {
            hunk.push(Part {
                old: (part.old.1 - kept, part.old.1),
                new: (part.new.1 - kept, part.new.1),
                ..*part
            });
        }
    }
    hunks.push(hunk);
    hunks.retain(|hunk| hunk.iter().any(|part| !part.equal));
    hunks
}

/// The whole of both texts in parts.
fn parts(old: &[String], new: &[String]) -> Vec<Part> {
    let mut parts = Vec::new();
    let (mut at_old, mut at_new) = (0, 0);
    for run in runs(old, new) {
        if at_old < run.old || at_new < run.new {
            parts.push(Part {
                equal: false,
                old: (at_old, run.old),
                new: (at_new, run.new),
            });
        }
        (at_old, at_new) = (run.old + run.length, run.new + run.length);
        if run.length > 0 {
            parts.push(Part {
                equal: true,
                old: (run.old, at_old),
                new: (run.new, at_new),
            });
        }
    }
    parts
}

/// The runs of equal lines in order, and an empty one at the end.
fn runs(old: &[String], new: &[String]) -> Vec<Run> {
    let mut places: HashMap<&str, Vec<usize>> = HashMap::new();
    for (place, line) in new.iter().enumerate() {
        places.entry(line).or_default().push(place);
    }
    if new.len() >= LONG {
        places.retain(|_, places| places.len() <= new.len() / 100 + 1);
    }
    let mut found = Vec::new();
    let mut open = vec![((0, old.len()), (0, new.len()))];
    while let Some((in_old, in_new)) = open.pop() {
        let run = longest(old, new, in_old, in_new, &places);
        if run.length > 0 {
            found.push(run);
            open.push(((in_old.0, run.old), (in_new.0, run.new)));
            open.push(((run.old + run.length, in_old.1), (run.new + run.length, in_new.1)));
        }
    }
    found.sort_unstable();
    let mut runs: Vec<Run> = Vec::new();
    for run in found {
        match runs.last_mut() {
            Some(last) if last.old + last.length == run.old && last.new + last.length == run.new => {
                last.length += run.length;
            }
            _ => runs.push(run),
        }
    }
    runs.push(Run {
        old: old.len(),
        new: new.len(),
        length: 0,
    });
    runs
}

/// The longest run within these parts of the texts, the first of several; it is found without neglected lines, and then
/// extended by them.
fn longest(
    old: &[String],
    new: &[String],
    in_old: (usize, usize),
    in_new: (usize, usize),
    places: &HashMap<&str, Vec<usize>>,
) -> Run {
    let mut best = Run {
        old: in_old.0,
        new: in_new.0,
        length: 0,
    };
    let mut ending_before: HashMap<usize, usize> = HashMap::new();
    let lines = old.iter().enumerate().take(in_old.1).skip(in_old.0);
    for (at, line) in lines {
        let mut ending_here = HashMap::new();
        let within = |place: &&usize| (in_new.0..in_new.1).contains(*place);
        for place in places.get(line.as_str()).into_iter().flatten().filter(within) {
            let before = place.checked_sub(1).and_then(|place| ending_before.get(&place));
            let length = before.unwrap_or(&0) + 1;
            ending_here.insert(*place, length);
            if length > best.length {
                best = Run {
                    old: at + 1 - length,
                    new: place + 1 - length,
                    length,
                };
            }
        }
        ending_before = ending_here;
    }
    while best.old > in_old.0 && best.new > in_new.0 && old.get(best.old - 1) == new.get(best.new - 1) {
        best.old -= 1;
        best.new -= 1;
        best.length += 1;
    }
    let ends = |best: &Run| (best.old + best.length, best.new + best.length);
    while ends(&best).0 < in_old.1 && ends(&best).1 < in_new.1 && old.get(ends(&best).0) == new.get(ends(&best).1) {
        best.length += 1;
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<String> {
        text.chars().map(String::from).collect()
    }

    #[test]
    fn hunks_have_their_surroundings() {
        assert_eq!(
            unified(&of("abcdefgh"), &of("abcdXfgh")),
            "@@ -2,7 +2,7 @@\n b\n c\n d\n-e\n+X\n f\n g\n h\n"
        );
        assert_eq!(unified(&of("a"), &of("ab")), "@@ -1 +1,2 @@\n a\n+b\n");
        assert_eq!(unified(&of("a"), &of("a")), "");
        let two = unified(&of("Aabcdefgh"), &of("Babcdefgi"));
        assert_eq!(
            two,
            "@@ -1,4 +1,4 @@\n-A\n+B\n a\n b\n c\n@@ -6,4 +6,4 @@\n e\n f\n g\n-h\n+i\n"
        );
    }
}
