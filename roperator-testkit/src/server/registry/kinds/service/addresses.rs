//! A Service's cluster IPs and IP families: what the client left out is filled in, what does not fit is refused. Services
//! in, changed Services or errors out; which addresses are free is not known here. The cluster has IPv4 addresses only.

use std::net::{IpAddr, Ipv4Addr};

use serde_json::{Value, json};

use super::super::values::{get, is_unset, same, set, text, texts};
use super::spec;
use crate::server::field::{FieldError, FieldPath};

const FAMILIES: [&str; 2] = ["IPv4", "IPv6"];
const POLICIES: [&str; 3] = ["PreferDualStack", "RequireDualStack", "SingleStack"];

fn path(field: &str) -> FieldPath {
    FieldPath::new("spec").child(field)
}

/// Lets an update keep what the server had allocated and the client does not repeat.
pub fn carry_over(new: &mut Value, old: &Value) {
    if !spec::needs_cluster_ip(old) || !spec::needs_cluster_ip(new) {
        return;
    }
    for field in ["clusterIP", "clusterIPs"] {
        let value = get(new, field);
        if is_unset(value) || value.as_array().is_some_and(Vec::is_empty) {
            copy(new, old, field);
        }
    }
}

/// Makes `clusterIP` and `clusterIPs` agree for clients that know only the former.
pub fn normalize(new: &mut Value, old: Option<&Value>) {
    let single = text(new, "clusterIP").to_owned();
    let Some(old) = old else {
        if !single.is_empty() && texts(new, "clusterIPs").is_empty() {
            set(new, "clusterIPs", json!([single]));
        }
        return;
    };
    let changed = single != text(old, "clusterIP");
    if !changed && texts(new, "clusterIPs").is_empty() {
        copy(new, old, "clusterIPs");
    } else if changed && same(get(new, "clusterIPs"), get(old, "clusterIPs")) {
        let all = if single.is_empty() { json!([]) } else { json!([single]) };
        set(new, "clusterIPs", all);
    }
}

fn copy(new: &mut Value, old: &Value, field: &str) {
    let value = get(old, field);
    if !value.is_null() {
        set(new, field, value.clone());
    }
}

/// Fills in `ipFamilyPolicy` and `ipFamilies`, or says why the client's do not fit. `new` and `old` are specs.
///
/// # Errors
/// What does not fit.
pub fn fill_in_families(new: &mut Value, old: Option<&Value>) -> Result<(), Vec<FieldError>> {
    if !spec::needs_cluster_ip(new) || old.is_some_and(|old| is_settled(new, old)) {
        return Ok(());
    }
    fill_in_policy(new, old);
    stop_at(validate(new, old))?;
    if let Some(old) = old {
        reduce(new, old)?;
    }
    stop_at(infer_families(new))?;
    let headless = text(new, "clusterIP") == "None" && !spec::has_selector(new);
    let policy = text(new, "ipFamilyPolicy").to_owned();
    let mut families: Vec<String> = texts(new, "ipFamilies").into_iter().map(str::to_owned).collect();
    if !headless {
        stop_at(unconfigured(&policy, &families))?;
    }
    if families.is_empty() {
        families.push("IPv4".to_owned());
    }
    if headless && families.len() < 2 && policy != "SingleStack" {
        let first_is_v4 = families.first().is_some_and(|first| first == "IPv4");
        families.push(if first_is_v4 { "IPv6" } else { "IPv4" }.to_owned());
    }
    set(new, "ipFamilies", families);
    Ok(())
}

