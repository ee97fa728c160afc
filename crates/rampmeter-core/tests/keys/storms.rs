//! Random calls over few keys and full limits.

use rampmeter_core::{Config, Reason};

use crate::table::{State, Table};
use crate::{Rng, seeds};

#[test]
fn no_writer_ever_runs_beside_anybody_and_all_get_their_turn_by_ticket() {
    let (mut asked, mut nested, mut cycles, mut gave_up) = (0, 0, 0, 0);
    let (mut readers, mut writers, mut longest, mut raised) = (0, 0, 0, 0);
    for seed in seeds(1_000) {
        let mut rng = Rng(seed);
        let keys = 1 + rng.below(4) as usize;
        let sizes: Vec<u64> = (0..rng.below(4)).map(|_| 1 + rng.below(3)).collect();
        let config = Config {
            patience: core::time::Duration::from_secs(1 + rng.below(30)),
            max_depth: 4,
            backfill: rng.percent(50),
            inherit: rng.percent(80),
            ..Config::default()
        };
        let mut table = Table::new(seed, keys, &sizes, &config);
        let steps = 60 + rng.below(120);
        let (nests, writes) = (rng.below(40), 10 + rng.below(60));
        for _ in 0..steps {
            table.pass_to(table.now + rng.below(3) * rng.below(400));
            let running = table.in_state(State::Running);
            let parent = match running.as_slice() {
                [] => None,
                some if rng.percent(nests) => Some(some[rng.below(some.len() as u64) as usize]),
                _ => None,
            };
            if rng.percent(55) {
                let mut of_keys = vec![];
                for key in 0..keys {
                    if rng.percent(45) {
                        of_keys.push((key, rng.percent(writes)));
                    }
                }
                let limits: Vec<u16> =
                    (0..sizes.len() as u16).filter(|_| rng.percent(40)).collect();
                let terms = (rng.below(4) as u8, rng.below(5));
                let number = table.ask(&of_keys, &limits, terms, parent);
                asked += 1;
                nested += u32::from(parent.is_some());
                match table.calls[number].state {
                    State::Refused(Reason::WouldDeadlock) => cycles += 1,
                    State::Refused(Reason::TooDeep) | State::Waiting | State::Running => {}
                    other => panic!("seed {seed}: {other:?}"),
                }
            } else if rng.percent(10) {
                let waiting = table.in_state(State::Waiting);
                if !waiting.is_empty() {
                    table.give_up(waiting[rng.below(waiting.len() as u64) as usize]);
                    gave_up += 1;
                }
            } else {
                end_one(&mut table, &mut rng);
            }
        }
        while !table.in_state(State::Running).is_empty() {
            table.pass_to(table.now + rng.below(100));
            end_one(&mut table, &mut rng);
        }
        assert_eq!(table.in_state(State::Waiting), [], "seed {seed}: all that runs has ended");
        for (of_readers, of_writers) in &table.peaks {
            readers = readers.max(*of_readers);
            writers = writers.max(*of_writers);
        }
        let waits = table.calls.iter().filter(|it| it.started > 0).map(|it| it.started - it.asked);
        longest = longest.max(waits.max().unwrap_or(0));
        raised += table.raised;
        assert_eq!(table.engine.snapshot(rampmeter_core::Instant::EPOCH).keys, []);
    }
    println!("{asked} calls, {nested} nested, {cycles} refused as cycles, {gave_up} gave up");
    println!("at once on one key: {readers} readers, {writers} writer; longest wait {longest} ms");
    println!("{raised} times a call was seen to wait at a priority that it had inherited");
    assert!(writers <= 1);
    assert!(raised > 0);
}

/// A running call ends that waits for none of its own.
fn end_one(table: &mut Table, rng: &mut Rng) {
    let outstanding = |table: &Table, number: usize| {
        let of = |it: &&crate::table::Entry| {
            it.parent == Some(number) && matches!(it.state, State::Waiting | State::Running)
        };
        table.calls.iter().find(of).is_some()
    };
    let running = table.in_state(State::Running);
    let leaves: Vec<_> = running.into_iter().filter(|it| !outstanding(table, *it)).collect();
    if leaves.is_empty() {
        let stuck = table.in_state(State::Running);
        assert!(stuck.is_empty(), "seed {}: {stuck:?} wait for each other", table.seed);
        return;
    }
    table.end(leaves[rng.below(leaves.len() as u64) as usize]);
}
