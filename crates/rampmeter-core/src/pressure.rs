//! Pressure: queues that are filled, and what is done while that is severe.
//!
//! A queue is filled from a mark on, and until it is down to a lower one; so one that hovers at a
//! mark says so once. There are two such marks, and how many queues are at each is counted as
//! calls come and go, so that the caller can look after every input.
//!
//! What is done is the caller's to say, since it knows of more than queues. A queue that is
//! *shortened* loses the newest calls of the priorities that have more than their weighted share
//! of what it is shortened to, until it is that long or none has. A call that comes is *refused
//! early* if its priority has that much already, or if by the forecast it could not start within
//! the time it may wait. Neither touches a priority that is spared, nor a call that a running call
//! has made: to refuse it would waste what its caller has done so far.

use alloc::vec::Vec;

use crate::call::{LimitId, Priority};
use crate::decision::{Outputs, Reason, Refusal, Retry};
use crate::engine::{Asked, Engine};
use crate::lane::{NONE, Record};
use crate::time::Instant;

/// From how full on a queue counts as filled, and down to which length; thousandths of its size,
/// `leave` less than `enter`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mark {
    /// It is filled from here on.
    pub enter_per_mille: u32,
    /// It no longer is at this length.
    pub leave_per_mille: u32,
}

/// What counts as pressure, and whom what is done about it spares.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PressureMarks {
    /// Where pressure begins, and where it becomes severe.
    pub marks: [Mark; 2],
    /// Priorities that are never refused for pressure.
    pub spared: Vec<Priority>,
    /// Whether it is kept account of how many calls of each priority wait; without that no queue can be
    /// shortened, and no call refused for its priority's share.
    pub shares: bool,
}

/// A queue that is filled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Filled {
    /// Whose it is.
    pub limit: LimitId,
    /// Calls that wait.
    pub waiting: u32,
    /// Calls that may.
    pub size: u32,
}

/// What the engine knows of pressure.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pressing {
    config: Option<PressureMarks>,
    /// Instances whose queues are filled up to each mark.
    fills: [u32; 2],
    /// Calls are refused early.
    refuses: bool,
}

impl PressureMarks {
    fn spares(&self, priority: Priority) -> bool {
        self.spared.contains(&priority)
    }
}

impl Mark {
    fn is_entered(self, queued: u32, size: u32) -> bool {
        queued > 0 && u64::from(queued) * 1_000 >= u64::from(size) * u64::from(self.enter_per_mille)
    }

    fn is_left(self, queued: u32, size: u32) -> bool {
        u64::from(queued) * 1_000 <= u64::from(size) * u64::from(self.leave_per_mille)
    }

    /// The length of a queue of this size at which the mark is entered.
    fn entered(self, size: u32) -> u32 {
        let entered = (u64::from(size) * u64::from(self.enter_per_mille)).div_ceil(1_000);
        u32::try_from(entered).unwrap_or(u32::MAX).max(1)
    }

    /// The length of a queue of this size at which the mark is left.
    fn kept(self, size: u32) -> u32 {
        let kept = u64::from(size) * u64::from(self.leave_per_mille) / 1_000;
        u32::try_from(kept).unwrap_or(u32::MAX)
    }
}

impl Engine {
    /// What counts as pressure from now on; without this nothing does.
    pub fn set_pressure(&mut self, config: PressureMarks) {
        let kept = core::mem::replace(&mut self.instances.keeps_books, config.shares);
        self.pressing.config = Some(config);
        for id in self.instances.ids() {
            if kept != self.instances.keeps_books {
                self.book_anew(id);
            }
            self.queue_changed(id);
        }
    }

    /// How many queues are filled up to the mark where pressure begins, and up to the one where it
    /// is severe.
    #[inline]
    pub fn fills(&self) -> [u32; 2] {
        self.pressing.fills
    }

    /// The queue that is filled most beside its size, if any is filled. It looks at all of them.
    pub fn fullest(&self) -> Option<Filled> {
        if self.pressing.fills[0] == 0 {
            return None;
        }
        let filled = self.instances.ids().into_iter().filter_map(|id| {
            let instance = self.instances.get(id);
            let size = self.config.limits.get(usize::from(instance.limit))?.queue_size;
            let (limit, waiting) = (LimitId(instance.limit), instance.queued);
            (instance.filled > 0).then_some(Filled { limit, waiting, size })
        });
        let by_share = |a: &Filled, b: &Filled| {
            let share = |it: &Filled, other: &Filled| u64::from(it.waiting) * u64::from(other.size);
            share(a, b).cmp(&share(b, a)).then(b.limit.cmp(&a.limit))
        };
        filled.max_by(by_share)
    }

    /// When the waiting call came that came first. It looks at one call of each kind and flow.
    pub fn first_arrival(&self) -> Option<Instant> {
        let firsts = self.lanes.firsts().filter_map(|call| match self.calls.get(call) {
            Some(Record::Waiting(waiting)) => Some(waiting.ticket.arrived),
            _ => None,
        });
        firsts.min()
    }

