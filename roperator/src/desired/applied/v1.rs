//! Version 1 of the recorded hashes. **Frozen:** a change here rewrites every child of every installed operator.
//!
//! In: an object as JSON. Out: a SHA-256. Never depends on the process, the order of members, or serde_json's features.
//!
//! # Canonical JSON
//!
//! - Members are sorted by the bytes of their names; there is no white space; strings are escaped as serde_json does.
//! - Members that are `null` are left out, since absent and `null` ask for the same. A `null` *item* stays: it has a place.
//! - **Empty maps and lists stay**: `emptyDir: {}` and `podSelector: {}` mean something. What the server drops must not
//!   matter here, because desired states are compared with desired states only.
//! - **Numbers are compared by value**: 1.0 is printed as 1 and -0.0 as 0 (as RFC 8785 does it), for a handler that
//!   turns an integer into a float says nothing new. Whole floats beyond 2⁵³ are printed as serde_json prints them.
//! - Nothing else is normalised: `"1"` and `1`, `"1000m"` and `"1"`, and the order of list items are differences.

use serde_json::{Map, Number, Value};
use sha2::{Digest as _, Sha256};

use super::Digest;

/// The members that can identify a list item in the kinds of Kubernetes itself.
///
/// Those before the gap are all `x-kubernetes-list-map-keys` and `x-kubernetes-patch-merge-key` of the OpenAPI document
/// of 1.36.3. Those after it only look like keys: a server later than this table may use them. Naming too many is safe,
/// and costs one write more when such a value changes; naming too few would leave a dropped item behind.
const IDENTITIES: [&str; 29] = [
    "apiServerID",
    "containerPort",
    "device",
    "devicePath",
    "driver",
    "ip",
    "mountPath",
    "name",
    "pool",
    "port",
    "protocol",
    "resourceID",
    "rule",
    "shareID",
    "topologyKey",
    "type",
    "uid",
    "whenUnsatisfiable",
    // .
    "claimName",
    "host",
    "hostIP",
    "id",
    "key",
    "kind",
    "namespace",
    "path",
    "request",
    "resource",
    "resourceClaimName",
];

/// The lists of scalars that are atomic in every kind of Kubernetes itself that has them, and that operators set most: of
/// these, values are no fields. Naming too few costs one write more; naming a set would leave a dropped element behind.
const ATOMIC: [&str; 16] = [
    "accessModes",
    "add",
    "args",
    "cidrs",
    "clusterIPs",
    "command",
    "drop",
    "externalIPs",
    "hostnames",
    "hosts",
    "ipFamilies",
    "loadBalancerSourceRanges",
    "mountOptions",
    "nameservers",
    "policyTypes",
    "searches",
];

/// The hash of everything that `value` says.
pub(super) fn content(value: &Value) -> Digest {
    let mut hasher = Hasher::default();
    hasher.content(value);
    hasher.finish()
}

/// The hash of the set of fields that `value` sets, without their values.
///
/// A map's members are its fields, an empty map included. A list's items are identified
///
/// - if scalar, by their value, for the list may be a set, unless it is a built-in kind's [`ATOMIC`] one;
/// - if a map, by the scalar members that may be its key: in a built-in kind those of [`IDENTITIES`] that it has,
///   otherwise, and where it has none of them, all of them; and by the set of the fields inside;
/// - if a list, by the items inside.
///
/// **The order of items does not count**, their number does: apply keeps keyed items and set elements whatever their
/// order, and replaces an atomic list as a whole. Whether a field holds a scalar, a map or a list counts.
pub(super) fn fields(value: &Value, built_in: bool) -> Digest {
    let mut hasher = Hasher::default();
    hasher.fields(value, built_in);
    hasher.finish()
}

#[derive(Default)]
struct Hasher(Sha256);

impl Hasher {
    fn finish(self) -> Digest {
        self.0.finalize().into()
    }

