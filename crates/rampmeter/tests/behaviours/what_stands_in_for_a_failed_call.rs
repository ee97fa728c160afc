use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::join;
use rampmeter::{
    CallError, CallResult, Degraded, EventKind, Executor, Tool, ToolError, TurnRequest,
};
use serde_json::json;

use crate::support::{World, assert_idle, openai};

/// A tool that works for a second, counts its runs, and fails while it is broken.
fn fragile(world: &World, name: &str, broken: &Arc<AtomicBool>, runs: &Arc<AtomicU64>) -> Tool {
    let (world, broken, runs, name) =
        (world.clone(), broken.clone(), runs.clone(), name.to_owned());
    Tool::raw(&name.clone(), "", json!({}), move |call| {
        let (world, broken, runs, name) =
            (world.clone(), broken.clone(), runs.clone(), name.clone());
        async move {
            let run = runs.fetch_add(1, Ordering::SeqCst) + 1;
            world.sleep(1_000).await;
            match broken.load(Ordering::SeqCst) {
                true => Err(ToolError::failed(format!("{name} is broken"))),
                false => Ok(format!("{name} {} run {run}", call.arguments.as_str())),
            }
        }
    })
}

struct Scene {
    world: World,
    executor: Executor,
    broken: Arc<AtomicBool>,
    runs: Arc<AtomicU64>,
    spare_broken: Arc<AtomicBool>,
}

fn scene(policy: &str) -> Scene {
    let world = World::new(policy);
    let (broken, runs) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
    let spare_broken = Arc::<AtomicBool>::default();
    let spare = fragile(&world, "spare", &spare_broken, &Arc::default());
    let executor = world.executor([fragile(&world, "t", &broken, &runs), spare]);
    Scene { world, executor, broken, runs, spare_broken }
}

impl Scene {
    fn turn(&self, calls: &[(&str, &str, &str)]) -> TurnRequest {
        TurnRequest::new(self.executor.resolve(&openai(calls)).unwrap())
    }

    fn one(&self, arguments: &str) -> CallResult {
        let request = self.turn(&[("a", "t", arguments)]);
        self.world.run(self.executor.run_turn(request)).results.remove(0)
    }
}

const ALL: &str = r#"
    [tools.t]
    access = "read"
    fallback = [{ cache = "5m" }, { tool = "spare" }, { value = { sorry = true } }]
    [tools.spare]
    access = "read"
"#;

