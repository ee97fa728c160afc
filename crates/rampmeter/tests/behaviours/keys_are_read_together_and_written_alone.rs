use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::{Arc, Mutex};

use rampmeter::{Call, CallError, EventKind, Executor, Outcome, Reason, Refusal, Tool};
use rampmeter::{ToolError, TurnRequest, WaitsFor};

use crate::support::{Inside, Rng, Wakes, World, assert_idle, assert_sums, openai, poll_once};

const POLICY: &str = r#"
    [limits.host]
    concurrency = 8
    [tools.look]
    access = "read"
    limits = ["host"]
    reads = ["file:{path}"]
    [tools.edit]
    access = "read"
    limits = ["host"]
    writes = ["file:{path}"]
    [tools.index]
    writes = ["index"]
    [tools.caller]
    reads = ["file:{path}"]
"#;

/// Who is at each path: readers and writers, counted by themselves, and the most there ever were.
type Paths = Arc<Mutex<BTreeMap<String, [(usize, usize); 2]>>>;

fn counting(world: &World, name: &str, paths: &Paths, writes: bool) -> Tool {
    let (world, paths) = (world.clone(), paths.clone());
    Tool::raw(name, "", serde_json::json!({}), move |call| {
        let (world, paths) = (world.clone(), paths.clone());
        async move {
            let arguments: serde_json::Value = call.arguments.parse().unwrap();
            let path = arguments["path"].as_str().unwrap().to_owned();
            let count = |by: isize| {
                let mut paths = paths.lock().unwrap();
                let [now, most] = paths.entry(path.clone()).or_default();
                let mine = if writes { &mut now.1 } else { &mut now.0 };
                *mine = mine.checked_add_signed(by).unwrap();
                assert!(now.1 == 0 || (now.0, now.1) == (0, 1), "{path}: {now:?}");
                *most = (most.0.max(now.0), most.1.max(now.1));
            };
            count(1);
            world.sleep(arguments["ms"].as_u64().unwrap()).await;
            count(-1);
            Ok(call.id.to_string())
        }
    })
}

