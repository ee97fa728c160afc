use serde_json::{Value, json};

use crate::format::Format;
use crate::{Registry, Tool};

#[test]
fn every_format_lists_the_tools_as_its_requests_do() {
    let schema = json!({"type": "object", "properties": {"q": {"type": "string"}}});
    let mut registry = Registry::new();
    for name in ["find", "all_*"] {
        let tool = Tool::raw(name, "Finds.", schema.clone(), |_| async { Ok(String::new()) });
        registry.add(tool).unwrap();
    }
    let listed = |format: Format| match registry.definitions(format).as_slice() {
        [one] => one.clone(),
        other => panic!("{format}: {other:?}"),
    };
    for (format, expected) in [
        (
            Format::OpenAiChat,
            json!({"type": "function", "function":
                {"name": "find", "description": "Finds.", "parameters": schema}}),
        ),
        (
            Format::OpenAiResponses,
            json!({"type": "function", "name": "find", "description": "Finds.",
                "parameters": schema, "strict": false}),
        ),
        (
            Format::Anthropic,
            json!({"name": "find", "description": "Finds.", "input_schema": schema}),
        ),
        (
            Format::Gemini,
            json!({"functionDeclarations": [
                {"name": "find", "description": "Finds.", "parametersJsonSchema": schema}]}),
        ),
        (
            Format::Bedrock,
            json!({"toolSpec": {"name": "find", "description": "Finds.",
                "inputSchema": {"json": schema}}}),
        ),
        (Format::Mcp, json!({"name": "find", "description": "Finds.", "inputSchema": schema})),
        (Format::McpBatch, json!({"name": "find", "description": "Finds.", "inputSchema": schema})),
        (
            Format::Stageflow,
            json!({"name": "find", "action_type": "find", "description": "Finds.",
                "input_schema": schema}),
        ),
    ] {
        assert_eq!(listed(format), expected, "{format}");
    }
}

/// Most APIs refuse `{}` for a schema, and Bedrock an empty description.
#[test]
fn a_tool_that_says_nothing_of_itself_is_listed_all_the_same() {
    let mut registry = Registry::new();
    registry.add(Tool::raw("ping", "", json!({}), |_| async { Ok(String::new()) })).unwrap();
    let tool = &registry.definitions(Format::Anthropic)[0];
    assert_eq!(tool["input_schema"], json!({"type": "object", "properties": {}}));
    let tool = &registry.definitions(Format::Bedrock)[0]["toolSpec"];
    assert_eq!(tool.get("description"), None);
    for format in Format::ALL {
        assert_eq!(Registry::new().definitions(format), Vec::<Value>::new(), "{format}");
    }
}
