use super::{ids, read, refused, replies, told};
use crate::format::{Format, ReplyForm};

/// A content of the model with these parts.
fn content(parts: &[&str]) -> String {
    format!(r#"{{"role":"model","parts":[{}]}}"#, parts.join(","))
}

fn call(fields: &str) -> String {
    format!(r#"{{"functionCall":{{{fields}}}}}"#)
}

#[test]
fn a_content_without_calls_is_a_turn_of_zero_calls() {
    for text in [
        r#"{"role":"model","parts":[{"text":"hi"},null]}"#,
        r#"{"role":"model"}"#,
        r#"{"parts":[]}"#,
        r#"{"candidates":[{"content":{},"finishReason":"STOP"}]}"#,
    ] {
        let message = read(text);
        assert_eq!((message.format, message.calls.len()), (Format::Gemini, 0), "{text}");
    }
}

#[test]
fn calls_of_one_name_without_ids_stay_apart_and_are_answered_in_order() {
    let same = call(r#""name":"t","args":{}"#);
    let message = read(&content(&[&same, &same, &call(r#""name":"u","id":"""#)]));
    assert_eq!(told(&message), ["t({})", "t({})", "u({})"]);
    assert_eq!(ids(&message), ["call_0", "call_1", "call_2"]);
    let rendered = message.format.render(&replies(&message));
    let parts = rendered[0]["parts"].as_array().unwrap();
    let names: Vec<&str> =
        parts.iter().map(|part| part["functionResponse"]["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["t", "t", "u"]);
    assert!(parts.iter().all(|part| part["functionResponse"].get("id").is_none()));
}

#[test]
fn a_defect_names_the_part_and_the_field() {
    let message = read(&content(&[
        r#"{"text":"x"}"#,
        &call(r#""name":"t","args":"{}""#),
        &call(r#""id":5,"args":[]"#),
        r#"{"functionCall":"t"}"#,
        r#"{"functionCall":{"name":"t"},"functionCall":{"name":"rm"}}"#,
        r#"{"functionCall":{"name":"t"},"function_call":{"name":"rm"}}"#,
        &call(r#""name":"t","name":"rm","id":"a""#),
        &call(r#""name":"t","id":"a""#),
    ]));
    assert_eq!(
        told(&message),
        [
            "parts[1].functionCall.args is a string; send one JSON object, {} for none",
            "parts[2].functionCall.id is a number, not a string; give each call its own id; \
             parts[2].functionCall.name is missing; name the tool to call; \
             parts[2].functionCall.args is an array; send one JSON object, {} for none",
            "parts[3].functionCall is a string, not an object; give name and args",
            "parts[4] has the key functionCall twice; write it once",
            "parts[5] has functionCall and function_call; write one of them",
            "parts[6] has the key functionCall.name twice; write it once",
            "parts[7] repeats the id of parts[6]; give each call its own id",
        ]
    );
    assert_eq!(message.calls[1].form, ReplyForm::NoId, "an id that cannot be read is not made up");
}

/// Absent arguments stand for none, so the first piece of a streamed call would run without any.
#[test]
fn a_piece_of_a_streamed_call_does_not_run() {
    let message = read(&content(&[
        &call(r#""name":"t","partialArgs":[{"jsonPath":"$.x"}]"#),
        &call(r#""name":"t","willContinue":true"#),
        &call(r#""name":"t","willContinue":false,"partialArgs":null"#),
    ]));
    let piece = "functionCall is a piece of a stream; collect the stream into one message first";
    assert_eq!(
        told(&message),
        [&format!("parts[0].{piece}"), &format!("parts[1].{piece}"), "t({})"]
    );
}

#[test]
fn a_response_without_content_says_why() {
    for (text, expected) in [
        (r#"{"candidates":[]}"#, "candidates holds no answer; pass a response"),
        (r#"{"candidates":7}"#, "candidates is a number, not an array; pass a whole response"),
        (r#"{"candidates":[7]}"#, "candidates[0].content is missing; pass a response"),
        (
            r#"{"candidates":[{"finishReason":"MALFORMED_FUNCTION_CALL"}]}"#,
            "the model gave no content: \"MALFORMED_FUNCTION_CALL\"; ask it again",
        ),
        (r#"{"role":"model","parts":{}}"#, "parts is an object, not an array; send an array"),
        (r#"{"role":"model","parts":[],"parts":[]}"#, "the key parts stands twice"),
    ] {
        let error = refused(text);
        assert!(error.contains(expected), "{text}: {error}");
    }
}
