//! Bodies at the limits of what a server reads: in size, in depth, in numbers, in letters.

use serde_json::Value;

use crate::client::{Client, Request};

const MEBIBYTE: usize = 1 << 20;
const MAPS: &str = "/api/v1/namespaces/default/configmaps";

fn post(client: &Client, content_type: &str, body: impl Into<Vec<u8>>) -> (u16, Value) {
    let request = Request::new("POST", MAPS, content_type, body);
    let answer = client.send(&request).unwrap_or_else(|error| panic!("{error}"));
    (answer.code, serde_json::from_slice(&answer.body).unwrap_or_default())
}

/// A ConfigMap of so many bytes as JSON.
fn of_size(size: usize) -> String {
    let (before, after) = (r#"{"metadata":{"name":"big"},"data":{"a":""#, r#""}}"#);
    format!("{before}{}{after}", "x".repeat(size - before.len() - after.len()))
}

#[test]
fn a_body_may_have_three_mebibytes_and_no_byte_more() {
    let client = Client::start();
    for content_type in ["application/json", "application/yaml"] {
        for size in [3 * MEBIBYTE - 1, 3 * MEBIBYTE] {
            let (code, status) = post(&client, content_type, of_size(size));
            let message = "ConfigMap \"big\" is invalid: []: Too long: may not be more than 1048576 bytes";
            assert_eq!(
                (code, &status["message"]),
                (422, &message.into()),
                "{content_type} {size}"
            );
        }
        let (code, status) = post(&client, content_type, of_size(3 * MEBIBYTE + 1));
        assert_eq!(code, 413);
        assert_eq!(
            status,
            serde_json::json!({
                "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                "message": "Request entity too large: limit is 3145728", "reason": "RequestEntityTooLarge", "code": 413,
            })
        );
    }
}

#[test]
fn all_that_have_a_body_are_limited_and_no_others() {
    let client = Client::start();
    let body = of_size(3 * MEBIBYTE + 1);
    let patches = [
        "application/json-patch+json",
        "application/merge-patch+json",
        "application/strategic-merge-patch+json",
        "application/apply-patch+yaml",
    ];
    let one = format!("{MAPS}/sample");
    let wanted = [
        ("PUT", "application/json", 413),
        ("DELETE", "application/json", 413),
        ("GET", "application/json", 200),
    ];
    let wanted = wanted.into_iter().chain(patches.map(|patch| ("PATCH", patch, 413)));
    for (method, content_type, code) in wanted {
        let answer = client.answer(&Request::new(method, &one, content_type, body.as_str()));
        assert_eq!(answer.code, code, "{method} {content_type}");
    }
}

#[test]
fn what_is_too_deep_is_refused() {
    let client = Client::start();
    let nested = |depth: usize| {
        [
            format!(
                r#"{{"metadata":{{"name":"deep"}},"data":{}1{}}}"#,
                r#"{"a":"#.repeat(depth),
                "}".repeat(depth)
            ),
            format!(
                r#"{{"metadata":{{"name":"deep"}},"data":{}{}}}"#,
                "[".repeat(depth),
                "]".repeat(depth)
            ),
        ]
    };
    for depth in [100, 127, 128, 129, 1000, 10_000, 100_000] {
        for body in nested(depth) {
            for content_type in ["application/json", "application/yaml"] {
                let (code, status) = post(&client, content_type, body.as_str());
                assert_eq!(
                    (code, &status["reason"]),
                    (400, &"BadRequest".into()),
                    "{depth} {content_type}"
                );
            }
            for patch in [
                "application/json-patch+json",
                "application/merge-patch+json",
                "application/strategic-merge-patch+json",
                "application/apply-patch+yaml",
            ] {
                let request = Request::new("PATCH", format!("{MAPS}/sample?fieldManager=a"), patch, body.as_str());
                let answer = client.send(&request).unwrap_or_else(|error| panic!("{error}"));
                assert!((400..=422).contains(&answer.code), "{depth} {patch}: {:?}", answer.body);
            }
        }
    }
    for depth in [1, 1000, 100_000] {
        let yaml = format!("metadata: {{name: deep}}\ndata: {}", "- ".repeat(depth));
        assert_eq!(post(&client, "application/yaml", yaml).0, 400, "{depth}");
    }
}

/// Depth that grows by patching: each is small, what they make together is not.
#[test]
fn what_grows_deep_by_patches_is_refused_or_can_be_read() {
    let client = Client::start();
    let one = "/apis/example.com/v1/namespaces/default/widgets/sample";
    let deep = |depth: usize| format!("{}1{}", r#"{"a":"#.repeat(depth), "}".repeat(depth));
    let mut at = "/spec/free/z".to_owned();
    for _ in 0..8 {
        let patch = format!(r#"[{{"op":"add","path":"{at}","value":{}}}]"#, deep(60));
        let request = Request::new("PATCH", one, "application/json-patch+json", patch);
        client.send(&request).unwrap_or_else(|error| panic!("{error}"));
        at.push_str(&"/a".repeat(60));
        let get = client.answer(&Request::new("GET", one, "", ""));
        assert_eq!(get.code, 200, "{:?}", get.body);
        let label = Request::new(
            "PATCH",
            one,
            "application/merge-patch+json",
            r#"{"metadata":{"labels":{"x":"y"}}}"#,
        );
        let answer = client.send(&label).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(answer.code, 200, "{:?}", answer.body);
    }
    client
        .everything_can_be_read()
        .unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn numbers_that_fit_nowhere_are_refused() {
    let client = Client::start();
    for number in [
        "1e400",
        "-1e400",
        "99999999999999999999999",
        "9223372036854775808",
        "1.5",
        "-0.1",
        &"9".repeat(10_000),
    ] {
        let body = format!(r#"{{"metadata":{{"name":"n","generation":{number}}}}}"#);
        let (code, status) = post(&client, "application/json", body.as_str());
        assert_eq!(code, 400, "{number}: {status}");
        assert_eq!(post(&client, "application/yaml", body.as_str()).0, 400, "{number}");
    }
}

/// Go's decoder puts a replacement in the place of each wrong byte, and goes on.
#[test]
fn letters_that_are_none_are_replaced() {
    let client = Client::start();
    let body = b"{\"metadata\":{\"name\":\"utf\"},\"data\":{\"a\":\"\xff\xfe\"}}";
    let (code, made) = post(&client, "application/json", &body[..]);
    assert_eq!((code, &made["data"]["a"]), (201, &"\u{fffd}\u{fffd}".into()));
    let (code, _) = post(&client, "application/yaml", &b"metadata: {name: \xff}"[..]);
    assert_eq!(code, 400);
}

#[test]
fn a_patch_copies_no_more_than_three_mebibytes() {
    let client = Client::start();
    for from in ["/spec", ""] {
        let copy = format!(r#"{{"op":"copy","from":"{from}","path":"/spec/free/z/-"}}"#);
        let patch = format!("[{}]", vec![copy; 60].join(","));
        let path = "/apis/example.com/v1/namespaces/default/widgets/sample";
        let answer = client.send(&Request::new("PATCH", path, "application/json-patch+json", patch));
        assert_eq!(answer.unwrap_or_else(|error| panic!("{error}")).code, 422);
    }
}

/// The managed fields are deeper than what they are about.
#[test]
fn what_was_stored_can_be_read() {
    let client = Client::start();
    let path = "/apis/example.com/v1/namespaces/default/widgets";
    for depth in 100..160 {
        for lists in [true, false] {
            let (open, close) = if lists { ("[", "]") } else { (r#"{"a":"#, "}") };
            let name = format!("w-{depth}-{lists}");
            let deep = format!("{}1{}", open.repeat(depth), close.repeat(depth));
            let body = format!(
                r#"{{"apiVersion":"example.com/v1","kind":"Widget","metadata":{{"name":"{name}"}},"spec":{{"a":1,"free":{{"z":{deep}}}}}}}"#
            );
            for content_type in ["application/json", "application/yaml"] {
                let made = client.send(&Request::new("POST", path, content_type, body.as_str()));
                let made = made.unwrap_or_else(|error| panic!("{error}")).code;
                assert!([201, 400, 409].contains(&made), "{depth}: {made}");
            }
            let one = format!("{path}/{name}");
            let apply = Request::new(
                "PATCH",
                format!("{one}?fieldManager=a&force=true"),
                "application/apply-patch+yaml",
                body,
            );
            client.send(&apply).unwrap_or_else(|error| panic!("{error}"));
            let patch = r#"{"metadata":{"labels":{"x":"y"}}}"#;
            let patch = Request::new("PATCH", one, "application/merge-patch+json", patch);
            let patched = client.send(&patch).unwrap_or_else(|error| panic!("{error}")).code;
            assert!([200, 404].contains(&patched), "{depth}: {patched}");
        }
    }
    client
        .everything_can_be_read()
        .unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn a_refused_service_keeps_no_port_and_no_address() {
    let client = Client::start();
    let path = "/api/v1/namespaces/default/services";
    let service = |name: &str, protocol: &str| {
        format!(
            r#"{{"metadata":{{"name":"{name}"}},"spec":{{"type":"NodePort","clusterIP":"10.0.0.77",
                "ports":[{{"port":80,"nodePort":31234,"protocol":"{protocol}"}}]}}}}"#
        )
    };
    for (path, body, code) in [
        (path.to_owned(), service("refused", "XYZ"), 422),
        (path.to_owned(), service("Not a name", "TCP"), 422),
        (format!("{path}?dryRun=All"), service("tried", "TCP"), 201),
        (path.to_owned(), service("wanted", "TCP"), 201),
    ] {
        let request = Request::new("POST", path, "application/json", body);
        let answer = client.send(&request).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(answer.code, code, "{:?}", answer.body);
    }
}
