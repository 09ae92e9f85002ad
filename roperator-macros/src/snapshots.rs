//! The expansions of all the files in `tests/ui/pass`, which the compiler is shown there.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Attribute, Item, Meta};

use crate::model::Role;

#[test]
fn expansions() {
    let files = fixtures();
    assert!(!files.is_empty());
    for file in files {
        let name = file.file_stem().unwrap().to_str().unwrap();
        let expanded = expanded(&file);
        // The attributes that another macro writes are not in the file.
        if expanded.is_empty() {
            continue;
        }
        insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(name, expanded);
        });
    }
}

/// Where a user's own `std` or `roperator` is in scope, a relative path would mean that.
#[test]
fn generated_paths_are_absolute() {
    for file in fixtures() {
        let expanded = generated_only(&file, "");
        for root in ["roperator", "std", "core", "alloc"] {
            let path = format!(" {root} ::");
            for (at, _) in expanded.match_indices(&path) {
                let is_absolute = expanded.get(..at).unwrap().ends_with("::");
                let context = expanded.get(at.saturating_sub(40)..at + 20).unwrap_or_default();
                assert!(is_absolute, "{}: …{context}…", file.display());
            }
        }
        for word in [
            "Vec", "Option", "String", "Box", "Some", "None", "Ok", "Err", "Default", "Into",
        ] {
            let tokens: Vec<&str> = expanded.split_whitespace().collect();
            let is_used = tokens.windows(2).any(|pair| pair[0] != "::" && pair[1] == word);
            assert!(!is_used, "{}: {word} of the prelude", file.display());
        }
    }
}

/// Under `crate = …`, nothing else leads to the library; neither in a stub.
#[test]
fn a_renamed_library_is_the_only_one_named() {
    for file in fixtures() {
        let expanded = generated_only(&file, "crate = the::library");
        assert!(!expanded.contains("roperator"), "{}: {expanded}", file.display());
        let rejected = generated_only(&file, "crate = the::library, nonsense = 1");
        assert_eq!(rejected.is_empty(), expanded.is_empty());
        assert!(!rejected.contains(":: roperator"), "{}: {rejected}", file.display());
    }
}

/// All that an attribute adds to its item in a file, as one line of tokens, without messages and documentation.
fn generated_only(file: &Path, arguments: &str) -> String {
    let mut text = String::new();
    for annotated in annotated(&read(file)) {
        let original = annotated.item.to_string();
        let all = annotated.expanded(arguments).to_string();
        text.push_str(all.strip_prefix(&original).unwrap());
    }
    text
}

fn expanded(file: &Path) -> String {
    let mut text = String::new();
    for annotated in annotated(&read(file)) {
        let file = syn::parse2(annotated.expanded("")).unwrap();
        writeln!(text, "// {}", annotated.attribute).unwrap();
        writeln!(text, "{}", prettyplease::unparse(&file)).unwrap();
    }
    text
}

/// An item under one of the attributes.
struct Annotated {
    attribute: String,
    arguments: TokenStream,
    item: TokenStream,
}

impl Annotated {
    /// The expansion, with further arguments in place of those of the same key.
    fn expanded(&self, further: &str) -> TokenStream {
        let further: TokenStream = further.parse().unwrap();
        let mut arguments = self.arguments.clone();
        if !further.is_empty() {
            let text = arguments.to_string();
            let kept = text.split("crate =").next().unwrap().trim_end_matches([' ', ',']);
            let kept: TokenStream = kept.parse().unwrap();
            arguments = if kept.is_empty() {
                further
            } else {
                quote!(#kept, #further)
            };
        }
        match self.attribute.as_str() {
            "operator" => crate::declared(arguments, self.item.clone()),
            "sync" => crate::handled(Role::Sync, arguments, self.item.clone()),
            _ => crate::handled(Role::Finalize, arguments, self.item.clone()),
        }
    }
}

fn annotated(items: &[Item]) -> Vec<Annotated> {
    items.iter().flat_map(annotated_item).collect()
}

fn annotated_item(item: &Item) -> Vec<Annotated> {
    let mut item = item.clone();
    let attributes = match &mut item {
        Item::Struct(item) => &mut item.attrs,
        Item::Fn(item) => &mut item.attrs,
        Item::Mod(module) => return module.content.iter().flat_map(|(_, items)| annotated(items)).collect(),
        _ => return Vec::new(),
    };
    let Some(at) = attributes.iter().position(|attribute| macro_name(attribute).is_some()) else {
        return Vec::new();
    };
    let attribute = attributes.remove(at);
    let arguments = match &attribute.meta {
        Meta::List(list) => list.tokens.clone(),
        _ => TokenStream::new(),
    };
    vec![Annotated {
        attribute: macro_name(&attribute).unwrap(),
        arguments,
        item: item.into_token_stream(),
    }]
}

fn macro_name(attribute: &Attribute) -> Option<String> {
    let name = attribute.path().segments.last()?.ident.to_string();
    ["operator", "sync", "finalize"]
        .contains(&name.as_str())
        .then_some(name)
}

fn read(file: &Path) -> Vec<Item> {
    syn::parse_file(&fs::read_to_string(file).unwrap()).unwrap().items
}

fn fixtures() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/ui/pass");
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "rs"));
    files.sort();
    files
}
