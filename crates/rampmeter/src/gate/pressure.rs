//! How hard pressed the gate is, and what it does about that.
//!
//! The engine counts queues that are filled, and the gate looks at the counts after every input.
//! Memory is another matter: it is measured outside the lock and comes in as an input. Past its
//! threshold a limit of the gate's own is paused, on which every call draws that is neither spared
//! nor made by a running call; so those who wait for memory wait as for any limit, and can say so.

use std::sync::Arc;

use rampmeter_core as core;
use rampmeter_core::{BudgetConfig, Edit, Instant, LimitId, Mark, PressureMarks};

use super::Gate;
use super::overtime::sooner;
use super::plan::Plan;
use super::ready::Line;
use super::state::State;
use crate::event::{Event, EventKind};
use crate::policy::{MarkPolicy, MemoryPolicy, PressurePolicy};
use crate::pressure::{MemoryMeter, Pressure, PressureCause, PressureLevel, Steady};

/// The limit that is paused while too much memory is in use, as it is named in explanations,
/// refusals and events.
pub(super) const GUARD: &str = "[pressure] memory";

/// More calls than can run at once.
const ENDLESS: u64 = 1_000_000_000;

/// What the gate knows of pressure.
pub(super) struct Pressing {
    policy: PressurePolicy,
    level: Steady,
    /// The engine's counts of filled queues when they were last looked at.
    seen: [u32; 2],
    guard: Option<Guard>,
    /// Who waits until the gate takes more work.
    pub(super) line: Line,
}

struct Guard {
    limit: LimitId,
    meter: Arc<dyn MemoryMeter>,
    policy: MemoryPolicy,
    bytes: u64,
    stopped: bool,
    measure_at: Instant,
}

impl Gate {
    /// How hard pressed the gate is, and why.
    pub fn pressure(&self) -> Pressure {
        self.measure_if_due();
        self.home().input(|state, now| {
            state.advance(now);
            state.settle(now);
            state.look_at_pressure(now);
            state.pressure(now)
        })
    }

    /// [`Pressure::level`] alone, which costs no look at all queues.
    pub fn pressure_level(&self) -> PressureLevel {
        self.home().input(|state, _| state.pressing.level.level())
    }

    /// An answer that is given at once must not rest on an old measure.
    pub(super) fn measure_if_due(&self) {
        if self.tenancy.watches_memory {
            self.home().input(|_, _| ());
        }
    }
}

/// The figures of the limit that stands for memory.
pub(super) fn guard_limit() -> core::LimitConfig {
    core::LimitConfig {
        name: GUARD.to_owned(),
        budgets: vec![BudgetConfig::Concurrency {
            size: ENDLESS,
            reserved: Vec::new(),
            lend: false,
        }],
        learns: false,
        ..core::LimitConfig::default()
    }
}

impl Pressing {
    pub(super) fn new(plan: &Plan, meter: Arc<dyn MemoryMeter>) -> Pressing {
        let policy = plan.policy.pressure.clone();
        let guard = policy.memory.zip(plan.guard).map(|(policy, limit)| Guard {
            limit,
            meter,
            policy,
            bytes: 0,
            stopped: false,
            measure_at: Instant::EPOCH,
        });
        Pressing { policy, level: Steady::default(), seen: [0; 2], guard, line: Line::default() }
    }

    /// When time alone changes something here, whether or not anybody comes.
    pub(super) fn next_moment(&self) -> Option<Instant> {
        let measure = self.guard.as_ref().filter(|guard| guard.stopped).map(|it| it.measure_at);
        sooner(self.level.next(self.policy.dwell), measure)
    }

    /// When the next input must first see to what is due here; `next` is when time alone changes
    /// something.
    #[inline]
    pub(super) fn attention(&self, next: Option<Instant>) -> Instant {
        let measure = self.guard.as_ref().map(|guard| guard.measure_at);
        sooner(measure, next).unwrap_or(Instant::NEVER)
    }

    fn is_stopped(&self) -> bool {
        self.guard.as_ref().is_some_and(|guard| guard.stopped)
    }
}

impl State {
    /// Tells the engine what the policy says of pressure.
    pub(super) fn adopt_pressure(&mut self, now: Instant) {
        let policy = self.plan.policy.pressure.clone();
        let mark = |MarkPolicy { enter_per_mille, leave_per_mille }: MarkPolicy| Mark {
            enter_per_mille,
            leave_per_mille,
        };
        self.engine.set_pressure(PressureMarks {
            marks: [mark(policy.elevated), mark(policy.severe)],
            spared: self.plan.spared.clone(),
            shares: policy.shortens || policy.refuses,
        });
        if let (Some(guard), Some(memory)) = (&mut self.pressing.guard, policy.memory) {
            guard.policy = memory;
        }
        self.pressing.policy = policy;
        self.press(now);
    }

