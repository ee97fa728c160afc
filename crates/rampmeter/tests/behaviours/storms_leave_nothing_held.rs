use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use rampmeter::{Admission, Call, Gate, Outcome, Permit};

use crate::support::{Inside, Rng, Wakes, World, assert_idle, assert_sums, policy, poll_once};

const CROSSING: &str = r#"
    [limits.a]
    concurrency = 3
    [limits.b]
    concurrency = 2
    queue = { size = 40, age = "40ms" }
    [limits.r]
    requests = { rate = "50/s", kind = "bucket", burst = 5 }
    [limits.key]
    concurrency = 1
    per = "key"
    [tools.a]
    limits = ["a"]
    [tools.b]
    limits = ["b"]
    queue_timeout = "20ms"
    [tools.ab]
    limits = { a = { weight = 2 }, b = {} }
    queue_timeout = "60ms"
    [tools.ar]
    limits = ["a", "r"]
    queue_timeout = "100ms"
    [tools.bk]
    limits = ["b", "key"]
    [tools.free]
"#;

const TOOLS: [&str; 6] = ["a", "b", "ab", "ar", "bk", "free"];
const OUTCOMES: [Outcome; 4] =
    [Outcome::Succeeded, Outcome::Failed, Outcome::Overloaded, Outcome::Cancelled];

fn random_call(rng: &mut Rng) -> Call<'static> {
    let call = Call::new(rng.pick(&TOOLS))
        .flow(rng.pick(&["f", "g", "h"]))
        .priority(rng.pick(&["critical", "high", "normal", "low", "low", "nonsense"]));
    let call = if rng.percent(90) { call.label("key", rng.pick(&["1", "2"])) } else { call };
    if rng.percent(30) { call.deadline(Duration::from_millis(rng.below(80))) } else { call }
}

fn end(permit: Permit, rng: &mut Rng) {
    if rng.percent(70) { permit.finish(rng.pick(&OUTCOMES)) } else { drop(permit) }
}

