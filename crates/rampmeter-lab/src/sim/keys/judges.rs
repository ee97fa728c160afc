//! The judges of a scene of keys: who may be at a key beside whom, who goes first there, who waits
//! for nothing, and at which priority.

use rampmeter_core::{Instant, Reason, Refusal};

use super::super::verdict::{Judge, Verdict, must, wrong};
use super::books::State;
use super::play::Player;

impl Player {
    /// A call starts: alone at what it writes, and after all who came before and cannot share.
    pub(super) fn may_start(&mut self, number: usize) -> Verdict {
        let call = &self.books.calls[number];
        must(call.state == State::Waiting, Judge::Answers, || format!("{call:?} starts again"))?;
        must(self.books.now < call.expires, Judge::Late, || format!("{call:?} starts too late"))?;
        for other in &self.books.live {
            if *other == number || !self.books.clash(&self.scene, number, *other) {
                continue;
            }
            let them = &self.books.calls[*other];
            match them.state {
                // A caller waits for its calls, and does nothing meanwhile.
                State::Running => must(self.books.is_above(*other, number), Judge::Limits, || {
                    format!("{call:?} runs at a key beside {them:?}")
                })?,
                _ => {
                    must(call.nested || self.books.is_before(number, *other), Judge::Waits, || {
                        format!("{call:?} passes {them:?} at a key")
                    })?
                }
            }
        }
        self.note_peaks(number);
        Ok(())
    }

    fn note_peaks(&mut self, number: usize) {
        for (key, _) in &self.scene.kinds[self.books.calls[number].kind].keys {
            let (mut readers, mut writers) = (0, 0);
            for other in &self.books.live {
                let it = &self.books.calls[*other];
                let runs = it.state == State::Running && !self.books.is_above(*other, number);
                let keys = &self.scene.kinds[it.kind].keys;
                let used = keys.iter().find(|(of, _)| of == key);
                if let Some((_, writes)) = used.filter(|_| runs || *other == number) {
                    *(if *writes { &mut writers } else { &mut readers }) += 1;
                }
            }
            let (most_readers, most_writers) = self.shown.peaks;
            self.shown.peaks = (most_readers.max(readers), most_writers.max(writers));
        }
    }

    /// A waiting call was answered no, and rightly.
    pub(super) fn may_refuse(&mut self, number: usize, refusal: &Refusal) -> Verdict {
        let call = &self.books.calls[number];
        let due = call.expires <= self.books.now;
        let rightly = due && refusal.reason == Reason::QueueTimeout;
        must(rightly, Judge::Answers, || format!("{call:?} was refused: {refusal:?}"))
    }

    /// After an input that left no work over.
    pub(super) fn look(&mut self) -> Verdict {
        if self.engine.next_moment().is_some_and(|at| at.as_nanos() <= self.books.now) {
            return Ok(());
        }
        for number in self.books.in_state(State::Waiting) {
            let call = &self.books.calls[number];
            must(call.nested || self.has_a_reason(number), Judge::Idle, || {
                format!("{call:?} waits for nothing")
            })?;
        }
        self.priorities_are_inherited()
    }

    /// A key that somebody uses or stands before it for, or a limit that others wait for, or that
    /// is full, paused or a rate.
    fn has_a_reason(&self, number: usize) -> bool {
        let call = &self.books.calls[number];
        let draws = |kind: usize| &self.scene.kinds[kind].draws;
        let shares = |other: usize| {
            let theirs = draws(self.books.calls[other].kind);
            draws(call.kind).iter().any(|(limit, _)| theirs.iter().any(|(it, _)| it == limit))
        };
        let of_others = self.books.live.iter().any(|other| {
            let clash = self.books.clash(&self.scene, number, *other);
            match self.books.calls[*other].state {
                State::Running => clash,
                _ => {
                    let before = self.books.is_before(*other, number);
                    *other != number && (shares(*other) || clash && before)
                }
            }
        });
        let of_limits = draws(call.kind).iter().any(|(limit, weight)| {
            let limit = usize::from(*limit);
            let config = &self.scene.config.limits[limit];
            let rated = config.budgets.len() > 1;
            let slots = &self.engine.snapshot(Instant::from_nanos(self.books.now)).limits[limit];
            let full = slots.instances.iter().any(|it| match it.budgets[0] {
                rampmeter_core::BudgetSnapshot::Concurrency { size, held, .. } => {
                    held + weight > size || self.is_barred(limit)
                }
                rampmeter_core::BudgetSnapshot::Rate { .. } => false,
            });
            rated || full || self.books.paused[limit]
        });
        of_others || of_limits
    }

    /// Whether some slots of a limit are for some only.
    fn is_barred(&self, limit: usize) -> bool {
        let slots = &self.scene.config.limits[limit].budgets[0];
        matches!(slots, rampmeter_core::BudgetConfig::Concurrency { reserved, .. }
            if !reserved.is_empty())
    }

    /// Every waiting call has the greatest priority of those that wait for it in the end: at a key
    /// for its holders and for those before them, for a caller through its calls.
    fn priorities_are_inherited(&mut self) -> Verdict {
        let mut due: Vec<u8> =
            self.books.live.iter().map(|it| self.books.calls[*it].priority).collect();
        loop {
            let before = due.clone();
            for (from, donor) in self.books.live.iter().enumerate() {
                for (to, other) in self.books.live.iter().enumerate() {
                    if due[from] < due[to] && self.waits_for(*donor, *other) {
                        due[to] = due[from];
                    }
                }
            }
            if due == before {
                break;
            }
        }
        for (place, number) in self.books.live.clone().into_iter().enumerate() {
            let (id, own) = (self.books.calls[number].id, self.books.calls[number].priority);
            if self.books.calls[number].state != State::Waiting {
                continue;
            }
            let now = Instant::from_nanos(self.books.now);
            let Some(said) = self.engine.explain(now, id) else {
                return Err(wrong(Judge::Waits, format!("{id:?} waits and is not explained")));
            };
            let expected = if self.scene.config.inherit { due[place] } else { own };
            must(said.priority.0 == expected, Judge::Waits, || {
                format!("{:?} waits at {:?}, not {expected}", self.books.calls[number], said)
            })?;
            self.shown.raised += u64::from(expected != own);
            let behind = said.rescued
                && self.books.live.iter().any(|it| *it != number && self.waits_for(*it, number));
            self.shown.rescued_heads += u64::from(behind);
        }
        Ok(())
    }

    /// Does one call wait for another, as far as keys and callers go?
    fn waits_for(&self, donor: usize, other: usize) -> bool {
        let (ours, theirs) = (&self.books.calls[donor], &self.books.calls[other]);
        if theirs.parent == Some(donor) {
            return true;
        }
        if ours.state != State::Waiting || !self.books.clash(&self.scene, donor, other) {
            return false;
        }
        match theirs.state {
            State::Running => !self.books.is_above(other, donor),
            _ => self.books.is_before(other, donor) && !ours.nested,
        }
    }
}
