use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rampmeter::runtime::VirtualTime;
use rampmeter::{
    Call, EventKind, Gate, MemoryMeter, PressureCause, PressureLevel, Reason, Retry, WaitsFor,
};

use crate::support::{Wakes, World, assert_idle, policy, poll_once};

const POLICY: &str = r#"
    [pressure]
    dwell = "50ms"
    memory = { stop = "100MiB", resume = "80MiB", every = "10ms" }
    reserved = ["critical"]
    [limits.door]
    concurrency = 100
    [tools.t]
    limits = ["door"]
    queue_timeout = "1s"
    [tools.free]
    limits = []
"#;

/// A machine of which the test says how much memory is in use, in MiB, and that counts how often it
/// is asked.
#[derive(Default)]
struct Machine {
    mib: AtomicU64,
    asked: AtomicU64,
}

impl MemoryMeter for Machine {
    fn bytes(&self) -> Option<u64> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        match self.mib.load(Ordering::SeqCst) {
            u64::MAX => None,
            mib => Some(mib << 20),
        }
    }
}

impl Machine {
    fn uses(&self, mib: u64) {
        self.mib.store(mib, Ordering::SeqCst);
    }
}

fn world() -> (World, Arc<Machine>) {
    let machine = Arc::<Machine>::default();
    (World::with_meter(POLICY, machine.clone()), machine)
}

#[test]
fn past_the_threshold_calls_wait_and_go_on_below_the_low_water_mark() {
    let (world, machine) = world();
    let gate = &world.gate;
    drop(gate.try_admit("t").unwrap());
    machine.uses(100);
    world.run_until(10);
    let mut waiting: Vec<Pin<Box<_>>> =
        ["t", "t", "free"].into_iter().map(|tool| Box::pin(gate.admit(Call::new(tool)))).collect();
    for call in &mut waiting {
        assert!(poll_once(call.as_mut(), &Wakes::new()).is_pending(), "also without a limit");
        let told = call.explain().unwrap();
        assert_eq!((&*told.limit, told.waits_for), ("[pressure] memory", WaitsFor::Resume));
    }
    let pressure = gate.pressure();
    let cause = PressureCause::Memory { bytes: 100 << 20, stop: 100 << 20 };
    assert_eq!((pressure.level, pressure.causes), (PressureLevel::Severe, vec![cause]));
    let refusal = gate.try_admit("t").expect_err("it would wait");
    assert_eq!((refusal.reason, refusal.retry), (Reason::WouldWait, Retry::OnResume));
    assert_eq!(refusal.limit.as_deref(), Some("[pressure] memory"));
    assert!(gate.try_admit(Call::new("t").priority("critical")).is_ok(), "it is reserved");
    machine.uses(81);
    world.run_until(40);
    assert!(waiting.iter().all(|call| call.explain().is_some()), "above the low-water mark");
    machine.uses(80);
    for mut call in waiting {
        assert!(world.run(call.as_mut()).is_ok());
    }
    assert!(world.now_ms() <= 50, "as soon as it was measured");
    world.run_until(120);
    assert_eq!(gate.pressure().level, PressureLevel::Normal);
    let of = |kind| gate.counters().of(kind);
    assert_eq!((of(EventKind::Paused), of(EventKind::Resumed)), (1, 1));
    assert_idle(gate, "all over");
}

#[test]
fn calls_of_running_calls_go_on_whatever_memory_is_in_use() {
    let (world, machine) = world();
    let gate = &world.gate;
    let parent = gate.try_admit("t").unwrap();
    machine.uses(500);
    world.run_until(20);
    assert!(gate.try_admit("t").is_err());
    let nested = parent.scope(async { gate.admit("t").await });
    assert!(world.run(nested).is_ok());
}

#[test]
fn a_call_that_waited_for_memory_as_long_as_it_may_is_told_so() {
    let (world, machine) = world();
    machine.uses(500);
    world.run_until(20);
    assert!(world.gate.try_admit("t").is_err());
    let refusal = world.run(world.gate.admit("t")).expect_err("it never falls");
    assert_eq!((refusal.reason, refusal.retry), (Reason::QueueTimeout, Retry::OnResume));
    assert_eq!(refusal.limit.as_deref(), Some("[pressure] memory"));
    assert_eq!(world.now_ms(), 1_020);
}

#[test]
fn it_is_measured_no_more_often_than_the_policy_says_and_not_while_nobody_comes() {
    let (world, machine) = world();
    let asked = || machine.asked.load(Ordering::SeqCst);
    let before = asked();
    for at in 1..=1_000 {
        world.run_until(at);
        drop(world.gate.try_admit("t").unwrap());
    }
    assert_eq!(asked() - before, 100, "1 s at 10 ms");
    world.run_until(10_000);
    assert_eq!(asked() - before, 100);
    assert!(world.gate.pressure().memory.is_some());
    assert_eq!(asked() - before, 101, "who asks is told what is so now");
}

#[test]
fn producers_wait_in_line_while_memory_is_short() {
    let (world, machine) = world();
    machine.uses(500);
    world.run_until(20);
    let relieved = async {
        world.sleep(95).await;
        machine.uses(10);
    };
    let ready = async {
        world.gate.ready().await;
        world.now_ms()
    };
    let (at, ()) = world.run(futures_util::future::join(ready, relieved));
    assert_eq!(at, 120, "at the next measure after 115 ms");
}

#[test]
fn a_gate_that_cannot_measure_what_it_shall_watch_is_not_made() {
    let machine = Arc::<Machine>::default();
    machine.uses(u64::MAX);
    let made = Gate::with_meter(&policy(POLICY), Arc::new(VirtualTime::new()), machine);
    let error = made.expect_err("it could not be held to its policy");
    assert!(error.message.contains("[pressure] memory") && error.message.contains("with_meter"));
}

#[test]
fn figures_change_while_calls_run_but_not_whether_memory_is_watched() {
    let (world, machine) = world();
    machine.uses(90);
    let lower = POLICY.replace("100MiB", "85MiB");
    world.gate.apply(&policy(&lower)).unwrap();
    world.run_until(20);
    assert!(world.gate.try_admit("t").is_err(), "90 MiB are too many now");
    assert!(world.gate.try_admit(Call::new("t").priority("critical")).is_ok());
    world.gate.apply(&policy(&lower.replace("critical", "low"))).unwrap();
    assert!(world.gate.try_admit(Call::new("t").priority("critical")).is_err());
    let error = world.gate.apply(&policy("[tools.t]")).expect_err("it is watched");
    assert!(error.message.contains("[pressure]"), "{error}");
}
