//! Recorded shapes, one a file: what is read of each, and what is written back, to the letter.

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::{ids, read, read_within, told};
use crate::format::{Format, ParseLimits, Reply, parse};

/// A message as its provider writes it, and the replies that the provider's documentation asks for.
#[derive(Deserialize)]
struct Shape {
    format: String,
    message: Value,
    calls: Vec<String>,
    ids: Vec<String>,
    results: Vec<Outcome>,
    replies: Vec<Value>,
}

#[derive(Deserialize)]
struct Outcome {
    content: String,
    is_error: bool,
}

#[test]
fn every_recorded_shape_is_read_and_answered_as_its_provider_asks() {
    let mut seen = Vec::new();
    for (name, shape) in shapes() {
        let format: Format = shape.format.parse().unwrap();
        let message = read(&shape.message.to_string());
        assert_eq!(message.format, format, "{name}");
        assert_eq!(told(&message), shape.calls, "{name}");
        assert_eq!(ids(&message), shape.ids, "{name}");
        let answered = message.calls.iter().zip(&shape.results);
        let replies: Vec<Reply<'_>> = answered
            .map(|(call, Outcome { content, is_error })| Reply {
                content,
                is_error: *is_error,
                ..Reply::to(call)
            })
            .collect();
        assert_eq!(format.render(&replies), shape.replies, "{name}");
        seen.push(format);
    }
    for format in Format::ALL {
        assert!(seen.contains(&format), "no recorded shape of {format}");
    }
}

#[test]
fn a_named_format_reads_its_own_shapes_and_no_other() {
    for (name, shape) in shapes() {
        let written: Format = shape.format.parse().unwrap();
        let text = shape.message.to_string();
        for asked in Format::ALL {
            let limits = ParseLimits { format: Some(asked), ..ParseLimits::default() };
            if asked.accepts(written) {
                let message = read_within(&text, &limits);
                assert_eq!(message, read(&text), "{name} as {asked}");
            } else {
                let error = parse(&text, &limits).unwrap_err().to_string();
                let expected = format!("written as {written}, not {asked}; name its own format");
                assert!(error.contains(&expected), "{name} as {asked}: {error}");
            }
        }
    }
}

/// All recorded shapes, by the names of their files.
fn shapes() -> Vec<(String, Shape)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/format/tests/shapes");
    let mut files: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let read = |path: &std::path::PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(path).unwrap();
        let shape = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        (name, shape)
    };
    files.iter().map(read).collect()
}

/// The messages of every recorded shape, for other tests to start from.
pub(super) fn messages() -> Vec<String> {
    shapes().into_iter().map(|(_, shape)| shape.message.to_string()).collect()
}
