//! What the gate keeps under its one lock: the engine, and for each of its calls who waits for it.

use std::collections::HashMap;
use std::hash::RandomState;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use parking_lot::Mutex;
use rampmeter_core as core;
use rampmeter_core::{CallId, Decision, Engine, Flow, Instant, Outcome, Output, Outputs, Priority};

use super::handle::Renewals;
use super::plan::Plan;
use crate::event::{Buffer, CallInfo, Counters, Event, EventKind, Record};
use crate::refusal::{Refusal, Retry};

pub(super) struct State {
    pub(super) engine: Engine,
    pub(super) plan: Plan,
    pub(super) timer: TimerState,
    pub(super) counters: Counters,
    /// Whom to wake when the lock is free again.
    pub(super) wake: Vec<Waker>,
    /// When the windows of calendar rates are next placed anew.
    pub(super) align_at: Instant,
    /// When the engine next has something to do.
    pub(super) due: Instant,
    pub(super) out: Outputs,
    /// By the index of the engine's call.
    entries: Vec<Option<Entry>>,
    /// Answers of calls that the engine has forgotten, until they are fetched.
    refusals: HashMap<CallId, Box<Refusal>>,
    pub(super) subscribers: Vec<Arc<Mutex<Buffer>>>,
    /// Events of the present input, for the subscribers.
    pub(super) records: Vec<Record>,
    pub(super) events: u64,
    /// Keyed anew in each process, so that nobody can choose a name that counts as another's.
    pub(super) hasher: RandomState,
    pub(super) flows: HashMap<Arc<str>, Flow>,
    pub(super) nothing: Arc<str>,
    pub(super) renewals: Renewals,
}

#[derive(Default)]
pub(super) struct TimerState {
    pub(super) running: bool,
    pub(super) armed: Option<Instant>,
    pub(super) waker: Option<Waker>,
}

struct Entry {
    id: CallId,
    info: Arc<CallInfo>,
    asked: Instant,
    started: Instant,
    waiter: Waiter,
}

enum Waiter {
    /// Nobody has to be told: it was granted at once, or its answer has been fetched.
    None,
    Waiting(Option<Waker>),
    Granted,
}

/// What a call is made of besides its limits.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) info: Arc<CallInfo>,
    pub(super) flow: Flow,
    pub(super) priority: Priority,
}

/// How an admission stands.
pub(super) enum Standing {
    Granted(CallId, Duration),
    Waiting(CallId),
    Refused(Box<Refusal>),
}

impl State {
    pub(super) fn new(plan: Plan, engine: Engine) -> State {
        State {
            engine,
            plan,
            timer: TimerState::default(),
            counters: Counters::default(),
            wake: Vec::new(),
            align_at: Instant::EPOCH,
            due: Instant::NEVER,
            out: Outputs::new(),
            entries: Vec::new(),
            refusals: HashMap::new(),
            subscribers: Vec::new(),
            records: Vec::new(),
            events: 0,
            hasher: RandomState::new(),
            flows: HashMap::new(),
            nothing: "".into(),
            renewals: Renewals::default(),
        }
    }

    /// A waiter asks how its call stands, and leaves word whom to wake.
    pub(super) fn poll(&mut self, id: CallId, waker: &Waker) -> Standing {
        if let Some(refusal) = self.refusals.remove(&id) {
            return Standing::Refused(refusal);
        }
        let Some(entry) = self.entry(id) else { return Standing::Waiting(id) };
        match &mut entry.waiter {
            Waiter::Waiting(Some(known)) => known.clone_from(waker),
            Waiter::Waiting(none) => *none = Some(waker.clone()),
            Waiter::Granted | Waiter::None => {
                entry.waiter = Waiter::None;
                return Standing::Granted(id, entry.started.saturating_since(entry.asked));
            }
        }
        Standing::Waiting(id)
    }

