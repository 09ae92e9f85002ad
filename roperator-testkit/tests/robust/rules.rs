//! Rules of definitions that are nested as deep as it comes.

use proptest::{prelude::*, sample::select};
use serde_json::json;

use crate::client::{Client, Request};

const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

/// What stands before an expression, and after it, to make a larger one.
const AROUND: [(&str, &str); 22] = [
    ("(", ")"),
    ("[", "]"),
    ("!", ""),
    ("!!(", ")"),
    ("-(", ")"),
    ("{1: ", "}"),
    ("1 + (", ")"),
    ("", " + 1"),
    ("1 + 1 * ", ""),
    ("", " == true"),
    ("", " && true"),
    ("true ? 1 : ", ""),
    ("size(", ")"),
    ("[1].all(x, ", ")"),
    ("[1].map(i, x, ", ")"),
    ("[1].sortBy(x, ", ")"),
    ("optional.of(1).optMap(x, ", ")"),
    ("", ".lowerAscii()"),
    ("", ".a"),
    ("", "[0]"),
    ("", ".optMap(x, x)"),
    // What is no expression, too.
    ("(", ""),
];

fn any_rule() -> impl Strategy<Value = String> {
    let layer = (
        select(&AROUND[..]),
        prop_oneof![0..4_usize, 0..300_usize, 0..5000_usize],
    );
    prop::collection::vec(layer, 1..5).prop_map(|layers| {
        layers
            .into_iter()
            .fold("self.n".to_owned(), |within, ((open, close), times)| {
                format!("{}{within}{}", open.repeat(times), close.repeat(times))
            })
    })
}

proptest! {
    #![proptest_config(super::config())]

    #[test]
    fn rules_of_any_depth_are_answered(rule in any_rule()) {
        let client = Client::start();
        let schema = json!({"type": "object", "properties": {"spec": {
            "type": "object", "properties": {"n": {"type": "integer"}},
            "x-kubernetes-validations": [{"rule": rule}]}}});
        let definition = json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": "deeps.deep.example.com"},
            "spec": {
                "group": "deep.example.com", "scope": "Namespaced", "names": {"plural": "deeps", "kind": "Deep"},
                "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema}}]}});
        let answer = client.send(&Request::new("POST", DEFINITIONS, "application/json", definition.to_string()))?;
        prop_assert!([201, 422].contains(&answer.code), "{}: {:?}", answer.code, answer.body);
    }
}
