//! Figures that cannot be meant, and small values.

use std::collections::BTreeSet;
use std::time::Duration;

use rampmeter_core::*;

use crate::slots;
use crate::stage::{SLIDING, Stage, config, on, rate};

fn wrong(change: impl FnOnce(&mut Config)) -> String {
    let mut config = config(&[slots(4)]);
    config.limits[0].name = "host".into();
    change(&mut config);
    Engine::new(config).map(|_| ()).unwrap_err().to_string()
}

fn right(change: impl FnOnce(&mut Config)) {
    let mut config = config(&[slots(4)]);
    change(&mut config);
    Engine::new(config).unwrap();
}

fn reserved(priority: u8, kept: u64) -> BudgetConfig {
    BudgetConfig::Concurrency { size: 4, reserved: vec![(Priority(priority), kept)], lend: true }
}

#[test]
fn a_config_that_cannot_be_enforced_says_what_is_wrong_and_where() {
    let budget = |budget| move |it: &mut Config| it.limits[0].budgets[0] = budget;
    let of_limit = [
        (wrong(budget(slots(0))), "concurrency of 0"),
        (wrong(budget(reserved(3, 1))), "a priority that there is not"),
        (wrong(budget(reserved(0, 5))), "more slots are reserved"),
        (wrong(budget(rate(0, 1, SLIDING))), "rate of 0"),
        (wrong(budget(rate(1, 0, SLIDING))), "period of 0"),
        (wrong(budget(rate(1, 1, RateKind::Bucket { burst: 0 }))), "burst of 0"),
        (wrong(|it| it.limits[0].max_instances = 0), "1 to 64 budgets"),
        (wrong(|it| it.limits[0].budgets.clear()), "1 to 64 budgets"),
        (wrong(|it| it.limits[0].budgets = vec![slots(1); 65]), "1 to 64 budgets"),
    ];
    for (message, part) in of_limit {
        assert!(message.starts_with("limit host: ") && message.contains(part), "{message}");
    }
    for message in [wrong(|it| it.priorities.clear()), wrong(|it| it.priorities = vec![1; 65])] {
        assert!(message.contains("between 1 and 64 priorities"), "{message}");
    }
    let many = wrong(|it| it.limits = vec![it.limits[0].clone(); 32_769]);
    assert!(many.contains("32,768 limits"), "{many}");
    let keys = wrong(|it| it.max_keys = 32_769);
    assert!(keys.contains("32,768 keys"), "{keys}");
}

#[test]
fn a_config_may_go_as_far_as_it_says() {
    right(|it| it.priorities = vec![1; 64]);
    right(|it| it.priorities = vec![0]);
    right(|it| it.limits[0].budgets = vec![slots(1); 64]);
    right(|it| it.limits[0].budgets[0] = reserved(2, 4));
    right(|it| it.limits[0].budgets[0] = rate(1, 1, RateKind::Bucket { burst: 1 }));
    right(|it| it.limits = vec![it.limits[0].clone(); 32_768]);
    right(|it| it.limits.clear());
}

#[test]
fn every_reason_has_a_word_and_a_sentence_of_its_own() {
    let reasons = [
        Reason::TooLarge,
        Reason::QueueFull,
        Reason::QueueTimeout,
        Reason::Deadline,
        Reason::WouldWait,
        Reason::MissingLabel,
        Reason::TooManyInstances,
        Reason::TooManyKeys,
        Reason::Unsupported,
        Reason::Evicted,
        Reason::NoParent,
        Reason::TooDeep,
        Reason::WouldDeadlock,
    ];
    let words: BTreeSet<_> = reasons.iter().map(|reason| reason.as_str()).collect();
    let sentences: BTreeSet<_> = reasons.iter().map(ToString::to_string).collect();
    assert_eq!((words.len(), sentences.len()), (reasons.len(), reasons.len()));
    assert_eq!(Reason::QueueFull.as_str(), "queue_full");
}

#[test]
fn moments_are_counted_in_nanoseconds_and_never_wrap() {
    let second = Instant::from_millis(1_000);
    assert_eq!(second, Instant::from_nanos(1_000_000_000));
    assert_eq!(second.saturating_add(Duration::from_millis(5)).as_nanos(), 1_005_000_000);
    assert_eq!(second.saturating_since(Instant::from_millis(400)), Duration::from_millis(600));
    assert_eq!(Instant::EPOCH.saturating_since(second), Duration::ZERO);
    assert_eq!(second.saturating_add(Duration::MAX), Instant::NEVER);
    assert_eq!(Instant::from_millis(u64::MAX), Instant::NEVER);
}

#[test]
fn a_call_is_named_by_a_number_that_is_never_used_again() {
    let mut stage = Stage::of(&[slots(3)]);
    let (first, second) = (stage.runs(&on(&[0])), stage.runs(&on(&[0])));
    stage.end(second);
    let third = stage.runs(&on(&[0]));
    let numbers = [first, second, third].map(CallId::as_u64);
    assert_eq!(BTreeSet::from(numbers).len(), 3);
    assert_eq!([first, second, third].map(CallId::index), [0, 1, 1]);
    assert!(!stage.engine.release(stage.now, second, Outcome::Succeeded, &mut Outputs::new()));
    assert!(!stage.engine.cancel(stage.now, third, &mut Outputs::new()), "it runs");
    assert_eq!((stage.engine.running(), stage.engine.waiting()), (2, 0));
}

#[test]
fn a_snapshot_says_what_there_is_of_each_limit() {
    let mut config = config(&[slots(4)]);
    config.limits[0].name = "host".into();
    config.limits[0].budgets.push(rate(5, 10_000, RateKind::Bucket { burst: 3 }));
    let mut stage = Stage::new(config);
    let id = stage.runs(&on(&[0]).weight(3));
    stage.waits(&on(&[0]).weight(2));
    stage.end(id);
    let snapshot = stage.engine.snapshot(Instant::from_millis(1_000));
    let counts = Counts::Calls;
    let period = Duration::from_secs(10);
    let budgets = vec![
        BudgetSnapshot::Concurrency { size: 4, held: 2, peak: 3, abandoned: 0 },
        BudgetSnapshot::Rate { counts, amount: 5, period, capacity: 3, used: 2 },
    ];
    let instance =
        InstanceSnapshot { label: None, waiting: 0, cooling: None, breaker: None, budgets };
    let limit = LimitSnapshot {
        limit: LimitId(0),
        name: "host".into(),
        paused: false,
        instances: vec![instance],
        peaks: vec![3, 0],
    };
    let now = Instant::from_millis(1_000);
    assert_eq!(
        snapshot,
        Snapshot { now, running: 1, waiting: 0, limits: vec![limit], keys: vec![] }
    );
}

#[test]
fn a_burst_may_be_more_than_what_a_period_refills_or_less() {
    for burst in [20, 5] {
        let mut stage = Stage::of(&[crate::stage::tokens(10, 1_000, RateKind::Bucket { burst })]);
        stage.runs(&on(&[0]).tokens(burst));
        stage.waits(&on(&[0]).tokens(1));
    }
}
