//! Tests of property 7, judged by looking at every pair of calls.

use std::collections::BTreeSet;

use rampmeter_core::{Access, End, Instant, KeyAccess, Over, Step, Turn, TurnCall, conflicts};

use super::seed::{Rng, seeds};

/// A turn of a few tools and keys, so that much of it conflicts, or of many, so that little does.
fn random(rng: &mut Rng) -> Vec<TurnCall> {
    let (tools, keys) = (rng.range(1, 8u32), rng.pick(&[1, 3, 12, 60u32]));
    let (writes, most_keys) = (rng.pick(&[5, 30, 70]), rng.range(0, 4u32));
    (0..rng.range(0, 60u32))
        .map(|_| TurnCall {
            tool: rng.range(1, tools),
            access: if rng.percent(writes) { Access::Write } else { Access::Read },
            keys: (0..rng.range(0, most_keys))
                .map(|_| {
                    let alone = rng.percent(writes);
                    let access = if alone { KeyAccess::Exclusive } else { KeyAccess::Shared };
                    (rng.range(1, keys), access)
                })
                .collect(),
            attempts: rng.pick(&[1, 1, 3]),
            fallbacks: rng.pick(&[0, 0, 2]),
            stand_ins: Vec::new(),
        })
        .collect()
}

/// What two calls conflict over, by the words of the rule.
fn over(a: &TurnCall, b: &TurnCall) -> BTreeSet<Over> {
    let writes = |call: &TurnCall, key: u32| call.keys.contains(&(key, KeyAccess::Exclusive));
    let names = |call: &TurnCall, key: u32| call.keys.iter().any(|(it, _)| *it == key);
    let says_what = |call: &TurnCall| call.keys.iter().any(|(key, _)| writes(call, *key));
    let unnamed = |call: &TurnCall| call.access == Access::Write && !says_what(call);
    let keys = a.keys.iter().map(|(key, _)| *key).filter(|key| names(b, *key));
    let keys = keys.filter(|key| writes(a, *key) || writes(b, *key)).map(Over::Key);
    let tool = (a.tool == b.tool && (unnamed(a) || unnamed(b))).then_some(Over::Tool(a.tool));
    keys.chain(tool).collect()
}

/// Who comes after whom, if these are the pairs that do so and the others follow from them.
fn closure(count: usize, comes_after: impl Fn(usize, usize) -> bool) -> Vec<Vec<bool>> {
    let mut after: Vec<Vec<bool>> = Vec::new();
    for later in 0..count {
        let mut row = vec![false; count];
        for earlier in (0..later).filter(|earlier| comes_after(later, *earlier)) {
            row[earlier] = true;
            for (place, past) in after[earlier].iter().enumerate() {
                row[place] |= past;
            }
        }
        after.push(row);
    }
    after
}

#[test]
fn whoever_waits_for_whom_comes_to_the_same_as_looking_at_every_pair() {
    for seed in seeds(2_000) {
        let calls = random(&mut Rng::new(seed));
        let waits = conflicts(&calls);
        for (later, waits) in waits.iter().enumerate() {
            assert!(waits.is_sorted(), "seed {seed}: {waits:?}");
            for wait in waits {
                let over = over(&calls[wait.on], &calls[later]);
                assert!(wait.on < later && over.contains(&wait.over), "seed {seed}: {wait:?}");
            }
        }
        let said = closure(calls.len(), |later, earlier| {
            waits[later].iter().any(|wait| wait.on == earlier)
        });
        let all =
            closure(calls.len(), |later, earlier| !over(&calls[earlier], &calls[later]).is_empty());
        let other = (0..calls.len()).find(|later| said[*later] != all[*later]);
        assert_eq!(other, None, "seed {seed}: the first that waits for others than it must");
    }
}

/// Attempts end in any order, fail and are tried again or stood in for, and the work of some goes on
/// when their result is known; the machine is asked for more after each of these.
#[test]
fn conflicting_calls_of_a_turn_take_effect_in_the_models_order_and_the_rest_wait_for_nobody() {
    let (mut asked, mut beside) = (0_u64, 0_u64);
    for seed in seeds(2_000) {
        let rng = &mut Rng::new(seed);
        let calls = random(rng);
        let mut turn = Turn::new(&calls, Instant::NEVER);
        let mut running: Vec<usize> = Vec::new();
        let mut going_on: Vec<usize> = Vec::new();
        let mut released = vec![false; calls.len()];
        let mut tried = vec![0_u32; calls.len()];
        let mut held: BTreeSet<usize> = (0..calls.len()).collect();
        while !turn.is_done() || !going_on.is_empty() {
            while let Some(step) = turn.next(Instant::EPOCH) {
                let call = match step {
                    Step::Ask { call, attempt } => {
                        assert_eq!(held.remove(&call), attempt == 1, "seed {seed}: {call}");
                        call
                    }
                    Step::FallBack { call, .. } => call,
                    Step::GiveUp(call) => panic!("seed {seed}: {call} is given up"),
                };
                tried[call] += 1;
                running.push(call);
                asked += 1;
                beside += u64::from(running.len() > 1);
            }
            let open = |call: usize| !released[call];
            for later in running.iter().chain(&going_on) {
                let before = (0..*later).filter(|it| open(*it));
                for earlier in before {
                    let over = over(&calls[earlier], &calls[*later]);
                    assert!(over.is_empty(), "seed {seed}: {later} beside {earlier}: {over:?}");
                }
            }
            for later in &held {
                let mut before = (0..*later).filter(|it| open(*it));
                let must = before.any(|earlier| !over(&calls[earlier], &calls[*later]).is_empty());
                assert!(must, "seed {seed}: {later} waits for nobody");
            }
            assert!(!running.is_empty() || !going_on.is_empty(), "seed {seed}: it stands still");
            if running.is_empty() || (!going_on.is_empty() && rng.percent(30)) {
                let one = going_on.swap_remove(rng.below(going_on.len()));
                turn.released(one);
                released[one] = true;
                continue;
            }
            let one = running.swap_remove(rng.below(running.len()));
            let end = match rng.below(4) {
                0 if turn.may_retry(one, Instant::EPOCH) => End::Again(Instant::EPOCH),
                1 => End::Failed,
                _ => End::Final,
            };
            if turn.ended(one, end) {
                going_on.push(one);
            } else {
                assert_ne!(end, End::Final, "seed {seed}: {one}");
            }
        }
        assert!(held.is_empty() && released.iter().all(|it| *it), "seed {seed}");
        for (call, tried) in calls.iter().zip(tried) {
            assert!((1..=call.attempts + call.fallbacks).contains(&tried), "seed {seed}");
        }
    }
    println!("{beside} of {asked} attempts were asked for beside others");
    assert!(beside * 4 > asked, "too few to tell");
}
