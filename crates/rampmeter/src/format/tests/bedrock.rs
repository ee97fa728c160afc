use serde_json::json;

use super::{blocks, ids, read, refused, told};
use crate::format::{Arguments, Format, Reply, ReplyForm};

fn tool_use(id: &str, input: &str) -> String {
    format!(r#"{{"toolUse":{{"toolUseId":"{id}","name":"t","input":{input}}}}}"#)
}

#[test]
fn a_message_without_calls_is_a_turn_of_zero_calls() {
    for text in [
        r#"{"output":{"message":{"role":"assistant","content":[{"text":"hi"}]}}}"#,
        r#"{"output":{"message":{"role":"assistant","content":[]}},"stopReason":"end_turn"}"#,
        r#"{"role":"assistant","content":[{"text":"hi"}]}"#,
    ] {
        let message = read(text);
        assert_eq!((message.format, message.calls.len()), (Format::Bedrock, 0), "{text}");
    }
}

#[test]
fn a_defect_names_the_block_and_the_field() {
    let message = read(&blocks(&[
        r#"{"text":"x"}"#,
        &tool_use("a", r#""{}""#),
        &tool_use("a", "{}"),
        r#"{"toolUse":{}}"#,
        r#"{"toolUse":7}"#,
        &tool_use("b", "{}").replace(r#""name""#, r#""input":{},"name""#),
    ]));
    assert_eq!(
        told(&message),
        [
            "content[1].toolUse.input is a string; send one JSON object, {} for none",
            "content[2] repeats the id of content[1]; give each call its own id",
            "content[3].toolUse.toolUseId is missing; give each call its own id; \
             content[3].toolUse.name is missing; name the tool to call; \
             content[3].toolUse.input is missing; send one JSON object, {} for none",
            "content[4].toolUse is a number, not an object; give name and input",
            "content[5] has the key toolUse.input twice; write it once",
        ]
    );
    assert_eq!(ids(&message), ["a", "a", "call_2", "call_3", "b"]);
}

#[test]
fn a_block_that_is_written_as_another_formats_harms_no_sibling() {
    let ours = tool_use("a", "{}");
    let theirs = super::tool_use("b", "{}");
    let message = read(&blocks(&[&ours, &theirs]));
    assert_eq!(message.format, Format::Bedrock);
    assert_eq!(
        told(&message),
        ["t({})", "content[1].toolUse is missing, not an object; give name and input"]
    );
    let message = read(&blocks(&[&theirs, &ours]));
    assert_eq!(message.format, Format::Anthropic);
    assert_eq!(message.calls[0].arguments, Ok(Arguments::default()));
    assert!(told(&message)[1].starts_with("content[1].id is missing"));
    let response = format!(r#"{{"output":{{"message":{}}}}}"#, blocks(&[&theirs]));
    assert_eq!(read(&response).format, Format::Anthropic);
    assert!(refused(r#"{"output":{}}"#).contains("output.message is missing"));
}

/// Models that do not know `status` refuse a request that has it.
#[test]
fn a_status_is_written_for_errors_only() {
    let fine = Reply { id: "a", name: "t", form: ReplyForm::Usual, content: "3", is_error: false };
    let rendered = Format::Bedrock.render(&[fine, Reply { content: " ", is_error: true, ..fine }]);
    assert_eq!(
        rendered[0]["content"],
        json!([
            {"toolResult": {"toolUseId": "a", "content": [{"text": "3"}]}},
            {"toolResult": {"toolUseId": "a", "status": "error",
                "content": [{"text": "the tool failed without saying why"}]}},
        ])
    );
}
