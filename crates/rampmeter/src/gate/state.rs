//! What the gate keeps under its one lock: the engine, and for each of its calls who waits for it.

use std::collections::HashMap;
use std::hash::RandomState;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rampmeter_core as core;
use rampmeter_core::{
    BreakerState, CallId, Decision, Engine, Flow, Instant, Outcome, Output, Outputs, Priority,
};

use super::handle::Renewals;
use super::handoff::Handoff;
use super::infos::Infos;
use super::leases::Leases;
use super::overtime::{Overtime, sooner};
use super::persist::Keeping;
use super::plan::Plan;
use super::pressure::Pressing;
use super::shapes::Shapes;
use super::timer::TimerState;
use super::wakes::Wakes;
use crate::event::{CallInfo, Counters, Event, EventKind, Subscriber, What};
use crate::refusal::Refusal;
use crate::runtime::{Counter, Runtime};

/// Where a waiting call finds its answer.
pub(super) type Waits = Arc<Handoff<Box<Refusal>>>;

pub(crate) struct State {
    /// Different for each gate of this process.
    pub(super) serial: u64,
    pub(super) engine: Engine,
    pub(crate) runtime: Arc<dyn Runtime>,
    counter: Option<Counter>,
    /// The time of the last input.
    pub(super) now: Instant,
    /// The next moment at which an input must first see to what time brought.
    attention: Instant,
    pub(super) plan: Plan,
    pub(super) timer: TimerState,
    pub(super) overtime: Overtime,
    pub(super) counters: Counters,
    pub(super) wakes: Wakes,
    /// When the windows of calendar rates are next placed anew.
    align_at: Instant,
    pub(super) out: Outputs,
    /// By the index of the engine's call.
    entries: Vec<Option<Entry>>,
    pub(super) infos: Infos,
    pub(super) subscribers: Vec<Subscriber>,
    pub(super) events: u64,
    /// Keyed anew in each process, so that nobody can choose a name that counts as another's.
    pub(super) hasher: RandomState,
    pub(super) flows: HashMap<Arc<str>, Flow>,
    pub(super) nothing: Arc<str>,
    pub(super) renewals: Renewals,
    pub(super) shapes: Shapes,
    /// Where what is used is written, if it is.
    pub(super) keeping: Option<Box<Keeping>>,
    /// What of it is written in advance, if it must be before anybody uses it.
    pub(super) leases: Option<Box<Leases>>,
    pub(super) pressing: Pressing,
    /// No handle is left; permits may be.
    pub(super) abandoned: bool,
}

pub(super) struct Entry {
    id: CallId,
    pub(super) info: u32,
    pub(super) asked: Instant,
    pub(super) started: Instant,
    /// `None` once it has been granted.
    pub(super) waiter: Option<Waits>,
    /// The engine has granted it, and that is not written yet.
    pub(super) held: bool,
}

/// What a call is made of besides its limits.
#[derive(Debug)]
pub(super) struct Wanted {
    /// A number of [`State::infos`], of which its holder is a user.
    pub(super) info: u32,
    pub(super) flow: Flow,
    pub(super) priority: Priority,
    /// Whether it must not start while too much memory is in use.
    pub(super) guarded: bool,
}

/// How an admission stands.
pub(super) enum Standing {
    Granted(CallId),
    Waiting(CallId, Waits),
    Refused(Box<Refusal>),
}

impl State {
    pub(super) fn new(
        plan: Plan,
        engine: Engine,
        runtime: Arc<dyn Runtime>,
        pressing: Pressing,
    ) -> State {
        static SERIALS: AtomicU64 = AtomicU64::new(0);
        State {
            serial: SERIALS.fetch_add(1, Ordering::Relaxed),
            engine,
            counter: runtime.counter(),
            runtime,
            now: Instant::EPOCH,
            attention: Instant::EPOCH,
            plan,
            timer: TimerState::default(),
            overtime: Overtime::default(),
            counters: Counters::default(),
            wakes: Wakes::default(),
            align_at: Instant::EPOCH,
            out: Outputs::new(),
            entries: Vec::new(),
            infos: Infos::default(),
            subscribers: Vec::new(),
            events: 0,
            hasher: RandomState::new(),
            flows: HashMap::new(),
            nothing: "".into(),
            renewals: Renewals::default(),
            shapes: Shapes::default(),
            keeping: None,
            leases: None,
            pressing,
            abandoned: false,
        }
    }

