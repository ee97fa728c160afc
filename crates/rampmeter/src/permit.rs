//! The proof that a call was admitted.

use std::time::Duration;

use rampmeter_core::{CallId, Outcome};

use crate::gate::Gate;
use crate::lineage::{Lineage, Scope};

/// Holds a call's slots until it is finished or dropped. Say how the call ended with
/// [`Permit::finish`], so that the limits learn; a permit that is only dropped counts as
/// [`Outcome::Cancelled`] and teaches nothing.
#[derive(Debug)]
#[must_use = "dropping a permit releases it"]
pub struct Permit {
    gate: Gate,
    /// Present until the call is released.
    id: Option<CallId>,
    waited: Duration,
}

impl Permit {
    pub(crate) fn new(gate: Gate, id: CallId, waited: Duration) -> Permit {
        Permit { gate, id: Some(id), waited }
    }

    /// How long the call waited.
    pub fn waited(&self) -> Duration {
        self.waited
    }

    /// This call, as the one that makes others.
    pub fn lineage(&self) -> Lineage {
        match self.id {
            Some(id) => Lineage::new(self.gate.number(), id),
            None => unreachable!("a permit has its call until it is finished or dropped"),
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

    /// The call has ended.
    pub fn finish(mut self, outcome: Outcome) {
        self.release(outcome);
    }

    fn release(&mut self, outcome: Outcome) {
        if let Some(id) = self.id.take() {
            self.gate.finish(id, outcome);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.release(Outcome::Cancelled);
    }
}
