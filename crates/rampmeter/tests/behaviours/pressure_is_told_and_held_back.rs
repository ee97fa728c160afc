use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;
use rampmeter::{
    Admission, Call, Event, EventKind, Gate, PressureCause, PressureLevel, Ready, Reason, Retry,
};

use crate::support::{Inside, Wakes, World, assert_idle, assert_sums, poll_once};

/// Filled from 4 waiting calls down to 2, severely from 7 down to 3.
fn world(more: &str) -> World {
    World::new(&format!(
        r#"
        [pressure]
        dwell = "100ms"
        {more}
        [limits.door]
        concurrency = 1
        queue = {{ size = 8 }}
        [tools.t]
        limits = ["door"]
        queue_timeout = "1d"
        "#
    ))
}

type Waiting<'a> = Pin<Box<Admission<'a>>>;

/// A call that waits.
fn waits<'a>(gate: &'a Gate, call: Call<'a>) -> Waiting<'a> {
    let mut waiting = Box::pin(gate.admit(call));
    assert!(poll_once(waiting.as_mut(), &Wakes::new()).is_pending());
    waiting
}

fn wait(gate: &Gate, many: usize) -> Vec<Waiting<'_>> {
    (0..many).map(|_| waits(gate, Call::new("t"))).collect()
}

fn of_the_gate(events: &[Event]) -> Vec<(EventKind, u64, Option<&str>)> {
    let kinds = [EventKind::Normal, EventKind::Elevated, EventKind::Severe];
    let events = events.iter().filter(|event| kinds.contains(&event.kind));
    let millis = |event: &Event| event.at.as_nanos() / 1_000_000;
    events.map(|event| (event.kind, millis(event), event.limit.as_deref())).collect()
}

#[test]
fn a_filled_queue_is_told_at_once_and_for_at_least_the_dwell() {
    let world = world("");
    let gate = &world.gate;
    let mut events = gate.subscribe(1_000);
    let _running = gate.try_admit("t").unwrap();
    let mut waiting = wait(gate, 3);
    assert_eq!(gate.pressure().level, PressureLevel::Normal);
    assert_eq!(gate.pressure().causes, []);
    waiting.extend(wait(gate, 1));
    let pressure = gate.pressure();
    assert_eq!(pressure.level, PressureLevel::Elevated);
    let cause = PressureCause::Queue { limit: "door".into(), waiting: 4, size: 8 };
    assert_eq!((pressure.causes, pressure.memory), (vec![cause], None));
    // It hovers: 2 waiting calls are none too many, 4 are, five times within the dwell.
    for millis in 1..=5 {
        world.run_until(millis * 10);
        waiting.truncate(2);
        assert_eq!(gate.pressure().level, PressureLevel::Elevated, "it dwells");
        waiting.extend(wait(gate, 2));
    }
    waiting.truncate(2);
    world.run_until(99);
    let pressure = gate.pressure();
    assert_eq!(pressure.level, PressureLevel::Elevated);
    assert_eq!(pressure.oldest, Some(Duration::from_millis(99)));
    world.run_until(100);
    let pressure = gate.pressure();
    assert_eq!((pressure.level, pressure.lasts), (PressureLevel::Normal, Duration::ZERO));
    waiting.extend(wait(gate, 5));
    world.run_until(500);
    assert_eq!(gate.pressure().level, PressureLevel::Severe);
    let told = events.drain();
    let expected = [
        (EventKind::Elevated, 0, Some("door")),
        (EventKind::Normal, 100, None),
        (EventKind::Severe, 200, Some("door")),
    ];
    assert_eq!(of_the_gate(&told), expected, "nobody had to ask for that");
}

#[test]
fn pressure_alone_refuses_nobody() {
    let world = world("");
    let _running = world.gate.try_admit("t").unwrap();
    let _waiting = wait(&world.gate, 8);
    assert_eq!(world.gate.pressure().level, PressureLevel::Severe);
    assert_eq!(world.gate.counters().of(EventKind::Refused), 0);
}

