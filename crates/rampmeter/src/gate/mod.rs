//! The gate: the engine, a clock, and waiters that are woken exactly when they are answered.
//!
//! One lock around the engine, not an actor: a channel hop costs ten times the decision. Under
//! the lock nothing is called that is not ours; waiters are woken when it is free again.

mod admission;
mod ask;
mod calendar;
mod change;
mod explain;
mod handle;
mod limits;
mod nested;
mod plan;
mod state;
mod tell;
mod timer;

use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use rampmeter_core::{CallId, ConfigError, Engine, Instant, Outcome, Prepared, Snapshot};

pub use admission::Admission;
pub use explain::{Explanation, WaitsFor};
use handle::Kept;
use plan::Plan;
use state::{Standing, State, Wanted};
use timer::Timer;

use crate::call::Call;
use crate::event::{CallInfo, Counters, EventKind, Events};
use crate::lineage::{GateNumber, Lineage};
use crate::permit::Permit;
use crate::policy::Policy;
use crate::refusal::Refusal;
use crate::runtime::Runtime;

/// One gate for one policy. Clones are the same gate; make it once and share it, since a limit
/// made anew for each run is no limit.
#[derive(Clone)]
pub struct Gate {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    state: Mutex<State>,
    runtime: Arc<dyn Runtime>,
    number: GateNumber,
}

/// A kind of call whose limits were found once. Keep it where calls of one tool, flow and
/// priority are made often.
#[derive(Debug)]
pub struct Handle {
    gate: Gate,
    /// Present until the handle is dropped.
    prepared: Option<Prepared>,
    wanted: Wanted,
    kept: Kept,
}

/// What to admit: a [`Call`], a tool's name, or a [`Handle`].
#[derive(Debug)]
pub struct Ask<'a>(Asked<'a>);

#[derive(Debug)]
enum Asked<'a> {
    Call(Call<'a>),
    Handle(&'a Handle),
}

impl Gate {
    /// A gate that enforces `policy` on tokio.
    ///
    /// # Errors
    /// What the engine cannot enforce; a parsed [`Policy`] has no such figure.
    #[cfg(feature = "tokio")]
    pub fn new(policy: &Policy) -> Result<Gate, ConfigError> {
        Gate::with_runtime(policy, Arc::new(crate::runtime::TokioRuntime::new()))
    }

    /// A gate that enforces `policy` on any runtime.
    ///
    /// # Errors
    /// As [`Gate::new`].
    pub fn with_runtime(policy: &Policy, runtime: Arc<dyn Runtime>) -> Result<Gate, ConfigError> {
        let (plan, config) = Plan::new(policy, runtime.now(), runtime.wall_clock());
        let state = Mutex::new(State::new(plan, Engine::new(config)?));
        let number = GateNumber::next();
        Ok(Gate { inner: Arc::new(Inner { state, runtime, number }) })
    }

    /// Waits until the call may start; all of its limits admit it at one instant.
    ///
    /// # Errors
    /// A [`Refusal`] that says why, by which limit, and when to come back.
    ///
    /// # Cancel safety
    /// See [`Admission`]: dropping the future gives the call's place up and consumes nothing.
    pub fn admit<'a>(&'a self, ask: impl Into<Ask<'a>>) -> Admission<'a> {
        Admission::new(self, ask.into())
    }

    /// Admits the call now or not at all.
    ///
    /// # Errors
    /// As [`Gate::admit`], and [`Reason::WouldWait`](rampmeter_core::Reason::WouldWait).
    pub fn try_admit<'a>(&self, ask: impl Into<Ask<'a>>) -> Result<Permit, Refusal> {
        let ask = ask.into();
        match self.inner.input(|state, now| ask.put(self, state, now, false)) {
            Standing::Granted(id, waited) => Ok(Permit::new(self.clone(), id, waited)),
            Standing::Refused(refusal) => Err(*refusal),
            // The engine answers a call that will not wait at once.
            Standing::Waiting(id) => {
                if let Some(waited) = self.inner.input(|state, now| state.withdraw(now, id)) {
                    return Ok(Permit::new(self.clone(), id, waited));
                }
                Err(Refusal {
                    tool: "".into(),
                    reason: rampmeter_core::Reason::WouldWait,
                    limit: None,
                    retry: crate::refusal::Retry::OnRelease,
                    waited: std::time::Duration::ZERO,
                    detail: None,
                })
            }
        }
    }

    /// Finds the limits of a kind of call for many admissions. Its deadline, id and turn have no
    /// meaning here.
    ///
    /// # Errors
    /// What [`Gate::admit`] would refuse whatever the load.
    pub fn handle(&self, call: &Call<'_>) -> Result<Handle, Refusal> {
        let found = self.inner.input(|state, now| {
            let (prepared, wanted) = state.prepare(now, call)?;
            Ok((prepared, wanted, state.keep(call)))
        });
        let (prepared, wanted, kept) = found.map_err(|refusal: Box<Refusal>| *refusal)?;
        Ok(Handle { gate: self.clone(), prepared: Some(prepared), wanted, kept })
    }

    /// What is held, used and waiting now.
    pub fn snapshot(&self) -> Snapshot {
        self.inner.input(|state, now| {
            state.advance(now);
            state.engine.snapshot(now)
        })
    }

    /// How many events of each kind there have been; exact, whatever subscribers missed.
    pub fn counters(&self) -> Counters {
        self.inner.state.lock().counters
    }

    /// All events from now on, up to `capacity` unread ones at a time.
    pub fn subscribe(&self, capacity: usize) -> Events {
        let events = Events::new(capacity);
        self.inner.state.lock().subscribe(&events.shared);
        events
    }

    /// The time by the gate's clock.
    pub fn now(&self) -> Instant {
        self.inner.runtime.now()
    }

    /// What runs the gate.
    pub fn runtime(&self) -> &Arc<dyn Runtime> {
        &self.inner.runtime
    }

    /// The running call of this gate in whose [`scope`](Permit::scope) the caller is, to be
    /// carried to where the scope does not reach: a spawned task, another thread.
    pub fn lineage(&self) -> Option<Lineage> {
        let call = Lineage::current(self.inner.number)?;
        Some(Lineage::new(self.inner.number, call))
    }

    pub(crate) fn number(&self) -> GateNumber {
        self.inner.number
    }

    pub(crate) fn finish(&self, id: CallId, outcome: Outcome) {
        self.inner.input(|state, now| state.release(now, id, outcome));
    }

    /// Notes an event that the gate itself did not see.
    pub(crate) fn note(&self, kind: EventKind, info: Arc<CallInfo>) {
        self.inner.input(|state, now| state.note(now, kind, info));
    }
}

