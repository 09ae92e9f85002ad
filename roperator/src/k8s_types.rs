//! x
#![allow(non_upper_case_globals, missing_docs)]
pub mod core { pub mod v1 { use crate::Kind;
pub const ConfigMap: Kind = Kind::namespaced("v1","ConfigMap","configmaps");
pub const Secret: Kind = Kind::namespaced("v1","Secret","secrets");
pub const Pod: Kind = Kind::namespaced("v1","Pod","pods");
pub const Service: Kind = Kind::namespaced("v1","Service","services");
}}
