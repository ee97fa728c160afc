use super::{ids, read, refused, told};
use crate::format::Format;

#[test]
fn a_turn_with_an_answer_has_zero_calls() {
    for text in [
        r#"{"thought":"done","final_answer":"4"}"#,
        r#"{"thought":null,"tool_calls":[],"final_answer":"4"}"#,
        r#"{"content":"4","model":"m","provider":"groq","tool_calls":[]}"#,
    ] {
        let message = read(text);
        assert_eq!((message.format, message.calls.len()), (Format::Stageflow, 0), "{text}");
    }
}

#[test]
fn a_turn_that_calls_and_answers_is_refused_as_stageflow_refuses_it() {
    let text = |answer: &str| {
        format!(r#"{{"tool_calls":[{{"name":"t","arguments":{{}}}}],"final_answer":{answer}}}"#)
    };
    let error = refused(&text(r#""4""#));
    assert!(error.contains("the turn has tool_calls and a final_answer; write one"), "{error}");
    for blank in ["null", r#""""#, r#"" \n""#] {
        assert_eq!(told(&read(&text(blank))), ["t({})"], "{blank}");
    }
}

#[test]
fn a_call_is_read_where_parse_and_resolve_looks() {
    let message = read(
        r#"[{"name":"t","arguments":"{\"x\":1}"},
            {"id":"a","name":"other","function":{"name":"t","arguments":{"x":2}}},
            {"id":"","call_id":"b","name":"t"},
            {"id":"c","call_id":"d","name":"t"},
            {"id":"e","arguments":{}},
            {"id":"f","name":"t","arguments":[]},
            {"id":"g","name":"t","name":"rm"},
            7]"#,
    );
    assert_eq!(
        told(&message),
        [
            r#"t({"x":1})"#,
            r#"t({"x":2})"#,
            "t({})",
            "tool_calls[3] has an id and a call_id that differ; write one",
            "tool_calls[4].name is missing; name the tool to call",
            "tool_calls[5].arguments is an array; send one JSON object, {} for none",
            "tool_calls[6] has the key name twice; write it once",
            "tool_calls[7] is a number, not an object; send one object a call",
        ]
    );
    assert_eq!(ids(&message), ["call_0", "a", "b", "c", "e", "f", "g", "call_7"]);
}
