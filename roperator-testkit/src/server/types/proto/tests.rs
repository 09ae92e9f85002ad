//! Bodies that Kubernetes' own encoder wrote, and bodies that nobody wrote.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use serde_json::Value;

use super::*;

fn read(body: &[u8]) -> Result<Value, ProtoError> {
    let types = Types::kubernetes();
    let envelope = envelope(body)?;
    let (group, version) = envelope
        .api_version
        .split_once('/')
        .unwrap_or(("", &envelope.api_version));
    let kind = types.kind(group, version, &envelope.kind).unwrap();
    let mut object = types.read_protobuf(kind, envelope.raw)?;
    object["apiVersion"] = envelope.api_version.into();
    object["kind"] = envelope.kind.into();
    Ok(types.decode(kind, object).unwrap().object)
}

/// Each line is a body and the JSON that Kubernetes' own encoder wrote of the same object.
#[test]
fn bodies_say_the_same_as_json() {
    let mut count = 0;
    for line in include_str!("bodies.txt").lines() {
        let (body, json) = line.split_once(' ').unwrap();
        let json: Value = serde_json::from_str(json).unwrap();
        assert_eq!(read(&STANDARD.decode(body).unwrap()).unwrap(), json);
        count += 1;
    }
    assert!(count > 10);
}

fn refused(message: &[u8]) -> String {
    let body = [b"k8s\0\x0a\x0f\x0a\x02v1\x12\x09ConfigMap\x12", message].concat();
    read(&body).unwrap_err().to_string()
}

#[test]
fn errors_are_those_of_the_real_server() {
    assert_eq!(refused(b"\x02\x0a\xff"), "unexpected EOF");
    assert_eq!(
        refused(b"\x02\x08\x01"),
        "proto: wrong wireType = 0 for field ObjectMeta"
    );
    assert_eq!(
        refused(b"\x02\x0c\x01"),
        "proto: ConfigMap: wiretype end group for non-group"
    );
    assert_eq!(
        refused(b"\x02\x02\x01"),
        "proto: ConfigMap: illegal tag 0 (wire type 2)"
    );
    assert_eq!(refused(b"\x03\x0a\x04a"), "unexpected EOF");
    let of = |body: &[u8]| envelope(body).unwrap_err().to_string();
    assert_eq!(of(b""), "empty data");
    assert_eq!(of(b"k8s\0"), "empty body");
    assert_eq!(of(b"k8s\0\xff\xff"), "unexpected EOF");
    let prefix = "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]";
    assert_eq!(of(b"xxx"), prefix);
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(message: Vec<u8>) {
        let types = Types::kubernetes();
        let _ = envelope(&[MAGIC, &message].concat());
        for (group, kind) in [("", "Pod"), ("apiextensions.k8s.io", "CustomResourceDefinition"), ("", "DeleteOptions")] {
            let _ = types.read_protobuf(types.kind(group, "v1", kind).unwrap(), &message);
        }
    }

    #[test]
    fn broken_bodies_are_read_or_refused(line in 0_usize..12, at in 0_usize..4000, byte: u8) {
        let body = include_str!("bodies.txt").lines().nth(line).unwrap();
        let mut body = STANDARD.decode(body.split_once(' ').unwrap().0).unwrap();
        let at = at % body.len();
        body[at] = byte;
        let types = Types::kubernetes();
        if let Ok(envelope) = envelope(&body) {
            for id in types.kinds.values().chain(types.everywhere.values()) {
                let _ = types.read_protobuf(*id, envelope.raw);
            }
        }
    }
}