    /// An input begins: takes in the time, and first does what it made due. That happened before
    /// this input, and is told before it.
    #[inline]
    pub(super) fn begin(&mut self) -> Instant {
        // Two threads may read the clock in one order and come here in the other.
        self.now = self.now.max(match &self.counter {
            Some(counter) => counter.now(),
            None => self.runtime.now(),
        });
        if self.now >= self.attention {
            self.attend();
        }
        self.now
    }

    #[cold]
    fn attend(&mut self) {
        let now = self.now;
        if now >= self.align_at {
            let wall = self.runtime.wall_clock();
            self.align(now, wall);
            // A window may have begun that no lease was written for.
            self.revoke_leases();
            self.settle(now);
        }
        self.advance(now);
        self.settle(now);
        self.look_at_pressure(now);
        self.keep_time(now);
    }

    /// Has nothing followed from the input?
    #[inline]
    pub(super) fn is_settled(&self) -> bool {
        self.out.is_empty() && !self.wakes.any() && self.engine.waiting() == 0 && !self.abandoned
    }

    /// Notes when time alone will next change something, and sees to it that somebody keeps it.
    /// Says whether that is now, because the engine has left something over.
    pub(super) fn keep_time(&mut self, now: Instant) -> bool {
        let unfinished = sooner(self.engine.next_moment(), self.overtime.next());
        let pressing = self.pressing.next_moment();
        let next = sooner(unfinished, pressing);
        let attention = self.align_at.min(self.pressing.attention(pressing));
        self.attention = next.unwrap_or(Instant::NEVER).min(attention);
        let left_over = unfinished.is_some_and(|next| next <= now);
        // Somebody must keep the time if the next moment is nearer than the timer thinks.
        let nearer = match (next, self.timer.armed) {
            (Some(next), Some(armed)) => next < armed,
            (next, None) => next.is_some(),
            (None, _) => false,
        };
        if nearer && !left_over {
            let timer = self.timer.waker.take();
            self.wakes.other(timer);
        }
        left_over
    }

    /// A waiter wants its answer no more; but if the call has been admitted, it has: says how long
    /// that took.
    pub(super) fn withdraw(&mut self, now: Instant, id: CallId) -> Option<Duration> {
        let entry = self.entry(id)?;
        if entry.waiter.is_none() {
            return Some(entry.started.saturating_since(entry.asked));
        }
        if self.engine.cancel(now, id, &mut self.out) {
            self.ended(now, id, Outcome::Cancelled);
            return None;
        }
        // It was granted or refused at this very moment.
        self.settle(now);
        if self.is_held(id) {
            self.release(now, id, Outcome::Cancelled);
            return None;
        }
        self.withdraw(now, id)
    }

    /// A running call has ended.
    #[inline]
    pub(super) fn release(&mut self, now: Instant, id: CallId, outcome: Outcome) {
        if self.engine.release(now, id, outcome, &mut self.out) {
            self.ended(now, id, outcome);
        }
    }

    /// Passes on what the engine said, and finds whom to wake.
    pub(super) fn settle(&mut self, now: Instant) {
        if !self.out.is_empty() {
            self.pass_on(now);
        }
    }

