//! Which format a message is in.

use super::{function, read, read_within, refused, told};
use crate::format::{Format, ParseLimits, parse};

/// What becomes of a text that must be in this format.
fn named(text: &str, format: Format) -> Result<Vec<String>, String> {
    let limits = ParseLimits { format: Some(format), ..ParseLimits::default() };
    parse(text, &limits).map(|message| told(&message)).map_err(|error| error.to_string())
}

#[test]
fn names_are_read_back_and_a_wrong_one_is_put_right() {
    for format in Format::ALL {
        assert_eq!(format.name().parse(), Ok(format));
        assert_eq!(format.to_string(), format.name());
    }
    let error = |name: &str| name.parse::<Format>().unwrap_err().to_string();
    assert!(error("antropic").starts_with("did you mean anthropic? write one of openai-chat, "));
    assert!(error("x").starts_with("there is no such format; write one of openai-chat, "));
}

#[test]
fn a_list_of_calls_that_may_be_of_two_formats_is_refused_until_one_is_named() {
    let list = format!("[{}]", function("a", "{}"));
    for text in [&list, &format!(r#"{{"tool_calls":{list}}}"#)] {
        let error = refused(text);
        let expected = "can be read as openai-chat and as stageflow; say which format it is in";
        assert!(error.ends_with(expected), "{error}");
        assert_eq!(named(text, Format::Stageflow), Ok(vec!["t({})".to_owned()]));
    }
    assert_eq!(named(&list, Format::OpenAiChat), Ok(vec!["t({})".to_owned()]));
    assert!(named(&list, Format::Gemini).is_err());
}

#[test]
fn an_object_with_the_parts_of_two_formats_is_refused_until_one_is_named() {
    let chat = format!(
        r#""choices":[{{"message":{{"role":"assistant","tool_calls":[{}]}}}}]"#,
        function("a", "{}")
    );
    let text = format!(
        r#"{{{chat},"candidates":[{{"content":{{"parts":[{{"functionCall":{{"name":"g"}}}}]}}}}]}}"#
    );
    assert!(refused(&text).contains("openai-chat (choices) and as gemini (candidates)"));
    assert_eq!(named(&text, Format::OpenAiChat), Ok(vec!["t({})".to_owned()]));
    assert_eq!(named(&text, Format::Gemini), Ok(vec!["g({})".to_owned()]));
    assert!(named(&text, Format::Mcp).unwrap_err().contains("can be read as"));
    let gateway = format!(r#"{{{chat},"provider":"groq","thought":"x"}}"#);
    assert_eq!(told(&read(&gateway)), ["t({})"]);
    for part in ["output", "parts"] {
        let text = format!(r#"{{"role":"assistant","{part}":[{{"functionCall":{{}}}}]}}"#);
        assert!(refused(&text).contains("as an assistant message (role) and as"), "{text}");
    }
}

#[test]
fn the_first_element_of_a_list_says_whose_it_is_and_others_harm_no_sibling() {
    let item = r#"{"type":"function_call","call_id":"a","name":"t","arguments":"{}"}"#;
    let request = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t"}}"#;
    let message = read(&format!("[{item},{request}]"));
    assert_eq!(message.format, Format::OpenAiResponses);
    assert!(told(&message)[1].starts_with("output[1].call_id is missing"));
    let message = read(&format!("[{request},{item},null]"));
    assert_eq!(message.format, Format::McpBatch);
    let told = told(&message);
    assert!(told[1].starts_with("batch[1].id is missing"), "{told:?}");
    assert_eq!((told.len(), told[0].as_str()), (3, "t({})"));
}

#[test]
fn a_list_that_is_in_no_format_is_refused() {
    for text in ["[]", "[7]", r#"[{"role":"assistant"}]"#, r#"[{"type":"text"}]"#] {
        assert!(refused(text).contains("the message is an array, not an object"), "{text}");
    }
}

#[test]
fn fields_of_the_callers_own_do_not_speak_for_a_format() {
    let text = format!(
        r#"{{"role":"assistant","tool_calls":[{}],"output":"log.txt","parts":3,"candidates":null,
            "method":"POST","thought":"x","provider":"groq","choices":1}}"#,
        function("a", "{}")
    );
    let message = read_within(&text, &ParseLimits::default());
    assert_eq!((message.format, told(&message)), (Format::OpenAiChat, vec!["t({})".to_owned()]));
}

#[test]
fn a_message_without_calls_is_in_the_format_that_is_named() {
    for format in [Format::OpenAiChat, Format::Anthropic, Format::Bedrock] {
        let limits = ParseLimits { format: Some(format), ..ParseLimits::default() };
        let message = read_within(r#"{"role":"assistant","content":"hello"}"#, &limits);
        assert_eq!(message.format, format);
    }
    let error = named(r#"{"role":"assistant","content":"hello"}"#, Format::Mcp).unwrap_err();
    assert!(error.contains("written as openai-chat, not mcp"), "{error}");
}

#[test]
fn an_empty_list_is_a_turn_of_zero_calls_where_lists_are_expected() {
    for format in [Format::OpenAiChat, Format::OpenAiResponses, Format::Mcp, Format::Stageflow] {
        assert_eq!(named("[]", format), Ok(vec![]), "{format}");
    }
    assert!(named("[]", Format::Anthropic).is_err());
}
