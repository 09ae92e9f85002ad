//! Words in, words out: the case and number of names, and the nearest known word to an unknown one.

/// `TempNamespace` → `temp-namespace`, `HTTPServer` → `http-server`.
pub(crate) fn kebab(camel: &str) -> String {
    words(camel).join("-")
}

/// `ConfigMap` → `config_map`, `CSIDriver` → `csi_driver`.
pub(crate) fn snake(camel: &str) -> String {
    words(camel).join("_")
}

/// The plural by the rules that kube and the API server's own kinds follow: `network_policy` → `network_policies`.
pub(crate) fn plural(word: &str) -> String {
    // These kinds are plural already.
    if word.ends_with("endpoints") || word.ends_with("metrics") {
        return word.to_owned();
    }
    if ["s", "x", "z", "ch", "sh"].iter().any(|ending| word.ends_with(ending)) {
        return format!("{word}es");
    }
    match word.strip_suffix('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'i', 'o', 'u']) && !stem.is_empty() => format!("{stem}ies"),
        _ => format!("{word}s"),
    }
}

/// The known word that `word` most likely was meant to be, if one is near: a slip of the pen, another case.
pub(crate) fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let word = snake(word);
    // Up to a third of the letters may be wrong, and one of a short word.
    let tolerance = (word.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|candidate| (distance(&word, candidate), candidate))
        .filter(|(distance, _)| *distance <= tolerance)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// `` `a`, `b` and `c` ``.
pub(crate) fn listed<'w>(words: impl IntoIterator<Item = &'w str>, last: &str) -> String {
    let quoted: Vec<String> = words.into_iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((end, [])) => end.clone(),
        Some((end, start)) => format!("{} {last} {end}", start.join(", ")),
        None => String::new(),
    }
}

/// Lower-case words, cut where a capital follows a small letter or a digit, where a capital begins a word after an
/// acronym, and at `_` and `-`.
fn words(camel: &str) -> Vec<String> {
    let letters: Vec<char> = camel.chars().collect();
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    for (at, &letter) in letters.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|before| letters.get(before));
        let after = letters.get(at + 1);
        let begins = letter.is_uppercase()
            && before.is_some_and(|before| {
                !before.is_uppercase() || after.is_some_and(|after| after.is_lowercase() && before.is_uppercase())
            });
        if (begins || matches!(letter, '_' | '-')) && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        if !matches!(letter, '_' | '-') {
            word.extend(letter.to_lowercase());
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// How many letters must be added, dropped, changed or swapped with a neighbour.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut before_last: Option<(char, Vec<usize>)> = None;
    let mut last: Vec<usize> = (0..=to.len()).collect();
    for letter in from.chars() {
        let mut row = vec![last.first().map_or(0, |first| first + 1)];
        let mut other_before: Option<char> = None;
        for (at, &other) in to.iter().enumerate() {
            let of = |row: &[usize], at: usize| row.get(at).copied().unwrap_or(usize::MAX - 1);
            let changed = of(&last, at) + usize::from(letter != other);
            let mut least = changed.min(of(&last, at + 1) + 1).min(of(&row, at) + 1);
            if let (Some((letter_before, row_before)), Some(other_before), Some(two_back)) =
                (&before_last, other_before, at.checked_sub(1))
                && *letter_before == other
                && other_before == letter
            {
                least = least.min(of(row_before, two_back) + 1);
            }
            row.push(least);
            other_before = Some(other);
        }
        before_last = Some((letter, std::mem::replace(&mut last, row)));
    }
    last.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_and_operators_are_cut_into_words() {
        for (camel, expected) in [
            ("Echo", "echo"),
            ("TempNamespace", "temp-namespace"),
            ("HTTPServer", "http-server"),
            ("MyHTTP", "my-http"),
            ("S3Bucket", "s3-bucket"),
            ("Echo2", "echo2"),
            ("V1Beta1Thing", "v1-beta1-thing"),
            ("Odd_Name", "odd-name"),
            ("A", "a"),
            ("", ""),
        ] {
            assert_eq!(kebab(camel), expected, "{camel}");
        }
    }

    #[test]
    fn accessors_are_the_plurals_that_kubernetes_uses() {
        for (kind, expected) in [
            ("Pod", "pods"),
            ("ConfigMap", "config_maps"),
            ("Ingress", "ingresses"),
            ("NetworkPolicy", "network_policies"),
            ("Gateway", "gateways"),
            ("StorageClass", "storage_classes"),
            ("Endpoints", "endpoints"),
            ("PodMetrics", "pod_metrics"),
            ("CSIDriver", "csi_drivers"),
            ("HTTPRoute", "http_routes"),
            ("APIService", "api_services"),
            ("Mailbox", "mailboxes"),
            ("Y", "ys"),
        ] {
            assert_eq!(plural(&snake(kind)), expected, "{kind}");
        }
    }

    #[test]
    fn only_near_words_are_suggested() {
        let known = ["apply", "replace", "recreate", "on_delete"];
        for (word, expected) in [
            ("aply", Some("apply")),
            ("Apply", Some("apply")),
            ("appyl", Some("apply")),
            ("recrate", Some("recreate")),
            ("OnDelete", Some("on_delete")),
            ("on-delete", Some("on_delete")),
            ("rolling", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, known), expected, "{word}");
        }
    }

    #[test]
    fn distances_count_letters() {
        for (from, to, expected) in [
            ("", "", 0),
            ("ab", "ba", 1),
            ("abc", "", 3),
            ("kitten", "sitting", 3),
            ("a", "a", 0),
        ] {
            assert_eq!(distance(from, to), expected, "{from} {to}");
        }
    }

    #[test]
    fn lists_read_like_a_sentence() {
        assert_eq!(listed(["a"], "or"), "`a`");
        assert_eq!(listed(["a", "b", "c"], "or"), "`a`, `b` or `c`");
    }
}
