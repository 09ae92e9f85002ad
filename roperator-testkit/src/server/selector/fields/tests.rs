use proptest::prelude::*;

use super::*;

#[test]
fn refusals_are_those_of_the_real_server() {
    let cases = [
        (
            "configmaps",
            "metadata.name===a",
            "invalid field selector: unescaped character in value: 61",
        ),
        (
            "configmaps",
            "metadata.name=a\\b",
            "invalid field selector: invalid escape sequence: \\b",
        ),
        (
            "configmaps",
            "metadata.name=a\\",
            "invalid field selector: invalid escape sequence: \\",
        ),
        (
            "configmaps",
            "foo=bar",
            "\"foo\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\"",
        ),
        (
            "configmaps",
            "foo,bar",
            "invalid selector: 'foo,bar'; can't understand 'bar'",
        ),
        ("configmaps", "!", "invalid selector: '!'; can't understand '!'"),
        (
            "configmaps",
            "!=x",
            "\"\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\"",
        ),
        (
            "configmaps",
            "zoo=1,bar=2",
            "\"bar\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\"",
        ),
        ("pods", "foo=bar", "field label not supported: foo"),
        (
            "namespaces",
            "spec.x.y=1,metadata.namespace=x",
            "field label not supported: metadata.namespace",
        ),
    ];
    for (resource, text, message) in cases {
        let refused = FieldSelector::parse(text, &FieldLabels::built_in("", resource));
        assert_eq!(refused.map_err(|error| error.to_string()), Err(message.to_owned()));
    }
    let job = FieldSelector::parse("foo=bar", &FieldLabels::built_in("batch", "jobs")).unwrap_err();
    assert_eq!(job.to_string(), "field label \"foo\" not supported for Job");
    let custom = FieldLabels::custom(false, ["spec.color".to_owned()]);
    let refused = FieldSelector::parse("metadata.namespace=a,spec.color=b", &custom).unwrap_err();
    assert_eq!(refused.to_string(), "field label not supported: metadata.namespace");
}

#[test]
fn fields_match() {
    let labels = FieldLabels::built_in("", "pods");
    let lookup = |field: &str| match field {
        "metadata.name" => Some("a=b"),
        "spec.nodeName" => Some("n"),
        _ => None,
    };
    let cases = [
        ("", true),
        (",,=", true),
        ("metadata.name=a\\=b", true),
        ("spec.host==n,status.phase!=Running", true),
        ("status.phase=", true),
        ("spec.nodeName!=n", false),
    ];
    for (text, matches) in cases {
        let selector = FieldSelector::parse(text, &labels).unwrap();
        assert_eq!(selector.matches(lookup), matches, "{text}");
    }
    let selector = FieldSelector::parse("spec.host=n,metadata.name!=x", &labels).unwrap();
    assert_eq!(selector.required("spec.nodeName"), Some("n"));
    assert_eq!(selector.required("metadata.name"), None);
}

#[test]
fn events_have_other_names_in_their_new_group() {
    let labels = FieldLabels::built_in("events.k8s.io", "events");
    let selector = FieldSelector::parse("regarding.kind=Pod", &labels).unwrap();
    assert_eq!(selector.required("involvedObject.kind"), Some("Pod"));
    assert!(FieldSelector::parse("involvedObject.kind=Pod", &labels).is_err());
}

proptest! {
    #[test]
    fn escaped_values_come_back(value in any::<String>()) {
        let escaped = value.replace('\\', "\\\\").replace(',', "\\,").replace('=', "\\=");
        let labels = FieldLabels::built_in("", "configmaps");
        let selector = FieldSelector::parse(&format!("metadata.name={escaped}"), &labels).unwrap();
        prop_assert_eq!(selector.required("metadata.name"), Some(value.as_str()));
    }
}
