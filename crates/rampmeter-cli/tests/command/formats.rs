//! Turns of every format in one file, answered each in its own.

use serde_json::{Value, json};

use crate::harness::Folder;

const ECHO: &str = r#"
[tools.echo]
access = "read"
run = { command = ["echo", "-n", "{text}"] }
"#;

/// One line a format, the name of the format, and what is written for it.
fn turns() -> Vec<(String, &'static str, Value)> {
    let object = json!({"text": "hello"});
    let content = [json!({"type": "text", "text": "hello"})];
    let result = json!({"resultType": "complete", "content": content, "isError": false});
    let request = json!({"jsonrpc": "2.0", "id": 4, "method": "tools/call",
        "params": {"name": "echo", "arguments": object}});
    let text = object.to_string();
    vec![
        (
            json!({"role": "assistant", "tool_calls": [{"id": "a", "type": "function",
                "function": {"name": "echo", "arguments": text}}]}),
            "openai-chat",
            json!({"role": "tool", "tool_call_id": "a", "content": "hello"}),
        ),
        (
            json!({"object": "response", "output": [{"type": "function_call", "call_id": "b",
                "name": "echo", "arguments": text}]}),
            "openai-responses",
            json!({"type": "function_call_output", "call_id": "b", "output": "hello"}),
        ),
        (
            json!({"role": "assistant", "content": [
                {"type": "tool_use", "id": "c", "name": "echo", "input": object}]}),
            "anthropic",
            json!({"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "c", "content": "hello"}]}),
        ),
        (
            json!({"candidates": [{"content": {"role": "model", "parts": [
                {"functionCall": {"name": "echo", "args": object}}]}}]}),
            "gemini",
            json!({"role": "user", "parts": [
                {"functionResponse": {"name": "echo", "response": {"output": "hello"}}}]}),
        ),
        (
            json!({"output": {"message": {"role": "assistant", "content": [
                {"toolUse": {"toolUseId": "e", "name": "echo", "input": object}}]}}}),
            "bedrock",
            json!({"role": "user", "content": [
                {"toolResult": {"toolUseId": "e", "content": [{"text": "hello"}]}}]}),
        ),
        (request.clone(), "mcp", json!({"jsonrpc": "2.0", "id": 4, "result": result})),
        (json!([request]), "mcp-batch", json!([{"jsonrpc": "2.0", "id": 4, "result": result}])),
        (
            json!({"thought": "hm", "tool_calls": [{"name": "echo", "arguments": object}]}),
            "stageflow",
            json!({"call_id": "call_0", "name": "echo", "success": true,
                "data": {"output": "hello"}, "error": null}),
        ),
    ]
    .into_iter()
    .map(|(turn, format, reply)| (format!("{turn}\n"), format, reply))
    .collect()
}

#[test]
fn each_turn_of_a_file_is_answered_in_its_own_format() {
    let turns = turns();
    let lines: String = turns.iter().map(|(line, ..)| line.as_str()).collect();
    let folder = Folder::with(ECHO, &lines);
    let ran = folder.run(&["run", ".", "--out", "out.jsonl", "--json"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(ran.summary()["succeeded"], turns.len());
    let expected: Vec<Value> = turns.into_iter().map(|(.., reply)| reply).collect();
    assert_eq!(folder.lines("out.jsonl"), expected);
}

#[test]
fn a_named_format_reads_its_own_lines_and_reports_the_others() {
    for (line, format, reply) in turns() {
        let other = "{\"role\":\"user\"}\n";
        let folder = Folder::with(ECHO, &[other, &line].concat());
        let ran = folder.run(&["run", ".", "--format", format, "--out", "out.jsonl", "--json"]);
        assert_eq!(ran.code, Some(1), "{format}: {}", ran.stderr);
        ran.complains(&["turns.jsonl:1:"]);
        assert_eq!(folder.lines("out.jsonl"), [reply], "{format}");
    }
}

#[test]
fn a_line_that_may_be_of_two_formats_asks_for_a_name_and_runs_with_one() {
    let call = json!([{"id": "a", "type": "function", "function": {"name": "echo",
        "arguments": {"text": "hello"}}}]);
    let folder = Folder::with(ECHO, &format!("{call}\n"));
    let ran = folder.run(&["run", "."]);
    assert_eq!(ran.code, Some(1));
    ran.complains(&["as openai-chat and as stageflow", "say which format", "turns.jsonl:1:1"]);
    for (format, field) in [("openai-chat", "tool_call_id"), ("stageflow", "call_id")] {
        let ran = folder.run(&["run", ".", "--format", format, "--out", "out.jsonl"]);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        assert_eq!(folder.lines("out.jsonl")[0][field], "a");
    }
}

#[test]
fn a_format_that_there_is_not_is_answered_with_the_right_names() {
    let ran = Folder::with(ECHO, "").run(&["run", ".", "--format", "antropic"]);
    assert_eq!(ran.code, Some(2));
    ran.complains(&["did you mean anthropic?", "openai-chat, openai-responses"]);
}