    fn pass_on(&mut self, now: Instant) {
        let mut out = std::mem::take(&mut self.out);
        for output in out.drain(..) {
            match output {
                Output::Granted(id) => self.granted(now, id),
                Output::Refused(id, refusal) => self.refused(now, id, refusal),
                Output::Moved { call, waits } => self.moved(now, call, waits),
                Output::Saturated { limit, saturated } => {
                    let kind = if saturated { EventKind::Saturated } else { EventKind::Relieved };
                    self.tell_limit(now, kind, limit, None);
                }
                Output::Cooling { limit, until } => {
                    let over = until.is_none();
                    let kind = if over { EventKind::Recovered } else { EventKind::Cooling };
                    self.tell_limit(now, kind, limit, until);
                }
                Output::Spent { limit, until } => {
                    self.tell_limit(now, EventKind::Spent, limit, Some(until));
                }
                Output::Resized { limit, .. } => {
                    self.tell_limit(now, EventKind::Resized, limit, None);
                }
                Output::Breaker { limit, state } => {
                    let (kind, until) = match state {
                        BreakerState::Open(until) => (EventKind::Opened, Some(until)),
                        BreakerState::HalfOpen => (EventKind::HalfOpen, None),
                        BreakerState::Closed => (EventKind::Closed, None),
                    };
                    self.tell_limit(now, kind, limit, until);
                }
            }
        }
        self.out = out;
    }

    /// Whether the caller must now start the timer.
    pub(super) fn wants_timer(&mut self) -> bool {
        !std::mem::replace(&mut self.timer.running, true)
    }

    /// Does what is due by `now`.
    pub(super) fn advance(&mut self, now: Instant) {
        self.end_graces(now);
        self.engine.advance(now, &mut self.out);
    }

    /// Says when the windows of calendar rates end, as the time of day is now.
    pub(super) fn align(&mut self, now: Instant, wall: std::time::SystemTime) {
        const AT_LEAST_EVERY: Duration = Duration::from_secs(30);
        self.align_at = now.saturating_add(AT_LEAST_EVERY);
        for calendar in &mut self.plan.calendars {
            calendar.align(now, wall, &mut self.engine, &mut self.out);
            self.align_at = self.align_at.min(calendar.ends);
        }
        if self.plan.calendars.is_empty() {
            self.align_at = Instant::NEVER;
        }
    }

    /// The gate is gone: readers learn that nothing more will come. Says whom to wake.
    pub(super) fn close(&mut self) -> Wakes {
        let mut wakes = std::mem::take(&mut self.wakes);
        self.subscribers.drain(..).for_each(|subscriber| wakes.other(subscriber.leave()));
        wakes.other(self.timer.waker.take());
        wakes
    }

    /// Wakes every waiter: whoever is polled next starts the timer again.
    pub(super) fn wake_all(&mut self) {
        let waiters = self.entries.iter().flatten().filter_map(|entry| entry.waiter.clone());
        waiters.for_each(|waiter| self.wakes.waiter(waiter));
        self.pressing.line.all().for_each(|waker| self.wakes.other(Some(waker)));
    }

    /// A call that never came as far as the engine is answered no.
    pub(super) fn refused_unheard(
        &mut self,
        now: Instant,
        info: Arc<CallInfo>,
        refusal: Refusal,
    ) -> Standing {
        self.emit(now, EventKind::Invoked, Some(info.clone()), |event| event);
        self.emit(now, EventKind::Refused, Some(info), |event| Event {
            reason: Some(refusal.reason),
            took: Some(Duration::ZERO),
            ..event
        });
        Standing::Refused(Box::new(refusal))
    }

    /// What the engine decided on a call. It takes over one user of `info`.
    #[inline(always)]
    pub(super) fn decided(&mut self, now: Instant, decision: Decision, info: u32) -> Standing {
        if let Decision::Granted(id) = decision
            && !self.must_be_written(now, id)
        {
            self.tell_call(now, What::Admitted, (id, info), 0);
            self.enter(
                now,
                Entry { id, info, asked: now, started: now, waiter: None, held: false },
            );
            return Standing::Granted(id);
        }
        self.not_at_once(now, decision, info)
    }

    #[inline(never)]
    fn not_at_once(&mut self, now: Instant, decision: Decision, info: u32) -> Standing {
        match decision {
            Decision::Granted(id) | Decision::Waiting(id) | Decision::Pending(id) => {
                let watched = !self.subscribers.is_empty();
                let waits = if watched { self.engine.waits_at(id) } else { None };
                self.tell_waits(now, What::Queued, (id, info), waits);
                let waiter = Arc::new(Handoff::new());
                let standing = Standing::Waiting(id, waiter.clone());
                let (waiter, held) = (Some(waiter), matches!(decision, Decision::Granted(_)));
                self.enter(now, Entry { id, info, asked: now, started: now, waiter, held });
                standing
            }
            Decision::Refused(refusal) => {
                let call = self.infos.get(info).clone();
                self.infos.release(info);
                self.emit(now, EventKind::Invoked, Some(call.clone()), |event| event);
                self.tell_refused(now, call, None, refusal, Duration::ZERO)
            }
        }
    }

