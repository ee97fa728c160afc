use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::stream::{self, Stream, StreamExt};
use rampmeter::{CallError, Executor, ResolvedTurn, StreamOptions, Tool, TurnRequest};

use crate::support::{Inside, World, assert_idle, assert_sums, openai};

const POLICY: &str = r#"
    [limits.host]
    concurrency = 4
    [tools.read]
    limits = ["host"]
    access = "read"
    queue_timeout = "1d"
    [limits.one]
    concurrency = 1
    [tools.one]
    limits = ["one"]
    access = "write"
    [tools.other]
    limits = []
    access = "write"
"#;

/// What a producer and those who answer it count.
#[derive(Default)]
struct Tally {
    pulled: AtomicU64,
    answered: AtomicU64,
    most_open: AtomicU64,
    most_waiting: AtomicU64,
}

impl Tally {
    fn pulled(&self, world: &World) -> u64 {
        let pulled = self.pulled.fetch_add(1, Ordering::SeqCst);
        let open = pulled + 1 - self.answered.load(Ordering::SeqCst);
        self.most_open.fetch_max(open, Ordering::SeqCst);
        self.look(world);
        pulled
    }

    fn look(&self, world: &World) {
        let waiting = world.gate.snapshot().waiting;
        self.most_waiting.fetch_max(waiting, Ordering::SeqCst);
    }
}

