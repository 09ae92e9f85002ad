//! The committed manifests are what `crdgen` prints today.

use std::process::Command;

#[test]
fn the_committed_manifests_are_current() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/manifests");
    let output = Command::new(env!("CARGO_BIN_EXE_crdgen"))
        .args(["all", "--check", folder])
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr]
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .concat();
    assert!(output.status.success(), "{text}");
}
