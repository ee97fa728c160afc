//! The gate: the engine, a clock, and waiters that are woken exactly when they are answered.
//!
//! One lock around the engine, not an actor: a channel hop costs ten times the decision. Under
//! the lock nothing is called that is not ours; waiters are woken when it is free again.

mod admission;
mod ask;
mod asked;
mod by_hand;
mod calendar;
mod change;
mod explain;
mod handle;
mod handoff;
mod held;
mod home;
mod infos;
mod keeper;
mod learn;
mod leases;
mod limits;
mod lock;
mod nested;
mod overtime;
mod persist;
mod plan;
mod pressure;
mod ready;
mod retries;
mod revise;
mod shapes;
mod state;
mod sync;
mod tell;
mod timer;
mod wakes;
mod words;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rampmeter_core::{ConfigError, Engine, Instant, Prepared, Reason, Snapshot};

pub use admission::Admission;
pub use asked::Ask;
pub use by_hand::{Asking, Waiting};
pub use explain::{Explanation, WaitsFor};
use handle::Kept;
use handoff::Answer;
pub(crate) use home::Home;
pub use overtime::Abandoned;
pub(crate) use overtime::{Overrun, Still};
use plan::Plan;
use pressure::Pressing;
pub use ready::Ready;
use retries::Retries;
use state::{Standing, State, Wanted};

use crate::call::Call;
use crate::event::{CallInfo, Counters, Event, EventKind, Events};
use crate::lineage::Lineage;
use crate::permit::Permit;
use crate::policy::Policy;
use crate::pressure::{MemoryMeter, ProcessMemory};
use crate::refusal::Refusal;
use crate::runtime::Runtime;

/// One gate for one policy. Clones are the same gate; make it once and share it, since a limit
/// made anew for each run is no limit.
#[derive(Clone)]
pub struct Gate {
    tenancy: Arc<Tenancy>,
}

/// As long as there is this, the gate is at home.
struct Tenancy {
    home: &'static Home,
    serial: u64,
    runtime: Arc<dyn Runtime>,
    retries: Mutex<Retries>,
    /// An answer that is given at once may rest on an old measure.
    watches_memory: bool,
}

