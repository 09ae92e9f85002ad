//! CEL as Kubernetes' schemas use it: expressions and JSON values in, results or errors in the words of Kubernetes' own
//! implementation, and what they cost, out. Parsing, functions and arithmetic are those of the `cel` crate and of `kube-cel`.
//!
//! What Kubernetes' parser refuses as too deep is refused before (`tokens`, `nesting`), and all that recurses has its stack (`stack`).
//! An expression is parsed and its macros are expanded (`program`, `macros`); over a schema it is type-checked against the table of
//! all functions (`check`, `library`) and its cost is estimated (`estimate`); over a value it is evaluated, and what that costs is
//! counted (`evaluate`, `spending`).
//!
//! It falls short of Kubernetes' library here: the authorizer's functions are missing; sets of times, or of numbers some of which
//! are whole, compare by what their items are and not by how they are written, and within functions all lists compare by position;
//! quantities do not know how they were written, so `1.0` is an integer; `double` reads no hexadecimal numbers, and precisions of
//! `format` above 255 are not quite as odd; the names `duration` and `timestamp` are types that nothing has; the errors of
//! functions are worded as Kubernetes does it only for the common ones; and what is evaluated may cost a few units more or less
//! where it goes wrong in part.

mod associative;
mod calls;
mod check;
mod constants;
mod conversions;
mod declared;
mod estimate;
mod evaluate;
mod formatting;
mod functions;
mod known;
mod library;
mod macros;
mod names;
mod nesting;
mod operators;
mod path;
mod patterns;
mod places;
mod program;
mod range;
mod spending;
mod stack;
#[cfg(test)]
mod tests;
mod times;
mod tokens;
mod types;
mod value;

pub(super) use check::{Wanted, check};
pub(super) use declared::most_times;
pub(super) use program::{Bindings, Program, Trouble};
