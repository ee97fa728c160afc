//! What a running call tells its limits: what it really took, and what its server said.

use std::fmt;
use std::time::Duration;

use rampmeter_core::CallId;

use crate::feedback::Feedback;
use crate::gate::Home;
use crate::lineage::Lineage;
use crate::policy::Unit;

/// A running call, as the one that tells its limits what it learned. It is a name, not a hold: once
/// the call has ended it says nothing any more. A tool has it as
/// [`Invocation::report`](crate::Invocation::report), whoever holds a permit by
/// [`Permit::report`](crate::Permit::report).
///
/// ```
/// use rampmeter::{Gate, Outcome, Policy, Unit};
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let policy = Policy::parse("rampmeter.toml", r#"
///     [limits.groq]
///     requests = "30/min"
///     tokens = { rate = "6000/min", kind = "bucket", burst = 6000 }
///     [tools.chat]
///     limits = ["groq"]
/// "#)?;
/// let gate = Gate::new(&policy)?;
/// let permit = gate.admit("chat").await?;
/// // … send the request; with the answer:
/// permit.report().headers([("x-ratelimit-remaining-tokens", "4100")]);
/// permit.report().used(&[(Unit::Tokens, 812)]);
/// permit.finish(Outcome::Succeeded);
/// # Ok(())
/// # }
/// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(run())?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy)]
pub struct Report {
    gate: &'static Home,
    serial: u64,
    call: CallId,
}

impl Report {
    pub(crate) fn new(gate: &'static Home, call: CallId) -> Report {
        Report { gate, serial: gate.serial(), call }
    }

    /// The call, as the one that makes others; for a tool that hands its work to others.
    pub fn lineage(&self) -> Lineage {
        Lineage::new(self.serial, self.call)
    }

    /// The call took so much, whatever was reserved for it: its limits count that instead, in the
    /// window that was charged. Units that are not named keep what was reserved, and so does a call
    /// that never tells. Only the first time counts; says whether it did.
    pub fn used(&self, costs: &[(Unit, u64)]) -> bool {
        let told = self.gate.input_at(self.serial, |state, now| state.used(now, self.call, costs));
        told.unwrap_or(false)
    }

    /// The server had no room for the call, and named this delay if it named one. Those of the
    /// call's limits that listen (`feedback = true`) let nobody start until it is over, and then
    /// first one, two, four and so on; calls that cannot wait so long are refused at once. Says
    /// whether the call runs.
    pub fn throttled(&self, delay: Option<Duration>) -> bool {
        let call = self.call;
        let told = self.gate.input_at(self.serial, |state, now| state.throttled(now, call, delay));
        told.unwrap_or(false)
    }

    /// The server said this of its quotas. The rates of those of the call's limits that listen
    /// admit no more than that from now on. Its delay is not taken as a throttle: for that there
    /// is [`Report::throttled`]. Says whether the call runs.
    pub fn feedback(&self, feedback: &Feedback) -> bool {
        let call = self.call;
        let told = self.gate.input_at(self.serial, |state, now| state.heard(now, call, feedback));
        told.unwrap_or(false)
    }

    /// [`Report::feedback`] of a response's headers, by the time of day.
    pub fn headers<N: AsRef<str>, V: AsRef<[u8]>>(
        &self,
        headers: impl IntoIterator<Item = (N, V)>,
    ) -> Feedback {
        let wall = self.gate.input_at(self.serial, |state, _| state.runtime.wall_clock());
        let Some(wall) = wall else { return Feedback::default() };
        let feedback = Feedback::read(headers, None, wall);
        self.feedback(&feedback);
        feedback
    }
}

impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Report").field("call", &self.call).finish_non_exhaustive()
    }
}
