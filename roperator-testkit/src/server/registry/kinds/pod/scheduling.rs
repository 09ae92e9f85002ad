//! What is wrong with where a pod may run and how it finds others: tolerations, spreading, gates, DNS, host names.
//! Reads only.

use super::at::{At, Errors};
use super::{affinity, check, labels, text};
use crate::server::field::FieldError;
use crate::server::names;

const MOST_SEARCH_BYTES: usize = 2048;

/// What is wrong with a pod's tolerations.
pub fn tolerations(errors: &mut Errors, at: &At<'_>) {
    for toleration in at.items() {
        let key = toleration.child("key");
        let operator = toleration.child("operator");
        let effect = toleration.child("effect");
        let value = toleration.text_of("value");
        if !key.text().is_empty() {
            check::text(errors, &key, names::qualified);
        } else if operator.text() != "Exists" {
            let detail = "operator must be Exists when `key` is empty, which means \"match all values and all keys\"";
            errors.push(FieldError::invalid(&operator.path, operator.text(), detail));
        }
        if toleration.child("tolerationSeconds").is_set() && effect.text() != "NoExecute" {
            let detail = "effect must be 'NoExecute' when `tolerationSeconds` is set";
            errors.push(FieldError::invalid(&effect.path, effect.text(), detail));
        }
        match operator.text() {
            "" | "Equal" => {
                let problems = names::label_value(value);
                if !problems.is_empty() {
                    errors.push(FieldError::invalid(&operator.path, value, problems.join(";")));
                }
            }
            "Exists" if !value.is_empty() => {
                let detail = "value must be empty when `operator` is 'Exists'";
                errors.push(FieldError::invalid(&operator.path, value, detail));
            }
            "Exists" => {}
            // Known, but not switched on.
            comparison @ ("Lt" | "Gt") => {
                let operators = ["Equal", "Exists", "Lt", "Gt"];
                errors.push(FieldError::not_supported(&operator.path, comparison, &operators));
            }
            _ => check::known(errors, &operator, &["Equal", "Exists"]),
        }
        if !effect.text().is_empty() {
            let effects = ["NoSchedule", "PreferNoSchedule", "NoExecute"];
            check::known(errors, &effect, &effects);
        }
    }
}

/// What is wrong with how pods are spread.
pub fn spread(errors: &mut Errors, at: &At<'_>) {
    let constraints = at.items();
    for (index, constraint) in constraints.iter().enumerate() {
        positive(errors, &constraint.child("maxSkew"), true);
        let topology = constraint.child("topologyKey");
        if topology.text().is_empty() {
            errors.push(FieldError::required(&topology.path, "can not be empty"));
        }
        let action = constraint.child("whenUnsatisfiable");
        check::known(errors, &action, &["DoNotSchedule", "ScheduleAnyway"]);
        let again = constraints.iter().skip(index + 1).any(|other| {
            other.text_of("topologyKey") == topology.text() && other.text_of("whenUnsatisfiable") == action.text()
        });
        if again {
            let path = constraint.path.child("{topologyKey, whenUnsatisfiable}");
            let pair = format!("{{{}, {}}}", topology.text(), action.text());
            errors.push(FieldError::duplicate(&path, pair));
        }
        let domains = constraint.child("minDomains");
        positive(errors, &domains, false);
        if let Some(given) = domains.number().filter(|_| action.text() != "DoNotSchedule") {
            let detail = format!(
                "can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {}",
                action.text()
            );
            errors.push(FieldError::invalid(&domains.path, given, detail));
        }
        for name in ["nodeAffinityPolicy", "nodeTaintsPolicy"] {
            if let Some(policy) = constraint.child(name).set() {
                check::known(errors, &policy, &["Honor", "Ignore"]);
            }
        }
        affinity::label_keys(errors, constraint);
        labels::selector(errors, &constraint.child("labelSelector"));
    }
}

fn positive(errors: &mut Errors, at: &At<'_>, required: bool) {
    let number = at.number().unwrap_or_default();
    if number <= 0 && (required || at.is_set()) {
        errors.push(FieldError::invalid(&at.path, number, "must be greater than zero"));
    }
}

