//! From an operator's type to its manifests.

use kube::CustomResourceExt;

use crate::{
    config::OperatorConfig,
    manifest::{ManifestInput, Manifests},
    operator::Declared,
};

impl Manifests {
    /// The manifests of an operator as it is declared.
    #[must_use]
    pub fn of<O>() -> Self
    where
        O: Declared<Parent: CustomResourceExt>,
    {
        Self::with_config::<O>(&O::config())
    }

    /// The manifests of an operator with a configuration of its own: namespaces, names.
    #[must_use]
    pub fn with_config<O>(config: &OperatorConfig) -> Self
    where
        O: Declared<Parent: CustomResourceExt>,
    {
        let path = std::any::type_name::<O>();
        let name = path.rsplit("::").next().unwrap_or(path);
        Self::new(name, &ManifestInput::from_config(config), O::crd()).checked(config.check())
    }
}