    /// Whether calls that come are refused early.
    pub fn set_refuses_early(&mut self, refuses: bool) {
        self.pressing.refuses = refuses;
    }

    /// Shortens every queue that is filled up to the severe mark to where it leaves it. Its work is
    /// bounded by the calls that are refused.
    pub fn shorten(&mut self, now: Instant, out: &mut Outputs) {
        if self.pressing.fills[1] == 0 {
            return;
        }
        self.begin(now, out);
        for id in self.instances.ids() {
            if self.instances.get(id).filled == 2 {
                self.shorten_one(id, out);
            }
        }
        self.pump(out);
    }

    fn shorten_one(&mut self, id: u32, out: &mut Outputs) {
        let Some(marks) = self.pressing.config.clone() else { return };
        let limit = self.instances.get(id).limit;
        let kept = marks.marks[1].kept(self.config.limits[usize::from(limit)].queue_size);
        while self.instances.get(id).queued > kept {
            let nested = |call: u32| match self.calls.get(call) {
                Some(Record::Waiting(waiting)) => waiting.nest != NONE,
                _ => true,
            };
            let book = self.instances.get(id).book.as_deref();
            let gone = book.and_then(|book| {
                let spared = |priority| marks.spares(priority);
                book.over_share(&self.config.priorities, kept, spared, nested)
            });
            let Some(gone) = gone else { return };
            let limit = Some(LimitId(limit));
            let refusal = Refusal { reason: Reason::Pressure, limit, retry: Retry::OnRelease };
            self.refuse_waiting(gone, refusal, out);
        }
    }

    /// Why a call that would have to wait at `at`, and may until `expires`, is refused early.
    pub(crate) fn refusal_as_pressed(
        &mut self,
        call: &Asked,
        (at, nested): (u32, bool),
        expires: Instant,
    ) -> Option<Refusal> {
        let marks = self.pressing.config.as_ref().filter(|_| self.pressing.refuses && !nested)?;
        if marks.spares(call.priority) {
            return None;
        }
        let severe = marks.marks[1];
        let full = self.routes.get(call.route).draws().iter().find(|draw| {
            let instance = self.instances.get(draw.instance);
            let Some(book) = instance.book.as_deref().filter(|_| instance.filled > 0) else {
                return false;
            };
            let size = self.config.limits[usize::from(instance.limit)].queue_size;
            book.has_its_share(call.priority, &self.config.priorities, severe.kept(size))
        });
        let reason = Reason::Pressure;
        if let Some(draw) = full {
            let limit = Some(LimitId(self.instances.get(draw.instance).limit));
            return Some(Refusal { reason, limit, retry: Retry::OnRelease });
        }
        let start = self.forecast(call, at).filter(|start| *start > expires)?;
        let limit = Some(LimitId(self.instances.get(at).limit));
        Some(Refusal { reason, limit, retry: Retry::At(start) })
    }

    /// Calls of a route have begun or ceased to wait.
    #[inline]
    pub(crate) fn queues_changed(&mut self, route: u32) {
        if self.pressing.config.is_some() {
            for index in 0..self.routes.get(route).draws().len() {
                let id = self.routes.get(route).draws()[index].instance;
                let instance = self.instances.get(id);
                // Most calls come and go where that makes no difference.
                if !instance.calm.contains(&instance.queued) {
                    self.queue_changed(id);
                }
            }
        }
    }

    /// The length or the size of an instance's queue is another one.
    pub(crate) fn queue_changed(&mut self, id: u32) {
        let Some(config) = &self.pressing.config else { return };
        let gone = self.instances.is_gone(self.instances.get(id).limit);
        let instance = self.instances.get_mut(id);
        if instance.line.is_some() {
            return;
        }
        let size = self.config.limits[usize::from(instance.limit)].queue_size;
        let (was, queued) = (instance.filled, instance.queued);
        let mark = |filled: u8| config.marks[usize::from(filled)];
        let mut filled = was;
        while filled > 0 && mark(filled - 1).is_left(queued, size) {
            filled -= 1;
        }
        while filled >= was && filled < 2 && mark(filled).is_entered(queued, size) {
            filled += 1;
        }
        let filled = if gone { 0 } else { filled };
        instance.filled = filled;
        let [pressed, severe] = config.marks;
        instance.calm = match filled {
            _ if gone => 0..0,
            0 => 0..pressed.entered(size),
            1 => pressed.kept(size).saturating_add(1)..severe.entered(size),
            _ => severe.kept(size).saturating_add(1)..u32::MAX,
        };
        for (above, fill) in (1..).zip(&mut self.pressing.fills) {
            match (was >= above, filled >= above) {
                (false, true) => *fill += 1,
                (true, false) => *fill -= 1,
                _ => {}
            }
        }
    }
}
