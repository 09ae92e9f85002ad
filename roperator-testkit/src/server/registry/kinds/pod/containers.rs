//! What is wrong with the containers of a pod. Reads only.
//!
//! Left out: that ephemeral containers may not have ports, probes, resources and the like, since they are only written
//! through their own subresource, and claims of devices.

use std::collections::BTreeSet;

use super::at::{At, Errors};
use super::resources::{self, Of};
use super::volumes::Volumes;
use super::{check, env, handlers, mounts, security, text};
use crate::server::field::FieldError;
use crate::server::names;

const PROTOCOLS: [&str; 3] = ["SCTP", "TCP", "UDP"];
const RESTART_POLICIES: [&str; 3] = ["Always", "Never", "OnFailure"];

/// What is wrong with the containers in a pod spec, whose good volumes are these.
pub fn containers(errors: &mut Errors, spec: &At<'_>, volumes: &Volumes<'_>) {
    let pod = Pod {
        spec,
        volumes,
        grace_seconds: spec.number_of("terminationGracePeriodSeconds"),
    };
    let regular = spec.child("containers");
    if regular.items().is_empty() {
        errors.push(FieldError::required(&regular.path, ""));
    } else {
        pod.regular(errors, &regular);
    }
    pod.init(errors, &spec.child("initContainers"));
    pod.ephemeral(errors, &spec.child("ephemeralContainers"));
}

/// The pod around the containers that are judged.
struct Pod<'a> {
    spec: &'a At<'a>,
    volumes: &'a Volumes<'a>,
    grace_seconds: Option<i64>,
}

impl Pod<'_> {
    fn regular(&self, errors: &mut Errors, list: &At<'_>) {
        let mut known = BTreeSet::new();
        let mut ports = BTreeSet::new();
        for container in list.items() {
            self.common(errors, &container);
            let name = container.child("name");
            if !known.insert(name.text()) {
                errors.push(FieldError::duplicate(&name.path, name.text()));
            }
            handlers::lifecycle_and_probes(errors, &container, self.grace_seconds);
            restart_policy(errors, &container);
        }
        for container in list.items() {
            host_ports(errors, &container, &mut ports);
        }
    }

    fn init(&self, errors: &mut Errors, list: &At<'_>) {
        let regular = self.spec.child("containers").items();
        let mut known: BTreeSet<&str> = regular.iter().map(|container| container.text_of("name")).collect();
        for container in list.items() {
            self.common(errors, &container);
            restart_policy(errors, &container);
            let name = container.child("name");
            if known.contains(name.text()) {
                errors.push(FieldError::duplicate(&name.path, name.text()));
            } else if !name.text().is_empty() {
                known.insert(name.text());
            }
            // The real server looks at each init container as if it were the first.
            let first = container.shown_at(list.path.index(0));
            host_ports(errors, &first, &mut BTreeSet::new());
            let is_sidecar = container.text_of("restartPolicy") == "Always";
            if is_sidecar {
                handlers::lifecycle_and_probes(errors, &container, self.grace_seconds);
                continue;
            }
            for name in ["lifecycle", "livenessProbe", "readinessProbe", "startupProbe"] {
                if let Some(handler) = container.child(name).set() {
                    let detail = "may not be set for init containers without restartPolicy=Always";
                    errors.push(FieldError::forbidden(&handler.path, detail));
                }
            }
            for policy in container.child("resizePolicy").items() {
                let restart = policy.child("restartPolicy");
                if restart.text() == "RestartContainer" {
                    let detail = "must not be set to 'RestartContainer' for non-sidecar initContainers";
                    errors.push(FieldError::invalid(&restart.path, restart.text(), detail));
                }
            }
        }
    }

    fn ephemeral(&self, errors: &mut Errors, list: &At<'_>) {
        let mut others = BTreeSet::new();
        for name in ["containers", "initContainers"] {
            let containers = self.spec.child(name).items();
            others.extend(containers.iter().map(|container| container.text_of("name")));
        }
        let mut known = others.clone();
        for container in list.items() {
            self.common(errors, &container);
            image_is_trimmed(errors, &container);
            let name = container.child("name");
            if !known.insert(name.text()) {
                errors.push(FieldError::duplicate(&name.path, name.text()));
            }
            let target = container.child("targetContainerName");
            if !target.text().is_empty() && !others.contains(target.text()) {
                errors.push(FieldError::not_found(&target.path, target.text()));
            }
        }
    }

    /// What is judged of every container.
    fn common(&self, errors: &mut Errors, container: &At<'_>) {
        check::required_text(errors, &container.child("name"), names::label);
        check::required(errors, &container.child("image"));
        let message = container.child("terminationMessagePolicy");
        check::one_of(errors, &message, &["File", "FallbackToLogsOnError"]);
        ports(errors, &container.child("ports"));
        env::variables(errors, &container.child("env"));
        env::variables_from(errors, &container.child("envFrom"));
        mounts::mounts_and_devices(errors, container, self.volumes);
        let pull = container.child("imagePullPolicy");
        check::one_of(errors, &pull, &["Always", "IfNotPresent", "Never"]);
        resources::requirements(errors, &container.child("resources"), Of::Container);
        let resize = container.child("resizePolicy");
        resources::resize_policy(errors, &resize, self.spec.text_of("restartPolicy"));
        let host_users = self.spec.child("hostUsers").value.as_bool().unwrap_or(true);
        security::container(errors, &container.child("securityContext"), host_users);
    }
}

