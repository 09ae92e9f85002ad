//! What is wrong with the security contexts of pods and containers. Reads only.
//!
//! Left out: options of Windows, and the annotations by which old clusters set seccomp and app armor profiles.

use super::at::{At, Errors};
use super::{check, go_json, text};
use crate::server::field::{FieldError, Problem};

const MOST_ID: i64 = i32::MAX as i64;
const PROFILES: [&str; 3] = ["Localhost", "RuntimeDefault", "Unconfined"];

/// What is wrong with a container's security context.
pub fn container(errors: &mut Errors, at: &At<'_>, host_users: bool) {
    if !at.is_set() {
        return;
    }
    for name in ["runAsUser", "runAsGroup"] {
        check::in_range(errors, &at.child(name), 0, MOST_ID);
    }
    let mount = at.child("procMount");
    if mount.is_set() {
        check::known(errors, &mount, &["Default", "Unmasked"]);
        if host_users && mount.text() == "Unmasked" {
            let detail = "`hostUsers` must be false to use `Unmasked`";
            errors.push(FieldError::invalid(&mount.path, mount.text(), detail));
        }
    }
    seccomp(errors, &at.child("seccompProfile"));
    escalation(errors, at);
    app_armor(errors, &at.child("appArmorProfile"));
}

fn escalation(errors: &mut Errors, at: &At<'_>) {
    if at.child("allowPrivilegeEscalation").value.as_bool() != Some(false) {
        return;
    }
    let shown = go_json::compact("SecurityContext", at.value);
    let mut conflict = |detail: &str| errors.push(check::shown(&at.path, Problem::Invalid, &shown, detail));
    if at.is_true("privileged") {
        conflict("cannot set `allowPrivilegeEscalation` to false and `privileged` to true");
    }
    let added = at.child("capabilities").child("add").items();
    for _ in added.iter().filter(|added| added.text() == "CAP_SYS_ADMIN") {
        conflict("cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN");
    }
}

/// What is wrong with a pod's security context.
pub fn pod(errors: &mut Errors, spec: &At<'_>) {
    let at = spec.child("securityContext");
    for name in ["fsGroup", "runAsUser", "runAsGroup"] {
        check::in_range(errors, &at.child(name), 0, MOST_ID);
    }
    for group in at.child("supplementalGroups").items() {
        check::in_range(errors, &group, 0, MOST_ID);
    }
    if spec.is_true("shareProcessNamespace") && spec.is_true("hostPID") {
        let detail = "ShareProcessNamespace and HostPID cannot both be enabled";
        let path = at.path.child("shareProcessNamespace");
        errors.push(FieldError::invalid(&path, true, detail));
    }
    sysctls(errors, spec, &at.child("sysctls"));
    let choices: [(&str, &[&str]); 1] = [("fsGroupChangePolicy", &["Always", "OnRootMismatch"])];
    chosen(errors, &at, &choices);
    seccomp(errors, &at.child("seccompProfile"));
    app_armor(errors, &at.child("appArmorProfile"));
    let choices: [(&str, &[&str]); 2] = [
        ("supplementalGroupsPolicy", &["Merge", "Strict"]),
        ("seLinuxChangePolicy", &["Recursive"]),
    ];
    chosen(errors, &at, &choices);
}

fn chosen(errors: &mut Errors, at: &At<'_>, choices: &[(&str, &[&str])]) {
    for (name, supported) in choices {
        if let Some(choice) = at.child(name).set() {
            check::known(errors, &choice, supported);
        }
    }
}

fn seccomp(errors: &mut Errors, at: &At<'_>) {
    if !at.is_set() {
        return;
    }
    let kind = at.child("type");
    if kind.text().is_empty() {
        let detail = "type is required when seccompProfile is set";
        errors.push(FieldError::required(&kind.path, detail));
    } else {
        check::known(errors, &kind, &PROFILES);
    }
    let profile = at.child("localhostProfile");
    match (kind.text(), profile.is_set()) {
        ("Localhost", true) => check::text(errors, &profile, text::descending_path),
        ("Localhost", false) => {
            let detail = "must be set when seccomp type is Localhost";
            errors.push(FieldError::required(&profile.path, detail));
        }
        (_, true) => {
            let detail = "can only be set when seccomp type is Localhost";
            errors.push(check::shown(
                &profile.path,
                Problem::Invalid,
                &go_json::compact("SeccompProfile", at.value),
                detail,
            ));
        }
        _ => {}
    }
}

fn app_armor(errors: &mut Errors, at: &At<'_>) {
    if !at.is_set() {
        return;
    }
    let kind = at.child("type");
    let profile = at.child("localhostProfile");
    let needed = "must be set when AppArmor type is Localhost";
    match kind.text() {
        "" => {
            let detail = "type is required when appArmorProfile is set";
            errors.push(FieldError::required(&kind.path, detail));
        }
        "Localhost" if profile.text().trim() != profile.text() => {
            let detail = "must not be padded with whitespace";
            errors.push(FieldError::invalid(&profile.path, profile.text(), detail));
        }
        "Localhost" if profile.text().is_empty() => errors.push(FieldError::required(&profile.path, needed)),
        "Localhost" => {}
        "RuntimeDefault" | "Unconfined" if profile.is_set() => {
            let detail = "can only be set when AppArmor type is Localhost";
            errors.push(FieldError::invalid(&profile.path, profile.text(), detail));
        }
        _ => check::known(errors, &kind, &PROFILES),
    }
}

fn sysctls(errors: &mut Errors, spec: &At<'_>, at: &At<'_>) {
    let mut seen = Vec::new();
    for sysctl in at.items() {
        let name = sysctl.child("name");
        let text = name.text();
        if text.is_empty() {
            errors.push(FieldError::required(&name.path, ""));
        } else if text.len() > 253 || !text.split(['.', '/']).all(is_segment) {
            let detail = "must have at most 253 characters and match regex \
                ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$";
            errors.push(FieldError::invalid(&name.path, text, detail));
        } else if seen.contains(&text) {
            errors.push(FieldError::duplicate(&name.path, text));
        }
        seen.push(text);
        let dotted = text.replace('/', ".");
        let of_ipc = ["kernel.shm", "kernel.msg", "fs.mqueue."]
            .iter()
            .any(|prefix| dotted.starts_with(prefix));
        let shared = if spec.is_true("hostNetwork") && dotted.starts_with("net.") {
            "hostNetwork"
        } else if spec.is_true("hostIPC") && (of_ipc || dotted == "kernel.sem") {
            "hostIPC"
        } else {
            continue;
        };
        let detail = format!("may not be specified when '{shared}' is true");
        errors.push(FieldError::invalid(&name.path, text, detail));
    }
}

fn is_segment(segment: &str) -> bool {
    let lower = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = segment.as_bytes();
    bytes.first().is_some_and(lower)
        && bytes.last().is_some_and(lower)
        && bytes.iter().all(|byte| lower(byte) || matches!(byte, b'-' | b'_'))
}
