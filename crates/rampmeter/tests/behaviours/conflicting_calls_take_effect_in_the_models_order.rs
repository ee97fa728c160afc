use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use rampmeter::{
    After, Because, CallError, EventKind, Executor, KeyAccess, Tool, TurnPlan, TurnRequest,
};
use serde_json::json;

use crate::support::{World, assert_idle, openai};

const POLICY: &str = r#"
    [limits.host]
    concurrency = 8
    [tools.cat]
    limits = ["host"]
    reads = ["file:{path|clean}", "file:{path|folders}"]
    [tools.append]
    limits = { host = { weight = 2 } }
    writes = ["file:{path|clean}"]
    reads = ["file:{path|folders}"]
    [tools.rm]
    writes = ["file:{path|clean}"]
    reads = ["file:{path|folders}"]
    [tools.note]
    access = "write"
    reads = ["config"]
"#;

/// A tool that notes when it began and ended, and takes the `ms` of its arguments, or 10.
fn logged(world: &World, name: &str, log: &Arc<Mutex<Vec<String>>>) -> Tool {
    let (world, log) = (world.clone(), log.clone());
    Tool::raw(name, "", json!({}), move |call| {
        let (world, log) = (world.clone(), log.clone());
        async move {
            let arguments: serde_json::Value = call.arguments.parse().unwrap();
            log.lock().unwrap().push(format!("+{}", call.id));
            world.sleep(arguments["ms"].as_u64().unwrap_or(10)).await;
            log.lock().unwrap().push(format!("-{}", call.id));
            Ok(String::new())
        }
    })
}

struct Stage {
    world: World,
    log: Arc<Mutex<Vec<String>>>,
    executor: Executor,
}

impl Stage {
    fn new(policy: &str) -> Stage {
        let (world, log) = (World::new(policy), Arc::default());
        let names = ["cat", "append", "rm", "note"];
        let executor = world.executor(names.map(|name| logged(&world, name, &log)));
        Stage { world, log, executor }
    }

    /// What began and ended, in order.
    fn order(&self, calls: &[(&str, &str, &str)]) -> String {
        let turn = self.executor.resolve(&openai(calls)).unwrap();
        let report = self.world.run(self.executor.run_turn(TurnRequest::new(turn)));
        assert!(report.results.iter().all(|result| result.output.is_ok()), "{report:?}");
        assert_idle(&self.world.gate, "after the turn");
        self.log.lock().unwrap().drain(..).collect::<Vec<_>>().join(" ")
    }

    fn plan(&self, calls: &[(&str, &str, &str)]) -> TurnPlan {
        let turn = self.executor.resolve(&openai(calls)).unwrap();
        self.executor.plan(&TurnRequest::new(turn))
    }
}

