//! What went in and what came out, as a fingerprint, and in words where somebody wants to read.

use std::collections::VecDeque;

use rampmeter_core::{BreakerState, Decision, Instant, Output, Refusal, Retry};

#[derive(Clone, Debug)]
pub(crate) struct Transcript {
    hash: u64,
    told: VecDeque<String>,
    most: usize,
}

impl Transcript {
    pub(crate) fn new(most: usize) -> Transcript {
        Transcript { hash: 0xCBF2_9CE4_8422_2325, told: VecDeque::new(), most }
    }

    pub(crate) fn into_parts(self) -> (u64, Vec<String>) {
        (self.hash, self.told.into())
    }

    /// Keeps a line for people, if any are kept.
    pub(crate) fn tell(&mut self, line: impl FnOnce() -> String) {
        if self.most > 0 {
            if self.told.len() == self.most {
                self.told.pop_front();
            }
            self.told.push_back(line());
        }
    }

    pub(crate) fn number(&mut self, number: u64) {
        self.hash = (self.hash ^ number).wrapping_mul(0x0000_0100_0000_01B3).rotate_left(23);
    }

    pub(crate) fn decided(&mut self, decision: &Decision) {
        match decision {
            Decision::Granted(id) => [1, id.as_u64()].map(|it| self.number(it)),
            Decision::Waiting(id) => [2, id.as_u64()].map(|it| self.number(it)),
            Decision::Pending(id) => [3, id.as_u64()].map(|it| self.number(it)),
            Decision::Refused(refusal) => [4, self.refusal(refusal)].map(|it| self.number(it)),
        };
        self.tell(|| format!("  → {decision:?}"));
    }

    pub(crate) fn told(&mut self, output: &Output) {
        match output {
            Output::Granted(id) => [5, id.as_u64()].map(|it| self.number(it)),
            Output::Refused(id, refusal) => {
                self.number(id.as_u64());
                [6, self.refusal(refusal)].map(|it| self.number(it))
            }
            Output::Saturated { limit, saturated } => {
                [7 + u64::from(*saturated), u64::from(limit.0)].map(|it| self.number(it))
            }
            Output::Cooling { limit, until } => {
                self.number(until.map_or(0, Instant::as_nanos));
                [9, u64::from(limit.0)].map(|it| self.number(it))
            }
            Output::Spent { limit, until } => {
                self.number(until.as_nanos());
                [10, u64::from(limit.0)].map(|it| self.number(it))
            }
            Output::Moved { call, waits } => {
                [call.as_u64(), waits.lane, waits.obstacle as u64].map(|it| self.number(it));
                [13, u64::from(waits.limit.0)].map(|it| self.number(it))
            }
            Output::Resized { limit, size } => {
                self.number(*size);
                [11, u64::from(limit.0)].map(|it| self.number(it))
            }
            Output::Breaker { limit, state } => {
                self.number(match state {
                    BreakerState::Closed => 0,
                    BreakerState::HalfOpen => 1,
                    BreakerState::Open(until) => until.as_nanos(),
                });
                [12, u64::from(limit.0)].map(|it| self.number(it))
            }
        };
        self.tell(|| format!("  ⇒ {output:?}"));
    }

    fn refusal(&mut self, refusal: &Refusal) -> u64 {
        self.number(refusal.reason as u64);
        self.number(refusal.limit.map_or(u64::MAX, |limit| u64::from(limit.0)));
        match refusal.retry {
            Retry::At(at) => at.as_nanos(),
            Retry::OnRelease => 1,
            Retry::OnResume => 2,
            Retry::Never => 3,
        }
    }
}
