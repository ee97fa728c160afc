//! What is bounded in every format: how large, how deep and how many.

use super::{call, message, read, read_within, replies, told};
use crate::format::{Format, ParseLimits};

/// The formats that may have several calls in a message.
fn all() -> impl Iterator<Item = Format> {
    Format::ALL.into_iter().filter(|format| *format != Format::Mcp)
}

#[test]
fn arguments_over_a_bound_harm_only_their_own_call() {
    let huge = format!(r#"{{"x":"{}"}}"#, "y".repeat(2 << 20));
    let deep = format!(r#"{{"x":{}{}}}"#, "[".repeat(50_000), "]".repeat(50_000));
    for format in all() {
        let calls = [("a", "{}"), ("b", &*huge), ("c", &*deep), ("d", r#"{"x":1}"#)];
        let calls = calls.map(|(id, object)| call(format, id, object));
        let message = read(&super::message(format, &calls.each_ref().map(String::as_str)));
        assert_eq!(message.format, format);
        let told = told(&message);
        assert_eq!((&*told[0], &*told[3]), ("t({})", r#"t({"x":1})"#), "{format}");
        let (size, depth) =
            ("is 2097160 bytes, over the limit of", "nests 50001 deep, over the limit");
        assert!(told[1].contains(size) && told[1].contains("[1]"), "{format}: {}", told[1]);
        assert!(told[2].contains(depth) && told[2].contains("[2]"), "{format}: {}", told[2]);
        assert!(told.iter().all(|text| text.len() < 1_000), "{format}");
    }
}

#[test]
fn calls_past_the_limit_are_answered_and_do_not_run() {
    let limits = ParseLimits { max_calls: 2, ..ParseLimits::default() };
    for format in all() {
        let calls = ["a", "b", "c", "d"].map(|id| call(format, id, r#"{"x":1}"#));
        let text = message(format, &calls.each_ref().map(String::as_str));
        let message = read_within(&text, &limits);
        let told = told(&message);
        assert_eq!(told[..2], [r#"t({"x":1})"#, r#"t({"x":1})"#], "{format}");
        let past = "is past the limit of 2 calls a message; ask for fewer at once";
        assert!(told[2..].iter().all(|text| text.ends_with(past)), "{format}: {told:?}");
        let kept: Vec<_> =
            message.calls.iter().map(|call| (call.id.as_str(), call.name.as_str())).collect();
        assert_eq!(kept, [("a", "t"), ("b", "t"), ("c", "t"), ("d", "t")], "{format}");
        let rendered = serde_json::to_string(&format.render(&replies(&message))).unwrap();
        for id in ["\"a\"", "\"b\"", "\"c\"", "\"d\""] {
            assert_eq!(rendered.matches(id).count(), 1, "{format}: {rendered}");
        }
    }
}