    /// A waiter wants its answer no more; but if the call has been admitted, it has: says how long
    /// that took.
    pub(super) fn withdraw(&mut self, now: Instant, id: CallId) -> Option<Duration> {
        if self.refusals.remove(&id).is_some() {
            return None;
        }
        let entry = self.entry(id)?;
        if !matches!(entry.waiter, Waiter::Waiting(_)) {
            entry.waiter = Waiter::None;
            return Some(entry.started.saturating_since(entry.asked));
        }
        if self.engine.cancel(now, id, &mut self.out) {
            self.ended(now, id, Outcome::Cancelled);
            return None;
        }
        // It was granted or refused at this very moment.
        self.settle(now);
        self.withdraw(now, id)
    }

    /// A running call has ended.
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
        if !self.records.is_empty() {
            self.publish();
        }
    }

    fn pass_on(&mut self, now: Instant) {
        let mut out = std::mem::take(&mut self.out);
        for output in out.drain(..) {
            match output {
                Output::Granted(id) => self.granted(now, id),
                Output::Refused(id, refusal) => self.refused(now, id, refusal),
                Output::Saturated { limit, saturated } => {
                    let kind = if saturated { EventKind::Saturated } else { EventKind::Relieved };
                    let limit = self.plan.limit(limit);
                    self.emit(now, kind, None, |event| Event { limit, ..event });
                }
            }
        }
        self.out = out;
    }

    /// How a call stands, and whether the caller must now start the timer for it.
    pub(super) fn with_timer(&mut self, standing: Standing) -> (Standing, bool) {
        let waits = matches!(standing, Standing::Waiting(_));
        let untimed = waits && !std::mem::replace(&mut self.timer.running, true);
        (standing, untimed)
    }

    /// Does what is due by `now`.
    pub(super) fn advance(&mut self, now: Instant) {
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

    pub(super) fn subscribe(&mut self, buffer: &Arc<Mutex<Buffer>>) {
        self.subscribers.push(buffer.clone());
    }

    /// The gate is gone: readers learn that nothing more will come.
    pub(super) fn close(&mut self) {
        for buffer in self.subscribers.drain(..) {
            self.wake.extend(buffer.lock().close());
        }
    }

    /// Wakes every waiter: whoever is polled next starts the timer again.
    pub(super) fn wake_all(&mut self) {
        for entry in self.entries.iter_mut().flatten() {
            if let Waiter::Waiting(waker) = &mut entry.waiter {
                self.wake.extend(waker.take());
            }
        }
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

    /// Notes something that the gate itself did not see.
    pub(super) fn note(&mut self, now: Instant, kind: EventKind, info: Arc<CallInfo>) {
        self.emit(now, kind, Some(info), |event| event);
    }

    pub(super) fn decided(
        &mut self,
        now: Instant,
        decision: Decision,
        info: Arc<CallInfo>,
    ) -> Standing {
        if let Decision::Granted(id) = decision {
            self.emit_admitted(now, &info);
            self.enter(now, Entry { id, info, asked: now, started: now, waiter: Waiter::None });
            return Standing::Granted(id, Duration::ZERO);
        }
        self.emit(now, EventKind::Invoked, Some(info.clone()), |event| event);
        match decision {
            Decision::Granted(id) | Decision::Waiting(id) | Decision::Pending(id) => {
                self.emit(now, EventKind::Queued, Some(info.clone()), |event| event);
                let waiter = Waiter::Waiting(None);
                self.enter(now, Entry { id, info, asked: now, started: now, waiter });
                Standing::Waiting(id)
            }
            Decision::Refused(refusal) => {
                let limit = refusal.limit.and_then(|limit| self.plan.limit(limit));
                let told = self.in_words(now, Duration::ZERO, &info, refusal);
                self.emit(now, EventKind::Refused, Some(info), |event| Event {
                    limit,
                    reason: Some(refusal.reason),
                    took: Some(Duration::ZERO),
                    ..event
                });
                Standing::Refused(told)
            }
        }
    }

    fn granted(&mut self, now: Instant, id: CallId) {
        let Some(entry) = self.entry(id) else { return };
        entry.started = now;
        let before = std::mem::replace(&mut entry.waiter, Waiter::Granted);
        let took = Some(now.saturating_since(entry.asked));
        let info = entry.info.clone();
        if let Waiter::Waiting(waker) = before {
            self.wake.extend(waker);
        }
        self.emit(now, EventKind::Started, Some(info), |event| Event { took, ..event });
    }

    fn refused(&mut self, now: Instant, id: CallId, refusal: core::Refusal) {
        let Some(entry) = self.leave(id) else { return };
        let waited = now.saturating_since(entry.asked);
        let told = self.in_words(now, waited, &entry.info, refusal);
        if let Waiter::Waiting(waker) = entry.waiter {
            self.wake.extend(waker);
            self.refusals.insert(id, told);
        }
        let limit = refusal.limit.and_then(|limit| self.plan.limit(limit));
        self.emit(now, EventKind::Refused, Some(entry.info), |event| Event {
            limit,
            reason: Some(refusal.reason),
            took: Some(waited),
            ..event
        });
    }

    /// A call that waited or ran is over.
    fn ended(&mut self, now: Instant, id: CallId, outcome: Outcome) {
        let Some(entry) = self.leave(id) else { return };
        let kind = match outcome {
            Outcome::Succeeded => EventKind::Completed,
            Outcome::Failed | Outcome::Overloaded => EventKind::Failed,
            Outcome::Cancelled => EventKind::Cancelled,
        };
        let took = Some(now.saturating_since(entry.started));
        self.emit(now, kind, Some(entry.info), |event| Event {
            took,
            outcome: Some(outcome),
            ..event
        });
    }

    /// What is known of a call that waits or runs, and when it was asked for.
    pub(super) fn known(&self, id: CallId) -> Option<(&Arc<CallInfo>, Instant)> {
        let entry = self.entries.get(id.index() as usize)?.as_ref()?;
        (entry.id == id).then_some((&entry.info, entry.asked))
    }

    /// The calls that wait, by when they were asked for.
    pub(super) fn waiting_calls(&self) -> Vec<CallId> {
        let entries = self.entries.iter().flatten();
        let waiting = entries.filter(|entry| matches!(entry.waiter, Waiter::Waiting(_)));
        let mut waiting: Vec<_> = waiting.map(|entry| (entry.asked, entry.id)).collect();
        waiting.sort_unstable();
        waiting.into_iter().map(|(_, id)| id).collect()
    }

    fn entry(&mut self, id: CallId) -> Option<&mut Entry> {
        let entry = self.entries.get_mut(id.index() as usize)?.as_mut()?;
        (entry.id == id).then_some(entry)
    }

    fn leave(&mut self, id: CallId) -> Option<Entry> {
        self.entry(id)?;
        self.entries.get_mut(id.index() as usize)?.take()
    }

    fn enter(&mut self, now: Instant, entry: Entry) {
        let index = entry.id.index() as usize;
        if index >= self.entries.len() {
            self.entries.resize_with(index + 1, || None);
        }
        if self.entries[index].is_some() {
            // The engine has answered the call that had this place; that answer is still in the
            // buffer, and would be lost with the entry.
            self.pass_on(now);
        }
        self.entries[index] = Some(entry);
    }

    pub(super) fn in_words(
        &self,
        now: Instant,
        waited: Duration,
        info: &CallInfo,
        refusal: core::Refusal,
    ) -> Box<Refusal> {
        Box::new(Refusal {
            tool: info.tool.clone(),
            reason: refusal.reason,
            limit: refusal.limit.and_then(|limit| self.plan.limit(limit)),
            retry: match refusal.retry {
                core::Retry::At(at) => Retry::After(at.saturating_since(now)),
                core::Retry::OnRelease => Retry::OnRelease,
                core::Retry::OnResume => Retry::OnResume,
                core::Retry::Never => Retry::Never,
            },
            waited,
            detail: self.cycle_in_words(refusal.reason, info),
        })
    }
}