#[test]
fn a_writer_never_runs_beside_anybody_at_its_path_whoever_counts() {
    let world = World::new(POLICY);
    let paths = Paths::default();
    let tools = [counting(&world, "look", &paths, false), counting(&world, "edit", &paths, true)];
    let executor = world.executor(tools);
    let mut rng = Rng::new(7);
    let calls: Vec<(String, &str, String)> = (0..400)
        .map(|id| {
            let tool = if rng.percent(30) { "edit" } else { "look" };
            let (path, ms) = (rng.below(3), 1 + rng.below(9));
            (id.to_string(), tool, format!(r#"{{"path": "/{path}", "ms": {ms}}}"#))
        })
        .collect();
    let calls: Vec<_> = calls.iter().map(|(id, tool, it)| (&**id, *tool, &**it)).collect();
    let turn = executor.resolve(&openai(&calls)).unwrap();
    let report = world.run(executor.run_turn(TurnRequest::new(turn)));
    assert!(report.results.iter().all(|result| result.output.is_ok()));
    let paths = paths.lock().unwrap();
    let most: Vec<_> = paths.values().map(|[_, most]| *most).collect();
    println!("the most readers and writers at once at three paths: {most:?}");
    assert!(most.iter().all(|(readers, writers)| *readers > 1 && *writers == 1), "{most:?}");
    assert_idle(&world.gate, "at the end");
    assert_sums(&world.gate, "at the end");
    assert_eq!(world.gate.snapshot().keys, []);
}

#[test]
fn a_call_without_the_argument_that_names_its_key_is_refused_and_told_what_to_add() {
    let world = World::new(POLICY);
    let inside = Arc::new(Inside::default());
    let tools = ["look", "edit"].map(|name| world.sleeper(name, &inside));
    let executor = world.executor(tools);
    let calls = [
        ("a", "edit", r#"{"paht": "/a"}"#),
        ("b", "look", r#"{"path": null}"#),
        ("c", "edit", r#"{"path": {"of": [1, "b c"]}}"#),
    ];
    let turn = executor.resolve(&openai(&calls)).unwrap();
    let report = world.run(executor.run_turn(TurnRequest::new(turn)));
    let told = |at: usize| match &report.results[at].output {
        Err(CallError::Refused(refusal)) => refusal.to_string(),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        told(0),
        "edit was refused: `tools.edit.writes[0]` needs the argument `path`, which the call lacks: \
         add it; trying again will not help"
    );
    assert!(told(1).contains("`tools.look.reads[0]` needs the argument `path`, which is null"));
    assert_eq!(report.results[2].output, Ok("c".into()), "what is no text stands for its JSON");
    assert_eq!(inside.entered(), 1);
    assert_eq!(world.gate.counters().of(EventKind::Refused), 2);
    assert_sums(&world.gate, "at the end");
}

#[test]
fn who_asks_the_gate_itself_names_the_keys_that_arguments_would() {
    let world = World::new(POLICY);
    let gate = &world.gate;
    let refusal = gate.try_admit("edit").unwrap_err();
    assert_eq!(refusal.reason, Reason::Unsupported);
    assert!(refusal.to_string().contains("Call::writes"), "{refusal}");
    let held = gate.try_admit(Call::new("edit").writes("file:/a")).unwrap();
    let other = gate.try_admit(Call::new("edit").writes("file:/b")).unwrap();
    let refusal = gate.try_admit(Call::new("look").reads(String::from("file:/a"))).unwrap_err();
    assert_eq!(
        (refusal.reason, refusal.limit.as_deref()),
        (Reason::WouldWait, Some("key file:/a"))
    );
    assert!(refusal.to_string().starts_with("look was refused by key file:/a: "), "{refusal}");
    let long = "k".repeat(rampmeter::MAX_KEY_BYTES + 1);
    let refusal = gate.try_admit(Call::new("look").reads(&*long)).unwrap_err();
    assert!(refusal.to_string().contains("name at most 4096"), "{refusal}");
    // A key without a placeholder is every call's, also of a handle and of who asks often.
    for _ in 0..5 {
        let first = gate.try_admit("index").unwrap();
        let refusal = gate.try_admit("index").unwrap_err();
        assert_eq!(refusal.limit.as_deref(), Some("key index"));
        first.finish(Outcome::Succeeded);
    }
    let handle = gate.handle(&Call::new("look").reads("file:/c")).unwrap();
    let reader = gate.try_admit(&handle).unwrap();
    let second = gate.try_admit(&handle).unwrap();
    assert!(gate.try_admit(Call::new("edit").writes("file:/c")).is_err());
    for permit in [held, other, reader, second] {
        permit.finish(Outcome::Succeeded);
    }
    assert_idle(gate, "at the end");
}

#[test]
fn a_waiting_call_and_events_name_the_key() {
    let world = World::new(POLICY);
    let (gate, wakes) = (&world.gate, Wakes::new());
    let mut events = gate.subscribe(100);
    let held = gate.try_admit(Call::new("edit").writes("file:/a")).unwrap();
    let mut first = pin!(gate.admit(Call::new("edit").writes("file:/a")));
    assert!(poll_once(first.as_mut(), &wakes).is_pending());
    let mut second = pin!(gate.admit(Call::new("look").reads("file:/a")));
    assert!(poll_once(second.as_mut(), &wakes).is_pending());
    let why = second.explain().unwrap();
    assert_eq!((&*why.limit, &why.waits_for, why.ahead), ("key file:/a", &WaitsFor::Turn, 1));
    assert!(why.to_string().contains(" for key file:/a, where others go first; 1 call is ahead"));
    let keys = gate.snapshot().keys;
    assert_eq!((&*keys[0].name, keys[0].written, keys[0].waiting), ("file:/a", true, 2));
    let told = events.drain();
    let saturated = told.iter().find(|event| event.kind == EventKind::Saturated).unwrap();
    assert_eq!(saturated.limit.as_deref(), Some("key file:/a"));
    held.finish(Outcome::Succeeded);
    world.run(first).unwrap().finish(Outcome::Succeeded);
    world.run(second).unwrap().finish(Outcome::Succeeded);
}

#[test]
fn of_two_callers_who_read_a_path_and_edit_it_one_is_refused_with_the_cycle_and_the_other_ends() {
    let world = World::new(POLICY);
    let executor: Arc<std::sync::OnceLock<Executor>> = Arc::default();
    let (inner, clock) = (executor.clone(), world.clone());
    let caller = Tool::raw("caller", "", serde_json::json!({}), move |_| {
        let (executor, clock) = (inner.clone(), clock.clone());
        async move {
            clock.sleep(1).await;
            let executor = executor.get().unwrap();
            let edit = [("x", "edit", r#"{"path": "/a", "ms": 5}"#)];
            let turn = executor.resolve(&openai(&edit)).unwrap();
            let report = executor.run_turn(TurnRequest::new(turn)).await;
            report.results[0].output.clone().map_err(|error| ToolError::Failed(error.to_string()))
        }
    });
    let inside = Arc::new(Inside::default());
    let made = world.executor([caller, world.sleeper("edit", &inside)]);
    executor.set(made.clone()).unwrap();
    let turns = ["a", "b"].map(|id| {
        let turn = made.resolve(&openai(&[(id, "caller", r#"{"path": "/a"}"#)])).unwrap();
        let made = made.clone();
        async move { made.run_turn(TurnRequest::new(turn)).await.results.remove(0).output }
    });
    let [a, b] = turns;
    let (a, b) = world.run(futures_util::future::join(a, b));
    let refused = [&a, &b].into_iter().filter_map(|it| it.as_ref().err()).collect::<Vec<_>>();
    let [CallError::Failed(message)] = refused.as_slice() else { panic!("{a:?} {b:?}") };
    assert!(
        message.contains("caller made edit, which needs key file:/a, which caller holds"),
        "{message}"
    );
    assert_eq!((inside.entered(), inside.peak()), (1, 1));
    assert_idle(&world.gate, "at the end");
}

#[test]
fn keys_come_and_go_by_the_thousand() {
    let world = World::new(POLICY);
    for number in 0..100_000 {
        let call = Call::new("edit").writes(format!("file:/{number}"));
        let permit: Result<_, Box<Refusal>> = world.gate.try_admit(call);
        permit.unwrap().finish(Outcome::Succeeded);
    }
    assert_idle(&world.gate, "at the end");
    assert_eq!(world.gate.snapshot().keys, []);
}
