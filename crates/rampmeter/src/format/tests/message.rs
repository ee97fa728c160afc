use super::{chat, function, ids, read, refused, told, tool_use};
use crate::format::{Format, ParseError, ParseLimits, parse};

#[test]
fn a_message_without_calls_is_a_turn_of_zero_calls() {
    for (text, format) in [
        (r#"{"role":"assistant","content":"hello"}"#, "openai-chat"),
        (r#"{"role":"assistant"}"#, "openai-chat"),
        (r#"{"role":"assistant","content":null,"tool_calls":null}"#, "openai-chat"),
        (r#"{"role":"assistant","content":[],"tool_calls":[]}"#, "openai-chat"),
        (r#"{"role":"assistant","content":[{"type":"text","text":"hi"}]}"#, "anthropic"),
        (r#"{"type":"message","role":"assistant","content":"hello"}"#, "anthropic"),
    ] {
        let message = read(text);
        assert!(message.calls.is_empty(), "{text}");
        assert_eq!(message.format.to_string(), format, "{text}");
        assert!(message.format.render(&[]).is_empty());
    }
}

#[test]
fn whole_responses_are_read_like_the_message_in_them() {
    let bad = chat(&[&function("a", "{}"), "null"]);
    let response =
        format!(r#"{{"id":"c1","choices":[{{"index":0,"message":{bad}}},null],"usage":{{}}}}"#);
    let message = read(&response);
    assert_eq!(
        told(&message),
        [
            "t({})",
            "choices[0].message.tool_calls[1] is null, not an object; send one object a call"
        ]
    );
    let call = tool_use("a", "{}");
    let response = format!(
        r#"{{"id":"m1","type":"message","role":"assistant","model":"x","content":[{call}],
            "stop_reason":"tool_use","usage":{{"input_tokens":1}}}}"#
    );
    let message = read(&response);
    assert_eq!((message.format, ids(&message)), (Format::Anthropic, vec!["a"]));
}

#[test]
fn unknown_fields_are_passed_over_even_when_they_cannot_be_decoded() {
    let text = chat(&[&function("a", "{}")]).replacen(
        '{',
        r#"{"\ud800":"\udfff","user":"u","error":"e","choices":1,"type":5,"n":1e99999,"#,
        1,
    );
    assert_eq!(told(&read(&text)), ["t({})"]);
}

#[test]
fn what_is_no_json_is_refused_with_place_and_remedy() {
    for (text, expected) in [
        ("", "line 1, byte 1: the message is empty; pass one assistant message as JSON"),
        (" \n ", "line 2, byte 1: the message is empty; pass one assistant message as JSON"),
        (
            r#"{"role":"assistant","tool_calls":[{"id"#,
            "line 1, byte 38: the message ends too early (EOF while parsing a string); it was cut \
             off, perhaps by a token limit: ask again",
        ),
        (
            "{\n  \"role\": assistant}",
            "line 2, byte 11: the message is not JSON (expected value); pass one assistant message \
             as JSON",
        ),
        (
            r#"{"role":"assistant"} {"role":"assistant"}"#,
            "line 1, byte 22: more text follows the message; pass one assistant message at a time",
        ),
    ] {
        assert_eq!(refused(text), expected);
    }
}

#[test]
fn what_is_no_assistant_message_is_refused_with_place_and_remedy() {
    const REMEDY: &str = "pass an assistant message or a provider's whole response";
    for (text, expected) in [
        (
            "[]",
            "line 1, byte 1: the message is an array, not an object; pass one assistant message",
        ),
        ("{}", &format!("line 1, byte 1: there is no \"role\": \"assistant\"; {REMEDY}")),
        (
            "{\n\"role\":\"user\"}",
            &format!("line 2, byte 8: the role is \"user\", not \"assistant\"; {REMEDY}"),
        ),
        (
            r#"{"role":7}"#,
            &format!("line 1, byte 9: there is no \"role\": \"assistant\"; {REMEDY}"),
        ),
        (
            r#"{"choices":[]}"#,
            "line 1, byte 12: choices holds no answer; pass a response that has choices[0].message",
        ),
        (
            r#"{"choices":[{"delta":{}}]}"#,
            "line 1, byte 22: choices[0] holds a piece of a stream; collect the stream into one \
             message first",
        ),
        (
            r#"{"choices":[7]}"#,
            "line 1, byte 13: choices[0].message is missing; pass a response that has \
             choices[0].message",
        ),
        (
            r#"{"choices":[{"message":{"tool_calls":[]}}]}"#,
            &format!("line 1, byte 24: there is no \"role\": \"assistant\"; {REMEDY}"),
        ),
        (
            r#"{"type":"error","error":{"type":"overloaded_error"}}"#,
            "line 1, byte 25: the provider answered with an error: {\"type\":\"overloaded_error\"}; \
             ask it again",
        ),
    ] {
        assert_eq!(refused(text), expected);
    }
}

#[test]
fn a_message_that_leaves_its_calls_open_is_refused() {
    let call = tool_use("a", "{}");
    for (rest, expected) in [
        (r#""tool_calls":{}"#.to_owned(), "tool_calls is an object, not an array"),
        (r#""tool_calls":"x""#.to_owned(), "tool_calls is a string, not an array"),
        (format!(r#""content":{call}"#), "content is an object, neither text nor an array"),
        (r#""tool_calls":[],"tool_calls":[1]"#.to_owned(), "the key tool_calls stands twice"),
        (r#""role":"assistant""#.to_owned(), "the key role stands twice"),
        (
            format!(r#""content":[1,{call}],"tool_calls":[2]"#),
            "calls stand in tool_calls[0] and in content[1]",
        ),
        (
            r#""function_call":{"name":"t"},"tool_calls":[]"#.to_owned(),
            "function_call is out of use and not read",
        ),
    ] {
        let error = refused(&format!(r#"{{"role":"assistant",{rest}}}"#));
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn an_older_copy_of_the_call_beside_tool_calls_is_passed_over() {
    let call = function("a", "{}");
    let text = format!(
        r#"{{"role":"assistant","content":7,"function_call":{{"name":"t"}},"tool_calls":[{call}]}}"#
    );
    assert_eq!(told(&read(&text)), ["t({})"]);
}

#[test]
fn deep_nesting_outside_the_calls_is_passed_over() {
    let deep = "[".repeat(200_000) + &"]".repeat(200_000);
    let text = chat(&[&function("a", "{}"), &deep]).replacen('{', &format!("{{\"x\":{deep},"), 1);
    let message = read(&text);
    assert_eq!(told(&message)[0], "t({})");
    assert!(told(&message)[1].starts_with("tool_calls[1] is an array"));
}

#[test]
fn an_error_does_not_grow_with_what_was_written() {
    let long = "x".repeat(1 << 20);
    let call = format!(r#"{{"id":"a","type":"{long}"}}"#);
    assert!(told(&read(&chat(&[&call])))[0].len() < 1_000);
    assert!(refused(&format!(r#"{{"role":"{long}"}}"#)).len() < 1_000);
    let error: ParseError =
        parse(&format!(r#"{{"error":"{long}"}}"#), &ParseLimits::default()).unwrap_err();
    assert!(error.reason.len() < 1_000);
}
