use super::{ids, read, refused, told};
use crate::format::{Format, Reply, ReplyForm};

/// A response of these output items.
fn response(items: &[&str]) -> String {
    format!(r#"{{"object":"response","output":[{}]}}"#, items.join(","))
}

fn call(id: &str, arguments: &str) -> String {
    format!(r#"{{"type":"function_call","call_id":"{id}","name":"t","arguments":{arguments}}}"#)
}

#[test]
fn a_response_without_function_calls_is_a_turn_of_zero_calls() {
    let message =
        read(&response(&[r#"{"type":"message","role":"assistant","content":[]}"#, "null"]));
    assert_eq!((message.format, message.calls.len()), (Format::OpenAiResponses, 0));
    assert!(read(&response(&[])).calls.is_empty());
    let failed = r#"{"object":"response","status":"failed","error":{"code":"x"},"output":[]}"#;
    assert!(refused(failed).contains("the provider answered with an error: {\"code\":\"x\"}"));
    assert!(refused(r#"{"output":[],"output":[]}"#).contains("the key output stands twice"));
}

#[test]
fn arguments_are_read_as_in_chat() {
    let message = read(&response(&[
        &call("a", r#""{\"x\": 1}""#),
        &call("b", r#"{"x": 1}"#),
        &call("c", r#""""#),
        &call("d", r#""[1]""#),
        &call("e", "null"),
    ]));
    let remedy = "send one JSON object, {} for none";
    assert_eq!(
        told(&message),
        [
            r#"t({"x": 1})"#,
            r#"t({"x": 1})"#,
            "t({})",
            &format!("output[3].arguments is an array; {remedy}"),
            &format!("output[4].arguments is null; {remedy}"),
        ]
    );
    assert_eq!(ids(&message), ["a", "b", "c", "d", "e"]);
}

/// Blank arguments stand for none, so a call that was cut off before its first argument would run.
#[test]
fn a_call_that_was_cut_off_does_not_run() {
    let cut = call("a", r#""""#).replace("}", r#","status":"incomplete"}"#);
    let message = read(&response(&[&cut, &call("b", r#""{}""#)]));
    assert_eq!(
        told(&message),
        [r#"output[0].status is "incomplete": the call was cut off; ask again"#, "t({})"]
    );
}

#[test]
fn an_item_that_leaves_its_type_open_is_not_lost() {
    let message = read(&response(&[
        r#"{"call_id":"a","name":"t","arguments":"{}"}"#,
        r#"{"type":"function_call","type":"message","call_id":"b","name":"t","arguments":"{}"}"#,
        r#"{"type":"function_call"}"#,
        r#"{"type":"computer_call","call_id":"c","action":{}}"#,
        "{}",
    ]));
    assert_eq!(
        told(&message),
        [
            "output[0].type is not readable; write \"function_call\"",
            "output[1] has the key type twice; write it once; \
             output[1].type is not readable; write \"function_call\"",
            "output[2].call_id is missing; give each call its own id; \
             output[2].name is missing; name the tool to call",
            "output[4].call_id is missing; give each call its own id; \
             output[4].name is missing; name the tool to call; \
             output[4].type is not readable; write \"function_call\"",
        ]
    );
}

#[test]
fn a_custom_call_is_answered_by_an_item_of_its_own_type() {
    let custom = r#"{"type":"custom_tool_call","call_id":"a","name":"sql","input":"select 1"}"#;
    let message = read(&response(&[custom]));
    assert_eq!((message.calls[0].name.as_str(), message.calls[0].form), ("sql", ReplyForm::Custom));
    let reply = Reply { content: "no", is_error: true, ..Reply::to(&message.calls[0]) };
    let rendered = message.format.render(&[reply]);
    assert_eq!(rendered[0]["type"], "custom_tool_call_output");
}
