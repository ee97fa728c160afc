use serde_json::json;

use super::{chat, function, ids, read, read_within, replies, told};
use crate::format::{Format, ParseLimits, Reply, ReplyForm};

#[test]
fn arguments_come_as_a_string_or_as_an_object() {
    let text = chat(&[&function("a", r#""{\"x\": 1}""#), &function("b", r#"{"x": 1}"#)]);
    let message = read(&text);
    assert_eq!(message.format, Format::OpenAiChat);
    assert_eq!(told(&message), [r#"t({"x": 1})"#, r#"t({"x": 1})"#]);
    assert_eq!(ids(&message), ["a", "b"]);
}

#[test]
fn blank_or_absent_arguments_stand_for_none() {
    let absent = r#"{"id":"c","type":"function","function":{"name":"t"}}"#;
    let text = chat(&[&function("a", r#""""#), &function("b", r#"" \n\t""#), absent]);
    assert_eq!(told(&read(&text)), ["t({})", "t({})", "t({})"]);
}

#[test]
fn arguments_that_are_no_object_say_what_they_are() {
    for (written, kind) in [
        (r#""[1]""#, "an array"),
        (r#""null""#, "null"),
        (r#""7""#, "a number"),
        (r#""true""#, "a boolean"),
        (r#""\"{}\"""#, "a string"),
        ("null", "null"),
        ("[1]", "an array"),
        ("7", "a number"),
    ] {
        let text = chat(&[&function("a", written), &function("b", "{}")]);
        let expected = format!(
            "tool_calls[0].function.arguments is {kind}; send one JSON object, {{}} for none"
        );
        assert_eq!(told(&read(&text)), [expected.as_str(), "t({})"], "{written}");
    }
}

#[test]
fn arguments_that_are_not_json_say_at_which_byte() {
    let text = chat(&[&function("a", r#""{\"x\": }""#), &function("b", r#""{\n\"x\": }""#)]);
    assert_eq!(
        told(&read(&text)),
        [
            "tool_calls[0].function.arguments is not JSON (expected value at byte 7); send one JSON \
             object, {} for none",
            "tool_calls[1].function.arguments is not JSON (expected value at line 2, byte 6); send \
             one JSON object, {} for none",
        ]
    );
}

#[test]
fn a_lone_surrogate_harms_only_the_field_that_holds_it() {
    let text = chat(&[
        &function("a", r#""{\"x\": \"\ud800\"}""#),
        &function(r"\ud800", "{}"),
        r#"{"id":"c","type":"function","\udfff":"\udfff","function":{"name":"t","arguments":"{}"}}"#,
        &function("d", r#""{\"x\": \"\\ud800\"}""#),
    ]);
    let text = text.replace("\"content\":null", r#""content":"\ud800""#);
    let message = read(&text);
    let told = told(&message);
    assert!(
        told[0].starts_with("tool_calls[0].function.arguments is not valid Unicode"),
        "{told:?}"
    );
    assert_eq!(told[1], "tool_calls[1].id is not valid Unicode; give each call its own id");
    assert_eq!(told[2..], ["t({})", r#"t({"x": "\ud800"})"#], "as opaque text it is legal JSON");
    assert_eq!(ids(&message), ["a", "call_1", "c", "d"]);
}

#[test]
fn a_call_without_id_or_name_keeps_its_place() {
    for (field, what) in [("", "is missing"), (r#""id":"","#, "is empty")] {
        let call = format!(r#"{{{field}"type":"function","function":{{"name":"t"}}}}"#);
        let message = read(&chat(&[&function("a", "{}"), &call]));
        assert_eq!(
            told(&message)[1],
            format!("tool_calls[1].id {what}; give each call its own id")
        );
        assert_eq!(ids(&message), ["a", "call_1"]);
        assert_eq!(message.calls[1].name, "t");
    }
    let message = read(&chat(&[r#"{"id":5,"type":"function","function":{"name":["x"]}}"#]));
    assert_eq!(
        told(&message),
        ["tool_calls[0].id is a number, not a string; give each call its own id; \
          tool_calls[0].function.name is an array, not a string; name the tool to call"]
    );
    assert_eq!(message.calls[0].name, "");
}

#[test]
fn a_made_up_id_is_never_one_that_a_call_has() {
    let message = read(&chat(&["null", &function("call_0", "{}"), &function("call_0_", "{}")]));
    assert_eq!(ids(&message), ["call_0__", "call_0", "call_0_"]);
    assert_eq!(told(&message)[1..], ["t({})", "t({})"]);
}

#[test]
fn entries_that_are_no_objects_keep_their_places() {
    let message = read(&chat(&["null", "7", "[]", &function("a", "{}")]));
    assert_eq!(
        told(&message),
        [
            "tool_calls[0] is null, not an object; send one object a call",
            "tool_calls[1] is a number, not an object; send one object a call",
            "tool_calls[2] is an array, not an object; send one object a call",
            "t({})",
        ]
    );
    assert_eq!(ids(&message), ["call_0", "call_1", "call_2", "a"]);
}

#[test]
fn a_call_of_another_type_is_malformed_and_not_dropped() {
    let custom = r#"{"id":"c","type":"custom","custom":{"name":"sql","input":"select 1"}}"#;
    let message = read(&chat(&[custom, &function("a", "{}")]));
    assert_eq!(
        told(&message),
        [r#"tool_calls[0].type is "custom"; only "function" can be run"#, "t({})"]
    );
    assert_eq!((message.calls[0].id.as_str(), message.calls[0].name.as_str()), ("c", "sql"));
}

#[test]
fn a_call_without_a_type_is_a_function() {
    let message = read(&chat(&[
        r#"{"id":"a","function":{"name":"t","arguments":"{}"}}"#,
        r#"{"id":"b","type":null,"function":{"name":"t","arguments":"{}"}}"#,
    ]));
    assert_eq!(told(&message), ["t({})", "t({})"]);
}

#[test]
fn a_call_without_a_function_is_malformed() {
    let message = read(&chat(&[
        r#"{"id":"a","type":"function"}"#,
        r#"{"id":"b","type":"function","function":"t"}"#,
    ]));
    assert_eq!(
        told(&message),
        [
            "tool_calls[0].function is missing; name the tool to call",
            "tool_calls[1].function is a string, not an object; give name and arguments",
        ]
    );
}

#[test]
fn the_first_call_with_an_id_runs_and_later_ones_name_it() {
    let same = function("x", "{}");
    let message = read(&chat(&[&function("a", "{}"), &same, &same, &function("b", "{}"), &same]));
    assert_eq!(
        told(&message),
        [
            "t({})",
            "t({})",
            "tool_calls[2] repeats the id of tool_calls[1]; give each call its own id",
            "t({})",
            "tool_calls[4] repeats the id of tool_calls[1]; give each call its own id",
        ]
    );
    assert_eq!(ids(&message), ["a", "x", "x", "b", "x"]);
}

#[test]
fn a_key_written_twice_leaves_the_call_malformed() {
    let message = read(&chat(&[
        r#"{"id":"a","id":"b","function":{"name":"t","arguments":"{}"}}"#,
        r#"{"id":"c","function":{"name":"safe","n\u0061me":"rm","arguments":"{}"}}"#,
        r#"{"id":"d","x":1,"x":2,"function":{"name":"t","arguments":"{\"k\":1,\"k\":2}"}}"#,
    ]));
    assert_eq!(
        told(&message),
        [
            "tool_calls[0] has the key id twice; write it once",
            "tool_calls[1] has the key function.name twice; write it once",
            r#"t({"k":1,"k":2})"#,
        ],
        "the keys inside arguments are the tool's to judge"
    );
}

#[test]
fn calls_past_the_limit_keep_their_ids_and_do_not_run() {
    let limits = ParseLimits { max_calls: 2, ..ParseLimits::default() };
    let calls: Vec<String> = (0..4).map(|i| function(&format!("id{i}"), "{}")).collect();
    let calls: Vec<&str> = calls.iter().map(String::as_str).collect();
    let message = read_within(&chat(&calls), &limits);
    let past = "is past the limit of 2 calls a message; ask for fewer at once";
    assert_eq!(
        told(&message),
        ["t({})", "t({})", &format!("tool_calls[2] {past}"), &format!("tool_calls[3] {past}")]
    );
    assert_eq!(ids(&message), ["id0", "id1", "id2", "id3"]);
    assert!(message.calls.iter().all(|call| call.name == "t"));
}

#[test]
fn every_reply_is_a_tool_message_in_the_order_of_the_calls() {
    let message = read(&chat(&[&function("b", "{}"), "null", &function("a", "{}")]));
    let rendered = message.format.render(&replies(&message));
    assert_eq!(
        rendered,
        [
            json!({"role": "tool", "tool_call_id": "b", "content": "done"}),
            json!({"role": "tool", "tool_call_id": "call_1", "content": "done"}),
            json!({"role": "tool", "tool_call_id": "a", "content": "done"}),
        ]
    );
    assert!(Format::OpenAiChat.render(&[]).is_empty());
    let failed = Reply {
        id: "a",
        name: "t",
        form: ReplyForm::Usual,
        content: "error: gone",
        is_error: true,
    };
    assert_eq!(
        Format::OpenAiChat.render(&[failed])[0].to_string(),
        r#"{"role":"tool","tool_call_id":"a","content":"error: gone"}"#
    );
}
