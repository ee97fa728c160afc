//! The proof that a call was admitted.

use std::fmt;
use std::time::Duration;

use rampmeter_core::{CallId, Instant, Outcome};

use crate::gate::Home;
use crate::lineage::{Lineage, Scope};
use crate::report::Report;

/// Holds a call's slots until it is finished or dropped. Say how the call ended with
/// [`Permit::finish`], so that the limits learn; a permit that is only dropped counts as
/// [`Outcome::Cancelled`] and teaches nothing.
#[must_use = "dropping a permit releases it"]
pub struct Permit {
    /// Where its gate is, until the call is released.
    gate: Option<&'static Home>,
    id: CallId,
    waited: Duration,
}

impl Permit {
    #[inline]
    pub(crate) fn new(gate: &'static Home, id: CallId, waited: Duration) -> Permit {
        Permit { gate: Some(gate), id, waited }
    }

    /// How long the call waited.
    pub fn waited(&self) -> Duration {
        self.waited
    }

    /// This call, as the one that makes others.
    pub fn lineage(&self) -> Lineage {
        match self.gate {
            Some(gate) => Lineage::new(gate.serial(), self.id),
            None => unreachable!("a permit has its gate until it is finished or dropped"),
        }
    }

    /// This call, as the one that tells its limits what it took and what its server said.
    pub fn report(&self) -> Report {
        match self.gate {
            Some(gate) => Report::new(gate, self.id),
            None => unreachable!("a permit has its gate until it is finished or dropped"),
        }
    }

    /// Runs `future`; calls that it makes at the same gate are nested under this one, so that a
    /// tool may call tools without taking their slots from itself. It reaches what is polled as
    /// part of `future`, and not what it spawns: for that there is [`Permit::lineage`].
    ///
    /// # Cancel safety
    /// That of `future`. The permit is not part of it.
    pub fn scope<F: Future>(&self, future: F) -> Scope<F> {
        self.lineage().scope(future)
    }

    /// Gives the call up to whoever will release it by its number.
    pub(crate) fn into_call(mut self) -> CallId {
        self.gate = None;
        self.id
    }

    /// The call, and whatever it makes, must have ended by then: none of them starts later.
    pub(crate) fn must_end_by(&self, by: Instant) {
        if let Some(gate) = self.gate {
            gate.must_end_by(self.id, by);
        }
    }

    /// The call has ended.
    pub fn finish(mut self, outcome: Outcome) {
        self.release(outcome);
    }

    #[inline]
    fn release(&mut self, outcome: Outcome) {
        if let Some(gate) = self.gate.take() {
            gate.release(self.id, outcome);
        }
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Permit { gate: _, id, waited } = self;
        f.debug_struct("Permit").field("id", id).field("waited", waited).finish_non_exhaustive()
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.release(Outcome::Cancelled);
    }
}
