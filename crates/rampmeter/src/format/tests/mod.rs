//! What must hold of `format`, seen from outside: text in, calls and replies out.

mod anthropic;
mod arguments;
mod bedrock;
mod bounds;
mod definitions;
mod gemini;
mod mcp;
mod message;
mod mutation;
mod openai;
mod output;
mod real;
mod responses;
mod shapes;
mod stageflow;
mod which;

use super::{Asked, Format, Message, ParseLimits, Reply, parse};

/// A message that must be readable as a whole.
fn read(text: &str) -> Message {
    read_within(text, &ParseLimits::default())
}

fn read_within(text: &str, limits: &ParseLimits) -> Message {
    parse(text, limits).unwrap_or_else(|error| panic!("{error}\n{text:.200}"))
}

/// The error of a text that must not be readable as a message.
fn refused(text: &str) -> String {
    match parse(text, &ParseLimits::default()) {
        Ok(message) => panic!("was read as {message:?}"),
        Err(error) => error.to_string(),
    }
}

/// Each call as `name(arguments)`, or the reason why it is malformed.
fn told(message: &Message) -> Vec<String> {
    let tell = |call: &Asked| match &call.arguments {
        Ok(arguments) => format!("{}({arguments})", call.name),
        Err(malformed) => malformed.to_string(),
    };
    message.calls.iter().map(tell).collect()
}

fn ids(message: &Message) -> Vec<&str> {
    message.calls.iter().map(|call| call.id.as_str()).collect()
}

/// A reply to each call, as a runtime would write them.
fn replies(message: &Message) -> Vec<Reply<'_>> {
    let reply = |call| Reply { content: "done", ..Reply::to(call) };
    let calls = message.calls.iter();
    calls.map(|call| Reply { is_error: call.arguments.is_err(), ..reply(call) }).collect()
}

/// An OpenAI Chat message of these `tool_calls`.
fn chat(calls: &[&str]) -> String {
    format!(r#"{{"role":"assistant","content":null,"tool_calls":[{}]}}"#, calls.join(","))
}

/// A call of OpenAI Chat whose `arguments` is this JSON.
fn function(id: &str, arguments: &str) -> String {
    format!(
        r#"{{"id":"{id}","type":"function","function":{{"name":"t","arguments":{arguments}}}}}"#
    )
}

/// An Anthropic message of these blocks.
fn blocks(blocks: &[&str]) -> String {
    format!(r#"{{"role":"assistant","content":[{}]}}"#, blocks.join(","))
}

/// A `tool_use` block whose `input` is this JSON.
fn tool_use(id: &str, input: &str) -> String {
    format!(r#"{{"type":"tool_use","id":"{id}","name":"t","input":{input}}}"#)
}

/// A call of the tool `t` whose arguments are this object.
fn call(format: Format, id: &str, object: &str) -> String {
    match format {
        Format::OpenAiChat => function(id, object),
        Format::OpenAiResponses => format!(
            r#"{{"type":"function_call","call_id":"{id}","name":"t","arguments":{object}}}"#
        ),
        Format::Anthropic => tool_use(id, object),
        Format::Gemini => {
            format!(r#"{{"functionCall":{{"id":"{id}","name":"t","args":{object}}}}}"#)
        }
        Format::Bedrock => {
            format!(r#"{{"toolUse":{{"toolUseId":"{id}","name":"t","input":{object}}}}}"#)
        }
        Format::Mcp | Format::McpBatch => format!(
            r#"{{"jsonrpc":"2.0","id":"{id}","method":"tools/call","params":{{"name":"t","arguments":{object}}}}}"#
        ),
        Format::Stageflow => format!(r#"{{"id":"{id}","name":"t","arguments":{object}}}"#),
    }
}

/// A message of these calls.
fn message(format: Format, calls: &[&str]) -> String {
    let list = calls.join(",");
    match format {
        Format::OpenAiChat => chat(calls),
        Format::Anthropic | Format::Bedrock => blocks(calls),
        Format::Gemini => format!(r#"{{"role":"model","parts":[{list}]}}"#),
        Format::OpenAiResponses => format!(r#"{{"output":[{list}]}}"#),
        Format::Mcp | Format::McpBatch | Format::Stageflow => format!("[{list}]"),
    }
}
