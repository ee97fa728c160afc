use std::sync::{Arc, Mutex};

use rampmeter::{Access, Executor, Tool, TurnRequest};
use serde_json::json;

use crate::support::{World, openai};

/// What began and ended, in order: `+1` and `-1` for the call with id 1.
type Log = Arc<Mutex<Vec<String>>>;

fn logged(world: &World, name: &str, log: &Log) -> Tool {
    let (world, log) = (world.clone(), log.clone());
    Tool::raw(name, "", json!({}), move |call| {
        let (world, log) = (world.clone(), log.clone());
        async move {
            log.lock().unwrap().push(format!("+{}", call.id));
            world.sleep(100).await;
            log.lock().unwrap().push(format!("-{}", call.id));
            Ok(String::new())
        }
    })
}

fn order(world: &World, executor: &Executor, log: &Log, names: &[&str]) -> String {
    let ids: Vec<_> = (1..=names.len()).map(|id| id.to_string()).collect();
    let calls: Vec<_> =
        ids.iter().zip(names).map(|(id, name)| (id.as_str(), *name, "{}")).collect();
    let turn = executor.resolve(&openai(&calls)).unwrap();
    world.run(executor.run_turn(TurnRequest::new(turn)));
    log.lock().unwrap().drain(..).collect::<Vec<_>>().join(" ")
}

fn with(policy: &str, hint: Option<Access>) -> String {
    let (world, log) = (World::new(policy), Log::default());
    let tool = logged(&world, "x", &log);
    let tool = if let Some(access) = hint { tool.access(access) } else { tool };
    order(&world, &world.executor([tool]), &log, &["x", "x"])
}

const SIDE_BY_SIDE: &str = "+1 +2 -1 -2";
const IN_ORDER: &str = "+1 -1 +2 -2";

#[test]
fn a_tool_that_says_nothing_counts_as_a_writer_unless_the_policy_says_otherwise() {
    assert_eq!(with("", None), IN_ORDER);
    assert_eq!(with("undeclared = \"read\"", None), SIDE_BY_SIDE);
}

#[test]
fn a_tools_own_hint_beats_what_undeclared_tools_count_as() {
    assert_eq!(with("", Some(Access::Read)), SIDE_BY_SIDE);
    assert_eq!(with("undeclared = \"read\"", Some(Access::Write)), IN_ORDER);
}

#[test]
fn the_policys_word_beats_the_tools_hint() {
    assert_eq!(with("[tools.x]\naccess = \"write\"", Some(Access::Read)), IN_ORDER);
    assert_eq!(with("[tools.x]\naccess = \"read\"", Some(Access::Write)), SIDE_BY_SIDE);
    assert_eq!(with("[tools.\"*\"]\naccess = \"read\"", None), SIDE_BY_SIDE);
}

#[test]
fn writes_of_different_tools_do_not_wait_for_each_other() {
    let (world, log) = (World::new(""), Log::default());
    let executor = world.executor([logged(&world, "x", &log), logged(&world, "y", &log)]);
    let said = order(&world, &executor, &log, &["x", "y", "x", "y"]);
    assert_eq!(said, "+1 +2 -1 -2 +3 +4 -3 -4");
}

#[test]
fn writes_of_different_turns_do_not_wait_for_each_other() {
    let (world, log) = (World::new(""), Log::default());
    let executor = world.executor([logged(&world, "x", &log)]);
    let one = |id| {
        let turn = executor.resolve(&openai(&[(id, "x", "{}")])).unwrap();
        executor.run_turn(TurnRequest::new(turn))
    };
    world.run(futures_util::future::join(one("1"), one("2")));
    assert_eq!(log.lock().unwrap().join(" "), SIDE_BY_SIDE);
}

#[test]
fn a_write_that_fails_or_is_refused_does_not_keep_the_next_one_from_its_turn() {
    let world =
        World::new("[limits.p]\nconcurrency = 1\nper = \"no\"\n[tools.x]\nlimits = [\"p\"]");
    let log = Log::default();
    let executor = world.executor([logged(&world, "x", &log)]);
    assert_eq!(order(&world, &executor, &log, &["x", "x"]), "", "both lack the label");
    let world = World::new("[tools.x]\ntimeout = \"50ms\"");
    let executor = world.executor([logged(&world, "x", &log)]);
    assert_eq!(order(&world, &executor, &log, &["x", "x"]), "+1 +2", "both ran out of time");
    assert_eq!(world.now_ms(), 100);
}