/// What is wrong with a pod's readiness and scheduling gates.
pub fn gates(errors: &mut Errors, spec: &At<'_>) {
    for gate in spec.child("readinessGates").items() {
        check::text(errors, &gate.child("conditionType"), names::qualified);
    }
    let mut seen = Vec::new();
    for gate in spec.child("schedulingGates").items() {
        let name = gate.text_of("name");
        check::problems(errors, &gate.path, name, names::qualified(name));
        if seen.contains(&name) {
            errors.push(FieldError::duplicate(&gate.path, name));
        }
        seen.push(name);
    }
}

/// What is wrong with how a pod resolves names.
pub fn dns(errors: &mut Errors, spec: &At<'_>) {
    let config = spec.child("dnsConfig");
    let servers = config.child("nameservers");
    if spec.text_of("dnsPolicy") == "None" {
        if !config.is_set() {
            let detail = "must provide `dnsConfig` when `dnsPolicy` is None";
            errors.push(FieldError::required(&config.path, detail));
            return;
        }
        if servers.items().is_empty() {
            let detail = "must provide at least one DNS nameserver when `dnsPolicy` is None";
            errors.push(FieldError::required(&servers.path, detail));
            return;
        }
    }
    if servers.items().len() > 3 {
        let detail = "must not have more than 3 nameservers";
        errors.push(FieldError::invalid(&servers.path, servers.value.clone(), detail));
    }
    for server in servers.items() {
        check::text(errors, &server, text::ip_address);
    }
    let searches = config.child("searches");
    let domains = searches.items();
    if domains.len() > 32 {
        let detail = "must not have more than 32 search paths";
        errors.push(FieldError::invalid(&searches.path, searches.value.clone(), detail));
    }
    let bytes: usize = domains.iter().map(|domain| domain.text().len() + 1).sum();
    if bytes > MOST_SEARCH_BYTES + 1 {
        let detail =
            format!("must not have more than {MOST_SEARCH_BYTES} characters (including spaces) in the search list");
        errors.push(FieldError::invalid(&searches.path, searches.value.clone(), detail));
    }
    for domain in domains {
        let name = domain.text();
        if name != "." {
            let name = name.strip_suffix('.').unwrap_or(name);
            check::problems(errors, &domain.path, name, text::search_domain(name));
        }
    }
    for option in config.child("options").items() {
        if option.text_of("name").is_empty() {
            errors.push(FieldError::required(&option.path, "must not be empty"));
        }
    }
}

/// What is wrong with the additional host names that a pod knows.
pub fn host_aliases(errors: &mut Errors, at: &At<'_>) {
    for alias in at.items() {
        check::text(errors, &alias.child("ip"), text::ip_address);
        for name in alias.child("hostnames").items() {
            check::text(errors, &name, names::subdomain);
        }
    }
}

/// What is wrong with the name by which a pod's processes know their host, where it is given wholly.
pub fn hostname_override(errors: &mut Errors, spec: &At<'_>) {
    let name = spec.child("hostnameOverride");
    if !name.is_set() {
        return;
    }
    for field in ["setHostnameAsFQDN", "hostNetwork"] {
        if spec.is_true(field) {
            let detail = format!("may not be specified when {field} is true");
            errors.push(FieldError::forbidden(&name.path, detail));
        }
    }
    if name.text().len() > 64 {
        errors.push(FieldError::too_long(&name.path, 64));
    }
    check::text(errors, &name, names::subdomain);
}

/// A pod with users of its own shares nothing else with its node.
pub fn host_users(errors: &mut Errors, spec: &At<'_>) {
    if spec.child("hostUsers").value.as_bool() != Some(false) {
        return;
    }
    let detail = "when `hostUsers` is false";
    // The real server's own names of the fields.
    for (field, shown) in [
        ("hostNetwork", "hostNetwork"),
        ("hostPID", "HostPID"),
        ("hostIPC", "HostIPC"),
    ] {
        if spec.is_true(field) {
            errors.push(FieldError::forbidden(&spec.path.child(shown), detail));
        }
    }
    for list in super::defaults::CONTAINER_LISTS {
        for container in spec.child(list).items() {
            let devices = container.child("volumeDevices");
            if !devices.items().is_empty() {
                errors.push(FieldError::forbidden(&devices.path, detail));
            }
        }
    }
}