fn turn(executor: &Executor, number: u64, name: &str, calls: u64) -> TurnRequest {
    let ids: Vec<_> = (0..calls).map(|call| format!("{number}.{call}")).collect();
    let calls: Vec<_> = ids.iter().map(|id| (id.as_str(), name, r#"{"ms":10}"#)).collect();
    TurnRequest::new(executor.resolve(&openai(&calls)).unwrap()).deadline(Duration::from_secs(9999))
}

/// `turns` turns of `calls` calls, one every 75 µs.
fn producer(
    world: &World,
    executor: &Executor,
    tally: &Arc<Tally>,
    (turns, calls): (u64, u64),
) -> impl Stream<Item = TurnRequest> {
    let (world, executor, tally) = (world.clone(), executor.clone(), tally.clone());
    stream::unfold(0, move |number| {
        let (world, executor, tally) = (world.clone(), executor.clone(), tally.clone());
        async move {
            if number == turns {
                return None;
            }
            let next = world.gate.now().saturating_add(Duration::from_micros(75));
            world.gate.runtime().sleep_until(next).await;
            tally.pulled(&world);
            Some((turn(&executor, number, "read", calls), number + 1))
        }
    })
}

#[test]
fn a_producer_100_times_faster_than_the_tools_is_held_back_and_loses_nothing() {
    const TURNS: u64 = 2_000;
    let (world, inside) = (World::new(POLICY), Arc::<Inside>::default());
    let executor = world.executor([world.sleeper("read", &inside)]);
    let tally = Arc::new(Tally::default());
    let options = StreamOptions { turns_at_once: 6, calls_waiting: 9 };
    let source = producer(&world, &executor, &tally, (TURNS, 3));
    let mut reports = pin!(executor.stream(source, options));
    let counted = tally.clone();
    world.run(async {
        let mut number = 0;
        while let Some(report) = reports.next().await {
            let ids: Vec<_> = report.results.iter().map(|it| it.output.clone()).collect();
            let expected: Vec<_> = (0..3).map(|call| Ok(format!("{number}.{call}"))).collect();
            assert_eq!(ids, expected, "in the order of the turns and of their calls");
            counted.look(&world);
            number = counted.answered.fetch_add(1, Ordering::SeqCst) + 1;
        }
        assert_eq!(number, TURNS, "nothing is lost");
    });
    let of = |count: &AtomicU64| count.load(Ordering::SeqCst);
    // 4 calls run and up to 9 wait: those are 5 turns of 3 calls.
    assert_eq!(of(&tally.most_open), 5, "pulled and not answered");
    assert!(of(&tally.most_waiting) <= 9, "{} waited", of(&tally.most_waiting));
    assert_eq!((inside.peak(), inside.entered()), (4, TURNS * 3));
    // The tools take 10 ms for 4 calls; the producer needs 75 µs for 3.
    let tools_alone = TURNS * 3 / 4 * 10;
    assert!(world.now_ms() <= tools_alone + 10, "no slot was idle: {} ms", world.now_ms());
    assert_idle(&world.gate, "stream over");
    assert_sums(&world.gate, "stream over");
}

/// A call of a tool of its own, so that what lives of a turn can be counted.
fn counted_turn(alike: &ResolvedTurn, live: &Arc<Inside>) -> TurnRequest {
    let here = Arc::new(Inside::enter(live));
    let tool = Tool::raw("other", "", serde_json::json!({}), move |_| {
        let here = here.clone();
        async move {
            drop(here);
            Ok(String::new())
        }
    });
    let mut turn = alike.clone();
    turn.calls.iter_mut().for_each(|call| call.tool = Ok(tool.clone()));
    TurnRequest::new(turn)
}

#[test]
fn a_hundred_thousand_turns_are_never_in_memory_together() {
    const TURNS: u64 = 100_000;
    let (world, live) = (World::new(POLICY), Arc::<Inside>::default());
    let executor = world.executor([]);
    let alike = executor.resolve(&openai(&[("a", "other", "{}")])).unwrap();
    let source = stream::iter((0..TURNS).map(|_| counted_turn(&alike, &live)));
    let reports = executor.stream(source, StreamOptions::default());
    assert_eq!(world.run(reports.count()) as u64, TURNS);
    assert_eq!((live.entered(), live.now()), (TURNS, 0));
    assert!(live.peak() <= 17, "{} turns were alive at once", live.peak());
}

#[test]
fn of_a_turn_of_800_calls_no_more_wait_than_may() {
    let (world, inside) = (World::new(POLICY), Arc::<Inside>::default());
    let executor = world.executor([world.sleeper("read", &inside)]);
    let turns = [turn(&executor, 0, "read", 800), turn(&executor, 1, "read", 1)];
    let options = StreamOptions { calls_waiting: 20, ..StreamOptions::default() };
    let reports = executor.stream(stream::iter(turns), options);
    let tally = Tally::default();
    let watch = async {
        for _ in 0..400 {
            world.sleep(5).await;
            tally.look(&world);
        }
    };
    let (reports, ()) = world.run(futures_util::future::join(reports.collect::<Vec<_>>(), watch));
    assert_eq!(tally.most_waiting.load(Ordering::SeqCst), 20);
    assert!(reports.iter().flat_map(|it| &it.results).all(|it| it.output.as_ref() == Ok(&it.id)));
    assert_eq!((inside.peak(), inside.entered()), (4, 801));
    assert_idle(&world.gate, "stream over");
}

#[test]
fn a_turn_that_may_not_ask_yet_is_given_up_at_its_deadline() {
    let (world, inside) = (World::new(POLICY), Arc::<Inside>::default());
    let executor = world.executor([world.sleeper("one", &inside), world.sleeper("other", &inside)]);
    // Its second call may be asked for after 10 ms, when the other turn's has the only place.
    let late = turn(&executor, 0, "other", 2).deadline(Duration::from_millis(15));
    let turns = [late, turn(&executor, 1, "one", 2).deadline(Duration::from_millis(100))];
    let options = StreamOptions { turns_at_once: 2, calls_waiting: 1 };
    let mut reports = pin!(executor.stream(stream::iter(turns), options));
    let held = async {
        world.sleep(5).await;
        let permit = world.gate.admit("one").await.unwrap();
        world.sleep(50).await;
        drop(permit);
    };
    let first = async {
        let report = reports.next().await.unwrap();
        assert_eq!(report.results[0].output, Ok("0.0".into()));
        assert_eq!(report.results[1].output, Err(CallError::TurnDeadline));
        assert_eq!(world.now_ms(), 15);
        let report = reports.next().await.unwrap();
        assert!(report.results.iter().all(|result| result.output.is_ok()));
    };
    world.run(futures_util::future::join(held, first));
}

#[test]
fn a_stream_that_is_dropped_leaves_nothing_behind() {
    let (world, inside) = (World::new(POLICY), Arc::<Inside>::default());
    let executor = world.executor([world.sleeper("read", &inside)]);
    let tally = Arc::new(Tally::default());
    let source = producer(&world, &executor, &tally, (100, 3));
    let mut reports = Box::pin(executor.stream(source, StreamOptions::default()));
    let soon = world.gate.runtime().sleep_until(rampmeter::Instant::from_millis(5));
    world.run(futures_util::future::select(reports.next(), soon));
    assert_eq!((inside.now(), world.now_ms()), (4, 5));
    drop(reports);
    assert_eq!(inside.now(), 0);
    assert_idle(&world.gate, "stream dropped");
    let pulled = tally.pulled.load(Ordering::SeqCst);
    assert_eq!(pulled, 16, "the others are still the producer's");
}

#[test]
fn a_stand_in_that_has_nothing_gives_its_place_back() {
    let text = "[tools.t]\naccess = \"read\"\n\
                fallback = [{ cache = \"5m\" }, { value = \"none\" }]";
    let world = World::new(text);
    let fails = |_| async { Err(rampmeter::ToolError::failed("no luck")) };
    let executor = world.executor([Tool::raw("t", "", serde_json::json!({}), fails)]);
    let options = StreamOptions { calls_waiting: 1, ..StreamOptions::default() };
    let turns = stream::iter([turn(&executor, 0, "t", 2)]);
    let reports: Vec<_> = world.run(executor.stream(turns, options).collect());
    assert!(reports[0].results.iter().all(|result| result.output.is_ok()));
    assert_eq!(world.now_ms(), 0);
}

#[test]
fn a_call_whose_last_attempt_goes_on_keeps_no_place_from_those_who_may_ask() {
    let text = "[tools.t]\naccess = \"read\"\ntimeout = \"1s\"\n\
                retry = { attempts = 2, base = \"1ms\", max = \"1ms\" }\n\
                [tools.other]\naccess = \"read\"";
    let (world, inside) = (World::new(text), Arc::<Inside>::default());
    let tools = [world.stubborn("t", &inside), world.sleeper("other", &inside)];
    let executor = world.executor(tools);
    let first = executor.resolve(&openai(&[("0", "t", r#"{"ms":500000}"#)])).unwrap();
    let first = TurnRequest::new(first).deadline(Duration::from_secs(900));
    let second = turn(&executor, 1, "other", 1);
    let options = StreamOptions { calls_waiting: 1, ..StreamOptions::default() };
    let later = world.clone();
    let source = stream::iter([first]).chain(stream::once(async move {
        later.until(2_000).await;
        second
    }));
    let reports = executor.stream(source, options).collect::<Vec<_>>();
    let watch = async {
        world.until(3_000).await;
        assert_eq!(inside.entered(), 2, "the second turn has run, although the first waits");
    };
    let (reports, ()) = world.run(futures_util::future::join(reports, watch));
    assert_eq!(reports[0].results[0].attempts.len(), 1);
    assert!(reports[1].results[0].output.is_ok());
}

#[test]
fn a_queue_that_is_shorter_than_the_options_say_refuses_no_call_of_a_stream() {
    let policy = "undeclared = \"read\"\n[limits.door]\nconcurrency = 8\nqueue = { size = 10 }\n\
                  [tools.work]\nlimits = [\"door\"]";
    let (world, inside) = (World::new(policy), Arc::<Inside>::default());
    let executor = world.executor([world.sleeper("work", &inside)]);
    let ids: Vec<_> = (0..300).map(|id| id.to_string()).collect();
    let calls: Vec<_> = ids.iter().map(|id| (id.as_str(), "work", r#"{"ms":1}"#)).collect();
    let turn = TurnRequest::new(executor.resolve(&openai(&calls)).unwrap());
    let source = futures_util::stream::iter([turn]);
    let mut reports = executor.stream(source, StreamOptions::default());
    let report = world.run(reports.next()).unwrap();
    assert!(report.results.iter().all(|it| it.output.is_ok()));
}
