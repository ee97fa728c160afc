//! The interceptors of one call: who has heard of its beginning, and must hear of its end.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use futures_util::FutureExt;
use futures_util::future::{Either, select};
use rampmeter_core::Instant;

use super::erased::Hooks;
use super::{Before, CallContext};
use crate::executor::CallError;
use crate::gate::Gate;
use crate::quiet::{Quiet, message};

/// Dropped before [`Around::after`] is done, it tells whoever has not heard of an end that the call
/// was given up.
pub(crate) struct Around<'a> {
    hooks: &'a [Arc<dyn Hooks>],
    gate: &'a Gate,
    until: Instant,
    call: CallContext,
    /// The first so many wait for the call's end.
    entered: usize,
}

impl<'a> Around<'a> {
    pub(super) fn new(
        hooks: &'a [Arc<dyn Hooks>],
        gate: &'a Gate,
        until: Instant,
        call: CallContext,
    ) -> Around<'a> {
        Around { hooks, gate, until, call, entered: 0 }
    }

    /// The call as they left it.
    pub(crate) fn call(&self) -> &CallContext {
        &self.call
    }

    /// Lets them have the call, one after the other. If one of them ends it: how.
    pub(crate) async fn before(&mut self) -> Option<Result<String, CallError>> {
        let (hooks, gate, until) = (self.hooks, self.gate, self.until);
        for hook in hooks {
            self.entered += 1;
            let call = &mut self.call;
            let said = bounded(gate, until, async { Quiet(Some(hook.before(call))).await }).await;
            let end = match said {
                Ok(Before::Continue) => continue,
                Ok(Before::Answer(answer)) => Ok(answer),
                Ok(Before::Refuse(message)) => {
                    Err(CallError::Denied { by: name_of(&**hook), message })
                }
                // It has begun and said nothing, so it hears of this end as the others do.
                Err(Broken::Late) => return Some(Err(CallError::TurnDeadline)),
                Err(Broken::Panicked(message)) => {
                    Err(CallError::Interceptor { name: name_of(&**hook), message })
                }
            };
            self.entered -= 1;
            return Some(end);
        }
        None
    }

    /// Tells them of the end, the last first; what the first makes of it is the call's result.
    pub(crate) async fn after(
        mut self,
        mut output: Result<String, CallError>,
    ) -> Result<String, CallError> {
        let (hooks, gate, until) = (self.hooks, self.gate, self.until);
        while self.entered > 0 {
            self.entered -= 1;
            let (hook, call) = (&hooks[self.entered], &self.call);
            let ended = async { Quiet(Some(hook.ended(call, output))).await };
            output = match bounded(gate, until, ended).await {
                Ok(output) => output,
                Err(Broken::Late) => Err(CallError::TurnDeadline),
                Err(Broken::Panicked(message)) => {
                    Err(CallError::Interceptor { name: name_of(&**hook), message })
                }
            };
        }
        output
    }
}

impl Drop for Around<'_> {
    fn drop(&mut self) {
        for hook in self.hooks[..self.entered].iter().rev() {
            // A second panic while the stack is unwound would end the process.
            let _ = catch_unwind(AssertUnwindSafe(|| hook.cancelled(&self.call)));
        }
    }
}

/// Why a hook said nothing.
enum Broken {
    Late,
    Panicked(String),
}

/// Runs a hook, for as long as the turn may last: one that hangs must not hang the turn.
async fn bounded<T>(
    gate: &Gate,
    until: Instant,
    hook: impl Future<Output = T>,
) -> Result<T, Broken> {
    let mut hook = pin!(AssertUnwindSafe(hook).catch_unwind());
    // Most hooks do not wait, and need no clock.
    let done = match futures_util::poll!(hook.as_mut()) {
        Poll::Ready(done) => done,
        Poll::Pending => match select(hook, gate.runtime().sleep_until(until)).await {
            Either::Left((done, _)) => done,
            Either::Right(_) => return Err(Broken::Late),
        },
    };
    done.map_err(|panic| Broken::Panicked(message(panic.as_ref())))
}

/// Its name is its own code, too.
fn name_of(hook: &dyn Hooks) -> String {
    catch_unwind(AssertUnwindSafe(|| hook.name().to_owned())).unwrap_or_default()
}
