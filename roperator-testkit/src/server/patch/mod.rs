//! All patch types of Kubernetes as functions over JSON values: JSON patch, merge patch, strategic merge patch and
//! server-side apply. Data in: an object, a patch and, where merging needs it, the object's shape. Data out: the
//! patched object, or the refusal that the real server sends. Never reads or writes anything else.

pub mod apply;
pub mod go;
pub mod json;
pub mod merge;
pub mod strategic;

#[cfg(test)]
mod replay;
#[cfg(test)]
mod shapes_from_json;
