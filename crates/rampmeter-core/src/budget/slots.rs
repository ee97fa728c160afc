//! Slots: at most `size` held at once, from start to finish. A shrink leaves `held` above `size`
//! until calls end; nothing is admitted above it.
//!
//! Some may be reserved: `n` for a priority and those of greater weight means that all others
//! together never hold more than `size - n`. While calls of those priorities hold `h` slots, the
//! others leave `max(0, n - h)` free: what is held by those it is kept for is no longer kept.
//! (Keeping `n` free beside them as well would let a backlog of theirs shut out everybody else.)
//!
//! Where the size is learned, no shrink may stall a call for good: all but one of the slots can be
//! kept from it at most, and it counts as at most what it could have of the present size. It holds
//! all that it weighs, so that a size that grows again does not let others in beside it too early.

use alloc::{boxed::Box, vec::Vec};

use super::Answer;
use super::adaptive::{Adapting, Sample};
use crate::call::Priority;
use crate::config::Adaptive;

#[derive(Clone, Debug)]
pub(crate) struct Slots {
    pub(crate) size: u64,
    pub(crate) held: u64,
    /// The most that were held and abandoned at once.
    pub(crate) peak: u64,
    /// Given up by calls whose work goes on.
    pub(crate) abandoned: u64,
    /// Callers that wait for calls of their own lend them theirs.
    pub(crate) lend: bool,
    bars: Option<Box<[Bar]>>,
    adapting: Option<Box<Adapting>>,
}

/// Slots kept for some priorities.
#[derive(Clone, Debug)]
struct Bar {
    kept: u64,
    /// Bit `p` is set if they are kept for priority `p` too.
    for_priorities: u64,
    /// Held by those they are kept for.
    held: u64,
}

impl Slots {
    pub(crate) fn new(
        size: u64,
        reserved: &[(Priority, u64)],
        lend: bool,
        weights: &[u32],
    ) -> Slots {
        let weight = |at: usize| weights.get(at).map_or(1, |weight| (*weight).max(1));
        let bars = reserved.iter().filter(|(_, kept)| *kept > 0).map(|(priority, kept)| {
            let least = weight(usize::from(priority.0));
            let for_priorities = (0..weights.len().min(64)).filter(|at| weight(*at) >= least);
            Bar {
                kept: *kept,
                for_priorities: for_priorities.fold(0, |bits, at| bits | 1 << at),
                held: 0,
            }
        });
        let bars: Vec<Bar> = bars.collect();
        let bars = (!bars.is_empty()).then(|| bars.into_boxed_slice());
        Slots { size, held: 0, peak: 0, abandoned: 0, lend, bars, adapting: None }
    }

    /// The same slots, and nothing held.
    pub(crate) fn emptied(&self) -> Slots {
        let mut slots = self.clone();
        slots.empty();
        slots
    }

    /// Takes over what is not counted anew of slots that these replace.
    pub(super) fn carry_on(&mut self, old: &mut Slots) {
        (self.peak, self.abandoned) = (old.peak, old.abandoned);
        self.adapting = old.adapting.take();
        if let Some(adapting) = &mut self.adapting {
            adapting.learned = old.size;
        }
    }

    /// The size is learned from now on, or is what the config says.
    pub(super) fn adapt(&mut self, config: Option<&Adaptive>) {
        let (known, size) = (self.adapting.take(), self.size);
        self.adapting = config.map(|config| match known {
            Some(known) => Box::new(known.bounded(config)),
            None => Box::new(Adapting::new(config, size)),
        });
        self.size = self.adapting.as_ref().map_or(size, |it| it.learned);
    }

    /// A call that holds some of these slots ends.
    pub(crate) fn learn(&mut self, sample: &Sample) {
        if let Some(adapting) = &mut self.adapting {
            self.size = adapting.ended(self.size, sample);
        }
    }

    /// How many a call of this priority may take now.
    #[inline]
    pub(crate) fn room(&self, priority: Priority) -> u64 {
        let room = self.size.saturating_sub(self.held);
        if self.bars.is_none() { room } else { self.room_beside_bars(room, priority) }
    }

    #[inline(never)]
    fn room_beside_bars(&self, room: u64, priority: Priority) -> u64 {
        let bars = self.bars.as_deref().unwrap_or_default();
        room.saturating_sub(kept(bars, self.most_kept(), priority, |bar| bar.held))
    }

    /// How many a call of this priority could ever take.
    pub(crate) fn most(&self, priority: Priority) -> u64 {
        let kept = self.bars.as_deref().map_or(0, |bars| kept(bars, u64::MAX, priority, |_| 0));
        // The learned size may be less than what is kept; the last slot never is.
        let least = u64::from(self.adapting.is_some());
        self.most_of_any().saturating_sub(kept).max(least)
    }

    /// How many any call could ever take.
    pub(crate) fn most_of_any(&self) -> u64 {
        self.adapting.as_deref().map_or(self.size, Adapting::most)
    }

    /// What a call that weighs `amount` counts as.
    #[inline]
    pub(crate) fn need(&self, amount: u64, priority: Priority) -> u64 {
        if self.adapting.is_none() { amount } else { self.need_of_learned(amount, priority) }
    }