    fn content(&mut self, value: &Value) {
        match value {
            Value::Object(map) => self.map(map, |this, _, member| this.content(member)),
            Value::Array(items) => {
                self.text("[");
                for (index, item) in items.iter().enumerate() {
                    self.text(if index == 0 { "" } else { "," });
                    self.content(item);
                }
                self.text("]");
            }
            Value::Number(number) => self.number(number),
            Value::Null | Value::Bool(_) | Value::String(_) => self.json(value),
        }
    }

    fn fields(&mut self, value: &Value, built_in: bool) {
        match value {
            Value::Object(map) => self.map(map, |this, name, member| {
                let is_atomic = built_in && member.is_array() && ATOMIC.contains(&name);
                if is_atomic {
                    this.text("[]")
                } else {
                    this.fields(member, built_in)
                }
            }),
            Value::Array(items) => {
                let mut digests: Vec<Digest> = items.iter().map(|item| Self::item(item, built_in)).collect();
                digests.sort_unstable();
                self.text("[");
                for digest in digests {
                    self.0.update(digest);
                }
                self.text("]");
            }
            _ => self.text("_"),
        }
    }

    /// What identifies a list item, and the fields inside. The two parts of a map cannot run into each other: both are
    /// whole JSON maps.
    fn item(item: &Value, built_in: bool) -> Digest {
        let mut hasher = Self::default();
        match item {
            Value::Object(map) => {
                let scalars = || map.iter().filter(|(_, member)| is_scalar(member));
                let known = |name: &String| IDENTITIES.contains(&name.as_str());
                let narrow = built_in && scalars().any(|(name, _)| known(name));
                let identity = scalars().filter(|(name, _)| !narrow || known(name));
                hasher.members(identity, |this, _, member| this.content(member));
                hasher.fields(item, built_in);
            }
            Value::Array(_) => hasher.fields(item, built_in),
            _ => hasher.content(item),
        }
        hasher.finish()
    }

    fn map(&mut self, map: &Map<String, Value>, member: impl Fn(&mut Self, &str, &Value)) {
        self.members(map.iter().filter(|(_, value)| !value.is_null()), member);
    }

    fn members<'a>(
        &mut self,
        members: impl Iterator<Item = (&'a String, &'a Value)>,
        write: impl Fn(&mut Self, &str, &Value),
    ) {
        // serde_json sorts maps unless anything in the build asks it to keep their order.
        let mut members: Vec<_> = members.collect();
        members.sort_unstable_by_key(|(name, _)| *name);
        self.text("{");
        for (index, (name, value)) in members.into_iter().enumerate() {
            self.text(if index == 0 { "" } else { "," });
            self.json(name);
            self.text(":");
            write(self, name, value);
        }
        self.text("}");
    }

    fn number(&mut self, number: &Number) {
        /// Up to here a float is exactly the whole number that it shows.
        const EXACT: f64 = 9_007_199_254_740_992.0;
        if let Some(whole) = number.as_i64() {
            self.json(&whole);
        } else if let Some(whole) = number.as_u64() {
            self.json(&whole);
        } else {
            match number.as_f64() {
                // Adding zero takes the sign off -0.0.
                Some(float) if float.trunc() == float && float.abs() <= EXACT => {
                    self.text(&format!("{:.0}", float + 0.0));
                }
                Some(float) => self.json(&float),
                None => self.json(number),
            }
        }
    }

    fn json<T: serde::Serialize + ?Sized>(&mut self, scalar: &T) {
        // A scalar is always JSON, and the hasher takes every byte: there is nothing that could go wrong.
        let _always_ok = serde_json::to_writer(self, scalar);
    }

    fn text(&mut self, text: &str) {
        self.0.update(text.as_bytes());
    }
}

impl std::io::Write for Hasher {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn is_scalar(value: &Value) -> bool {
    matches!(value, Value::Bool(_) | Value::Number(_) | Value::String(_))
}