#[test]
fn under_severe_pressure_queues_are_shortened_first_and_then_calls_refused_early() {
    let world = world("reserved = [\"critical\"]\nwhen_severe = [\"shorten\", \"refuse\"]");
    let gate = &world.gate;
    let _running = gate.try_admit("t").unwrap();
    let critical = waits(gate, Call::new("t").priority("critical"));
    let mut low: Vec<_> = (0..5).map(|_| waits(gate, Call::new("t").priority("low"))).collect();
    assert_eq!(gate.counters().of(EventKind::Refused), 0);
    // The seventh makes it severe; 3 may stay, and the critical one has the greater share of them.
    low.push(Box::pin(gate.admit(Call::new("t").priority("low"))));
    for waiting in low.iter_mut().rev().take(4) {
        let answer = world.run(waiting.as_mut());
        let refusal = answer.expect_err("the newest went");
        assert_eq!((refusal.reason, refusal.retry), (Reason::Pressure, Retry::OnRelease));
        assert_eq!(refusal.limit.as_deref(), Some("door"));
    }
    assert_eq!(gate.counters().of(EventKind::Refused), 4);
    world.run_until(50);
    assert_eq!(gate.pressure().level, PressureLevel::Severe);
    assert!(low[1].explain().is_some() && critical.explain().is_some(), "the others wait on");
    // The queue is filled no more up to where it is severe, but the level dwells.
    let early = world.run(gate.admit(Call::new("t").priority("low"))).expect_err("refused early");
    assert_eq!((early.reason, early.waited), (Reason::Pressure, Duration::ZERO));
    drop(waits(gate, Call::new("t").priority("critical")));
    world.run_until(300);
    assert_eq!(gate.pressure().level, PressureLevel::Elevated);
    drop(waits(gate, Call::new("t").priority("low")));
}

#[test]
fn producers_that_ask_whether_the_gate_is_ready_go_through_in_order_and_fill_no_queue() {
    let (world, inside) = (world(""), Arc::<Inside>::default());
    let order = Arc::new(Mutex::new(Vec::new()));
    let producers = (0..100_u64).map(|number| {
        let (world, inside, order) = (world.clone(), inside.clone(), order.clone());
        async move {
            for _ in 0..3 {
                world.gate.ready().await;
                order.lock().unwrap().push(number);
                let permit = world.gate.admit("t").await.expect("the queue is never full");
                assert!(world.gate.snapshot().waiting <= 4, "{}", world.gate.snapshot().waiting);
                let here = Inside::enter(&inside);
                world.sleep(1).await;
                drop((here, permit));
            }
        }
    });
    world.run(join_all(producers));
    assert_eq!((inside.entered(), inside.peak()), (300, 1));
    assert_eq!(world.now_ms(), 300, "and no slot was idle");
    let order = order.lock().unwrap();
    assert_eq!(order[..100], (0..100).collect::<Vec<_>>(), "each goes through as it came");
    assert_idle(&world.gate, "all served");
    assert_sums(&world.gate, "all served");
}

#[test]
fn when_pressure_passes_only_the_first_in_the_line_is_woken() {
    let world = world("");
    let gate = &world.gate;
    let _running = gate.try_admit("t").unwrap();
    let mut waiting = wait(gate, 4);
    let wakes: Vec<_> = (0..4).map(|_| Wakes::new()).collect();
    let count = || wakes.iter().map(|wakes| wakes.count()).collect::<Vec<_>>();
    let mut line: Vec<Pin<Box<Ready<'_>>>> = (0..4).map(|_| Box::pin(gate.ready())).collect();
    for (ready, wakes) in line.iter_mut().zip(&wakes) {
        assert!(poll_once(ready.as_mut(), wakes).is_pending());
    }
    waiting.truncate(3);
    assert_eq!(count(), [0, 0, 0, 0], "it is left at 2");
    waiting.truncate(2);
    assert_eq!(count(), [1, 0, 0, 0]);
    assert!(poll_once(line[2].as_mut(), &wakes[2]).is_pending(), "it is not its turn");
    assert!(poll_once(line[0].as_mut(), &wakes[0]).is_ready());
    assert_eq!(count(), [1, 1, 0, 0]);
    drop(line.remove(1));
    assert_eq!(count(), [1, 1, 1, 0], "who gives up passes it on");
    waiting.extend(wait(gate, 2));
    assert!(poll_once(line[1].as_mut(), &wakes[2]).is_pending(), "it is pressed again");
    assert_eq!(count(), [1, 1, 1, 0]);
    waiting.truncate(2);
    assert_eq!(count(), [1, 1, 2, 0]);
    let mut late = Box::pin(gate.ready());
    assert!(poll_once(late.as_mut(), &Wakes::new()).is_pending(), "others came before");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_tokio_nobody_in_the_line_is_forgotten() {
    let gate = world("").gate_on_tokio();
    let tasks: Vec<_> = (0..200)
        .map(|_| {
            let gate = gate.clone();
            tokio::spawn(async move {
                gate.ready().await;
                if let Ok(permit) = gate.admit("t").await {
                    tokio::task::yield_now().await;
                    drop(permit);
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_idle(&gate, "all went through");
}
