use serde_json::{Value, json};

use super::{ids, read, refused, replies, told};
use crate::format::{Format, ReplyForm};

/// A request to call the tool `t`, with this JSON for its id.
fn request(id: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"t"}}}}"#)
}

#[test]
fn ids_come_back_as_the_json_that_they_were() {
    for id in ["0", "-7", "18446744073709551615", r#""0""#, r#""a b""#, r#""null""#] {
        let message = read(&request(id));
        assert_eq!(told(&message), ["t({})"], "{id}");
        let rendered = message.format.render(&replies(&message));
        assert_eq!(rendered[0]["id"].to_string(), id);
    }
}

#[test]
fn a_request_without_an_id_of_its_own_is_answered_as_an_invalid_one() {
    for (id, what) in [
        ("null", "is null, not a string"),
        ("1.5", "is a number, not a string"),
        ("1e3", "is a number, not a string"),
        ("18446744073709551616", "is a number, not a string"),
        (r#""""#, "is empty"),
        ("{}", "is an object, not a string"),
    ] {
        let message = read(&request(id));
        assert_eq!(told(&message), [format!("request.id {what}; give each call its own id")]);
        assert_eq!(message.calls[0].form, ReplyForm::NoId);
        let rendered = message.format.render(&replies(&message));
        assert_eq!(
            rendered,
            [json!({"jsonrpc": "2.0", "id": null, "error": {"code": -32600, "message": "done"}})]
        );
    }
}

#[test]
fn a_number_and_a_text_of_the_same_digits_are_two_ids() {
    let batch = format!("[{},{},{}]", request("7"), request(r#""7""#), request("7"));
    let message = read(&batch);
    assert_eq!(message.format, Format::McpBatch);
    assert_eq!(
        told(&message),
        ["t({})", "t({})", "batch[2] repeats the id of batch[0]; give each call its own id"]
    );
    assert_eq!(ids(&message), ["7", "7", "7"]);
    let rendered = message.format.render(&replies(&message));
    let answered: Vec<&Value> =
        rendered[0].as_array().unwrap().iter().map(|reply| &reply["id"]).collect();
    assert_eq!(answered, [&json!(7), &json!("7"), &json!(7)]);
}

#[test]
fn a_defect_names_the_request_and_the_field() {
    let wrong = |fields: &str| {
        format!(r#"{{"jsonrpc":"2.0","id":"{}","method":"tools/call"{fields}}}"#, fields.len())
    };
    let batch = [
        wrong(""),
        wrong(r#","params":[]"#),
        wrong(r#","params":{"name":""}"#),
        wrong(r#","params":{"name":"t","arguments":null}"#),
        wrong(r#","params":{"name":"t","arguments":{},"arguments":{}}"#),
        "null".to_owned(),
    ];
    let message = read(&format!("[{}]", batch.join(",")));
    assert_eq!(
        told(&message),
        [
            "batch[0].params is missing, not an object; name the tool to call",
            "batch[1].params is an array, not an object; name the tool to call",
            "batch[2].params.name is empty; name the tool to call",
            "batch[3].params.arguments is null; send one JSON object, {} for none",
            "batch[4] has the key params.arguments twice; write it once",
            "batch[5] is null, not an object; send one request a call",
        ]
    );
}

#[test]
fn what_is_no_request_to_call_a_tool_is_refused() {
    for (text, expected) in [
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#,
            "the method is \"tools/list\", not \"tools/call\"; pass a request to call a tool",
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"result":{}}"#,
            "the method is missing, not \"tools/call\"; pass a request to call a tool",
        ),
    ] {
        let error = refused(text);
        assert!(error.ends_with(expected), "{error}");
    }
}
