use std::sync::Arc;
use std::time::Duration;

use rampmeter::{Access, Status, TurnRequest};
use serde_json::{Value, json};

use crate::support::{Inside, World, anthropic, assert_idle, assert_sums, openai};

const TWO_AT_ONCE: &str = r#"
    undeclared = "read"
    [limits.host]
    concurrency = 2
    [tools.work]
    limits = ["host"]
"#;

const CALLS: [(&str, &str, &str); 5] = [
    ("id-e", "work", r#"{"ms":500}"#),
    ("id-a", "work", r#"{"ms":10}"#),
    ("id-d", "work", r#"{"ms":300}"#),
    ("id-b", "work", r#"{"ms":0}"#),
    ("id-c", "work", r#"{"ms":40}"#),
];

#[test]
fn whatever_ends_first_each_call_has_its_place_and_its_id() {
    for text in [openai(&CALLS), anthropic(&CALLS)] {
        let world = World::new(TWO_AT_ONCE);
        let inside = Arc::<Inside>::default();
        let executor = world.executor([world.sleeper("work", &inside)]);
        let turn = executor.resolve(&text).unwrap();
        let report = world.run(executor.run_turn(TurnRequest::new(turn)));
        let order = ["id-e", "id-a", "id-d", "id-b", "id-c"];
        for (result, id) in report.results.iter().zip(order) {
            assert_eq!(result.id, id);
            assert_eq!(result.output.as_deref(), Ok(id), "the tool saw its own call");
            assert_eq!((&*result.name, result.status()), ("work", Status::Succeeded));
            assert_eq!(result.priority.as_deref(), Some("normal"));
        }
        assert_eq!(report.results.len(), 5);
        assert_eq!((inside.peak(), inside.entered()), (2, 5));
        assert_eq!(report.results[0].waited, Some(Duration::ZERO));
        assert_eq!(report.results[2].waited, Some(Duration::from_millis(10)));
        assert_eq!(report.results[2].ran, Some(Duration::from_millis(300)));
        assert_eq!(ids_of_messages(&report.messages()), order);
        assert_idle(&world.gate, "turn over");
        assert_sums(&world.gate, "turn over");
    }
}

#[test]
fn a_turn_without_calls_is_over_at_once() {
    let world = World::new(TWO_AT_ONCE);
    let executor = world.executor([]);
    let turn = executor.resolve(r#"{"role":"assistant","content":"done"}"#).unwrap();
    let report = world.run(executor.run_turn(TurnRequest::new(turn)));
    assert!(report.results.is_empty() && report.messages().is_empty());
    assert_eq!(world.now_ms(), 0);
}

#[test]
fn what_a_tool_is_given_is_what_the_model_and_the_caller_said() {
    let world = World::new(TWO_AT_ONCE);
    let echo = rampmeter::Tool::raw("work", "", json!({}), |call| async move {
        let labels = format!("{:?}", call.labels);
        Ok(format!("{} {} {} {} {labels}", call.name, call.id, call.flow, call.arguments))
    });
    let executor = world.executor([echo.access(Access::Read)]);
    let turn = executor.resolve(&openai(&[("x", "work", r#"{"q": 1.50}"#)])).unwrap();
    let request = TurnRequest::new(turn).flow("tenant").label("region", "eu");
    let report = world.run(executor.run_turn(request));
    let said = report.results[0].output.clone().unwrap();
    assert_eq!(said, r#"work x tenant {"q": 1.50} [("region", "eu")]"#);
}

fn ids_of_messages(messages: &[Value]) -> Vec<&str> {
    if messages.len() == 1 {
        let blocks = messages[0]["content"].as_array().unwrap();
        return blocks.iter().map(|block| block["tool_use_id"].as_str().unwrap()).collect();
    }
    messages.iter().map(|message| message["tool_call_id"].as_str().unwrap()).collect()
}
