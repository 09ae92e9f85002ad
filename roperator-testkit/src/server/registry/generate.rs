//! Names of objects that leave them to the server: a prefix in, a name out.

use uuid::Uuid;

/// How many names are tried for an object that leaves its name to the server.
const NAMES: usize = 8;

/// A name that begins with a prefix, and is free as far as several tries find one.
pub(super) fn name(prefix: &str, is_free: &dyn Fn(&str) -> bool) -> String {
    let names = std::iter::repeat_with(|| generated(prefix));
    let free = names.take(NAMES).find(|name| is_free(name));
    free.unwrap_or_else(|| generated(prefix))
}

fn generated(prefix: &str) -> String {
    // The real server's alphabet: no vowels, so that no words come out, and nothing that is easily mistaken.
    const ALPHABET: [char; 27] = [
        'b', 'c', 'd', 'f', 'g', 'h', 'j', 'k', 'l', 'm', 'n', 'p', 'q', 'r', 's', 't', 'v', 'w', 'x', 'z', '2', '4',
        '5', '6', '7', '8', '9',
    ];
    let random = Uuid::new_v4();
    let letters = random.as_bytes().iter().take(5);
    let letters = letters.filter_map(|byte| ALPHABET.get(usize::from(*byte) % ALPHABET.len()));
    let end = prefix
        .char_indices()
        .map(|(at, _)| at)
        .take_while(|at| *at <= 58)
        .last();
    let prefix = if prefix.len() > 58 {
        prefix.get(..end.unwrap_or(0)).unwrap_or(prefix)
    } else {
        prefix
    };
    prefix.chars().chain(letters.copied()).collect()
}
