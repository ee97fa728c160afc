//! Judges of properties 3 and 8 and of the bounds of queues: who was answered what, and when.

use std::collections::BTreeMap;

use super::history::{Run, What};
use rampmeter_core::Reason;

/// Each call was asked once and answered once, and each that started ended once.
pub(crate) fn every_call_has_one_answer(run: &Run) {
    let mut counts = vec![[0u32; 3]; run.calls.len()];
    let mut started = vec![0; run.calls.len()];
    for event in &run.events {
        let (call, column) = match event.what {
            What::Asked(call) => (call, 0),
            What::Refused(call, _) | What::GivenUp(call) => (call, 1),
            What::Started(call, _) => {
                started[call] += 1;
                (call, 1)
            }
            What::Ended(call) => (call, 2),
            What::Waits(_) | What::Aligned(_) | What::Seen(_) => continue,
        };
        counts[call][column] += 1;
    }
    for (call, [asked, answered, ended]) in counts.into_iter().enumerate() {
        let seed = run.world.seed;
        assert_eq!((asked, answered), (1, 1), "seed {seed}: (asked, answered) of call {call}");
        assert_eq!(ended, started[call], "seed {seed}: ends and starts of call {call}");
    }
}

/// No call starts at or after its deadline, nor after it has waited for as long as it may; and
/// none is refused for that before.
pub(crate) fn nothing_starts_when_it_is_too_late(run: &Run) {
    let asked = run.asked_at();
    let seed = run.world.seed;
    let may_wait = |call: usize| {
        let spec = &run.calls[call].spec;
        let limits =
            spec.takes.iter().map(|take| &run.world.config.limits[usize::from(take.limit)]);
        let ages = limits.filter_map(|limit| limit.queue_age);
        let least = ages.fold(spec.queue_timeout, std::time::Duration::min);
        u64::try_from(least.as_nanos()).unwrap()
    };
    for (at, call, waited) in run.starts() {
        let deadline = run.calls[call].deadline.as_nanos();
        assert!(at < deadline, "seed {seed}: call {call} starts at {at}, deadline {deadline}");
        let (wait, most) = (at - asked[call], may_wait(call));
        assert!(!waited || wait < most, "seed {seed}: call {call} starts after {wait} of {most}");
    }
    for event in &run.events {
        if let What::Refused(call, refusal) = event.what {
            let wait = event.at - asked[call];
            // A refusal at once may foresee that the call could not start in time.
            let early = wait > 0 && refusal.reason == Reason::QueueTimeout && wait < may_wait(call);
            assert!(!early, "seed {seed}: call {call} timed out after {wait} already");
            let early = wait > 0
                && refusal.reason == Reason::Deadline
                && event.at < run.calls[call].deadline.as_nanos();
            assert!(!early, "seed {seed}: call {call} met its deadline at {} already", event.at);
        }
    }
}

/// No more calls wait for an instance than its queue holds.
pub(crate) fn queues_are_bounded(run: &Run) {
    let mut waiting: BTreeMap<(usize, Option<&str>), u32> = BTreeMap::new();
    let mut waits = vec![false; run.calls.len()];
    for event in &run.events {
        let (call, begins) = match event.what {
            What::Waits(call) => (call, true),
            What::Started(call, _) | What::Refused(call, _) | What::GivenUp(call) => (call, false),
            _ => continue,
        };
        if std::mem::replace(&mut waits[call], begins) == begins {
            continue;
        }
        for take in &run.calls[call].spec.takes {
            let limit = usize::from(take.limit);
            let count = waiting.entry((limit, run.value(call, limit))).or_default();
            *count = if begins { *count + 1 } else { *count - 1 };
            let (seed, size) = (run.world.seed, run.world.config.limits[limit].queue_size);
            assert!(*count <= size, "seed {seed}, at {}: {count} wait, of {size}", event.at);
        }
    }
}
