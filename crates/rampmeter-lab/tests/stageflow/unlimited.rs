//! Stageflow's registry does to a script what having no limits at all does: the same calls, at the same
//! nanosecond.

use rampmeter_lab::lab::play::{Terms, play_on};
use rampmeter_lab::lab::scenario::Rate;
use rampmeter_lab::lab::{CallRecord, Clock, Facts, Regime, Script};

use crate::scripts::{any, driven, job};

/// What the lab's own regime makes of it.
fn unlimited(script: &Script) -> (Vec<CallRecord>, Facts) {
    let rate = Rate { calls: 1, period: std::time::Duration::from_secs(1) };
    let terms = Terms { policy: None, semaphore: 1, rate };
    let played = play_on(&terms, script, &job(Regime::Unlimited, Clock::Virtual));
    (played.records, played.facts)
}

#[test]
fn the_registry_does_what_no_limits_do_to_the_nanosecond() {
    let mut asked = 0;
    for seed in 0..20 {
        let script = any(seed);
        let (records, facts) = driven(&script);
        let (expected, whole) = unlimited(&script);
        for (record, expected) in records.iter().zip(&expected) {
            assert_eq!(record, expected, "seed {seed}, call {}", expected.call);
        }
        assert_eq!(records.len(), expected.len(), "seed {seed}");
        let facts = Facts { under: None, ..facts };
        assert_eq!(facts, whole, "seed {seed}");
        asked += records.len();
    }
    assert!(asked > 300, "only {asked} calls were compared");
}