fn ports(errors: &mut Errors, list: &At<'_>) {
    let mut known = BTreeSet::new();
    for port in list.items() {
        let name = port.child("name");
        let problems = text::port_name(name.text());
        if !name.text().is_empty() {
            if !problems.is_empty() {
                check::problems(errors, &name.path, name.text(), problems);
            } else if !known.insert(name.text()) {
                errors.push(FieldError::duplicate(&name.path, name.text()));
            }
        }
        let number = port.child("containerPort");
        match number.number().unwrap_or_default() {
            0 => errors.push(FieldError::required(&number.path, "")),
            given => check::problems(errors, &number.path, given, text::port_number(given)),
        }
        let host = port.child("hostPort");
        if let Some(given) = host.number().filter(|given| *given != 0) {
            check::problems(errors, &host.path, given, text::port_number(given));
        }
        check::one_of(errors, &port.child("protocol"), &PROTOCOLS);
    }
}

fn host_ports(errors: &mut Errors, container: &At<'_>, taken: &mut BTreeSet<String>) {
    for port in container.child("ports").items() {
        let number = port.number_of("hostPort").unwrap_or_default();
        if number == 0 {
            continue;
        }
        let shown = format!("{}/{}/{number}", port.text_of("protocol"), port.text_of("hostIP"));
        if !taken.insert(shown.clone()) {
            errors.push(FieldError::duplicate(&port.path.child("hostPort"), shown));
        }
    }
}

fn restart_policy(errors: &mut Errors, container: &At<'_>) {
    let policy = container.child("restartPolicy");
    let rules = container.child("restartPolicyRules");
    let given = rules.items();
    if policy.is_set() {
        check::known(errors, &policy, &RESTART_POLICIES);
    } else if !given.is_empty() {
        let detail = "must specify restartPolicy when restart rules are used";
        errors.push(FieldError::required(&policy.path, detail));
    }
    if given.len() > 20 {
        errors.push(FieldError::too_many(&rules.path, given.len(), 20));
    }
    for rule in given {
        check::known(errors, &rule.child("action"), &["Restart", "RestartAllContainers"]);
        let codes = rule.child("exitCodes");
        if !codes.is_set() {
            errors.push(FieldError::required(&codes.path, "must be specified"));
            continue;
        }
        check::known(errors, &codes.child("operator"), &["In", "NotIn"]);
        let values = codes.child("values");
        let count = values.items().len();
        if count > 255 {
            errors.push(FieldError::too_many(&values.path, count, 255));
        }
    }
}

/// The image of a pod's container, though not of a template's, has no space around it.
pub fn image_is_trimmed(errors: &mut Errors, container: &At<'_>) {
    let image = container.child("image");
    if image.text().trim() != image.text() {
        let detail = "must not have leading or trailing whitespace";
        errors.push(FieldError::invalid(&image.path, image.text(), detail));
    }
}

/// Where a pod shares its node's network, the ports of its containers are the node's.
pub fn host_network_ports(errors: &mut Errors, spec: &At<'_>, is_pod: bool) {
    if !spec.is_true("hostNetwork") {
        return;
    }
    for container in spec.child("containers").items() {
        for port in container.child("ports").items() {
            let host = port.number_of("hostPort").unwrap_or_default();
            let own = port.number_of("containerPort").unwrap_or_default();
            if (is_pod || host != 0) && host != own {
                let detail = "must match `containerPort` when `hostNetwork` is true";
                errors.push(FieldError::invalid(&port.path.child("hostPort"), host, detail));
            }
        }
    }
}