/// A kind of call whose limits were found once. Keep it where calls of one tool, flow and
/// priority are made often.
#[derive(Debug)]
pub struct Handle {
    gate: Gate,
    /// Present until the handle is dropped.
    prepared: Option<Prepared>,
    wanted: Wanted,
    call: Arc<CallInfo>,
    kept: Kept,
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
        Gate::with_meter(policy, runtime, Arc::new(ProcessMemory))
    }

    /// A gate that learns from `meter` how much memory is in use, where the policy's `[pressure]`
    /// watches that.
    ///
    /// # Errors
    /// As [`Gate::new`], and if the policy watches memory and `meter` cannot tell it.
    pub fn with_meter(
        policy: &Policy,
        runtime: Arc<dyn Runtime>,
        meter: Arc<dyn MemoryMeter>,
    ) -> Result<Gate, ConfigError> {
        let watches_memory = policy.pressure.memory.is_some();
        if watches_memory {
            measure(meter.as_ref())?;
        }
        let (plan, config) = Plan::new(policy, runtime.now(), runtime.wall_clock());
        let seed = runtime.seed();
        let config = rampmeter_core::Config { seed, ..config };
        let retries = Mutex::new(Retries::new(policy.retries, runtime.now(), seed));
        let pressing = Pressing::new(&plan, meter);
        let state = State::new(plan, Engine::new(config)?, runtime.clone(), pressing);
        let serial = state.serial;
        let home = Home::of(state);
        let tenancy = Tenancy { home, serial, runtime, retries, watches_memory };
        tenancy.home.input(State::adopt_pressure);
        Ok(Gate { tenancy: Arc::new(tenancy) })
    }

    /// Waits until the call may start; all of its limits admit it at one instant.
    ///
    /// # Errors
    /// A [`Refusal`] that says why, by which limit, and when to come back.
    ///
    /// # Cancel safety
    /// See [`Admission`]: dropping the future gives the call's place up and consumes nothing.
    #[inline]
    pub fn admit<'a, A: Ask + 'a>(&'a self, ask: A) -> Admission<'a, A> {
        Admission::new(self, ask)
    }

    /// Admits the call now or not at all. Of a gate with
    /// [`Durability::Strict`](crate::Durability::Strict) that may take as long as a write.
    ///
    /// # Errors
    /// As [`Gate::admit`], and [`Reason::WouldWait`](rampmeter_core::Reason::WouldWait).
    // As `admit` takes it.
    #[allow(clippy::needless_pass_by_value)]
    pub fn try_admit(&self, ask: impl Ask) -> Result<Permit, Box<Refusal>> {
        self.measure_if_due();
        let home = self.home();
        match home.input(|state, now| ask.asked().put(self, state, now, false)) {
            Standing::Granted(id) => Ok(Permit::new(home, id, Duration::ZERO)),
            Standing::Refused(refusal) => Err(refusal),
            // The engine answers a call that will not wait at once.
            Standing::Waiting(id, answer) => {
                // Admitted, and to be written down before anybody is told so.
                if home.input(|state, _| state.is_held(id)) {
                    return match held::answer_of(&answer) {
                        Answer::Granted(waited) => Ok(Permit::new(home, id, waited)),
                        Answer::Refused(refusal) => Err(refusal),
                    };
                }
                if let Some(waited) = home.input(|state, now| state.withdraw(now, id)) {
                    return Ok(Permit::new(home, id, waited));
                }
                Err(Box::new(Refusal {
                    tool: "".into(),
                    reason: rampmeter_core::Reason::WouldWait,
                    limit: None,
                    retry: crate::refusal::Retry::OnRelease,
                    waited: Duration::ZERO,
                    detail: None,
                }))
            }
        }
    }

    /// Finds the limits of a kind of call for many admissions. Its deadline, id and turn have no
    /// meaning here.
    ///
    /// # Errors
    /// What [`Gate::admit`] would refuse whatever the load.
    pub fn handle(&self, call: &Call<'_>) -> Result<Handle, Box<Refusal>> {
        let found = self.home().input(|state, now| {
            let (prepared, wanted, call_info) = state.prepare(now, call)?;
            Ok((prepared, wanted, call_info, state.keep(call)))
        });
        let (prepared, wanted, call, kept) = found.map_err(|refusal: Box<Refusal>| *refusal)?;
        Ok(Handle { gate: self.clone(), prepared: Some(prepared), wanted, call, kept })
    }

    /// What is held, used and waiting now.
    pub fn snapshot(&self) -> Snapshot {
        self.home().input(|state, now| {
            state.advance(now);
            state.engine.snapshot(now)
        })
    }

    /// How many events of each kind there have been; exact, whatever subscribers missed.
    pub fn counters(&self) -> Counters {
        self.home().visit(|gate| gate.map(|gate| gate.counters).unwrap_or_default())
    }

    /// All events from now on, up to `capacity` unread ones at a time.
    pub fn subscribe(&self, capacity: usize) -> Events {
        let (events, subscriber) = Events::new(self.home(), capacity);
        self.home().input(|state, _| state.subscribe(subscriber));
        events
    }

    /// The time by the gate's clock.
    pub fn now(&self) -> Instant {
        self.tenancy.runtime.now()
    }

    /// What runs the gate.
    pub fn runtime(&self) -> &Arc<dyn Runtime> {
        &self.tenancy.runtime
    }

    /// The running call of this gate in whose [`scope`](Permit::scope) the caller is, to be
    /// carried to where the scope does not reach: a spawned task, another thread.
    pub fn lineage(&self) -> Option<Lineage> {
        let call = Lineage::current(self.serial())?;
        Some(Lineage::new(self.serial(), call))
    }

    pub(crate) fn serial(&self) -> u64 {
        self.tenancy.serial
    }

    /// Notes an event of a call that the gate itself did not see.
    pub(crate) fn note(&self, kind: EventKind, info: Arc<CallInfo>, reason: Option<Reason>) {
        self.note_more(kind, info, |event| Event { reason, ..event });
    }

    /// [`Gate::note`], of which more is to be said.
    pub(crate) fn note_more(
        &self,
        kind: EventKind,
        info: Arc<CallInfo>,
        with: impl FnOnce(Event) -> Event,
    ) {
        self.home().input(|state, now| state.emit(now, kind, Some(info), with));
    }

    #[inline]
    fn home(&self) -> &'static Home {
        self.tenancy.home
    }
}

/// A first measure, so that a gate that could not be held to its policy is not made.
fn measure(meter: &dyn MemoryMeter) -> Result<u64, ConfigError> {
    meter.bytes().ok_or_else(|| ConfigError {
        message: "[pressure] memory: how much memory is in use cannot be read here; remove it, or \
                  make the gate with Gate::with_meter"
            .to_owned(),
    })
}

impl Drop for Tenancy {
    fn drop(&mut self) {
        let keeping = self.home.visit(|state| state?.keeping.as_ref().map(|it| it.keeper.clone()));
        if let Some(keeper) = keeping {
            keeper.finish();
        }
        self.home.abandon();
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if let Some(prepared) = self.prepared.take() {
            self.gate.home().input(|state, _| {
                state.forget(prepared, &self.wanted);
                state.forget_kept(&self.kept);
            });
        }
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate").finish_non_exhaustive()
    }
}
