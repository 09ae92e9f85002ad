//! The path of a request: text in, what it is about out. It does not know which resources there are.

use percent_encoding::percent_decode_str;

/// What a path is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Objects of a resource, or one of them.
    Objects(Objects),
    /// Anything else, by the segments of its path: discovery, health, OpenAPI.
    Other(Vec<String>),
}

/// Objects of a resource, or one of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Objects {
    /// The group; empty for the core group.
    pub group: String,
    /// The version.
    pub version: String,
    /// The namespace; `None` for objects of the cluster, and for those of all namespaces.
    pub namespace: Option<String>,
    /// The resource's plural name.
    pub resource: String,
    /// The object; `None` for all.
    pub name: Option<String>,
    /// What of the object.
    pub subresource: Option<String>,
    /// Whether the old form `/watch/` was used.
    pub is_watch: bool,
    /// Whether there is more after that: only proxies have more.
    pub is_longer: bool,
}

/// Takes a path apart.
#[must_use]
pub fn parse(path: &str) -> Target {
    let segments: Vec<String> = path
        .strip_prefix('/')
        .unwrap_or(path)
        .trim_end_matches('/')
        .split('/')
        .map(|segment| percent_decode_str(segment).decode_utf8_lossy().into_owned())
        .collect();
    let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
    let objects = match parts.as_slice() {
        [""] => return Target::Other(Vec::new()),
        ["api", version, rest @ ..] if !rest.is_empty() => objects("", version, rest),
        ["apis", group, version, rest @ ..] if !rest.is_empty() => objects(group, version, rest),
        _ => None,
    };
    match objects {
        Some(objects) => Target::Objects(objects),
        None => Target::Other(segments),
    }
}

fn objects(group: &str, version: &str, rest: &[&str]) -> Option<Objects> {
    let (is_watch, rest) = match rest {
        ["watch", rest @ ..] if !rest.is_empty() => (true, rest),
        rest => (false, rest),
    };
    // A namespace is an object too: only what follows tells whether it is meant, or something in it.
    let (namespace, rest) = match rest {
        ["namespaces", _, "status" | "finalize"] => (None, rest),
        ["namespaces", namespace, inner @ ..] if !inner.is_empty() => (Some((*namespace).to_owned()), inner),
        rest => (None, rest),
    };
    let mut rest = rest.iter().map(|part| (*part).to_owned());
    let objects = Objects {
        group: group.to_owned(),
        version: version.to_owned(),
        namespace,
        resource: rest.next()?,
        name: rest.next(),
        subresource: rest.next(),
        is_watch,
        is_longer: rest.next().is_some(),
    };
    Some(objects)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(path: &str) -> String {
        match parse(path) {
            Target::Other(segments) => format!("other {segments:?}"),
            Target::Objects(objects) => format!(
                "{}/{} {} in {} named {} sub {}{}{}",
                objects.group,
                objects.version,
                objects.resource,
                objects.namespace.unwrap_or_default(),
                objects.name.unwrap_or_default(),
                objects.subresource.unwrap_or_default(),
                if objects.is_watch { " watched" } else { "" },
                if objects.is_longer { " longer" } else { "" },
            ),
        }
    }

    #[test]
    fn paths_are_taken_apart() {
        let cases = [
            ("/api/v1/pods", "/v1 pods in  named  sub "),
            ("/api/v1/namespaces", "/v1 namespaces in  named  sub "),
            ("/api/v1/namespaces/a", "/v1 namespaces in  named a sub "),
            (
                "/api/v1/namespaces/a/finalize",
                "/v1 namespaces in  named a sub finalize",
            ),
            ("/api/v1/namespaces/a/pods", "/v1 pods in a named  sub "),
            ("/api/v1/namespaces/a/pods/b/status", "/v1 pods in a named b sub status"),
            (
                "/apis/apps/v1/namespaces/a/deployments/x%3Ay",
                "apps/v1 deployments in a named x:y sub ",
            ),
            (
                "/apis/apps/v1/watch/deployments",
                "apps/v1 deployments in  named  sub  watched",
            ),
            ("/apis/apps/v1", r#"other ["apis", "apps", "v1"]"#),
            (
                "/api/v1/namespaces/a/pods/b/proxy/c",
                "/v1 pods in a named b sub proxy longer",
            ),
            ("/api/v1//namespaces", "/v1  in  named namespaces sub "),
            ("/api/v1/pods/", "/v1 pods in  named  sub "),
            ("/", "other []"),
            ("//api/v1/pods", r#"other ["", "api", "v1", "pods"]"#),
        ];
        for (path, want) in cases {
            assert_eq!(show(path), want, "{path}");
        }
    }
}
