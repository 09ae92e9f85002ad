//! CEL as Kubernetes' schemas use it: expressions and JSON values in, results or errors in the words of Kubernetes' own
//! implementation, and what they cost, out. Parsing, functions and arithmetic are those of the `cel` crate and of `kube-cel`.
//!
//! What Kubernetes' parser refuses as too deep is refused before (`tokens`, `nesting`), and all that recurses has its stack (`stack`).
//! An expression is parsed and its macros are expanded (`program`, `macros`); over a schema it is type-checked against the table of
//! all functions (`check`, `library`), its constants are looked at (`literals`, `constants`) and its cost is estimated
//! (`estimate`); over a value it is evaluated, and what that costs is counted (`evaluate`, `spending`). What Kubernetes has no
//! price for is limited as well (`effort`).
//!
//! It falls short of Kubernetes' library here: the authorizer's functions and messages (`google.protobuf.Duration{…}`) are missing;
//! `existsOne` takes one variable, too; types have no parameters, so that a list of types may have several; lists, maps and
//! addresses are unequal to what is none of them, where Kubernetes knows no such comparison; sets of times, or of numbers some of
//! which are whole, compare by what their items are and not by how they are written, and within functions all lists compare by
//! position; quantities do not know how they were written, so `1.0` is an integer; keys of maps are never numbers that are not
//! whole, lists or null; `double` reads no hexadecimal numbers, texts in three quotes have no quotes at their ends, escapes in URLs
//! are not looked at, and precisions of `format` above 255 are not quite as odd; times with a small `t` are texts; the greatest of
//! numbers some of which are none may be another; `string` of what only turns out to be a list is refused when it is evaluated, and
//! costs more than it must in estimates; where errors are in the text is guessed; the errors of functions, of macros with wrong
//! operands and of the syntax are worded as Kubernetes does it only for the common ones; and what is evaluated may cost a few units
//! more or less where it goes wrong in part.

mod associative;
mod calls;
mod check;
mod constants;
mod conversions;
mod declared;
mod effort;
mod escaping;
mod estimate;
mod evaluate;
mod formatting;
mod functions;
mod known;
mod library;
mod literals;
mod macros;
mod names;
mod nesting;
mod operators;
mod path;
mod patterns;
mod places;
mod program;
mod range;
mod sequences;
mod spending;
mod stack;
#[cfg(test)]
mod tests;
mod times;
mod tokens;
mod types;
mod value;

pub(super) use check::{Wanted, check};
pub(super) use declared::{is_seen, most_times};
pub(super) use program::{Bindings, Program, Trouble};