impl Inner {
    /// Every input goes through here: the lock, the time, what it brings, the input, what followed
    /// from it, and after the lock the wakes. What the engine left over is carried on at once.
    fn input<R>(&self, input: impl FnOnce(&mut State, Instant) -> R) -> R {
        let mut state = self.state.lock();
        let mut now = self.runtime.now();
        if now >= state.align_at {
            let wall = self.runtime.wall_clock();
            state.align(now, wall);
            state.settle(now);
        }
        if now >= state.due {
            // What is due happened before this input, and is told before it.
            state.advance(now);
            state.settle(now);
        }
        let result = input(&mut state, now);
        state.settle(now);
        loop {
            let next = state.engine.next_moment();
            state.due = next.unwrap_or(Instant::NEVER);
            let left_over = next.is_some_and(|next| next <= now);
            // Somebody must keep the time if the next moment is nearer than the timer thinks.
            let nearer = match (next, state.timer.armed) {
                (Some(next), Some(armed)) => next < armed,
                (next, None) => next.is_some(),
                (None, _) => false,
            };
            if nearer && !left_over {
                let timer = state.timer.waker.take();
                state.wake.extend(timer);
            }
            let wake = std::mem::take(&mut state.wake);
            drop(state);
            wake.into_iter().for_each(std::task::Waker::wake);
            if !left_over {
                return result;
            }
            state = self.state.lock();
            now = self.runtime.now();
            state.advance(now);
            state.settle(now);
        }
    }

    /// Somebody waits, and nobody keeps the time.
    fn start_timer(self: &Arc<Self>) {
        self.runtime.spawn(Box::pin(Timer::new(Arc::downgrade(self))));
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let state = self.state.get_mut();
        state.close();
        let timer = state.timer.waker.take();
        let wake = std::mem::take(&mut state.wake);
        wake.into_iter().chain(timer).for_each(std::task::Waker::wake);
    }
}

impl Ask<'_> {
    fn put(&self, gate: &Gate, state: &mut State, now: Instant, wait: bool) -> Standing {
        match &self.0 {
            Asked::Call(call) => state.ask_call(gate, now, call, wait),
            // Its numbers mean something else there, or nothing.
            Asked::Handle(handle) if !Arc::ptr_eq(&handle.gate.inner, &gate.inner) => {
                let detail = "the handle was made at another gate; make one at this gate";
                let info = handle.wanted.info.clone();
                let refusal = ask::unsupported(&info.tool, detail.into());
                state.refused_unheard(now, info, refusal)
            }
            Asked::Handle(handle) => state.ask_handle_or_nested(gate, now, handle, wait),
        }
    }
}

impl<'a> From<Call<'a>> for Ask<'a> {
    fn from(call: Call<'a>) -> Ask<'a> {
        Ask(Asked::Call(call))
    }
}

impl<'a> From<&'a str> for Ask<'a> {
    fn from(tool: &'a str) -> Ask<'a> {
        Ask(Asked::Call(Call::new(tool)))
    }
}

impl<'a> From<&'a Handle> for Ask<'a> {
    fn from(handle: &'a Handle) -> Ask<'a> {
        Ask(Asked::Handle(handle))
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if let Some(prepared) = self.prepared.take() {
            self.gate.inner.input(|state, _| {
                state.engine.discard(prepared);
                state.forget(&self.kept);
            });
        }
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate").finish_non_exhaustive()
    }
}
