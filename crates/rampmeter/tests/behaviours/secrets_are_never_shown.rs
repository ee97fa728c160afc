use rampmeter::{Call, Tool, TurnRequest};
use serde_json::json;

use crate::support::{World, openai};

const SECRET: &str = "sk-do-not-show-me";

const POLICY: &str = r#"
    [limits.key]
    concurrency = 1
    queue = { size = 0 }
    per = "api_key"
    [labels.api_key]
    secret = true
    [tools.t]
    limits = ["key"]
"#;

#[test]
fn the_value_of_a_secret_label_is_in_nothing_that_can_be_printed() {
    let world = World::new(POLICY);
    let mut events = world.gate.subscribe(100);
    let call = Call::new("t").label("api_key", SECRET);
    let mut shown = vec![format!("{call:?}")];
    let handle = world.gate.handle(&call).unwrap();
    let permit = world.gate.try_admit(call.clone()).unwrap();
    let refusal = world.gate.try_admit(call).unwrap_err();
    shown.push(format!("{handle:?} {permit:?} {refusal:?} {refusal} {:?}", world.gate));
    shown.push(format!("{:?}", world.gate.snapshot()));
    shown.push(format!("{:?}", events.drain()));
    let tool = Tool::raw("t", "", json!({}), |call| async move {
        assert_eq!(call.labels[0].1, SECRET, "the tool itself needs it");
        Ok(format!("{call:?}"))
    });
    let executor = world.executor([tool]);
    let turn = executor.resolve(&openai(&[("1", "t", "{}"), ("2", "t", "{}")])).unwrap();
    let request = TurnRequest::new(turn).label("api_key", SECRET);
    shown.push(format!("{request:?} {executor:?}"));
    shown.push(format!("{:?}", world.run(executor.run_turn(request.clone()))));
    drop(permit);
    shown.push(format!("{:?}", world.run(executor.run_turn(request))));
    for text in &shown {
        assert!(!text.contains("do-not-show"), "{text}");
    }
    assert!(shown.last().unwrap().contains("api_key"), "names are not secret");
}

#[test]
fn secrets_are_told_apart_although_they_are_hidden() {
    let world = World::new(POLICY);
    let one = world.gate.try_admit(Call::new("t").label("api_key", "one")).unwrap();
    assert!(world.gate.try_admit(Call::new("t").label("api_key", "one")).is_err());
    assert!(world.gate.try_admit(Call::new("t").label("api_key", "two")).is_ok());
    let labels: Vec<_> = world.gate.snapshot().limits[0].instances.clone();
    assert!(labels.iter().all(|it| it.label.as_ref().is_some_and(|label| label.len() == 16)));
    drop(one);
}
