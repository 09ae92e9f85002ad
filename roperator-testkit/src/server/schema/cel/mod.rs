//! CEL as Kubernetes' schemas use it: expressions and JSON values in, results or errors in the words of Kubernetes' own
//! implementation out. The evaluator is the `cel` crate with the functions of `kube-cel`.
//!
//! It falls short of Kubernetes' library here: `transformMap`, `transformMapEntry`, `format.named`, `unwrap` of optionals and
//! the authorizer's functions are missing; integers and floating-point numbers are never equal; lists that are sets or maps compare and add by position; types are checked before evaluation only as far as
//! `check` goes; and the errors of functions are worded as Kubernetes does it only for the common ones.

mod calls;
mod check;
mod declared;
mod estimate;
mod evaluate;
mod functions;
mod library;
mod macros;
mod program;
mod range;
mod spending;
mod types;
mod value;

pub(super) use check::{Wanted, check};
pub(super) use declared::most_times;
pub(super) use program::{Bindings, Program, Trouble};
