//! Work that goes on after its call is over.
//!
//! It keeps the call's slots and keys until it ends. When its grace is over it counts as abandoned,
//! and then keeps them or gives them up, as its tool's policy says. The gate's one timer sees to
//! that, so nobody is needed who waits.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use rampmeter_core::{self as core, CallId, Instant, Outcome};

use super::state::State;
use super::timer::Timer;
use super::{Gate, Home};
use crate::event::{CallInfo, Event, EventKind};
use crate::permit::Permit;
use crate::policy::{OnAbandon, OverrunPolicy};

/// Calls that are over and whose work goes on.
#[derive(Default)]
pub(super) struct Overtime {
    calls: BTreeMap<CallId, Late>,
    /// Those within their grace, by when that is over.
    due: BTreeSet<(Instant, CallId)>,
    abandoned: Abandoned,
    /// Who waits until there are none, by number.
    resting: BTreeMap<u64, Waker>,
    rests: u64,
}

/// Work that went on past its grace.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Abandoned {
    /// That goes on now.
    pub now: u64,
    /// The most at once.
    pub peak: u64,
}

struct Late {
    info: Arc<CallInfo>,
    outcome: Outcome,
    /// Since when the call is over.
    since: Instant,
    grace_ends: Instant,
    on_abandon: OnAbandon,
    stage: Stage,
    /// Who waits for the call's slots.
    waker: Option<Waker>,
}

enum Stage {
    Grace,
    Abandoned,
    /// Its slots are free, and this is what it uses of them all the same.
    Freed(core::Abandoned),
}

/// One such call, as whoever does its work knows it.
pub(crate) struct Overrun {
    home: &'static Home,
    serial: u64,
    call: CallId,
}

/// Ready when the call's slots and keys are free: its work has ended, or gave them up.
pub(crate) struct Still(Overrun);

impl Gate {
    /// How much work goes on past the grace of its call, and how much at the most.
    pub fn abandoned(&self) -> Abandoned {
        self.home().input(|state, _| state.overtime.abandoned)
    }

    /// Waits until no work goes on of a call that is over; until then it may hold slots. There is no
    /// bound on that but the work's own.
    ///
    /// # Cancel safety
    /// Dropping it loses nothing.
    pub async fn at_rest(&self) {
        AtRest { gate: self, number: None }.await;
    }

    /// A call is over, and its work goes on.
    pub(crate) fn goes_on(
        &self,
        permit: Permit,
        outcome: Outcome,
        policy: OverrunPolicy,
    ) -> Overrun {
        let home = self.home();
        let (call, serial) = (permit.into_call(), self.serial());
        let untimed = home.input_at(serial, |state, now| {
            state.goes_on(now, call, outcome, policy);
            state.wants_timer()
        });
        if untimed == Some(true) {
            Timer::start(self);
        }
        Overrun { home, serial, call }
    }
}

/// The future of [`Gate::at_rest`]. Dropped, it leaves no waker behind: work may go on for ever.
struct AtRest<'a> {
    gate: &'a Gate,
    number: Option<u64>,
}

impl Future for AtRest<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let (waker, number) = (context.waker().clone(), self.number);
        let (number, old) = self.gate.home().input(|state, _| {
            let overtime = &mut state.overtime;
            if overtime.calls.is_empty() {
                return (None, Some(waker));
            }
            overtime.rests += u64::from(number.is_none());
            let number = number.unwrap_or(overtime.rests);
            (Some(number), overtime.resting.insert(number, waker))
        });
        drop(old);
        self.number = number;
        if number.is_none() { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for AtRest<'_> {
    fn drop(&mut self) {
        let Some(number) = self.number else { return };
        let waker = self.gate.home().input(|state, _| state.overtime.resting.remove(&number));
        drop(waker);
    }
}

impl Overrun {
    /// The work has ended; `late` if it came to an answer.
    pub(crate) fn ended(self, late: bool) {
        let call = self.call;
        self.home.input_at(self.serial, |state, now| state.work_ended(now, call, late));
    }

    pub(crate) fn still(&self) -> Still {
        Still(Overrun { ..*self })
    }
}

