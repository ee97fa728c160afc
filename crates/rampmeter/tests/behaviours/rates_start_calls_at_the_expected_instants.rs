use std::sync::{Arc, Mutex};

use rampmeter::runtime::Runtime;
use rampmeter::{Call, Reason, Retry};

use crate::support::World;

fn limited(rate: &str) -> World {
    World::new(&format!(
        "[limits.quota]\n{rate}\n[tools.t]\nlimits = [\"quota\"]\nqueue_timeout = \"2d\""
    ))
}

/// When calls start, in milliseconds, that are all asked for at once.
fn starts(world: &World, count: usize) -> Vec<u64> {
    let started = Arc::new(Mutex::new(Vec::new()));
    for _ in 0..count {
        let (world, started) = (world.clone(), started.clone());
        world.clone().spawn(async move {
            drop(world.gate.admit("t").await.unwrap());
            assert_eq!(world.time.now().as_nanos() % 1_000_000, 0, "not a whole millisecond");
            started.lock().unwrap().push(world.now_ms());
        });
    }
    world.run_until(world.now_ms() + 2 * 86_400_000);
    let started = started.lock().unwrap();
    assert_eq!(started.len(), count);
    started.clone()
}

#[test]
fn a_sliding_rate_starts_the_next_calls_a_period_and_the_transit_after_the_first() {
    let world = limited(r#"requests = { rate = "3/s", kind = "sliding", transit = "100ms" }"#);
    assert_eq!(starts(&world, 8), [0, 0, 0, 1_100, 1_100, 1_100, 2_200, 2_200]);
}

#[test]
fn a_bucket_lets_its_burst_go_and_then_one_call_after_the_other() {
    let world = limited(r#"requests = { rate = "4/s", kind = "bucket", burst = 3 }"#);
    let starts = starts(&world, 7);
    // A rate may start a call early by its timer tolerance of 2 ms, never by more.
    for (start, expected) in starts.iter().zip([0, 0, 0, 250, 500, 750, 1_000]) {
        assert!((expected - 2.min(expected)..=expected).contains(start), "{starts:?}");
    }
}

#[test]
fn a_calendar_rate_starts_calls_at_the_boundaries_of_its_zone() {
    let world = limited(r#"requests = { rate = "2/h", kind = "calendar", zone = "UTC" }"#);
    world.run_until(1_800_000);
    assert_eq!(starts(&world, 5), [1_800_000, 1_800_000, 3_600_000, 3_600_000, 7_200_000]);
    let world = limited(r#"requests = { rate = "1/day", kind = "calendar", zone = "+05:30" }"#);
    // Midnight at +05:30 is 18:30 UTC.
    assert_eq!(starts(&world, 2), [0, 66_600_000]);
    let world = limited(r#"requests = { rate = "1/day", kind = "calendar", zone = "-08:00" }"#);
    assert_eq!(starts(&world, 2), [0, 28_800_000]);
}

#[test]
fn of_several_rates_the_slower_one_decides() {
    let world = limited(
        r#"requests = [{ rate = "2/s", transit = "0ms" }, { rate = "3/h", kind = "calendar" }]"#,
    );
    assert_eq!(starts(&world, 5), [0, 0, 1_000, 3_600_000, 3_600_000]);
}

#[test]
fn tokens_are_counted_as_the_tool_or_the_call_says() {
    let world = World::new(
        r#"
        [limits.quota]
        tokens = { rate = "100/h", kind = "calendar", zone = "UTC" }
        [tools.t]
        limits = { quota = { tokens = 40 } }
        "#,
    );
    let gate = &world.gate;
    assert!(gate.try_admit("t").is_ok() && gate.try_admit("t").is_ok());
    let refusal = gate.try_admit("t").unwrap_err();
    assert_eq!(refusal.reason, Reason::WouldWait);
    assert_eq!(refusal.retry, Retry::After(std::time::Duration::from_secs(3_600)));
    assert!(gate.try_admit(Call::new("t").tokens(20)).is_ok(), "a smaller one fits");
    let refusal = gate.try_admit(Call::new("t").tokens(101)).unwrap_err();
    let hour = Retry::After(std::time::Duration::from_secs(3_600));
    assert_eq!((refusal.reason, refusal.retry), (Reason::WouldWait, hour), "it may borrow then");
}
