//! What one engine has used is taken in by the next.

use std::time::Duration;

use rampmeter_core::*;

use crate::bench::draw;

const TOKENS: Unit = Unit(0);

fn rate(amount: u64, seconds: u64, kind: RateKind) -> BudgetConfig {
    let (counts, period) = (Counts::Unit(TOKENS), Duration::from_secs(seconds));
    BudgetConfig::Rate { counts, amount, period, kind }
}

fn sliding(amount: u64, seconds: u64) -> BudgetConfig {
    rate(amount, seconds, RateKind::Sliding { transit: Duration::from_millis(70) })
}

fn bucket(amount: u64, seconds: u64, burst: u64) -> BudgetConfig {
    rate(amount, seconds, RateKind::Bucket { burst })
}

fn calendar(amount: u64, seconds: u64, ends: Instant) -> BudgetConfig {
    rate(amount, seconds, RateKind::Calendar { ends })
}

/// One limit per label 0, of up to four instances.
fn engine(budgets: Vec<BudgetConfig>) -> Engine {
    let limit = LimitConfig {
        name: "quota".into(),
        budgets,
        per: Some(LabelId(0)),
        max_instances: 4,
        ..LimitConfig::default()
    };
    Engine::new(Config { limits: vec![limit], ..Config::default() }).unwrap()
}

fn ask(engine: &mut Engine, now: Instant, value: &str, tokens: u64) -> Option<CallId> {
    let costs = [Cost { unit: TOKENS, amount: tokens }];
    let call = Call {
        tool: ToolId(0),
        flow: Flow { id: 1, weight: 1 },
        priority: Priority(0),
        labels: &[(LabelId(0), value)],
        draws: &[Draw { limit: LimitId(0), weight: 1, costs: &costs }],
        keys: &[],
        parent: None,
        deadline: Instant::NEVER,
        queue_timeout: Duration::from_secs(3_600),
        arrived: Instant::NEVER,
    };
    match engine.try_admit(now, &call, &mut Outputs::new()) {
        Decision::Granted(id) => Some(id),
        _ => None,
    }
}

fn starts(engine: &mut Engine, now: Instant, value: &str, tokens: u64) -> bool {
    settles(engine, now, value, tokens, tokens)
}

fn settles(engine: &mut Engine, now: Instant, value: &str, tokens: u64, actual: u64) -> bool {
    let id = ask(engine, now, value, tokens);
    if let Some(id) = id {
        let costs = [Cost { unit: TOKENS, amount: actual }];
        engine.settle(now, id, &costs, &mut Outputs::new());
        engine.release(now, id, Outcome::Succeeded, &mut Outputs::new());
    }
    id.is_some()
}

fn later(now: Instant, by: u64) -> Instant {
    now.saturating_add(Duration::from_nanos(by))
}

/// The second engine's clock has another epoch, and is told what the first has used.
#[test]
fn an_engine_that_takes_in_what_another_used_starts_the_same_calls_at_the_same_moments() {
    let mut of_them_started = 0;
    for seed in 1..=300 {
        let mut state = seed;
        let epoch = draw(&mut state, 1 << 50);
        let ends = Instant::from_millis(400);
        // Each kind alone, and all of their combinations.
        let budgets = |ends| {
            let all = [sliding(40, 1), bucket(50, 1, 30), calendar(60, 2, ends), bucket(7, 3, 90)];
            let chosen =
                all.into_iter().enumerate().filter(|(at, _)| (seed % 15 + 1) >> at & 1 == 1);
            chosen.map(|(_, budget)| budget).collect()
        };
        let mut first = engine(budgets(ends));
        let mut now = Instant::EPOCH;
        let mut second: Option<Engine> = None;
        let mut compared = 0;
        for step in 0..800 {
            now = later(now, draw(&mut state, 40_000_000));
            let value = ["a", "b", "c"][draw(&mut state, 3) as usize];
            // Now and then more than any rate holds, and the truth is another thing.
            let large = draw(&mut state, 60) == 0;
            let tokens = draw(&mut state, if large { 300 } else { 9 });
            let actual = draw(&mut state, if large { 200 } else { 12 });
            let there = later(now, epoch);
            if step == 400 {
                let windows = now.as_nanos() / 2_000_000_000;
                let ends = 400_000_000 + 2_000_000_000 * windows;
                let ends = if ends > now.as_nanos() { ends } else { ends + 2_000_000_000 };
                let mut next = engine(budgets(later(Instant::from_nanos(ends), epoch)));
                let left_out = next.restore(there, &first.usage(now), &mut Outputs::new());
                assert_eq!(left_out, [], "seed {seed}");
                second = Some(next);
            }
            let started = settles(&mut first, now, value, tokens, actual);
            if let Some(second) = &mut second {
                let too = settles(second, there, value, tokens, actual);
                assert_eq!(started, too, "seed {seed}, step {step}");
                compared += 1;
                of_them_started += usize::from(started);
            }
        }
        assert_eq!(compared, 400);
    }
    assert!((20_000..100_000).contains(&of_them_started), "{of_them_started} of 120,000");
}

