//! Slots: at most `size` held at once, from start to finish. A shrink leaves `held` above `size`
//! until calls end; nothing is admitted above it.
//!
//! Some may be reserved: `n` for a priority and those of greater weight means that all others
//! together never hold more than `size - n`. While calls of those priorities hold `h` slots, the
//! others leave `max(0, n - h)` free: what is held by those it is kept for is no longer kept.
//! (Keeping `n` free beside them as well would let a backlog of theirs shut out everybody else.)

use alloc::{boxed::Box, vec::Vec};

use super::Answer;
use crate::call::Priority;

#[derive(Clone, Debug)]
pub(crate) struct Slots {
    pub(crate) size: u64,
    pub(crate) held: u64,
    pub(crate) peak: u64,
    /// Callers that wait for calls of their own lend them theirs.
    pub(crate) lend: bool,
    bars: Option<Box<[Bar]>>,
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
        Slots { size, held: 0, peak: 0, lend, bars }
    }

    /// The same slots, and nothing held.
    pub(crate) fn emptied(&self) -> Slots {
        let mut slots = self.clone();
        slots.empty();
        slots
    }

    /// How many a call of this priority may take now.
    #[inline]
    pub(crate) fn room(&self, priority: Priority) -> u64 {
        let room = self.size.saturating_sub(self.held);
        match &self.bars {
            None => room,
            Some(bars) => room.saturating_sub(kept(bars, priority, |bar| bar.held)),
        }
    }

    /// How many a call of this priority could ever take.
    pub(crate) fn most(&self, priority: Priority) -> u64 {
        let kept = self.bars.as_deref().map_or(0, |bars| kept(bars, priority, |_| 0));
        self.size.saturating_sub(kept)
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
        room.saturating_sub(kept(bars, priority, |bar| {
            bar.held.saturating_add(if bar.is_for(other) { taken } else { 0 })
        }))
    }

    #[inline]
    pub(crate) fn answer(&self, amount: u64, priority: Priority) -> Answer {
        if amount <= self.room(priority) {
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
        self.peak = self.peak.max(self.held);
        if let Some(bars) = &mut self.bars {
            for bar in bars.iter_mut().filter(|bar| bar.is_for(priority)) {
                bar.held = bar.held.saturating_add(amount);
            }
        }
    }

    #[inline]
    pub(crate) fn give(&mut self, amount: u64, priority: Priority) {
        self.held = self.held.saturating_sub(amount);
        if let Some(bars) = &mut self.bars {
            for bar in bars.iter_mut().filter(|bar| bar.is_for(priority)) {
                bar.held = bar.held.saturating_sub(amount);
            }
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
fn kept(bars: &[Bar], priority: Priority, held: impl Fn(&Bar) -> u64) -> u64 {
    let others = bars.iter().filter(|bar| !bar.is_for(priority));
    others.map(|bar| bar.kept.saturating_sub(held(bar))).max().unwrap_or(0)
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
