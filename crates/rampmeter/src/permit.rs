//! The proof that a call was admitted.

use std::time::Duration;

use rampmeter_core::{CallId, Outcome};

use crate::gate::Gate;

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