/// The ring's sub-windows lie elsewhere by the second engine's clock, so it may be later.
#[test]
fn a_large_sliding_window_keeps_to_its_amount_across_two_engines() {
    for seed in 1..=100 {
        let mut state = seed;
        let epoch = draw(&mut state, 1 << 50);
        let (mut first, mut second) =
            (engine(vec![sliding(5_000, 1)]), engine(vec![sliding(5_000, 1)]));
        let mut log: Vec<(u64, u64)> = Vec::new();
        let mut now = Instant::EPOCH;
        for step in 0..600 {
            now = later(now, draw(&mut state, 10_000_000));
            let tokens = draw(&mut state, 300);
            let there = later(now, epoch);
            if step == 300 {
                second.restore(there, &first.usage(now), &mut Outputs::new());
            }
            let started = match step < 300 {
                true => starts(&mut first, now, "a", tokens),
                false => starts(&mut second, there, "a", tokens),
            };
            if started {
                log.push((now.as_nanos(), tokens));
                let within = log.iter().filter(|(at, _)| at + 1_000_000_000 > now.as_nanos());
                let sum: u64 = within.map(|(_, tokens)| tokens).sum();
                assert!(sum <= 5_000, "{sum} in a second, seed {seed}, step {step}");
            }
        }
    }
}

#[test]
fn what_fits_nowhere_is_named_and_changes_nothing() {
    let now = Instant::from_millis(10);
    let mut first = engine(vec![sliding(10, 60), bucket(10, 60, 10)]);
    assert!(starts(&mut first, now, "a", 10));
    let usage = first.usage(now);
    assert_eq!((usage.len(), usage[0].rates.len()), (1, 2));
    let restore = |engine: &mut Engine, usage: &[Usage]| {
        let left_out = engine.restore(now, usage, &mut Outputs::new());
        left_out.into_iter().map(|it| (it.usage, it.rate, it.why)).collect::<Vec<_>>()
    };

    let elsewhere = Usage { limit: LimitId(7), ..usage[0].clone() };
    let unlabelled = Usage { label: None, ..usage[0].clone() };
    let mut next = engine(vec![bucket(10, 60, 10), sliding(10, 30)]);
    assert_eq!(
        restore(&mut next, &[elsewhere, unlabelled, usage[0].clone()]),
        [
            (0, None, Unrestorable::NoLimit),
            (1, None, Unrestorable::OtherLabel),
            (2, Some(0), Unrestorable::NoRate),
        ],
        "the sliding window is over another period, the bucket only has another place"
    );
    assert!(!starts(&mut next, now, "a", 1), "the bucket is as empty as it was");
    assert!(starts(&mut next, now, "b", 1));

    let mut full = engine(vec![sliding(10, 60)]);
    let many = ["a", "b", "c", "d", "e"].map(|value| {
        let mut usage = usage[0].clone();
        usage.label = Some(value.into());
        usage.rates.truncate(1);
        usage
    });
    assert_eq!(restore(&mut full, &many), [(4, None, Unrestorable::TooManyInstances)]);
}