fn stop_at(errors: Vec<FieldError>) -> Result<(), Vec<FieldError>> {
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

/// Whether both prefer two stacks and nothing else changed: such Services stay as they are.
pub fn is_settled(new: &Value, old: &Value) -> bool {
    let prefers = |spec: &Value| text(spec, "ipFamilyPolicy") == "PreferDualStack";
    spec::kind(old) == spec::kind(new)
        && prefers(new)
        && (prefers(old) || text(old, "ipFamilyPolicy").is_empty())
        && same(get(new, "clusterIPs"), get(old, "clusterIPs"))
        && same(get(new, "ipFamilies"), get(old, "ipFamilies"))
}

fn fill_in_policy(new: &mut Value, old: Option<&Value>) {
    if !get(new, "ipFamilyPolicy").is_null() {
        return;
    }
    let before = old.map(|old| text(old, "ipFamilyPolicy")).unwrap_or_default();
    let policy = if !before.is_empty() {
        before
    } else if text(new, "clusterIP") == "None" && !spec::has_selector(new) {
        "RequireDualStack"
    } else {
        "SingleStack"
    };
    set(new, "ipFamilyPolicy", policy);
}

/// Back to one stack only when the client says so.
fn reduce(new: &mut Value, old: &Value) -> Result<(), Vec<FieldError>> {
    let fields = [
        (
            "clusterIPs",
            "must be 'SingleStack' to release the secondary cluster IP",
        ),
        ("ipFamilies", "must be 'SingleStack' to release the secondary IP family"),
    ];
    let policy = text(new, "ipFamilyPolicy").to_owned();
    let mut errors = Vec::new();
    for (field, detail) in fields {
        let (count, before) = (texts(new, field).len(), texts(old, field).len());
        if policy == "SingleStack" {
            if count > 1 && texts(new, field) == texts(old, field) {
                let first = texts(new, field).first().map(|first| json!([first]));
                set(new, field, first.unwrap_or_default());
            }
        } else if count > 0 && count < before {
            errors.push(FieldError::invalid(&path("ipFamilyPolicy"), policy.as_str(), detail));
        }
    }
    stop_at(errors)
}

fn infer_families(new: &mut Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let policy_path = path("ipFamilyPolicy");
    if text(new, "ipFamilyPolicy") == "SingleStack" {
        for (field, things) in [("clusterIPs", "cluster IPs"), ("ipFamilies", "IP families")] {
            if texts(new, field).len() == 2 {
                let detail =
                    format!("must be 'RequireDualStack' or 'PreferDualStack' when multiple {things} are specified");
                errors.push(FieldError::invalid(&policy_path, "SingleStack", detail));
            }
        }
    }
    let mut families = texts(new, "ipFamilies");
    let addresses = texts(new, "clusterIPs");
    for (index, address) in addresses
        .iter()
        .enumerate()
        .take_while(|(_, address)| **address != "None")
    {
        if index < families.len() {
            continue;
        }
        if is_v6(address) {
            let detail = "IPv6 is not configured on this cluster";
            let all = get(new, "clusterIPs").clone();
            errors.push(FieldError::invalid(&path("clusterIPs").index(index), all, detail));
        } else {
            families.push("IPv4");
        }
    }
    let families = json!(families);
    if families != json!([]) {
        set(new, "ipFamilies", families);
    }
    errors
}

fn unconfigured(policy: &str, families: &[String]) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if policy == "RequireDualStack" {
        let detail = "this cluster is not configured for dual-stack services";
        errors.push(FieldError::invalid(&path("ipFamilyPolicy"), policy, detail));
    }
    for (index, family) in families.iter().enumerate().filter(|(_, family)| *family != "IPv4") {
        let detail = "not configured on this cluster";
        errors.push(FieldError::invalid(
            &path("ipFamilies").index(index),
            family.as_str(),
            detail,
        ));
    }
    errors
}

/// What is wrong with the cluster IPs and IP families of a spec.
#[must_use]
pub fn validate(new: &Value, old: Option<&Value>) -> Vec<FieldError> {
    if !spec::needs_cluster_ip(new) {
        return Vec::new();
    }
    let mut errors: Vec<FieldError> = agreement(new).into_iter().collect();
    let families = texts(new, "ipFamilies");
    for (index, family) in families.iter().enumerate() {
        let place = path("ipFamilies").index(index);
        if !FAMILIES.contains(family) {
            errors.push(FieldError::not_supported(&place, *family, &FAMILIES));
        }
        if families.iter().take(index).any(|earlier| earlier == family) {
            errors.push(FieldError::duplicate(&place, *family));
        }
    }
    if let Some(policy) = get(new, "ipFamilyPolicy")
        .as_str()
        .filter(|policy| !POLICIES.contains(policy))
    {
        errors.push(FieldError::not_supported(&path("ipFamilyPolicy"), policy, &POLICIES));
    }
    let (wrong, usable) = addresses(new, old);
    errors.extend(wrong);
    if usable {
        errors.extend(stacks(new, &families));
    }
    errors
}

