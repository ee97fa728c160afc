//! Tests of many properties over histories at random.

use rampmeter_core::BudgetSnapshot;

use super::answers::{
    every_call_has_one_answer, nothing_starts_when_it_is_too_late, queues_are_bounded,
};
use super::driver::play;
use super::history::Run;
use super::ledger::{
    a_twin_that_hears_of_admitted_calls_only_agrees, snapshots_count_admitted_calls_only,
};
use super::limits::nothing_is_above_a_limit;
use super::random;
use super::seed::{Rng, seeds};
use super::world::{Via, World};

const HISTORIES: u64 = 200;

fn each(judge: impl Fn(&Run)) {
    for seed in seeds(HISTORIES) {
        judge(&play(&random::world(seed)));
    }
}

#[test]
fn nothing_is_admitted_above_a_limit_of_any_kind() {
    each(nothing_is_above_a_limit);
}

#[test]
fn what_is_held_and_used_is_the_sum_over_the_admitted_calls() {
    each(snapshots_count_admitted_calls_only);
}

#[test]
fn a_twin_that_never_hears_of_the_other_calls_admits_the_same_ones() {
    each(a_twin_that_hears_of_admitted_calls_only_agrees);
}

#[test]
fn every_call_gets_exactly_one_answer_and_ends_once() {
    each(every_call_has_one_answer);
}

#[test]
fn no_queue_is_longer_than_its_size() {
    each(queues_are_bounded);
}

/// The driver tries it on a copy of the engine after every step: see `mischief.rs`.
#[test]
fn time_alone_changes_nothing_before_the_moment_named_and_no_lone_call_waits_for_nothing() {
    for seed in seeds(HISTORIES / 3) {
        play(&World { mischief: 100, ..random::world(seed) });
    }
}

#[test]
fn an_expired_or_cancelled_call_never_starts_however_late_the_timer() {
    each(nothing_starts_when_it_is_too_late);
}

#[test]
fn a_window_that_the_caller_moves_is_the_window_that_counts() {
    for seed in seeds(HISTORIES) {
        let run = play(&random::moving_windows(seed));
        nothing_is_above_a_limit(&run);
        snapshots_count_admitted_calls_only(&run);
    }
}

/// Calls that are refused because they do not want to wait leave no trace: without them all
/// others have the same history.
#[test]
fn without_the_calls_that_were_refused_at_once_the_others_have_the_same_history() {
    for seed in seeds(HISTORIES) {
        let mut world = random::world(seed);
        (world.mischief, world.late) = (0, 0);
        // A value that is asked for at all may take another's place.
        world.config.limits.iter_mut().for_each(|limit| limit.max_instances = 100);
        let with = play(&world);
        let refused = |call: usize| {
            let tried = matches!(with.calls[call].via, Via::TryAdmit | Via::TryPrepared);
            tried && with.started_at()[call].is_none()
        };
        let others: Vec<usize> = (0..with.calls.len()).filter(|call| !refused(*call)).collect();
        world.calls = others.iter().map(|call| with.calls[*call].clone()).collect();
        let without = play(&world).started_at();
        let before = with.started_at();
        let before: Vec<_> = others.iter().map(|call| before[*call]).collect();
        assert_eq!(before, without, "seed {seed}");
    }
}

/// After the last call nothing is held, nobody waits, and instances are bounded.
#[test]
fn when_all_calls_have_ended_nothing_is_left() {
    each(|run| {
        let seed = run.world.seed;
        assert_eq!((run.last.running, run.last.waiting), (0, 0), "seed {seed}");
        for (limit, config) in run.last.limits.iter().zip(&run.world.config.limits) {
            let most = if config.per.is_some() { config.max_instances as usize } else { 1 };
            assert!(limit.instances.len() <= most, "seed {seed}: {limit:?}");
            let budgets = limit.instances.iter().flat_map(|instance| &instance.budgets);
            let held = budgets.map(|budget| match budget {
                BudgetSnapshot::Concurrency { held, .. } => *held,
                BudgetSnapshot::Rate { .. } => 0,
            });
            assert_eq!(held.sum::<u64>(), 0, "seed {seed}: {limit:?}");
            for instance in &limit.instances {
                assert_eq!(instance.waiting, 0, "seed {seed}: {instance:?}");
            }
        }
    });
}

#[test]
fn the_same_seed_gives_the_same_history_bit_for_bit() {
    for seed in seeds(HISTORIES / 3) {
        let (one, other) = (play(&random::world(seed)), play(&random::world(seed)));
        same(seed, &one, &other);
    }
}

#[test]
fn the_history_does_not_depend_on_the_values_of_flow_ids() {
    for seed in seeds(HISTORIES / 2) {
        let world = random::world(seed);
        same(seed, &play(&world), &play(&with_other_flow_ids(&world)));
    }
}

/// The same world, its flows under ids that are as good as random.
fn with_other_flow_ids(world: &World) -> World {
    let mut world = world.clone();
    for call in &mut world.calls {
        call.spec.flow.id = Rng::new(world.seed ^ (call.spec.flow.id << 32)).next();
    }
    world
}

fn same(seed: u64, one: &Run, other: &Run) {
    let differs = one.transcript.iter().zip(&other.transcript).position(|(a, b)| a != b);
    if let Some(at) = differs {
        let (a, b) = (one.transcript[at], other.transcript[at]);
        panic!("seed {seed}: answer {at} was {a:?} once and {b:?} the other time");
    }
    assert_eq!(one.transcript.len(), other.transcript.len(), "seed {seed}: one said more");
    assert_eq!(one.last, other.last, "seed {seed}");
}
