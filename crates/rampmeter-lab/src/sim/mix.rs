//! Which ingredients a run may have. Each seed takes a part of them (swarm testing): a run with
//! everything at once hides what some of its parts would show alone.

use super::rng::Rng;

/// The ingredients that a run may have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mix {
    /// Limits that keep slots for a priority and above.
    pub reserved: bool,
    /// Queues that evict when they are full.
    pub evict: bool,
    /// Queues bounded per flow.
    pub per_flow: bool,
    /// Calls that running calls make.
    pub nested: bool,
    /// Limits that change while calls run.
    pub edits: bool,
    /// Patience other than the default.
    pub patience: bool,
    /// Calls with a deadline.
    pub deadlines: bool,
    /// Tools that hang, callers that vanish, storms.
    pub faults: bool,
    /// Calls that take nothing of a limit.
    pub zeros: bool,
    /// Clocks that step, timers that are late, times that run backwards.
    pub clocks: bool,
    /// Limits whose number of slots is learned.
    pub adaptive: bool,
    /// Limits with a breaker.
    pub breakers: bool,
    /// Calls that tell what they took.
    pub settles: bool,
    /// Calls that are throttled.
    pub throttles: bool,
    /// Calls that come again and were asked for first some time ago.
    pub retries: bool,
}

impl Mix {
    /// All that the engine is to hold up under.
    pub const ALL: Mix = Mix {
        reserved: true,
        evict: true,
        per_flow: true,
        nested: true,
        edits: true,
        patience: true,
        deadlines: true,
        faults: true,
        zeros: true,
        clocks: true,
        adaptive: true,
        breakers: true,
        settles: true,
        throttles: true,
        retries: true,
    };

    /// These without one of them, by its name.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn without(mut self, name: &str) -> Result<Mix, String> {
        let ingredient = match name {
            "reserved" => &mut self.reserved,
            "evict" => &mut self.evict,
            "per_flow" => &mut self.per_flow,
            "nested" => &mut self.nested,
            "edits" => &mut self.edits,
            "patience" => &mut self.patience,
            "deadlines" => &mut self.deadlines,
            "faults" => &mut self.faults,
            "zeros" => &mut self.zeros,
            "clocks" => &mut self.clocks,
            "adaptive" => &mut self.adaptive,
            "breakers" => &mut self.breakers,
            "settles" => &mut self.settles,
            "throttles" => &mut self.throttles,
            "retries" => &mut self.retries,
            _ => return Err(format!("there is no ingredient `{name}`")),
        };
        *ingredient = false;
        Ok(self)
    }

    /// A part of these ingredients.
    pub(crate) fn part(self, rng: &mut Rng) -> Mix {
        // These came later, and do not move what older seeds draw.
        let mut later = rng.later();
        let mut told = |allowed: bool| later.percent(50) && allowed;
        let (settles, throttles) = (told(self.settles), told(self.throttles));
        let retries = told(self.retries);
        let mut with = |allowed: bool| rng.percent(60) && allowed;
        Mix {
            reserved: with(self.reserved),
            evict: with(self.evict),
            per_flow: with(self.per_flow),
            nested: with(self.nested),
            edits: with(self.edits),
            patience: with(self.patience),
            deadlines: with(self.deadlines),
            faults: with(self.faults),
            zeros: with(self.zeros),
            clocks: with(self.clocks),
            // Chosen apart, so that a seed makes the same of all else.
            adaptive: false,
            breakers: false,
            settles,
            throttles,
            retries,
        }
    }
}