fn agreement(new: &Value) -> Option<FieldError> {
    let all_path = path("clusterIPs");
    let all = texts(new, "clusterIPs");
    let shown = get(new, "clusterIPs").clone();
    match (text(new, "clusterIP"), all.first()) {
        ("", None) => None,
        ("", Some(_)) => {
            let detail = "must be empty when `clusterIP` is not specified";
            Some(FieldError::invalid(&all_path, shown, detail))
        }
        (_, None) => Some(FieldError::required(&all_path, "")),
        (single, Some(first)) => {
            (single != *first).then(|| FieldError::invalid(&all_path, shown, "first value must match `clusterIP`"))
        }
    }
}

/// What is wrong with single addresses, and whether they can be compared at all.
fn addresses(new: &Value, old: Option<&Value>) -> (Vec<FieldError>, bool) {
    let known = old.map(|old| texts(old, "clusterIPs")).unwrap_or_default();
    let all = texts(new, "clusterIPs");
    let shown = || get(new, "clusterIPs").clone();
    let mut errors = Vec::new();
    for (index, address) in all.iter().enumerate() {
        if index == 0 && *address == "None" {
            if all.len() > 1 {
                let detail = "'None' must be the first and only value";
                errors.push(FieldError::invalid(&path("clusterIPs"), shown(), detail));
            }
        } else if !known.contains(address) {
            errors.extend(ip_address(&path("clusterIPs").index(index), address));
        }
    }
    let usable = errors.is_empty();
    if all.len() > 2 {
        let detail = "may only hold up to 2 values";
        errors.push(FieldError::invalid(&path("clusterIPs"), shown(), detail));
    }
    (errors, usable)
}

fn stacks(new: &Value, families: &[&str]) -> Vec<FieldError> {
    let all = texts(new, "clusterIPs");
    let mut errors = Vec::new();
    let sixes = all.iter().filter(|address| is_v6(address)).count();
    if all.len() > 1 && (sixes == 0 || sixes == all.len()) {
        let detail = "may specify no more than one IP for each IP family";
        errors.push(FieldError::invalid(
            &path("clusterIPs"),
            get(new, "clusterIPs").clone(),
            detail,
        ));
    }
    if spec::is_headless(new) {
        return errors;
    }
    for (index, (address, family)) in all.iter().zip(families).enumerate() {
        let is = if is_v6(address) { "IPv6" } else { "IPv4" };
        if is != *family && FAMILIES.contains(family) {
            let detail = format!("expected an {family} value as indicated by `ipFamilies[{index}]`");
            errors.push(FieldError::invalid(&path("clusterIPs").index(index), *address, detail));
        }
    }
    errors
}

fn is_v6(address: &str) -> bool {
    matches!(address.parse(), Ok(IpAddr::V6(address)) if address.to_ipv4_mapped().is_none())
}

/// What is wrong with an IP address.
#[must_use]
pub fn ip_address(path: &FieldPath, address: &str) -> Option<FieldError> {
    let detail = match address.parse::<IpAddr>() {
        Ok(IpAddr::V6(six)) if six.to_ipv4_mapped().is_some() => "must not be an IPv4-mapped IPv6 address",
        Ok(_) => return None,
        Err(_) if without_leading_zeros(address).is_some() => "must not have leading 0s",
        Err(_) => "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)",
    };
    Some(FieldError::invalid(path, address, detail))
}

fn without_leading_zeros(address: &str) -> Option<Ipv4Addr> {
    let octets = address.split('.').map(|octet| match octet.trim_start_matches('0') {
        "" if !octet.is_empty() => "0",
        rest => rest,
    });
    octets.collect::<Vec<_>>().join(".").parse().ok()
}

/// What is wrong with a range of IP addresses.
#[must_use]
pub fn ip_range(path: &FieldPath, range: &str) -> Option<FieldError> {
    let unusable = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)";
    let parsed = range.split_once('/').and_then(|(address, length)| {
        let address: IpAddr = address.parse().ok()?;
        let (length, most) = (length.parse::<u32>().ok()?, if address.is_ipv4() { 32 } else { 128 });
        let free = u32::checked_sub(most, length)?;
        let bits = match address {
            IpAddr::V4(four) => u128::from(four.to_bits()),
            IpAddr::V6(six) => six.to_bits(),
        };
        Some(bits.trailing_zeros() >= free)
    });
    let detail = match parsed {
        Some(true) => return None,
        Some(false) => "must not have bits set beyond the prefix length",
        None => unusable,
    };
    Some(FieldError::invalid(path, range, detail))
}
