//! A declaration in, a Deployment that runs its operator out.
//!
//! A starting point: it says what every operator of ours needs (account, port, probes, a locked-down container) and
//! nothing about a particular cluster. Take it into your own overlay, or generate it anew with another `--image`.

use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec, DeploymentStrategy};
use k8s_openapi::api::core::v1::{
    Capabilities, Container, ContainerPort, HTTPGetAction, PodSecurityContext, PodSpec, PodTemplateSpec, Probe,
    ResourceRequirements, SeccompProfile, SecurityContext,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::ManifestInput;

/// The name in the container of the port of `/metrics`, `/health` and `/ready`.
const PORT: &str = "metrics";

/// Turns that run may take half a minute to end at shutdown, and the process some more.
const GRACE_SECONDS: i64 = 45;

/// What a Deployment needs beside the declaration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeployOptions {
    /// The container image; `{name}` stands for the operator's name.
    pub image: String,
    /// Where the operator runs. Must exist: no Namespace is generated, lest somebody deletes it with the rest.
    pub namespace: String,
}

impl Default for DeployOptions {
    fn default() -> Self {
        Self {
            image: "registry.example.com/{name}:latest".to_owned(),
            namespace: "default".to_owned(),
        }
    }
}

/// A Deployment of one replica that fits the `restricted` Pod Security Standard. The old Pod is gone before the new
/// one starts, so that two versions never act at once. The image must not run as root.
pub fn deployment(input: &ManifestInput, options: &DeployOptions) -> Deployment {
    Deployment {
        metadata: input.metadata(Some(&options.namespace)),
        // No longer an `Option` in the types of Kubernetes 1.37, hence `into`.
        spec: DeploymentSpec {
            replicas: Some(1),
            selector: LabelSelector {
                match_labels: Some(input.labels()),
                ..LabelSelector::default()
            },
            strategy: Some(DeploymentStrategy {
                type_: Some("Recreate".to_owned()),
                ..DeploymentStrategy::default()
            }),
            template: PodTemplateSpec {
                metadata: Some(ObjectMeta {
                    labels: Some(input.labels()),
                    ..ObjectMeta::default()
                }),
                spec: Some(pod(input, options)),
            },
            ..DeploymentSpec::default()
        }
        .into(),
        ..Deployment::default()
    }
}

fn pod(input: &ManifestInput, options: &DeployOptions) -> PodSpec {
    PodSpec {
        containers: vec![container(input, options)],
        security_context: Some(PodSecurityContext {
            run_as_non_root: Some(true),
            seccomp_profile: Some(SeccompProfile {
                type_: "RuntimeDefault".to_owned(),
                ..SeccompProfile::default()
            }),
            ..PodSecurityContext::default()
        }),
        service_account_name: Some(input.object_name()),
        termination_grace_period_seconds: Some(GRACE_SECONDS),
        ..PodSpec::default()
    }
}

fn container(input: &ManifestInput, options: &DeployOptions) -> Container {
    let server = input.server;
    // A port that is free when the process starts is known to nobody before.
    let has_port = server.port != 0 && (server.expose_health || server.expose_metrics);
    let probe = |path: &str| {
        (has_port && server.expose_health).then(|| Probe {
            http_get: Some(HTTPGetAction {
                path: Some(path.to_owned()),
                port: IntOrString::String(PORT.to_owned()),
                ..HTTPGetAction::default()
            }),
            ..Probe::default()
        })
    };
    let requests = [("cpu", "10m"), ("memory", "64Mi")];
    Container {
        name: "operator".to_owned(),
        image: Some(options.image.replace("{name}", &input.name)),
        ports: has_port.then(|| {
            vec![ContainerPort {
                container_port: server.port.into(),
                name: Some(PORT.to_owned()),
                ..ContainerPort::default()
            }]
        }),
        liveness_probe: probe("/health"),
        readiness_probe: probe("/ready"),
        resources: Some(ResourceRequirements {
            requests: Some(
                requests
                    .map(|(name, amount)| (name.to_owned(), Quantity(amount.to_owned())))
                    .into(),
            ),
            ..ResourceRequirements::default()
        }),
        security_context: Some(SecurityContext {
            allow_privilege_escalation: Some(false),
            capabilities: Some(Capabilities {
                drop: Some(vec!["ALL".to_owned()]),
                ..Capabilities::default()
            }),
            read_only_root_filesystem: Some(true),
            ..SecurityContext::default()
        }),
        ..Container::default()
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures;
    use super::*;
    use crate::manifest::yaml;

    #[test]
    fn a_deployment_runs_the_operator_under_its_account() {
        let deployment = deployment(&fixtures::echo().1, &DeployOptions::default());
        insta::assert_snapshot!(yaml::document(&deployment).unwrap());
    }

    #[test]
    fn image_and_namespace_are_the_users() {
        let options = DeployOptions {
            image: "ghcr.io/acme/{name}-op:1.2".to_owned(),
            namespace: "operators".to_owned(),
        };
        let deployment = deployment(&fixtures::echo().1, &options);
        assert_eq!(deployment.metadata.namespace.as_deref(), Some("operators"));
        let yaml = yaml::document(&deployment).unwrap();
        assert!(yaml.contains("- image: ghcr.io/acme/echo-op:1.2\n"), "{yaml}");
    }

    #[test]
    fn port_and_probes_are_those_that_are_served() {
        let mut input = fixtures::echo().1;
        input.server.port = 9090;
        let yaml = yaml::document(&deployment(&input, &DeployOptions::default())).unwrap();
        assert!(yaml.contains("containerPort: 9090\n"), "{yaml}");
        input.server.expose_health = false;
        let yaml = yaml::document(&deployment(&input, &DeployOptions::default())).unwrap();
        assert!(
            yaml.contains("containerPort: 9090\n") && !yaml.contains("Probe"),
            "{yaml}"
        );
        input.server.port = 0;
        let yaml = yaml::document(&deployment(&input, &DeployOptions::default())).unwrap();
        assert!(!yaml.contains("containerPort"), "{yaml}");
    }
}
