//! Slots whose number is learned: which changes of it the rules allow.

use rampmeter_core::{Adaptive, AdaptiveRule, Outcome};

use super::{Books, BudgetBook, SlotsBook};

/// How a learned number of slots came about.
#[derive(Clone, Debug)]
pub(crate) struct Learned {
    pub(crate) config: Adaptive,
    /// When it last shrank.
    shrunk: u64,
    /// Calls that ended since it last changed, and might say that there is more room.
    ends: u64,
}

/// A call that has ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct End {
    pub(crate) route: u32,
    pub(crate) started: u64,
    pub(crate) outcome: Outcome,
}

impl Learned {
    pub(crate) fn new(config: Adaptive) -> Learned {
        Learned { config, shrunk: 0, ends: 0 }
    }
}

impl SlotsBook {
    /// What a call counts as: no more than it could have of the slots that there are.
    pub(crate) fn counts(&self, amount: u64, priority: u8) -> u64 {
        if self.learned.is_none() { amount } else { amount.min(self.most_now(priority)) }
    }

    fn may_become(&self, size: u64, end: &End, clock: u64) -> Result<(), &'static str> {
        let Some(learned) = &self.learned else { return Err("its size is not learned") };
        let Adaptive { rule, min, max } = learned.config;
        let (was, counts) = (self.size, end.started >= learned.shrunk);
        let went_well = matches!(end.outcome, Outcome::Succeeded | Outcome::Failed);
        let vegas = rule == AdaptiveRule::Vegas;
        if !(min..=max).contains(&size) {
            Err("beyond its bounds")
        } else if !counts || clock < end.started {
            Err("by a call from before it last shrank")
        } else if end.outcome == Outcome::Overloaded && (was - was.min(size)) * 4 <= was.max(4) {
            if size < was { Ok(()) } else { Err("upwards by an overload") }
        } else if !went_well {
            Err("by more than a cut, or by a call that says nothing")
        } else if learned.ends < was {
            Err("before as many calls have ended as it has slots")
        } else if size.abs_diff(was) > (was / 8).max(was.abs_diff(size).min(1)) && !vegas {
            Err("by more than an eighth")
        } else if size < was && !vegas {
            Err("downwards without an overload")
        } else {
            Ok(())
        }
    }
}

impl Books {
    /// A call has ended: it may say that there is more room.
    pub(crate) fn learns_from(&mut self, end: &End) {
        let went_well = matches!(end.outcome, Outcome::Succeeded | Outcome::Failed);
        for take in &self.routes[end.route as usize].takes {
            if let BudgetBook::Slots(slots) = &mut self.budgets[take.budget as usize]
                && let Some(learned) = &mut slots.learned
                && end.started >= learned.shrunk
            {
                learned.ends += u64::from(went_well);
                // It has shrunk as far as it may, and nothing is said of that.
                let cut =
                    end.outcome == Outcome::Overloaded && learned.config.rule == AdaptiveRule::Aimd;
                if cut && slots.size <= learned.config.min {
                    (learned.shrunk, learned.ends) = (self.clock, 0);
                }
            }
        }
    }

    /// Limits that must shrink now: one of their calls was overloaded, which started after they last
    /// did.
    pub(crate) fn must_shrink(&self, end: &End) -> Vec<u16> {
        let instances = self.routes[end.route as usize].instances.iter();
        let shrinks = |id: &u32| {
            self.instances[*id as usize].budgets.iter().any(|budget| {
                let BudgetBook::Slots(slots) = &self.budgets[*budget as usize] else {
                    return false;
                };
                slots.learned.as_ref().is_some_and(|learned| {
                    // What else Vegas waits for before it counts again is not told.
                    learned.config.rule == AdaptiveRule::Aimd
                        && end.started >= learned.shrunk
                        && slots.size > learned.config.min
                })
            })
        };
        let overloaded = end.outcome == Outcome::Overloaded;
        let instances = instances.copied().filter(|id| overloaded && shrinks(id));
        instances.map(|id| self.instances[id as usize].limit).collect()
    }

    /// The engine says that a limit has another size.
    pub(crate) fn resized(
        &mut self,
        limit: u16,
        size: u64,
        end: Option<&End>,
    ) -> Result<(), &'static str> {
        let Some(end) = end else { return Err("though no call has ended") };
        let first = self.limits[usize::from(limit)].first;
        if !self.routes[end.route as usize].instances.contains(&first) {
            return Err("by a call of other limits");
        }
        let clock = self.clock;
        for budget in self.instances[first as usize].budgets.clone() {
            if let BudgetBook::Slots(slots) = &mut self.budgets[budget as usize] {
                slots.may_become(size, end, clock)?;
                let was = std::mem::replace(&mut slots.size, size);
                if let Some(learned) = &mut slots.learned {
                    learned.ends = 0;
                    learned.shrunk = if size < was { clock } else { learned.shrunk };
                }
            }
        }
        Ok(())
    }
}
