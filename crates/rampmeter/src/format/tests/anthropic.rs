use serde_json::json;

use super::{blocks, ids, read, read_within, told, tool_use};
use crate::format::{Format, ParseLimits, Reply, ReplyForm};

#[test]
fn tool_use_blocks_are_calls_and_other_blocks_are_passed_over() {
    let text = blocks(&[
        r#"{"type":"thinking","thinking":"hm","signature":"s"}"#,
        r#"{"type":"text","text":"Let me look."}"#,
        &tool_use("a", r#"{"x": 1}"#),
        r#"{"type":"server_tool_use","id":"s","name":"web_search","input":{"query":"q"}}"#,
        "null",
        &tool_use("b", "{}"),
    ]);
    let message = read(&text);
    assert_eq!(message.format, Format::Anthropic);
    assert_eq!(told(&message), [r#"t({"x": 1})"#, "t({})"]);
    assert_eq!(ids(&message), ["a", "b"]);
    assert_eq!(message.calls[1].index, 1, "the index counts calls, not blocks");
}

#[test]
fn a_defect_names_the_block_by_its_place_in_content() {
    let text = blocks(&[
        r#"{"type":"text","text":"x"}"#,
        &tool_use("a", r#""{}""#),
        &tool_use("a", "{}"),
        r#"{"type":"tool_use"}"#,
        &tool_use("b", "null"),
        &tool_use("c", "[]"),
    ]);
    let message = read(&text);
    assert_eq!(
        told(&message),
        [
            "content[1].input is a string; send one JSON object, {} for none",
            "content[2] repeats the id of content[1]; give each call its own id",
            "content[3].id is missing; give each call its own id; \
             content[3].name is missing; name the tool to call; \
             content[3].input is missing; send one JSON object, {} for none",
            "content[4].input is null; send one JSON object, {} for none",
            "content[5].input is an array; send one JSON object, {} for none",
        ]
    );
    assert_eq!(ids(&message), ["a", "a", "call_2", "b", "c"]);
}

#[test]
fn a_block_that_leaves_its_type_open_is_not_lost() {
    let text = blocks(&[
        r#"{"id":"a","name":"t","input":{}}"#,
        r#"{"type":5,"id":"b","name":"t","input":{}}"#,
        r#"{"type":"tool_use","type":"text","id":"c","name":"t","input":{}}"#,
        r#"{"input":1,"input":2,"type":"tool_use","type":"text","id":"d","name":"t"}"#,
        r#"{"text":"no call"}"#,
        &tool_use("e", "{}"),
    ]);
    let message = read(&text);
    assert_eq!(ids(&message), ["a", "b", "c", "d", "e"]);
    let runs: Vec<bool> = message.calls.iter().map(|call| call.arguments.is_ok()).collect();
    assert_eq!(runs, [false, false, false, false, true]);
}

#[test]
fn calls_past_the_limit_keep_id_and_name() {
    let limits = ParseLimits { max_calls: 1, ..ParseLimits::default() };
    let message = read_within(&blocks(&[&tool_use("a", "{}"), &tool_use("b", "{}")]), &limits);
    assert!(told(&message)[1].starts_with("content[1] is past the limit of 1 calls"));
    assert_eq!((message.calls[1].id.as_str(), message.calls[1].name.as_str()), ("b", "t"));
}

#[test]
fn all_replies_stand_in_one_user_message() {
    let ok = Reply { id: "b", name: "t", form: ReplyForm::Usual, content: "3", is_error: false };
    let failed = Reply { id: "a", content: "timed out", is_error: true, ..ok };
    let rendered = Format::Anthropic.render(&[ok, failed]);
    assert_eq!(
        rendered,
        [json!({"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "b", "content": "3"},
            {"type": "tool_result", "tool_use_id": "a", "content": "timed out", "is_error": true},
        ]})]
    );
    assert!(Format::Anthropic.render(&[]).is_empty());
}

/// The API answers 400 to an error without content ("content cannot be empty if `is_error`").
#[test]
fn an_error_that_says_nothing_is_given_words() {
    for silent in ["", " \n"] {
        let failed =
            Reply { id: "a", name: "t", form: ReplyForm::Usual, content: silent, is_error: true };
        let block = &Format::Anthropic.render(&[failed])[0]["content"][0];
        assert_eq!(block["content"], "the tool failed without saying why");
        let fine = Reply { is_error: false, ..failed };
        assert_eq!(Format::Anthropic.render(&[fine])[0]["content"][0]["content"], silent);
    }
}