impl Future for Still {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let Overrun { home, serial, call } = self.0;
        let mut waker = Some(context.waker().clone());
        let free = home.input_at(serial, |state, _| match state.overtime.calls.get_mut(&call) {
            None | Some(Late { stage: Stage::Freed(_), .. }) => true,
            Some(late) => {
                std::mem::swap(&mut late.waker, &mut waker);
                false
            }
        });
        drop(waker);
        if free == Some(false) { Poll::Pending } else { Poll::Ready(()) }
    }
}

impl Overtime {
    /// When the next grace is over.
    pub(super) fn next(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    fn abandoned(&mut self, now: u64) {
        self.abandoned.now = now;
        self.abandoned.peak = self.abandoned.peak.max(now);
    }
}

impl State {
    /// When time alone will next change something.
    pub(super) fn next_moment(&self) -> Option<Instant> {
        let next = sooner(self.engine.next_moment(), self.overtime.next());
        sooner(next, self.pressing.next_moment())
    }

    fn goes_on(&mut self, now: Instant, call: CallId, outcome: Outcome, policy: OverrunPolicy) {
        let Some(info) = self.info(call).cloned() else {
            return self.release(now, call, outcome);
        };
        let OverrunPolicy { grace, on_abandon } = policy;
        let (stage, grace_ends) = (Stage::Grace, now.saturating_add(grace));
        // The call itself ends here; what it made, and could still make, ends with it.
        self.ended(now, call, outcome);
        self.engine.must_end_by(call, now);
        self.overtime.due.insert((grace_ends, call));
        let late = Late { info, outcome, since: now, grace_ends, on_abandon, stage, waker: None };
        self.overtime.calls.insert(call, late);
    }

    /// Does what the time has come for.
    pub(super) fn end_graces(&mut self, now: Instant) {
        while let Some((_, call)) = self.overtime.due.first().copied().filter(|(at, _)| *at <= now)
        {
            self.overtime.due.pop_first();
            let Some(late) = self.overtime.calls.get_mut(&call) else { continue };
            let (info, outcome, at) = (late.info.clone(), late.outcome, late.grace_ends);
            let took = at.saturating_since(late.since);
            late.stage = Stage::Abandoned;
            let free = late.on_abandon == OnAbandon::Free;
            self.overtime.abandoned(self.overtime.abandoned.now + 1);
            self.tell_work(now, EventKind::Abandoned, info, took);
            let freed = free.then(|| self.engine.abandon(now, call, outcome, &mut self.out));
            if let (Some(used), Some(late)) = (freed.flatten(), self.overtime.calls.get_mut(&call))
            {
                late.stage = Stage::Freed(used);
                self.wakes.other(late.waker.take());
            }
        }
    }

    fn work_ended(&mut self, now: Instant, call: CallId, answered: bool) {
        let Some(late) = self.overtime.calls.remove(&call) else { return };
        self.wakes.other(late.waker);
        if !matches!(late.stage, Stage::Grace) {
            self.overtime.abandoned(self.overtime.abandoned.now - 1);
        }
        self.overtime.due.remove(&(late.grace_ends, call));
        if answered {
            let took = now.saturating_since(late.since);
            self.tell_work(now, EventKind::Late, late.info, took);
        }
        match late.stage {
            Stage::Grace | Stage::Abandoned => {
                self.engine.release(now, call, late.outcome, &mut self.out);
            }
            Stage::Freed(used) => self.engine.abandoned_ended(used),
        }
        if self.overtime.calls.is_empty() {
            let resting = std::mem::take(&mut self.overtime.resting);
            resting.into_values().for_each(|waker| self.wakes.other(Some(waker)));
        }
    }

    fn tell_work(&mut self, now: Instant, kind: EventKind, call: Arc<CallInfo>, took: Duration) {
        self.emit(now, kind, Some(call), |event| Event { took: Some(took), ..event });
    }
}

/// Written out: it is on the way of every call that waits.
#[inline]
pub(super) fn sooner(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    match (one, other) {
        (Some(one), Some(other)) => Some(if one < other { one } else { other }),
        (one, other) => one.or(other),
    }
}