    pub(super) fn refused(&mut self, now: Instant, id: CallId, refusal: core::Refusal) {
        let Some(entry) = self.leave(id) else { return };
        let call = self.infos.get(entry.info).clone();
        self.infos.release(entry.info);
        let waited = now.saturating_since(entry.asked);
        let told = self.tell_refused(now, call, Some(id), refusal, waited);
        if let (Some(waiter), Standing::Refused(told)) = (entry.waiter, told) {
            waiter.refuse(told);
            self.wakes.waiter(waiter);
        }
    }

    fn tell_refused(
        &mut self,
        now: Instant,
        call: Arc<CallInfo>,
        id: Option<CallId>,
        refusal: core::Refusal,
        waited: Duration,
    ) -> Standing {
        let told = self.in_words(now, waited, &call, refusal);
        let limit = told.limit.clone();
        self.emit(now, EventKind::Refused, Some(call), |event| Event {
            limit,
            place: id.map(CallId::index),
            reason: Some(refusal.reason),
            took: Some(waited),
            ..event
        });
        Standing::Refused(told)
    }

    /// A call that waited or ran is over.
    #[inline]
    pub(super) fn ended(&mut self, now: Instant, id: CallId, outcome: Outcome) {
        let Some(entry) = self.leave(id) else { return };
        let kind = match outcome {
            Outcome::Succeeded => EventKind::Completed,
            Outcome::Failed | Outcome::Overloaded => EventKind::Failed,
            Outcome::Cancelled => EventKind::Cancelled,
        };
        let took = now.as_nanos().saturating_sub(entry.started.as_nanos());
        self.tell_call(now, What::Ended(kind, outcome), (id, entry.info), took);
        self.infos.release(entry.info);
    }

    /// What is known of a call that waits or runs, and when it was asked for.
    pub(super) fn known(&self, id: CallId) -> Option<(&Arc<CallInfo>, Instant)> {
        let entry = self.entries.get(id.index() as usize)?.as_ref()?;
        (entry.id == id).then(|| (self.infos.get(entry.info), entry.asked))
    }

    /// Those `most` of the waiting calls that were asked for first, in that order.
    pub(super) fn waiting_calls(&self, most: usize) -> Vec<CallId> {
        let entries = self.entries.iter().flatten();
        let waiting = entries.filter(|entry| entry.waiter.is_some());
        let mut waiting: Vec<_> = waiting.map(|entry| (entry.asked, entry.id)).collect();
        if most < waiting.len() {
            waiting.select_nth_unstable(most);
            waiting.truncate(most);
        }
        waiting.sort_unstable();
        waiting.into_iter().map(|(_, id)| id).collect()
    }

    pub(super) fn entry(&mut self, id: CallId) -> Option<&mut Entry> {
        let entry = self.entries.get_mut(id.index() as usize)?.as_mut()?;
        (entry.id == id).then_some(entry)
    }

    #[inline]
    fn leave(&mut self, id: CallId) -> Option<Entry> {
        let place = self.entries.get_mut(id.index() as usize)?;
        place.take_if(|entry| entry.id == id)
    }

    #[inline]
    fn enter(&mut self, now: Instant, entry: Entry) {
        let index = entry.id.index() as usize;
        match self.entries.get_mut(index) {
            Some(place) if place.is_none() => *place = Some(entry),
            _ => self.make_place(now, index, entry),
        }
    }

    #[cold]
    fn make_place(&mut self, now: Instant, index: usize, entry: Entry) {
        if index >= self.entries.len() {
            self.entries.resize_with(index + 1, || None);
        } else {
            // The engine has answered the call that had this place; that answer is still in the
            // buffer, and would be lost with the entry.
            self.pass_on(now);
        }
        self.entries[index] = Some(entry);
    }
}