#[test]
fn a_rate_with_another_amount_carries_on_and_never_has_more_room_than_it_allows() {
    let now = Instant::from_millis(10);
    let ends = Instant::from_millis(60_000);
    for (amount, left) in [(4u64, 0u64), (10, 2), (20, 12)] {
        for kind in ["sliding", "bucket", "calendar"] {
            let made = |amount| match kind {
                "sliding" => sliding(amount, 60),
                "bucket" => bucket(amount, 60, amount),
                _ => calendar(amount, 60, ends),
            };
            let (mut first, mut next) = (engine(vec![made(10)]), engine(vec![made(amount)]));
            assert!(starts(&mut first, now, "a", 8));
            next.restore(now, &first.usage(now), &mut Outputs::new());
            assert!(!starts(&mut next, now, "a", left + 1), "{kind} of {amount}");
            assert!(left == 0 || starts(&mut next, now, "a", left), "{kind} of {amount}");
        }
    }
}

#[test]
fn figures_that_nobody_can_have_used_neither_overflow_nor_open_the_limit() {
    let huge = Duration::from_nanos(u64::MAX);
    let now = Instant::from_millis(10);
    let window = Duration::from_secs(60);
    let used = [
        Used::Sliding { window, taken: vec![(huge, u64::MAX), (Duration::ZERO, 3), (huge, 5)] },
        Used::Bucket { full_in: huge },
        Used::Calendar { units: u64::MAX, debt: u64::MAX, ends_in: huge },
    ];
    let budgets =
        [sliding(10, 60), bucket(10, 60, 10), calendar(10, 60, Instant::from_millis(60_000))];
    for (used, budget) in used.into_iter().zip(budgets) {
        let (id, counts, period) = (RateId::default(), Counts::Unit(TOKENS), window);
        let word = None;
        let rate = RateUsage { id, budget: 0, counts, amount: u64::MAX, period, used, word };
        let usage = Usage {
            limit: LimitId(0),
            label: Some("a".into()),
            cool_down: None,
            rates: vec![rate],
        };
        let mut engine = engine(vec![budget.clone()]);
        for _ in 0..2 {
            engine.restore(now, std::slice::from_ref(&usage), &mut Outputs::new());
        }
        assert!(!starts(&mut engine, now, "a", 1), "{budget:?}");
        assert!(starts(&mut engine, now, "b", 10), "{budget:?}");
        // No call borrows more than 64 windows, and neither does what was said twice.
        assert!(starts(&mut engine, Instant::from_millis(140 * 60_000), "a", 10), "{budget:?}");
    }
}

#[test]
fn a_running_call_knows_what_it_took_of_which_rate() {
    let now = Instant::from_millis(10);
    let mut engine = engine(vec![BudgetConfig::slots(3), sliding(10, 60), bucket(10, 60, 10)]);
    let call = ask(&mut engine, now, "a", 4).unwrap();
    let charges: Vec<_> = engine.charges(call).collect();
    let known: Vec<_> = engine.usage(now)[0].rates.iter().map(|rate| (rate.id, 4)).collect();
    assert_eq!(charges, known);
    engine.release(now, call, Outcome::Succeeded, &mut Outputs::new());
    assert_eq!(engine.charges(call).count(), 0, "it runs no more");
}

