//! What running calls tell of themselves and of their servers, in the engine's words.

use std::time::Duration;

use rampmeter_core as core;
use rampmeter_core::{CallId, Counts, Instant, LimitId, Word};
use smallvec::SmallVec;

use super::limits::unit_id;
use super::state::State;
use crate::event::{Event, EventKind};
use crate::feedback::{Counted, Feedback, Quota};
use crate::policy::Unit;

impl State {
    pub(crate) fn used(&mut self, now: Instant, call: CallId, costs: &[(Unit, u64)]) -> bool {
        let costs = costs.iter().filter_map(|(unit, amount)| {
            Some(core::Cost { unit: unit_id(*unit)?, amount: *amount })
        });
        let costs: SmallVec<[core::Cost; 4]> = costs.collect();
        self.engine.settle(now, call, &costs, &mut self.out)
    }

    pub(crate) fn throttled(
        &mut self,
        now: Instant,
        call: CallId,
        delay: Option<Duration>,
    ) -> bool {
        self.engine.throttled(now, call, delay, &mut self.out)
    }

    pub(crate) fn heard(&mut self, now: Instant, call: CallId, feedback: &Feedback) -> bool {
        let words: SmallVec<[Word; 4]> = feedback.quotas.iter().filter_map(word).collect();
        self.engine.observe(now, call, &words, &mut self.out)
    }

    /// Tells what has become of a limit, and until when.
    pub(super) fn tell_limit(
        &mut self,
        now: Instant,
        kind: EventKind,
        limit: LimitId,
        until: Option<Instant>,
    ) {
        let limit = self.name_of(limit);
        let lasts = until.map(|until| until.saturating_since(now));
        self.emit(now, kind, None, |event| Event { limit, lasts, ..event });
    }
}

/// A quota of which it is known what is left, and that some limit could count.
fn word(quota: &Quota) -> Option<Word> {
    let counts = match &quota.counts {
        Counted::Requests => Counts::Calls,
        Counted::Tokens => Counts::Unit(unit_id(Unit::Tokens)?),
        Counted::InputTokens => Counts::Unit(unit_id(Unit::InputTokens)?),
        Counted::OutputTokens => Counts::Unit(unit_id(Unit::OutputTokens)?),
        Counted::Other(_) => return None,
    };
    let Quota { limit, remaining, resets_in, window, .. } = quota;
    Some(Word {
        counts,
        limit: *limit,
        remaining: (*remaining)?,
        resets_in: *resets_in,
        window: *window,
    })
}
