use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::future::{Either, select};
use rampmeter::{EventKind, Tool, ToolError, TurnRequest};

use crate::support::{Inside, Rng, World, assert_idle, assert_sums, openai};

const CALLS: u64 = 10_000;
const TURNS: u64 = 1_250;

/// Half of the tools give the slots of abandoned work to others; the other half does not.
const POLICY: &str = r#"
    undeclared = "read"
    [turn]
    deadline = "40s"
    [limits.hold]
    concurrency = 8
    [limits.free]
    concurrency = 8
    [tools.hold]
    limits = ["hold"]
    writes = ["key:{key}"]
    queue_timeout = "10s"
    timeout = "1s"
    grace = "500ms"
    [tools.free]
    limits = ["free"]
    queue_timeout = "10s"
    timeout = "1s"
    grace = "500ms"
    on_abandon = "free"
"#;

/// What really happened, counted by the tools.
#[derive(Default)]
struct Seen {
    inside: Arc<Inside>,
    hung: AtomicU64,
    ignored: AtomicU64,
    failed: AtomicU64,
}

/// 5 of 100 calls hang, 5 do not care that they are given up, 10 fail, the rest take a while.
fn tool(world: &World, name: &str, seen: &Arc<Seen>) -> Tool {
    let (world, seen) = (world.clone(), seen.clone());
    Tool::raw(name, "", serde_json::json!({}), move |call| {
        let (world, seen) = (world.clone(), seen.clone());
        async move {
            let arguments: serde_json::Value = call.arguments.parse().unwrap();
            let (kind, millis) = (arguments["kind"].as_u64().unwrap(), arguments["ms"].as_u64());
            let here = Inside::enter(&seen.inside);
            match kind {
                0..5 => {
                    seen.hung.fetch_add(1, Ordering::Relaxed);
                    std::future::pending::<()>().await;
                }
                5..10 => {
                    seen.ignored.fetch_add(1, Ordering::Relaxed);
                    let (hold, own) = (call.work.hold(), world.clone());
                    world.spawn(async move {
                        own.sleep(millis.unwrap() * 60).await;
                        drop(here);
                        hold.finish();
                    });
                    std::future::pending::<()>().await;
                }
                _ => world.sleep(millis.unwrap()).await,
            }
            if kind < 20 {
                seen.failed.fetch_add(1, Ordering::Relaxed);
                return Err(ToolError::failed("as it was asked to"));
            }
            Ok(String::new())
        }
    })
}

#[test]
fn ten_thousand_calls_some_of_which_hang_or_ignore_their_end_leave_nothing_behind() {
    for seed in 0..2 {
        let world = World::new(POLICY);
        let seen = [Arc::<Seen>::default(), Arc::<Seen>::default()];
        let executor =
            world.executor([tool(&world, "hold", &seen[0]), tool(&world, "free", &seen[1])]);
        let (answered, dropped) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        for turn in 0..TURNS {
            let (world, executor, mut rng) =
                (world.clone(), executor.clone(), Rng::new(seed * 100_000 + turn));
            let (answered, dropped) = (answered.clone(), dropped.clone());
            world.clone().spawn(async move {
                world.sleep(rng.below(600_000)).await;
                let arguments: Vec<String> = (0..CALLS / TURNS)
                    .map(|_| {
                        let (kind, ms, key) = (rng.below(100), 1 + rng.below(200), rng.below(20));
                        format!(r#"{{"kind":{kind},"ms":{ms},"key":{key}}}"#)
                    })
                    .collect();
                let calls: Vec<_> = arguments
                    .iter()
                    .map(|text| ("", rng.pick(&["hold", "free"]), text.as_str()))
                    .collect();
                let ids: Vec<String> = (0..calls.len()).map(|id| id.to_string()).collect();
                let calls: Vec<_> = calls
                    .iter()
                    .zip(&ids)
                    .map(|((_, name, text), id)| (&**id, *name, *text))
                    .collect();
                let turn = TurnRequest::new(executor.resolve(&openai(&calls)).unwrap());
                let patience = if rng.percent(20) { rng.below(3_000) } else { 100_000 };
                match select(pin!(executor.run_turn(turn)), pin!(world.sleep(patience))).await {
                    Either::Left((report, _)) => {
                        answered.fetch_add(report.results.len() as u64, Ordering::Relaxed);
                    }
                    Either::Right(_) => {
                        dropped.fetch_add(CALLS / TURNS, Ordering::Relaxed);
                    }
                }
            });
        }
        world.run_until(700_000);
        world.run(world.gate.at_rest());
        let (gate, seed) = (&world.gate, format!("seed {seed}"));
        assert_idle(gate, &seed);
        assert_sums(gate, &seed);
        let [answered, dropped] = [answered, dropped].map(|it| it.load(Ordering::Relaxed));
        assert_eq!(answered + dropped, CALLS, "one answer each; {seed}");
        assert!(dropped > CALLS / 20, "{dropped} calls were dropped; {seed}");
        let [hold, free] = &seen;
        for seen in &seen {
            assert_eq!(seen.inside.now(), 0, "no task is left; {seed}");
            let [hung, ignored, failed] =
                [&seen.hung, &seen.ignored, &seen.failed].map(|it| it.load(Ordering::Relaxed));
            assert!(hung > 100 && ignored > 100 && failed > 250, "{hung} {ignored} {failed}");
        }
        let snapshot = gate.snapshot();
        assert!(snapshot.keys.is_empty(), "{:?}; {seed}", snapshot.keys);
        let (abandoned, count) = (gate.abandoned(), gate.counters());
        assert_eq!(hold.inside.peak(), 8, "{seed}");
        assert_eq!(snapshot.limits[0].peaks, [8], "{seed}");
        // By the tools' count and by the gate's: what is abandoned, beside all that is held.
        assert_eq!(snapshot.limits[1].peaks, [free.inside.peak()], "{seed}");
        assert!(free.inside.peak() > 8, "{}; {seed}", free.inside.peak());
        assert!(free.inside.peak() <= 8 + abandoned.peak, "{abandoned:?}; {seed}");
        assert_eq!(abandoned.now, 0, "{seed}");
        assert!(count.of(EventKind::Abandoned) > 100, "{count:?}; {seed}");
        let ignored: u64 = seen.iter().map(|it| it.ignored.load(Ordering::Relaxed)).sum();
        assert!(count.of(EventKind::Late) <= ignored, "{count:?}; {seed}");
        assert!(count.of(EventKind::Late) > ignored / 2, "{count:?}; {seed}");
    }
}