/// The first engine's provider has said things; the second one begins where that ended.
#[test]
fn a_cool_down_and_what_a_provider_has_said_outlive_the_engine() {
    let (now, there) = (Instant::from_millis(10), Instant::from_millis(5_000));
    let after = |millis| there.saturating_add(Duration::from_millis(millis));
    let word = |resets_in| Word {
        counts: Counts::Unit(TOKENS),
        limit: None,
        remaining: 3,
        resets_in: Some(Duration::from_secs(resets_in)),
        window: None,
    };
    let hour = || calendar(1_000, 3_600, Instant::from_millis(3_600_000));
    // Others have used what is missing: of each kind three are left at first, and then all.
    for (budget, resets_in) in [
        (hour(), 60),
        (bucket(1_000, 1_000, 1_000), 997),
        (sliding(1_000, 60), 60),
        (sliding(1_000, 60), 600),
    ] {
        let (mut first, mut next) = (engine(vec![budget.clone()]), engine(vec![budget.clone()]));
        let call = ask(&mut first, now, "a", 1).unwrap();
        first.observe(now, call, &[word(resets_in)], &mut Outputs::new());
        next.restore(there, &first.usage(now), &mut Outputs::new());
        assert!(!starts(&mut next, there, "a", 4), "{budget:?}");
        assert!(starts(&mut next, there, "a", 3), "{budget:?}");
        assert!(!starts(&mut next, after(resets_in * 1_000 - 2_000), "a", 997), "{budget:?}");
        assert!(starts(&mut next, after(resets_in * 1_000 + 4_000), "a", 990), "{budget:?}");
    }

    let (mut first, mut next) = (engine(vec![hour()]), engine(vec![hour()]));
    let call = ask(&mut first, now, "a", 1).unwrap();
    first.throttled(now, call, Some(Duration::from_secs(20)), &mut Outputs::new());
    let usage = first.usage(now);
    let left = usage[0].cool_down.unwrap();
    assert!((Duration::from_secs(20)..Duration::from_secs(22)).contains(&left), "{left:?}");
    let mut out = Outputs::new();
    next.restore(there, &usage, &mut out);
    let until = there.saturating_add(left);
    assert_eq!(out, [Output::Cooling { limit: LimitId(0), until: Some(until) }]);
    assert!(!starts(&mut next, after(19_999), "a", 1));
    let probe = ask(&mut next, until, "a", 1).unwrap();
    assert_eq!(ask(&mut next, until, "a", 1), None, "one probe goes first");
    next.release(until, probe, Outcome::Succeeded, &mut Outputs::new());
    assert!(starts(&mut next, until, "a", 1));
}

#[test]
fn what_is_told_piece_by_piece_is_what_is_told_at_once() {
    let limit = |name: &str, per| LimitConfig {
        name: name.into(),
        budgets: vec![sliding(10, 60)],
        per,
        max_instances: 9,
        ..LimitConfig::default()
    };
    let limits = vec![limit("a", Some(LabelId(0))), limit("b", None), limit("c", Some(LabelId(0)))];
    let mut engine = Engine::new(Config { limits, ..Config::default() }).unwrap();
    let now = Instant::from_millis(10);
    let costs = [Cost { unit: TOKENS, amount: 3 }];
    for (value, tokens) in [("x", 3), ("y", 0), ("z", 3), ("w", 3)] {
        let draws = [0, 1, 2].map(|limit| Draw {
            limit: LimitId(limit),
            weight: 1,
            costs: if tokens > 0 { &costs } else { &[] },
        });
        let call = Call {
            tool: ToolId(0),
            flow: Flow { id: 1, weight: 1 },
            priority: Priority(0),
            labels: &[(LabelId(0), value)],
            draws: &draws,
            keys: &[],
            parent: None,
            deadline: Instant::NEVER,
            queue_timeout: Duration::ZERO,
            arrived: Instant::NEVER,
        };
        let granted = engine.try_admit(now, &call, &mut Outputs::new());
        assert!(matches!(granted, Decision::Granted(_)));
    }
    let all = engine.usage(now);
    assert_eq!(all.len(), 7, "three values of two limits, and the one limit without");
    for most in 1..12 {
        let (mut pieces, mut place) = (Vec::new(), None);
        for _ in 0..12 {
            let (piece, next) = engine.usage_after(now, place.as_ref(), most);
            assert!(piece.len() <= most);
            pieces.extend(piece);
            place = next;
            if place.is_none() {
                break;
            }
        }
        assert_eq!((pieces, place), (all.clone(), None), "{most} at a time");
    }
}
