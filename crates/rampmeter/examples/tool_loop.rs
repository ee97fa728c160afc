//! An agent's whole tool loop: the model asks for tools, all of its calls run at once as far as the
//! policy lets them, the results go back in its own order and format, until it answers.
//!
//! The model is a stand-in that needs no network; everything else is as it would be.
//!
//! `cargo run -p rampmeter --example tool_loop`

#![allow(clippy::print_stdout)]

use std::time::Duration;

use rampmeter::format::Format;
use rampmeter::{Access, Executor, Gate, Policy, Registry, Tool, ToolError, TurnRequest};
use serde_json::{Value, json};

const POLICY: &str = r#"
    [limits.weather_api]
    concurrency = 2
    [tools.get_weather]
    limits = ["weather_api"]
    timeout = "5s"
"#;

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct City {
    /// The city's name.
    city: String,
}

async fn get_weather(City { city }: City) -> Result<Value, ToolError> {
    tokio::time::sleep(Duration::from_millis(20)).await;
    let degrees = match city.as_str() {
        "Oslo" => 4,
        "Rome" => 19,
        "Cairo" => 31,
        _ => return Err(ToolError::failed(format!("there is no city {city:?}"))),
    };
    Ok(json!({ "city": city, "degrees": degrees }))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let policy = Policy::parse("rampmeter.toml", POLICY)?;
    let mut tools = Registry::new();
    let weather = Tool::new("get_weather", "The weather in a city.", get_weather);
    tools.add(weather.access(Access::Read))?;
    let executor = Executor::new(Gate::new(&policy)?, tools, policy);

    let model = StandIn { tools: executor.registry().definitions(Format::OpenAiChat) };
    let mut messages = vec![json!({ "role": "user", "content": "Where is it warmest?" })];
    let answer = loop {
        let message = model.answer(&messages);
        messages.push(message.clone());
        let turn = executor.resolve(&message.to_string())?;
        if turn.calls.is_empty() {
            break message["content"].as_str().unwrap_or_default().to_owned();
        }
        println!("the model asks for {} calls", turn.calls.len());
        let report = executor.run_turn(TurnRequest::new(turn).flow("maya")).await;
        for result in &report.results {
            println!("  {} {}: {}", result.id, result.name, result.content());
        }
        messages.extend(report.messages());
    };

    println!("the model answers: {answer}");
    assert_eq!(answer, "Cairo, at 31 degrees");
    // The question, twice an answer with its results, and the last answer.
    assert_eq!(messages.len(), 1 + (1 + 4) + (1 + 1) + 1);
    Ok(())
}

/// What a request to a model's API would return.
struct StandIn {
    tools: Vec<Value>,
}

impl StandIn {
    /// Asks for four cities at once, puts the one right that failed, and compares.
    fn answer(&self, messages: &[Value]) -> Value {
        let tool = &self.tools[0]["function"]["name"];
        let ask = |(id, city): (&str, &str)| {
            let arguments = json!({ "city": city }).to_string();
            json!({ "id": id, "type": "function", "function": { "name": tool, "arguments": arguments } })
        };
        let results: Vec<&str> = messages
            .iter()
            .filter(|it| it["role"] == "tool")
            .filter_map(|it| it["content"].as_str())
            .collect();
        let calls: Vec<Value> = match results.len() {
            0 => [("a", "Oslo"), ("b", "Rom"), ("c", "Cairo"), ("d", "Oslo")].map(ask).into(),
            4 if results[1].starts_with("error: ") => vec![ask(("e", "Rome"))],
            _ => vec![],
        };
        if !calls.is_empty() {
            return json!({ "role": "assistant", "content": null, "tool_calls": calls });
        }
        let weather = results.iter().filter_map(|it| serde_json::from_str::<Value>(it).ok());
        let warmest = weather.max_by_key(|it| it["degrees"].as_i64()).unwrap_or_default();
        let city = warmest["city"].as_str().unwrap_or_default();
        let content = format!("{city}, at {} degrees", warmest["degrees"]);
        json!({ "role": "assistant", "content": content })
    }
}
