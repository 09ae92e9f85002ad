//! The layer orders of the library and of the API server in the process, as a test: a module imports only from layers below
//! its own and, within its layer, only from modules that stand before it.

#![allow(
    clippy::unwrap_used,
    clippy::string_slice,
    clippy::indexing_slicing,
    reason = "the helpers of a test are test code too"
)]

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
};

/// A part of the code whose modules have an order.
struct House {
    /// Where it is.
    folder: &'static str,
    /// How its modules are named from anywhere.
    root: &'static str,
    /// Files of it that are no module: they may use everything.
    above: &'static [&'static str],
    /// From the bottom to the top; within a layer, in the order in which they may import one another.
    layers: &'static [&'static [&'static str]],
}

const HOUSES: [House; 2] = [
    House {
        folder: "../roperator/src",
        root: "crate::",
        above: &["lib"],
        layers: &[
            &["error", "kind", "object"],
            &["declaration"],
            &["config", "k8s_types", "manifest"],
            &["observed", "desired"],
            &["operator", "sync", "diff"],
            &[
                "connection",
                "api",
                "watch",
                "losses",
                "apply",
                "status",
                "support",
                "event",
                "finalize",
            ],
            &["reconcile"],
            &["runtime", "private"],
        ],
    },
    House {
        folder: "../roperator-testkit/src/server",
        root: "crate::server::",
        above: &["mod"],
        layers: &[
            &["go", "shape", "field", "names", "status", "clock"],
            &["store"],
            &["types", "schema"],
            &["patch", "selector", "table"],
            &["registry"],
            &["http", "controllers"],
            &["serve"],
        ],
    },
];

#[test]
fn modules_import_downward_only() {
    let mut wrong = Vec::new();
    for house in &HOUSES {
        let source = house.source();
        let mut places = HashMap::new();
        for (layer, modules) in house.layers.iter().enumerate() {
            for (order, module) in modules.iter().enumerate() {
                places.insert(*module, (layer, order));
            }
        }
        for (module, place) in &places {
            for file in files_of(&source, module) {
                let text = fs::read_to_string(&file).unwrap();
                for used in imports(without_tests(&text), house.root) {
                    match places.get(&*used) {
                        Some(other) if other < place || used == *module => {}
                        // A type of the house itself, which its top may use.
                        None if used.starts_with(char::is_uppercase) => {}
                        // A root re-exports names for users; the code itself says where things live.
                        _ => wrong.push(format!(
                            "{} uses {}{used}",
                            file.strip_prefix(&source).unwrap().display(),
                            house.root
                        )),
                    }
                }
            }
        }
    }
    wrong.sort();
    assert!(
        wrong.is_empty(),
        "against the layer orders of ARCHITECTURE.md:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn every_module_has_its_place() {
    for house in &HOUSES {
        for entry in fs::read_dir(house.source()).unwrap() {
            let name = entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned();
            assert!(
                house.above.contains(&&*name) || house.layers.concat().contains(&&*name),
                "{name} is in no layer of {}",
                house.folder
            );
        }
    }
}

/// The server could leave home: it knows neither roperator nor its client.
#[test]
fn the_api_server_knows_nothing_of_operators() {
    let server = &HOUSES[1];
    for module in server.layers.concat() {
        for file in files_of(&server.source(), module) {
            let text = fs::read_to_string(&file).unwrap();
            let uses = |name: &str| text.contains(&format!(" {name}::"));
            assert!(
                !uses("roperator") && !uses("kube") && !uses("k8s_openapi"),
                "{}",
                file.display()
            );
        }
    }
}

impl House {
    fn source(&self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join(self.folder)
    }
}

fn files_of(source: &Path, module: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let single = source.join(format!("{module}.rs"));
    if single.exists() {
        files.push(single);
    }
    let mut folders = vec![source.join(module)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs")
                && name != "tests"
                && name != "fixtures"
            {
                files.push(path);
            }
        }
    }
    assert!(!files.is_empty(), "there is no module {module}");
    files
}

/// Tests may use everything.
fn without_tests(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod tests {").next().unwrap_or(text)
}

/// The modules that paths below a root (`crate::`) name, comments left out.
fn imports(text: &str, root: &str) -> Vec<String> {
    let code: String = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n");
    let word = |text: &str| {
        text.chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect::<String>()
    };
    let mut found = Vec::new();
    for (place, _) in code.match_indices(root) {
        if code[..place].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$') {
            continue;
        }
        let rest = &code[place + root.len()..];
        match rest.strip_prefix('{') {
            Some(group) => found.extend(first_words(group)),
            None => found.push(word(rest)),
        }
    }
    found
}

/// The first word of each member of a `{…}` group, whose opening brace is gone.
fn first_words(group: &str) -> Vec<String> {
    let (mut depth, mut words, mut at_start) = (0, Vec::new(), true);
    for (place, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => at_start = true,
            c if at_start && depth == 0 && !c.is_whitespace() => {
                words.push(
                    group[place..]
                        .chars()
                        .take_while(|c| c.is_alphanumeric() || *c == '_')
                        .collect(),
                );
                at_start = false;
            }
            _ => {}
        }
    }
    words
}
