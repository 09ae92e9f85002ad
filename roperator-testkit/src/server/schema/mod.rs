//! CustomResourceDefinitions and their schemas: definitions and objects as JSON in; errors, pruned and defaulted objects,
//! merge shapes and scales out. Everything here is a pure function; nothing is stored and no clock is read.

mod cel;
mod correlate;
mod decode;
pub mod definition;
mod embedded;
mod fieldpath;
mod fields;
mod formats;
mod gosyntax;
mod lists;
mod numbers;
mod objectmeta;
mod openapi;
mod pattern;
mod prune;
mod rule;
mod rules;
mod scale;
mod selectable;
mod shapes;
mod structural;
#[cfg(test)]
mod tests;
mod validate;
mod violation;

pub use fields::flag;
pub use objectmeta::decode_object_meta;
pub use scale::ScalePaths;
pub use selectable::selectable_fields;
pub use structural::Structural;