#[test]
fn a_call_waits_for_the_earlier_ones_of_whatever_tool_that_use_its_key_and_for_no_others() {
    let calls = [
        ("1", "cat", r#"{"path": "a", "ms": 30}"#),
        ("2", "append", r#"{"path": "./a"}"#),
        ("3", "append", r#"{"path": "b", "ms": 20}"#),
        ("4", "cat", r#"{"path": "a"}"#),
        ("5", "cat", r#"{"path": "x/../a"}"#),
    ];
    let order = Stage::new(POLICY).order(&calls);
    assert_eq!(order, "+1 +3 -3 -1 +2 -2 +4 +5 -4 -5");
}

#[test]
fn a_folder_goes_when_the_calls_below_it_have_ended_and_those_after_it_wait() {
    let calls = [
        ("1", "append", r#"{"path": "dir/sub/x"}"#),
        ("2", "cat", r#"{"path": "dir/y", "ms": 20}"#),
        ("3", "rm", r#"{"path": "dir"}"#),
        ("4", "cat", r#"{"path": "dir/sub/x"}"#),
        ("5", "cat", r#"{"path": "dirt"}"#),
        ("6", "rm", r#"{"path": "."}"#),
    ];
    let order = Stage::new(POLICY).order(&calls);
    assert_eq!(order, "+1 +2 +5 -1 -5 -2 +3 -3 +4 -4 +6 -6");
}

#[test]
fn a_tool_that_writes_and_names_only_what_it_reads_keeps_its_calls_in_order() {
    let twice = [("1", "note", "{}"), ("2", "note", "{}")];
    assert_eq!(Stage::new(POLICY).order(&twice), "+1 -1 +2 -2");
    let reads = POLICY.replace("access = \"write\"", "");
    assert_eq!(Stage::new(&reads).order(&twice), "+1 +2 -1 -2", "who names what it reads reads");
}

#[test]
fn calls_of_one_turn_keep_their_order_also_without_limits() {
    let policy = crate::support::policy(POLICY).to_unlimited().effective();
    let calls = [("1", "cat", r#"{"path": "a"}"#), ("2", "rm", r#"{"path": "a"}"#)];
    assert_eq!(Stage::new(&policy).order(&calls), "+1 -1 +2 -2");
}

#[test]
fn a_path_that_leads_out_is_told_so_and_asks_for_nothing() {
    let stage = Stage::new(POLICY);
    let plan = stage.plan(&[("1", "cat", r#"{"path": "../a"}"#)]);
    let Err(CallError::Refused(refusal)) = &plan.calls[0].after else { panic!("{plan:?}") };
    assert_eq!(
        refusal.to_string(),
        "cat was refused: `tools.cat.reads[0]` needs a path in `path` without a `..` that leads out \
         of where it begins: send another; trying again will not help"
    );
}

#[test]
fn a_plan_says_who_waits_for_whom_and_why_and_runs_nothing() {
    let stage = Stage::new(POLICY);
    let plan = stage.plan(&[
        ("1", "cat", r#"{"path": "a"}"#),
        ("2", "dog", "{}"),
        ("3", "append", r#"{"path": "a"}"#),
        ("4", "append", "7"),
        ("5", "append", "{}"),
        ("6", "rm", r#"{"path": "."}"#),
        ("7", "note", "{}"),
        ("8", "note", "{}"),
    ]);
    let said: Vec<String> = plan
        .calls
        .iter()
        .map(|call| match &call.after {
            Ok(after) => after.iter().map(After::to_string).collect::<Vec<_>>().join(", "),
            Err(error) => format!("error: {error}").chars().take(30).collect(),
        })
        .collect();
    assert_eq!(
        said,
        [
            "",
            "error: there is no tool named ",
            "#1 (writes file:a, which #1 reads)",
            "error: tool_calls[3].function.",
            "error: append was refused: `to",
            "#1 (writes file:., which #1 reads), #3 (writes file:., which #3 reads)",
            "",
            "#7 (calls of note write and do not name what)",
        ]
    );
    let third = &plan.calls[2];
    assert_eq!((&*third.id, &*third.name, third.draws[0].weight), ("3", "append", 2));
    let (shared, alone) = (KeyAccess::Shared, KeyAccess::Exclusive);
    assert_eq!(third.keys, [("file:.".to_owned(), shared), ("file:a".to_owned(), alone)]);
    let because = Because::Key { key: "file:a".into(), earlier: shared, later: alone };
    assert_eq!(third.after, Ok(vec![After { call: 0, because: vec![because] }]));
    assert_eq!(stage.world.gate.counters().of(EventKind::Invoked), 0, "nothing was asked for");
    assert_eq!(*stage.log.lock().unwrap(), [""; 0]);
}

/// The study's race. `ms` lies between what a tool reads and what it writes.
#[test]
fn twenty_tools_that_add_one_to_what_they_read_come_to_twenty_only_if_they_name_it() {
    let total = |policy: &str, turns: usize| {
        let world = World::new(policy);
        let counter = Arc::new(Mutex::new(0));
        let tools = (0..20).map(|number| {
            let (world, counter) = (world.clone(), counter.clone());
            Tool::raw(&format!("bump_{number}"), "", json!({}), move |_| {
                let (world, counter) = (world.clone(), counter.clone());
                async move {
                    let read = *counter.lock().unwrap();
                    world.sleep(1).await;
                    *counter.lock().unwrap() = read + 1;
                    Ok(String::new())
                }
            })
        });
        let executor = world.executor(tools);
        let names: Vec<String> = (0..20).map(|number| format!("bump_{number}")).collect();
        let calls: Vec<_> = names.iter().map(|name| (&**name, &**name, "{}")).collect();
        let turns = calls.chunks(20 / turns).enumerate().map(|(flow, calls)| {
            let turn = executor.resolve(&openai(calls)).unwrap();
            executor.run_turn(TurnRequest::new(turn).flow(format!("flow {flow}")))
        });
        world.run(futures_util::future::join_all(turns));
        *counter.lock().unwrap()
    };
    let named = "[tools.\"bump_*\"]\nwrites = [\"counter\"]";
    let unnamed = "undeclared = \"read\"\n[tools.\"bump_*\"]";
    let kept: BTreeMap<usize, [u32; 2]> = [1, 4, 20]
        .into_iter()
        .map(|turns| (turns, [total(named, turns), total(unnamed, turns)]))
        .collect();
    println!("of 20, in so many turns: named, unnamed: {kept:?}");
    assert_eq!(kept, BTreeMap::from([(1, [20, 1]), (4, [20, 1]), (20, [20, 1])]));
}
