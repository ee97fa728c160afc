//! Calls that the engine has admitted, and that get their permits when what they are charged is
//! written.

use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Duration;

use rampmeter_core as core;
use rampmeter_core::{CallId, Instant, Outcome, Reason};

use super::handoff::Answer;
use super::leases::Cover;
use super::state::{State, Waits};
use crate::event::What;
use crate::refusal::Refusal;

/// When a call that could not be covered may be tried again.
const TRY_AGAIN_AFTER: Duration = Duration::from_secs(1);

impl State {
    /// The engine has admitted a call that waited.
    pub(super) fn granted(&mut self, now: Instant, id: CallId) {
        if self.must_be_written(now, id)
            && let Some(entry) = self.entry(id)
        {
            entry.held = true;
            return;
        }
        self.hand_out(now, id);
    }

    /// A call that the engine has granted gets its permit.
    pub(super) fn hand_out(&mut self, now: Instant, id: CallId) {
        let Some(entry) = self.entry(id) else { return };
        entry.held = false;
        entry.started = now;
        let took = now.as_nanos().saturating_sub(entry.asked.as_nanos());
        let info = entry.info;
        if let Some(waiter) = entry.waiter.take() {
            waiter.grant(took);
            self.wakes.waiter(waiter);
        }
        self.tell_call(now, What::Started, (id, info), took);
    }

    /// Whether the engine has granted a call, and nobody has been told yet.
    pub(super) fn is_held(&mut self, id: CallId) -> bool {
        self.entry(id).is_some_and(|entry| entry.held)
    }

    /// Whether a call that the engine has admitted must wait until that is written.
    #[inline]
    pub(super) fn must_be_written(&mut self, now: Instant, call: CallId) -> bool {
        self.leases.is_some() && self.is_not_written(now, call)
    }

    #[cold]
    fn is_not_written(&mut self, now: Instant, call: CallId) -> bool {
        let (Some(leases), Some(keeping)) = (&mut self.leases, &self.keeping) else { return false };
        let cover = leases.charge(&self.engine, call, now);
        let first = cover == Cover::Missing && leases.hold(call);
        if first || cover == Cover::Low {
            keeping.keeper.ask();
        }
        cover == Cover::Missing
    }

    /// The limits have changed: the engine's numbers for rates may mean others.
    pub(super) fn revoke_leases(&mut self) {
        if let Some(leases) = &mut self.leases {
            leases.revoke();
        }
    }

    pub(super) fn refuse_held(&mut self, now: Instant, call: CallId) {
        if !self.is_held(call) {
            return;
        }
        self.engine.release(now, call, Outcome::Cancelled, &mut self.out);
        let retry = core::Retry::At(now.saturating_add(TRY_AGAIN_AFTER));
        self.refused(now, call, core::Refusal { reason: Reason::Unwritten, limit: None, retry });
    }
}

/// Waits for an answer on this very thread.
pub(super) fn answer_of(call: &Waits) -> Answer<Box<Refusal>> {
    struct Unpark(Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let context = Context::from_waker(&waker);
    loop {
        match call.poll(context.waker()) {
            Poll::Ready(answer) => return answer,
            Poll::Pending => std::thread::park(),
        }
    }
}
