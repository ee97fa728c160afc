use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::{blocks, chat, function, read, read_within, told, tool_use};
use crate::format::{Arguments, ParseLimits};

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Search {
    query: String,
    #[serde(default)]
    filter: Filter,
    #[serde(default)]
    pages: Vec<Page>,
}

#[derive(Debug, Default, Deserialize, PartialEq)]
struct Filter {
    limit: u8,
}

#[derive(Debug, Deserialize, PartialEq)]
struct Page {
    from: u32,
}

fn arguments(text: &str) -> Arguments {
    text.parse().unwrap()
}

#[test]
fn a_tool_reads_its_arguments_into_its_own_type() {
    let search: Search =
        arguments(r#"{"query":"x","filter":{"limit":3},"pages":[{"from":1}]}"#).parse().unwrap();
    let expected =
        Search { query: "x".into(), filter: Filter { limit: 3 }, pages: vec![Page { from: 1 }] };
    assert_eq!(search, expected);
}

#[test]
fn an_error_names_the_field_that_does_not_fit() {
    for (text, expected) in [
        ("{}", "arguments (line 1, byte 2): missing field `query`"),
        (
            r#"{"query":7}"#,
            "arguments.query (line 1, byte 10): invalid type: integer `7`, expected a string",
        ),
        (
            r#"{"query":{"a":1}}"#,
            "arguments.query (line 1, byte 9): invalid type: map, expected a string",
        ),
        (
            r#"{"query":"x","filter":{"limit":300}}"#,
            "arguments.filter.limit (line 1, byte 34): invalid value: integer `300`, expected u8",
        ),
        (
            r#"{"query":"x","filter":{}}"#,
            "arguments.filter (line 1, byte 24): missing field `limit`",
        ),
        (
            r#"{"query":"x","pages":[{"from":1},{"from":"2"}]}"#,
            "arguments.pages[1].from (line 1, byte 44): invalid type: string \"2\", expected u32",
        ),
        (
            r#"{"query":"x","pages":[{"from":1},{"to":2}]}"#,
            "arguments.pages[1] (line 1, byte 41): missing field `from`",
        ),
        (
            r#"{"query":"x","pages":[7]}"#,
            "arguments.pages[0] (line 1, byte 23): invalid type: integer `7`, expected struct Page",
        ),
        (
            "{\"query\":\"x\",\n \"quantity\":1}",
            "arguments.quantity (line 2, byte 11): unknown field `quantity`, expected one of `query`, `filter`, `pages`",
        ),
        (
            r#"{"query":"x","query":"y"}"#,
            "arguments.query (line 1, byte 20): duplicate field `query`",
        ),
        (
            r#"{"query":"\ud800"}"#,
            "arguments.query (line 1, byte 17): unexpected end of hex escape",
        ),
    ] {
        let error = arguments(text).parse::<Search>().unwrap_err();
        assert_eq!(error.to_string(), format!("{expected}; correct it and call again"), "{text}");
    }
}

#[test]
fn keys_that_are_no_plain_words_are_quoted_in_a_path() {
    let error = arguments(r#"{"a.b":{"\"q\" ":{"":1}}}"#)
        .parse::<BTreeMap<String, BTreeMap<String, BTreeMap<String, bool>>>>()
        .unwrap_err();
    assert_eq!(error.path, "\"a.b\".\"\\\"q\\\" \".\"\"");
}

#[test]
fn numbers_are_kept_digit_for_digit() {
    let huge = r#"{"n": 123456789012345678901234567890.10, "e": 1e99999, "z": -0.0}"#;
    let quoted = serde_json::to_string(huge).unwrap();
    let message = read(&chat(&[&function("a", &quoted), &function("b", huge)]));
    assert_eq!(told(&message), [format!("t({huge})"), format!("t({huge})")]);
    let kept = read(&blocks(&[&tool_use("a", huge)]));
    assert_eq!(told(&kept), [format!("t({huge})")]);
    let parsed: BTreeMap<String, Box<RawValue>> = arguments(huge).parse().unwrap();
    assert_eq!(parsed["e"].get(), "1e99999");
}

#[test]
fn white_space_around_the_object_is_not_kept() {
    let text = chat(&[&function("a", r#"" \n{ \"x\" : 1 }\t""#)]);
    let message = read(&text);
    let arguments = message.calls[0].arguments.as_ref().unwrap();
    assert_eq!(arguments.as_str(), r#"{ "x" : 1 }"#);
    assert_eq!(arguments.len(), 11);
}

#[test]
fn arguments_over_the_limit_harm_only_their_own_call() {
    let huge = format!(r#"{{"x":"{}"}}"#, "y".repeat(10_000_000));
    let quoted = serde_json::to_string(&huge).unwrap();
    let text = chat(&[
        &function("a", &quoted),
        &function("b", "{}"),
        &function("c", &huge),
        &function("d", &format!("\"{}\"", " ".repeat(1 << 21))),
    ]);
    let too_big = "bytes, over the limit of 1048576 bytes; send less or raise max_arguments";
    let reason =
        |i: u8, len: usize| format!("tool_calls[{i}].function.arguments is {len} {too_big}");
    assert_eq!(
        told(&read(&text)),
        [reason(0, 10_000_008), "t({})".into(), reason(2, 10_000_008), reason(3, 2_097_152)]
    );
    let text = blocks(&[&tool_use("a", &huge), &tool_use("b", "{}")]);
    assert_eq!(told(&read(&text))[0], format!("content[0].input is 10000008 {too_big}"));
}

#[test]
fn the_size_that_counts_is_the_decoded_one_and_may_be_reached() {
    let limits = ParseLimits { max_arguments: 9, ..ParseLimits::default() };
    let text = chat(&[
        &function("a", r#""{\"x\":\"\u0061\"}""#),
        &function("b", r#""{\"x\":\"ab\"}""#),
        &function("c", r#"{"x":"ab"}"#),
    ]);
    let message = read_within(&text, &limits);
    let lengths: Vec<_> =
        message.calls.iter().map(|c| c.arguments.as_ref().ok().map(Arguments::len)).collect();
    assert_eq!(lengths, [Some(9), None, None]);
}

#[test]
fn what_is_accepted_is_never_too_deep_for_a_reader() {
    let nested =
        |depth: usize| format!(r#"{{"x":{}1{}}}"#, "[".repeat(depth - 1), "]".repeat(depth - 1));
    let message = read(&chat(&[
        &function("a", &nested(127)),
        &function("b", &nested(128)),
        &function(
            "c",
            &format!(
                "\"{}",
                serde_json::to_string(&nested(100_000)).unwrap().trim_start_matches('"')
            ),
        ),
        &function("d", r#"{"x":"[[[[\"[[[[","y":"\\","z":[{}]}"#),
    ]));
    assert!(message.calls[0].arguments.as_ref().unwrap().parse::<Value>().is_ok());
    assert_eq!(
        told(&message)[1..3],
        [
            "tool_calls[1].function.arguments nests 128 deep, over the limit of 127; send it flatter",
            "tool_calls[2].function.arguments nests 100000 deep, over the limit of 127; send it flatter",
        ]
    );
    assert!(message.calls[3].arguments.is_ok());
    let limits = ParseLimits { max_depth: 3, ..ParseLimits::default() };
    let text = chat(&[&function("a", &nested(3)), &function("b", &nested(4))]);
    let runs: Vec<_> =
        read_within(&text, &limits).calls.into_iter().map(|c| c.arguments.is_ok()).collect();
    assert_eq!(runs, [true, false]);
}

#[test]
fn brackets_inside_strings_are_no_depth() {
    let limits = ParseLimits { max_depth: 2, ..ParseLimits::default() };
    let flat = r#"{"x":"[[[","y":"\"[[[","z":"\\","w":[1],"v":[2]}"#;
    let message = read_within(&chat(&[&function("a", flat)]), &limits);
    assert_eq!(told(&message), [format!("t({flat})")]);
}

#[test]
fn text_becomes_arguments_by_the_same_rules() {
    assert_eq!(arguments(""), Arguments::default());
    assert_eq!(arguments(" {} ").as_str(), "{}");
    let error = "[]".parse::<Arguments>().unwrap_err();
    assert_eq!(error.reason, "arguments is an array; send one JSON object, {} for none");
}

#[test]
fn a_clone_shares_the_text() {
    let one = arguments(r#"{"x":1}"#);
    assert_eq!(one.as_str().as_ptr(), one.clone().as_str().as_ptr());
}
