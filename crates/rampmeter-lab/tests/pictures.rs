//! The pictures in the documents show what the engine does.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::path::Path;

#[test]
fn the_pictures_in_the_documents_are_those_that_the_engine_makes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/pictures");
    for (name, picture) in rampmeter_lab::pictures::all() {
        let kept = std::fs::read_to_string(folder.join(name)).unwrap();
        let again = "cargo run -p rampmeter-lab --bin rampmeter-pictures";
        assert!(kept == picture, "docs/pictures/{name} is another; make it anew: {again}");
    }
}