    /// Does what is due, and has a look if the engine counts otherwise than before.
    #[inline]
    pub(super) fn look_at_pressure(&mut self, now: Instant) {
        if self.engine.fills() != self.pressing.seen
            || now >= self.pressing.attention(self.pressing.next_moment())
        {
            self.press(now);
        }
    }

    #[cold]
    fn press(&mut self, now: Instant) {
        if let Some(guard) = &mut self.pressing.guard
            && now >= guard.measure_at
        {
            guard.measure_at = now.saturating_add(guard.policy.every);
            self.wakes.measure(guard.meter.clone());
        }
        if self.level(now) == PressureLevel::Severe && self.pressing.policy.shortens {
            self.engine.shorten(now, &mut self.out);
            self.settle(now);
        }
        let refuses = self.level(now) == PressureLevel::Severe && self.pressing.policy.refuses;
        self.engine.set_refuses_early(refuses);
        self.pressing.seen = self.engine.fills();
        if self.takes_more() {
            let first = self.pressing.line.next();
            self.wakes.other(first);
        }
    }

    /// The level as it is from now on; told if it is another.
    fn level(&mut self, now: Instant) -> PressureLevel {
        let [elevated, severe] = self.engine.fills();
        let wanted = match (severe > 0 || self.pressing.is_stopped(), elevated > 0) {
            (true, _) => PressureLevel::Severe,
            (false, true) => PressureLevel::Elevated,
            (false, false) => PressureLevel::Normal,
        };
        let dwell = self.pressing.policy.dwell;
        if self.pressing.level.want(now, wanted, dwell) {
            self.tell_pressure(now, wanted);
        }
        self.pressing.level.level()
    }

    /// Whether the gate would take more work. It does not dwell: who is let through while it takes
    /// more may fill it within the dwell.
    pub(super) fn takes_more(&self) -> bool {
        self.engine.fills()[0] == 0 && !self.pressing.is_stopped()
    }

    /// So much memory is in use.
    pub(super) fn measured(&mut self, now: Instant, bytes: Option<u64>) {
        let Some(guard) = &mut self.pressing.guard else { return };
        // What can no longer be measured must not stop calls for ever.
        guard.bytes = bytes.unwrap_or(0);
        let stop = guard.bytes >= guard.policy.stop;
        let resume = guard.bytes <= guard.policy.resume;
        let changes = if guard.stopped { resume } else { stop };
        if !changes {
            return;
        }
        guard.stopped = !guard.stopped;
        let (stopped, limit) = (guard.stopped, guard.limit);
        let edit = if stopped { Edit::Pause(limit) } else { Edit::Resume(limit) };
        if let Ok(change) = self.engine.edit(vec![edit]) {
            change.commit(now, &mut self.out);
        }
        let kind = if stopped { EventKind::Paused } else { EventKind::Resumed };
        self.tell_of(now, kind, &GUARD.into());
        self.settle(now);
        self.press(now);
    }

    fn pressure(&self, now: Instant) -> Pressure {
        let pressing = &self.pressing;
        let memory = pressing
            .guard
            .as_ref()
            .filter(|guard| guard.stopped)
            .map(|guard| PressureCause::Memory { bytes: guard.bytes, stop: guard.policy.stop });
        let queue = self.engine.fullest().and_then(|filled| {
            let limit = self.name_of(filled.limit)?;
            Some(PressureCause::Queue { limit, waiting: filled.waiting, size: filled.size })
        });
        Pressure {
            level: pressing.level.level(),
            lasts: now.saturating_since(pressing.level.since()),
            causes: memory.into_iter().chain(queue).collect(),
            oldest: self.engine.first_arrival().map(|at| now.saturating_since(at)),
            memory: pressing.guard.as_ref().map(|guard| guard.bytes),
        }
    }

    fn tell_pressure(&mut self, now: Instant, level: PressureLevel) {
        let kind = match level {
            PressureLevel::Normal => EventKind::Normal,
            PressureLevel::Elevated => EventKind::Elevated,
            PressureLevel::Severe => EventKind::Severe,
        };
        let guard = self.pressing.is_stopped().then(|| GUARD.into());
        let filled = || self.engine.fullest().and_then(|filled| self.name_of(filled.limit));
        let limit = guard.or_else(filled);
        self.emit(now, kind, None, |event| Event { limit, ..event });
    }
}