#[test]
fn each_stands_in_where_the_one_before_it_has_nothing_and_says_so() {
    let scene = scene(ALL);
    let good = scene.one(r#"{"q": 1, "r": 2}"#);
    assert_eq!((good.degraded, good.attempts.len()), (None, 0));
    scene.broken.store(true, Ordering::SeqCst);
    let cached = scene.one(r#"{"r":2,"q":1}"#);
    assert_eq!(cached.output, good.output, "the same call, its arguments in another order");
    assert_eq!(cached.degraded, Some(Degraded::Cached(Duration::from_secs(1))));
    assert_eq!(cached.attempts[0].error, CallError::Failed("t is broken".into()));
    let by_tool = scene.one(r#"{"q":2}"#);
    assert_eq!(by_tool.output, Ok(r#"spare {"q":2} run 1"#.into()));
    assert_eq!(by_tool.degraded, Some(Degraded::Tool("spare".into())));
    scene.spare_broken.store(true, Ordering::SeqCst);
    let value = scene.one(r#"{"q":2}"#);
    assert_eq!(
        (value.output, value.degraded),
        (Ok(r#"{"sorry":true}"#.into()), Some(Degraded::Value))
    );
    let failed: Vec<_> =
        value.attempts.iter().map(|it| (&*it.tool, it.error.to_string())).collect();
    assert_eq!(failed, [("t", "t is broken".into()), ("spare", "spare is broken".into())]);
    assert_eq!(scene.world.gate.counters().of(EventKind::Degraded), 3);
    assert_idle(&scene.world.gate, "degraded");
}

#[test]
fn an_answer_that_is_too_old_or_anothers_is_not_served() {
    let scene = scene("[tools.t]\naccess = \"read\"\nfallback = [{ cache = \"5m\" }]");
    assert!(scene.one("{}").output.is_ok());
    scene.broken.store(true, Ordering::SeqCst);
    let request = scene.turn(&[("a", "t", "{}")]).flow("another tenant");
    let other = scene.world.run(scene.executor.run_turn(request)).results.remove(0);
    assert_eq!(other.output, Err(CallError::Failed("t is broken".into())));
    let labelled = scene.turn(&[("a", "t", "{}")]).label("user", "7");
    let other = scene.world.run(scene.executor.run_turn(labelled)).results.remove(0);
    assert!(other.output.is_err() && other.degraded.is_none());
    scene.world.run_until(299_000);
    assert!(scene.one("{}").output.is_ok(), "five minutes old");
    scene.world.run_until(301_500);
    let late = scene.one("{}");
    assert_eq!((late.output.is_err(), late.attempts.len()), (true, 0), "older than five minutes");
}

#[test]
fn a_stand_in_that_fails_is_named_with_the_error_that_it_stood_in_for() {
    let scene = scene("[tools.t]\nfallback = [{ tool = \"spare\" }]\n[tools.spare]");
    scene.broken.store(true, Ordering::SeqCst);
    scene.spare_broken.store(true, Ordering::SeqCst);
    let request = scene.turn(&[("a", "t", "{}"), ("b", "spare", "{}")]);
    scene.spare_broken.store(true, Ordering::SeqCst);
    let report = scene.world.run(scene.executor.run_turn(request));
    let said = report.results[0].content();
    assert_eq!(
        said,
        "error: t is broken; spare, which was to stand in, failed as well: spare is broken"
    );
    assert_eq!(report.results[1].output, Err(CallError::Failed("spare is broken".into())));
    assert_eq!(report.results[0].degraded, None);
}

#[test]
fn a_fixed_answer_also_stands_in_for_what_the_limits_refuse_and_what_the_deadline_ends() {
    let policy = "[turn]\ndeadline = \"500ms\"\n[limits.none]\nconcurrency = 1\nqueue = { size = 0 }\n\
                  [tools.t]\nlimits = [\"none\"]\naccess = \"read\"\nfallback = [{ value = \"later\" }]";
    let scene = scene(policy);
    let held = scene.world.gate.try_admit("t").unwrap();
    let refused = scene.one("{}");
    assert_eq!((refused.output, refused.degraded), (Ok("later".into()), Some(Degraded::Value)));
    assert!(matches!(refused.attempts[0].error, CallError::Refused(_)));
    drop(held);
    let ended = scene.one("{}");
    assert_eq!(ended.attempts[0].error, CallError::TurnDeadline);
    assert_eq!((ended.output, scene.world.now_ms()), (Ok("later".into()), 500));
}

const FLIGHT: &str = "[tools.t]\naccess = \"read\"\nsingle_flight = true";

#[test]
fn identical_calls_under_way_at_one_time_share_one_run() {
    let scene = scene(FLIGHT);
    let same = [("a", "t", r#"{"q":1}"#), ("b", "t", r#"{ "q": 1 }"#), ("c", "t", r#"{"q":2}"#)];
    let (one, two) = scene.world.run(join(
        scene.executor.run_turn(scene.turn(&same)),
        scene.executor.run_turn(scene.turn(&same)),
    ));
    assert_eq!(scene.runs.load(Ordering::SeqCst), 2, "two questions, two runs");
    let shared = |result: &CallResult| result.shared;
    assert_eq!(one.results.iter().chain(&two.results).filter(|it| shared(it)).count(), 4);
    assert_eq!(one.results[0].output, two.results[1].output);
    let third = scene.one(r#"{"q":1}"#);
    assert_eq!((third.shared, scene.runs.load(Ordering::SeqCst)), (false, 3), "it is over");
    let other = scene.turn(&same[..1]).flow("another tenant");
    let pair =
        join(scene.executor.run_turn(other), scene.executor.run_turn(scene.turn(&same[..1])));
    scene.world.run(pair);
    assert_eq!(
        scene.runs.load(Ordering::SeqCst),
        5,
        "nobody is shown what was fetched for another"
    );
}

#[test]
fn when_the_one_who_runs_gives_up_another_runs_in_its_place() {
    let scene = scene(FLIGHT);
    let first = scene.turn(&[("a", "t", "{}")]).deadline(Duration::from_millis(300));
    let second = scene.turn(&[("b", "t", "{}")]);
    let both = join(scene.executor.run_turn(first), scene.executor.run_turn(second));
    let (_, second) = scene.world.run(both);
    assert!(second.results[0].output.is_ok(), "the deadline was only the first one's");
    let leader = Box::pin(scene.executor.run_turn(scene.turn(&[("a", "t", "{}")])));
    let gone = futures_util::future::select(leader, Box::pin(scene.world.sleep(300)));
    let (_, follower) = scene.world.run(join(
        async { drop(gone.await) },
        scene.executor.run_turn(scene.turn(&[("b", "t", "{}")])),
    ));
    assert!(follower.results[0].output.is_ok() && !follower.results[0].shared);
    assert_idle(&scene.world.gate, "the leader was dropped");
}

#[test]
fn under_severe_pressure_what_is_kept_is_served_at_once_but_not_to_reserved_priorities() {
    let policy = r#"
        [pressure]
        reserved = ["critical"]
        [limits.narrow]
        concurrency = 1
        queue = { size = 10 }
        [tools.t]
        limits = ["narrow"]
        access = "read"
        fallback = [{ cache = "5m" }]
    "#;
    let scene = scene(policy);
    assert!(scene.one("{}").output.is_ok());
    let crowd = |scene: &Scene| {
        for _ in 0..10 {
            let (world, gate) = (scene.world.clone(), scene.world.gate.clone());
            scene.world.spawn(async move {
                let permit = gate.admit("t").await;
                world.sleep(60_000).await;
                drop(permit);
            });
        }
    };
    crowd(&scene);
    scene.world.run_until(3_000);
    assert_eq!(scene.world.gate.pressure_level(), rampmeter::PressureLevel::Severe);
    let served = scene.one("{}");
    assert_eq!(scene.world.now_ms(), 3_000, "it did not wait");
    assert!(matches!(served.degraded, Some(Degraded::Cached(_))), "{served:?}");
    let other = scene.turn(&[("a", "t", "{}")]).priority("critical");
    let report = scene.world.run(scene.executor.run_turn(other));
    assert_eq!(report.results[0].degraded, None, "it had its own turn");
    assert!(scene.world.now_ms() > 3_000);
}

#[test]
fn what_a_stand_in_writes_counts_in_the_order_of_the_turn() {
    let policy = r#"
        undeclared = "read"
        [tools.t]
        fallback = [{ tool = "spare" }]
        [tools.spare]
        writes = ["file"]
        [tools.reader]
        reads = ["file"]
    "#;
    let scene = scene(policy);
    scene.broken.store(true, Ordering::SeqCst);
    let turn = scene.turn(&[("a", "spare", "{}"), ("b", "t", "{}"), ("c", "spare", "{}")]);
    scene.world.run(scene.executor.run_turn(turn));
    assert_eq!(scene.world.now_ms(), 4_000, "one after the other, t and what stands in for it too");
}

#[test]
fn the_deadline_of_one_who_runs_is_not_that_of_those_who_follow_also_while_another_tool_stands_in()
{
    let policy = "[tools.t]\naccess = \"read\"\nsingle_flight = true\n\
                  fallback = [{ tool = \"spare\" }]\n[tools.spare]\naccess = \"read\"";
    let scene = scene(policy);
    scene.broken.store(true, Ordering::SeqCst);
    let first = scene.turn(&[("a", "t", "{}")]).deadline(Duration::from_millis(1_300));
    let second = scene.turn(&[("b", "t", "{}")]);
    let both = join(scene.executor.run_turn(first), scene.executor.run_turn(second));
    let (first, second) = scene.world.run(both);
    assert!(first.results[0].output.is_err());
    assert_eq!(second.results[0].degraded, Some(Degraded::Tool("spare".into())));
}

#[test]
fn a_stand_in_that_names_what_it_writes_does_not_name_what_the_tool_itself_writes() {
    let policy = "[tools.t]\naccess = \"write\"\nfallback = [{ tool = \"spare\" }]\n\
                  [tools.spare]\nwrites = [\"k:{k}\"]";
    let scene = scene(policy);
    let turn = scene.turn(&[("a", "t", r#"{"k":1}"#), ("b", "t", r#"{"k":2}"#)]);
    scene.world.run(scene.executor.run_turn(turn));
    assert_eq!(
        scene.world.now_ms(),
        2_000,
        "it may write anything, and so one goes after the other"
    );
}

#[test]
fn a_stand_in_that_writes_and_does_not_name_what_keeps_its_place_among_calls_of_its_tool() {
    let policy = "[tools.t]\naccess = \"read\"\nfallback = [{ tool = \"spare\" }]\n\
                  [tools.spare]\naccess = \"write\"";
    let scene = scene(policy);
    scene.broken.store(true, Ordering::SeqCst);
    let turn = scene.turn(&[("a", "t", "{}"), ("b", "spare", "{}")]);
    let report = scene.world.run(scene.executor.run_turn(turn));
    let said = report.results.iter().map(|it| it.output.clone().unwrap()).collect::<Vec<_>>();
    assert_eq!(said, ["spare {} run 1", "spare {} run 2"], "in the order of the model");
    assert_eq!(scene.world.now_ms(), 3_000);
}

#[test]
fn what_the_bag_of_one_who_runs_does_not_take_is_not_the_end_of_those_who_follow() {
    let policy = "[tools.t]\naccess = \"read\"\nsingle_flight = true\noutput = \"found\"";
    let (scene, bag) = (scene(policy), rampmeter::StateBag::default());
    let turn = |id| scene.turn(&[(id, "t", "{}")]);
    let earlier = scene.world.run(scene.executor.run_turn(turn("a").state(&bag)));
    assert!(earlier.results[0].output.is_ok());
    let first = scene.executor.run_turn(turn("b").state(&bag));
    let (first, second) = scene.world.run(join(first, scene.executor.run_turn(turn("c"))));
    assert!(matches!(first.results[0].output, Err(CallError::State(_))), "it is another's key");
    assert_eq!(second.results[0].output, Ok("t {} run 3".into()), "it has no bag at all");
}
