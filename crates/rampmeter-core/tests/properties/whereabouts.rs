//! Where calls wait, by what was told when each began to wait and of the moves since.

use std::collections::BTreeMap;

use rampmeter_core::{CallId, Engine, LimitId, Waits};

#[derive(Default)]
pub(crate) struct Whereabouts {
    lanes: BTreeMap<CallId, u64>,
    limits: BTreeMap<u64, LimitId>,
}

impl Whereabouts {
    pub(crate) fn told(&mut self, call: CallId, waits: Waits) {
        self.lanes.insert(call, waits.lane);
        self.limits.insert(waits.lane, waits.limit);
    }

    /// Each call that waits does so where it was told.
    pub(crate) fn are_true(&mut self, engine: &mut Engine, place: &str) {
        self.lanes.retain(|call, lane| {
            let Some(waits) = engine.waits_at(*call) else { return false };
            let told = (*lane, self.limits[lane]);
            assert_eq!((waits.lane, waits.limit), told, "{place}: {call:?} waits elsewhere");
            true
        });
    }
}