    /// Whether a call for which there is no room counts as less than it weighs, and has room then.
    #[inline]
    pub(super) fn counts_less(&self, amount: u64, priority: Priority) -> bool {
        self.adapting.is_some() && self.need_of_learned(amount, priority) <= self.room(priority)
    }

    #[cold]
    fn need_of_learned(&self, amount: u64, priority: Priority) -> u64 {
        let bars = self.bars.as_deref();
        let kept = bars.map_or(0, |bars| kept(bars, self.most_kept(), priority, |_| 0));
        amount.min(self.size.saturating_sub(kept))
    }

    /// The most that is kept from anybody.
    #[inline]
    fn most_kept(&self) -> u64 {
        if self.adapting.is_some() { self.size.saturating_sub(1) } else { u64::MAX }
    }

    /// Whether some are reserved.
    #[inline]
    pub(crate) fn has_bars(&self) -> bool {
        self.bars.is_some()
    }

    /// Nothing is held, until it is counted anew with [`Slots::take`].
    pub(crate) fn empty(&mut self) {
        self.held = 0;
        self.bars.iter_mut().flat_map(|bars| bars.iter_mut()).for_each(|bar| bar.held = 0);
    }

    /// How many could a call of this priority take if another took `taken` first?
    pub(crate) fn room_after(&self, priority: Priority, other: Priority, taken: u64) -> u64 {
        let room = self.size.saturating_sub(self.held.saturating_add(taken));
        let Some(bars) = &self.bars else { return room };
        room.saturating_sub(kept(bars, self.most_kept(), priority, |bar| {
            bar.held.saturating_add(if bar.is_for(other) { taken } else { 0 })
        }))
    }

    #[inline]
    pub(crate) fn answer(&self, amount: u64, priority: Priority) -> Answer {
        if amount <= self.room(priority) || self.counts_less(amount, priority) {
            Answer::Ready
        } else if amount > self.most(priority) {
            Answer::Never
        } else {
            Answer::OnRelease
        }
    }

    #[inline]
    pub(crate) fn take(&mut self, amount: u64, priority: Priority) {
        self.held = self.held.saturating_add(amount);
        self.peak = self.peak.max(self.held.saturating_add(self.abandoned));
        if self.bars.is_some() {
            self.take_beside_bars(amount, priority);
        }
    }

    #[inline(never)]
    fn take_beside_bars(&mut self, amount: u64, priority: Priority) {
        let bars = self.bars.iter_mut().flat_map(|bars| bars.iter_mut());
        for bar in bars.filter(|bar| bar.is_for(priority)) {
            bar.held = bar.held.saturating_add(amount);
        }
    }

    #[inline]
    pub(crate) fn give(&mut self, amount: u64, priority: Priority) {
        self.held = self.held.saturating_sub(amount);
        if self.bars.is_some() {
            self.give_beside_bars(amount, priority);
        }
    }

    #[inline(never)]
    fn give_beside_bars(&mut self, amount: u64, priority: Priority) {
        let bars = self.bars.iter_mut().flat_map(|bars| bars.iter_mut());
        for bar in bars.filter(|bar| bar.is_for(priority)) {
            bar.held = bar.held.saturating_sub(amount);
        }
    }
}

impl Bar {
    #[inline]
    fn is_for(&self, priority: Priority) -> bool {
        self.for_priorities >> (priority.0 & 63) & 1 == 1
    }
}

/// What must stay free for others than `priority`, if they hold what `held` says.
#[inline]
fn kept(bars: &[Bar], most: u64, priority: Priority, held: impl Fn(&Bar) -> u64) -> u64 {
    let others = bars.iter().filter(|bar| !bar.is_for(priority));
    others.map(|bar| bar.kept.min(most).saturating_sub(held(bar))).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CRITICAL: Priority = Priority(0);
    const HIGH: Priority = Priority(1);
    const LOW: Priority = Priority(2);

    fn slots() -> Slots {
        Slots::new(10, &[(CRITICAL, 2), (HIGH, 4)], true, &[64, 16, 1])
    }

    #[test]
    fn others_together_never_hold_what_is_reserved() {
        let mut slots = slots();
        assert_eq!([slots.most(CRITICAL), slots.most(HIGH), slots.most(LOW)], [10, 8, 6]);
        slots.take(6, LOW);
        assert_eq!([slots.room(CRITICAL), slots.room(HIGH), slots.room(LOW)], [4, 2, 0]);
        slots.take(2, HIGH);
        assert_eq!([slots.room(CRITICAL), slots.room(HIGH), slots.room(LOW)], [2, 0, 0]);
        slots.give(6, LOW);
        assert_eq!(slots.room(LOW), 6, "two of the four for high are in use, and two more kept");
    }

    #[test]
    fn what_those_it_is_kept_for_hold_is_no_longer_kept() {
        let mut slots = slots();
        slots.take(9, CRITICAL);
        assert_eq!(slots.room(LOW), 1);
        assert_eq!(slots.room_after(LOW, CRITICAL, 1), 0);
        slots.give(8, CRITICAL);
        assert_eq!(slots.room(LOW), 6);
        assert_eq!(slots.room_after(LOW, CRITICAL, 3), 6, "three of those kept");
        assert_eq!(slots.room_after(LOW, CRITICAL, 4), 5);
    }
}
