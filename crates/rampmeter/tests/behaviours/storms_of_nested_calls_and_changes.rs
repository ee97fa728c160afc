use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use futures_util::future::{Either, join, join_all, select};
use rampmeter::{Call, Gate, Handle, Outcome, Reason};

use crate::support::{Inside, Rng, World, assert_idle, assert_sums, policy};

const LIMITS: [&str; 3] = ["a", "b", "c"];
const TOOLS: [&str; 4] = ["a", "b", "ab", "abc"];

/// The most slots that a limit ever has.
const MOST: u64 = 4;

/// Limits that come, go, grow and shrink, with slots kept and queues of several kinds.
fn some_policy(rng: &mut Rng) -> String {
    let mut text = String::new();
    let mut there = vec!["a"];
    for name in LIMITS {
        if name != "a" && rng.percent(25) {
            continue;
        }
        let size = 1 + rng.below(MOST);
        text += &format!("[limits.{name}]\nconcurrency = {size}\n");
        if size > 1 && rng.percent(40) {
            text += "reserved = { critical = 1 }\n";
        }
        text += rng.pick(&[
            "",
            "requests = { rate = \"200/s\", kind = \"bucket\", burst = 20 }\n",
            "requests = { rate = \"300/s\", kind = \"calendar\" }\n",
            "requests = \"500/s\"\n",
        ]);
        text += rng.pick(&[
            "",
            "queue = { size = 30, overflow = \"evict\" }\n",
            "queue = { size = 40, per_flow = 12 }\n",
        ]);
        there.push(name);
    }
    for tool in TOOLS {
        let limits = there.iter().filter(|limit| tool.contains(**limit));
        let limits: std::collections::BTreeSet<_> = limits.collect();
        text += &format!("[tools.{tool}]\nqueue_timeout = \"3s\"\nlimits = {limits:?}\n")
            .replace('{', "[")
            .replace('}', "]");
    }
    let (low, critical) = (1 + rng.below(5), 1 + rng.below(90));
    text + &format!(
        "[priorities]\nlow = {low}\nnormal = 4\ncritical = {critical}\n[calls]\npatience = \"1s\"\n"
    )
}

struct Storm {
    world: World,
    handles: Vec<Handle>,
    /// Those that work on limit `a`, not counting callers that wait.
    working: Arc<Inside>,
    refused: Mutex<BTreeMap<&'static str, u64>>,
}

impl Storm {
    /// A call that works, makes calls of its own now and then, and may be given up at any time.
    fn call(self: Arc<Self>, seed: u64, depth: u64) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            let (mut rng, gate) = (Rng::new(seed), self.world.gate.clone());
            if depth == 0 {
                self.world.sleep(rng.below(1_500)).await;
            }
            let at = usize::try_from(rng.below(TOOLS.len() as u64)).unwrap();
            let call = Call::new(TOOLS[at])
                .flow(rng.pick(&["f", "g", "h"]))
                .priority(rng.pick(&["critical", "normal", "low"]));
            let admitted = async {
                if rng.percent(30) {
                    gate.admit(&self.handles[at]).await
                } else {
                    gate.admit(call).await
                }
            };
            let permit = match select(Box::pin(admitted), Box::pin(self.patience(seed))).await {
                Either::Left((Ok(permit), _)) => permit,
                Either::Left((Err(refusal), _)) => {
                    let deadlock = refusal.reason == Reason::WouldDeadlock;
                    assert_eq!(deadlock, refusal.detail.is_some(), "{refusal}");
                    *self.refused.lock().unwrap().entry(refusal.reason.as_str()).or_default() += 1;
                    assert!(!deadlock || depth > 0, "only nested calls: {refusal}");
                    return;
                }
                Either::Right(_) => return,
            };
            let work = permit.scope(self.clone().work(seed, depth, TOOLS[at]));
            match select(Box::pin(work), Box::pin(self.patience(seed / 2))).await {
                Either::Left(_) => permit.finish(Outcome::Succeeded),
                Either::Right((_, work)) => {
                    drop(work);
                    drop(permit);
                }
            }
        })
    }

    async fn work(self: Arc<Self>, seed: u64, depth: u64, tool: &str) {
        let mut rng = Rng::new(seed + 1);
        for round in 0..1 + rng.below(2) {
            let here = tool.contains('a').then(|| Inside::enter(&self.working));
            self.world.sleep(rng.below(20)).await;
            drop(here);
            if depth < 3 && rng.percent(40) {
                let children = 1 + rng.below(3);
                let child = |at| self.clone().call(seed * 31 + round * 7 + at, depth + 1);
                join_all((0..children).map(child)).await;
            }
        }
    }

    /// Most are patient, some give up soon.
    async fn patience(&self, seed: u64) {
        let mut rng = Rng::new(seed + 2);
        if rng.percent(15) {
            self.world.sleep(rng.below(60)).await;
        } else {
            std::future::pending::<()>().await;
        }
    }

    async fn changes(&self, seed: u64) {
        let mut rng = Rng::new(seed);
        let gate: &Gate = &self.world.gate;
        for _ in 0..60 {
            self.world.sleep(rng.below(50)).await;
            let limit = rng.pick(&LIMITS);
            match rng.below(4) {
                0 => drop(gate.pause(limit)),
                1 => drop(gate.resume(limit)),
                _ => gate.apply(&policy(&some_policy(&mut rng))).unwrap(),
            }
            for why in gate.waiting(100) {
                assert!(why.to_string().contains(" for limit "), "{why}");
            }
        }
        LIMITS.iter().for_each(|limit| drop(gate.resume(limit)));
    }
}

#[test]
fn trees_of_calls_under_limits_that_change_come_to_their_end_and_leave_nothing() {
    let mut refused = BTreeMap::new();
    for seed in 0..8 {
        let world = World::new(&some_policy(&mut Rng::new(seed)));
        let handle = |tool| world.gate.handle(&Call::new(tool)).unwrap();
        let handles = TOOLS.map(handle).into();
        let (working, told) = Default::default();
        let storm = Arc::new(Storm { world: world.clone(), handles, working, refused: told });
        let roots = (0..300).map(|root| storm.clone().call(seed * 1_000_003 + root * 97, 0));
        let roots = join_all(roots.collect::<Vec<_>>());
        world.run(join(roots, storm.changes(seed)));
        assert!(world.now_ms() < 60_000, "seed {seed}: it took {} ms", world.now_ms());
        let peak = storm.working.peak();
        assert!(peak <= MOST, "seed {seed}: {peak} worked at once");
        let context = format!("seed {seed}");
        assert_idle(&world.gate, &context);
        assert_sums(&world.gate, &context);
        for (reason, count) in storm.refused.lock().unwrap().iter() {
            *refused.entry(*reason).or_default() += count;
        }
    }
    for reason in ["evicted", "queue_full", "would_deadlock"] {
        assert!(refused.get(reason).is_some_and(|count: &u64| *count > 0), "{reason}: {refused:?}");
    }
}