/// Ready after it has been polled so many times.
async fn polls(mut left: u64) {
    std::future::poll_fn(|context| {
        if left == 0 {
            return std::task::Poll::Ready(());
        }
        left -= 1;
        context.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}

#[test]
fn after_thousands_of_admissions_polled_granted_and_dropped_by_hand_nothing_is_held() {
    for seed in 0..6 {
        let world = World::new(CROSSING);
        let (gate, rng) = (&world.gate, &mut Rng::new(seed));
        let mut waiting: Vec<Pin<Box<Admission<'_>>>> = Vec::new();
        let mut running = Vec::new();
        for _ in 0..2_500 {
            match rng.below(100) {
                0..40 => waiting.push(Box::pin(gate.admit(random_call(rng)))),
                40..60 if !waiting.is_empty() => {
                    let at = usize::try_from(rng.below(waiting.len() as u64)).unwrap();
                    drop(waiting.swap_remove(at));
                }
                60..75 if !running.is_empty() => {
                    let at = usize::try_from(rng.below(running.len() as u64)).unwrap();
                    end(running.swap_remove(at), rng);
                }
                75..80 => running.extend(gate.try_admit(random_call(rng))),
                80..90 => world.run_until(world.now_ms() + rng.below(15)),
                _ => {}
            }
            let (mut at, wakes) = (0, Wakes::new());
            while at < waiting.len() {
                let answer = if rng.percent(30) {
                    poll_once(waiting[at].as_mut(), &wakes)
                } else {
                    std::task::Poll::Pending
                };
                match answer {
                    std::task::Poll::Ready(answer) => {
                        running.extend(answer);
                        drop(waiting.swap_remove(at));
                    }
                    std::task::Poll::Pending => at += 1,
                }
            }
        }
        drop((waiting, running));
        assert_idle(gate, &format!("seed {seed}"));
        assert_sums(gate, &format!("seed {seed}"));
    }
}

#[test]
fn a_storm_of_tasks_in_virtual_time_keeps_every_limit_and_leaves_nothing() {
    for seed in 0..3 {
        let world = World::new(CROSSING);
        let (in_a, in_b) = (Arc::<Inside>::default(), Arc::<Inside>::default());
        for task in 0..1_500 {
            let (world, mut rng) = (world.clone(), Rng::new(seed * 10_000 + task));
            let (in_a, in_b) = (in_a.clone(), in_b.clone());
            world.clone().spawn(async move {
                world.sleep(rng.below(2_000)).await;
                let call = random_call(&mut rng);
                let patience = if rng.percent(40) { rng.below(50) } else { 10_000 };
                let give_up = pin!(world.sleep(patience));
                let tool = format!("{call:?}");
                let admitted = match select(pin!(world.gate.admit(call)), give_up).await {
                    Either::Left((Ok(permit), _)) => permit,
                    _ => return,
                };
                let uses = |limit| tool.contains(&format!("tool: \"{limit}"));
                // A call of "ab" weighs 2 of a.
                let _a = uses("a").then(|| Inside::enter(&in_a));
                let _a2 = uses("ab").then(|| Inside::enter(&in_a));
                let _b = (uses("b") || uses("ab")).then(|| Inside::enter(&in_b));
                world.sleep(rng.below(10)).await;
                drop((_a, _a2, _b));
                end(admitted, &mut rng);
            });
        }
        world.run_until(60_000);
        assert!(
            in_a.peak() == 3 && in_b.peak() == 2,
            "{} {}; seed {seed}",
            in_a.peak(),
            in_b.peak()
        );
        assert_eq!(in_a.now() + in_b.now(), 0);
        assert_idle(&world.gate, &format!("seed {seed}"));
        assert_sums(&world.gate, &format!("seed {seed}"));
    }
}

#[test]
fn a_storm_on_several_threads_keeps_every_limit_and_leaves_nothing() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_time()
        .build()
        .unwrap();
    for seed in 0..3 {
        let gate = Gate::new(&policy(CROSSING)).unwrap();
        let in_a = Arc::<Inside>::default();
        let tasks: Vec<_> = (0..2_000)
            .map(|task| {
                let (gate, mut rng) = (gate.clone(), Rng::new(seed * 10_000 + task));
                let in_a = in_a.clone();
                runtime.spawn(async move {
                    polls(rng.below(50)).await;
                    let call = random_call(&mut rng).deadline(Duration::from_secs(20));
                    let only_a = format!("{call:?}").contains("tool: \"a\"");
                    let patience = rng.percent(50).then(|| rng.below(200));
                    let give_up = pin!(async {
                        match patience {
                            Some(times) => polls(times).await,
                            None => std::future::pending().await,
                        }
                    });
                    let admission = pin!(gate.admit(call));
                    let Either::Left((Ok(permit), _)) = select(admission, give_up).await else {
                        return;
                    };
                    let here = only_a.then(|| Inside::enter(&in_a));
                    polls(rng.below(20)).await;
                    drop(here);
                    end(permit, &mut rng);
                })
            })
            .collect();
        runtime.block_on(async {
            for task in tasks {
                task.await.unwrap();
            }
        });
        assert!(in_a.peak() <= 3, "{} slots of 3; seed {seed}", in_a.peak());
        assert_idle(&gate, &format!("seed {seed}"));
        assert_sums(&gate, &format!("seed {seed}"));
    }
}

#[test]
fn dropping_whole_runtimes_full_of_waiters_and_holders_leaves_nothing() {
    for seed in 0..8 {
        let gate = Gate::new(&policy(CROSSING)).unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_time()
            .build()
            .unwrap();
        for task in 0..200 {
            let (gate, mut rng) = (gate.clone(), Rng::new(seed * 1_000 + task));
            runtime.spawn(async move {
                let _permit = gate.admit(random_call(&mut rng)).await;
                std::future::pending::<()>().await;
            });
        }
        runtime.block_on(polls(seed * 20));
        drop(runtime);
        assert_idle(&gate, &format!("seed {seed}"));
        assert_sums(&gate, &format!("seed {seed}"));
    }
}

#[test]
fn an_admission_can_be_sent_to_another_thread_while_it_waits() {
    fn assert_send<T: Send + Future>(_: &T) {}
    let World { gate, .. } = World::new(CROSSING);
    let held: Vec<_> = (0..3).map(|_| gate.try_admit("a").unwrap()).collect();
    let mut admission = Box::pin(gate.admit("a"));
    assert_send(&admission);
    assert!(poll_once(admission.as_mut(), &Wakes::new()).is_pending());
    std::thread::scope(|scope| drop(scope.spawn(move || drop(admission))));
    drop(held);
    assert_idle(&gate, "dropped elsewhere");
}
