//! What the parent's kind can hold in its status, as its definition says.
//!
//! In: an operator. Out: a [`Support`]. One GET, and no decision when to make it.
//!
//! A field that a schema does not know is pruned without a word; it would be written again and again. So what is missing is
//! said in the log and left out.

use std::sync::Arc;

use k8s_openapi::{
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
    apimachinery::pkg::apis::meta::v1::APIResourceList,
};
use serde::de::DeserializeOwned;

use crate::{
    api::{Api, ApiError},
    config::OperatorConfig,
    manifest::crd::{status_schema, support},
    status::Support,
};

/// What the API server says of the operator's parents.
pub(crate) async fn find(api: &Api, config: &OperatorConfig) -> Support {
    let kind = &config.parent;
    if kind.is_built_in() {
        return built_in(api, config).await;
    }
    let name = kind.crd_name();
    let path = format!("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}");
    match get::<CustomResourceDefinition>(api, &path).await {
        Ok(crd) => {
            let found = support(&crd, kind.version());
            for problem in found.problems() {
                tracing::warn!(operator = %config.name, crd = %name, "{problem}");
            }
            Support {
                subresource: found.subresource,
                conditions: found.conditions,
                condition_generation: found.condition_generation,
                observed_generation: found.observed_generation,
                schema: status_schema(&crd, kind.version()).cloned().map(Arc::new),
            }
        }
        Err(error) => {
            tracing::info!(
                operator = %config.name, crd = %name, %error,
                "the custom resource definition cannot be read, so that its status schema is not checked"
            );
            Support::ALL
        }
    }
}

/// Kinds of Kubernetes have schemas of their own, in which our fields have no place.
async fn built_in(api: &Api, config: &OperatorConfig) -> Support {
    let kind = &config.parent;
    let root = if kind.group().is_empty() { "/api" } else { "/apis" };
    let subresource = match get::<APIResourceList>(api, &format!("{root}/{}", kind.api_version())).await {
        Ok(list) => list
            .resources
            .iter()
            .any(|resource| resource.name == format!("{}/status", kind.plural())),
        Err(error) => {
            tracing::info!(operator = %config.name, %error, "discovery failed; {kind} is taken to have a status");
            true
        }
    };
    if !subresource {
        tracing::warn!(operator = %config.name, "{kind} has no status; failures are reported as Events and in the log alone");
    }
    Support {
        subresource,
        conditions: false,
        condition_generation: false,
        observed_generation: false,
        schema: None,
    }
}

async fn get<T: DeserializeOwned>(api: &Api, path: &str) -> Result<T, ApiError> {
    let text = api.get(path).await?;
    serde_json::from_str(&text).map_err(ApiError::Encode)
}
