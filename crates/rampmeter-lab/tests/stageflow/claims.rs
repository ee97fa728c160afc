//! What the real Stageflow does is what `seen.json` says of it, and `docs/stageflow.md` tells.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;

use crate::place::python;

const SEEN: &str = include_str!("seen.json");
const TOLD: &str = include_str!("../../../../docs/stageflow.md");

type Claims = BTreeMap<String, Value>;

#[test]
fn stageflow_does_what_is_said_of_it() {
    let facts = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/stageflow/facts");
    let output = Command::new(python()).arg("-B").arg(facts).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let found: Claims = serde_json::from_slice(&output.stdout).unwrap();
    let said: Claims = serde_json::from_str(SEEN).unwrap();
    for (claim, seen) in &found {
        assert_eq!(Some(seen), said.get(claim), "{claim}: change seen.json and docs/stageflow.md");
    }
    assert!(said.keys().eq(found.keys()), "a claim is not tried any more");
}

#[test]
fn every_claim_is_told_in_the_guide() {
    let said: Claims = serde_json::from_str(SEEN).unwrap();
    let untold: Vec<_> = said.keys().filter(|claim| !TOLD.contains(claim.as_str())).collect();
    assert!(untold.is_empty(), "docs/stageflow.md says nothing of {untold:?}");
}
