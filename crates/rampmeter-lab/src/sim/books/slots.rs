//! Slots: a sum over the calls that run, by priority.
//!
//! Reserved: others than those whom slots are kept for never hold more than the rest of them.

use rampmeter_core::BudgetConfig;

use super::Learned;

#[derive(Clone, Debug)]
pub(crate) struct SlotsBook {
    pub(crate) size: u64,
    pub(crate) lend: bool,
    /// For each reservation who is not among those it is for, and what is kept from these.
    reserved: Vec<(Vec<bool>, u64)>,
    /// What is held, in all and by each priority.
    pub(crate) held: u64,
    held_by: Vec<u64>,
    /// Weights of calls that run and do not wait for calls of theirs.
    pub(crate) at_work: u64,
    /// Its size is learned.
    pub(crate) learned: Option<Learned>,
}

impl SlotsBook {
    pub(crate) fn new(config: &BudgetConfig, weights: &[u32]) -> SlotsBook {
        let mut slots = SlotsBook {
            size: 0,
            lend: false,
            reserved: Vec::new(),
            held: 0,
            held_by: vec![0; weights.len()],
            at_work: 0,
            learned: None,
        };
        slots.resize(config, weights);
        slots
    }

    /// New figures; what is held stays held.
    pub(crate) fn resize(&mut self, config: &BudgetConfig, weights: &[u32]) {
        let BudgetConfig::Concurrency { size, reserved, lend } = config else { return };
        let weight = |priority: usize| weights[priority].max(1);
        let others = |of: usize| (0..weights.len()).map(|it| weight(it) < weight(of)).collect();
        self.reserved =
            reserved.iter().map(|(of, kept)| (others(usize::from(of.0)), *kept)).collect();
        self.lend = *lend;
        // What was learned stays learned.
        self.size = if self.learned.is_some() { self.size } else { *size };
    }

    /// The most that calls of a priority could ever hold.
    pub(crate) fn most(&self, priority: u8) -> u64 {
        let size = self.learned.as_ref().map_or(self.size, |learned| learned.config.max);
        self.most_of(size, priority)
    }

    /// The most that they could hold now.
    pub(crate) fn most_now(&self, priority: u8) -> u64 {
        self.most_of(self.size, priority)
    }

    fn most_of(&self, size: u64, priority: u8) -> u64 {
        let bars = self.reserved.iter().filter(|(others, _)| others[usize::from(priority)]);
        bars.map(|(_, kept)| self.left_of(size, *kept)).fold(size, u64::min)
    }

    /// What is left of so many slots. Of those that are learned the last is kept from nobody.
    fn left_of(&self, size: u64, kept: u64) -> u64 {
        size.saturating_sub(kept).max(u64::from(self.learned.is_some()))
    }

    pub(crate) fn has_room(&self, amount: u64, priority: u8) -> bool {
        let priority = usize::from(priority);
        amount == 0
            || self.held + amount <= self.size
                && self.reserved.iter().all(|(others, kept)| {
                    let most = self.left_of(self.size, *kept);
                    let by = self.held_by.iter().zip(others).filter(|(_, is)| **is);
                    !others[priority] || by.map(|(held, _)| held).sum::<u64>() + amount <= most
                })
    }

    pub(crate) fn take(&mut self, amount: u64, priority: u8) {
        self.held += amount;
        self.held_by[usize::from(priority)] += amount;
    }

    pub(crate) fn give(&mut self, amount: u64, priority: u8) {
        self.held -= amount;
        self.held_by[usize::from(priority)] -= amount;
    }

    /// The same slots, of which nobody holds any.
    pub(crate) fn emptied(&self) -> SlotsBook {
        let held_by = vec![0; self.held_by.len()];
        SlotsBook { held: 0, held_by, at_work: 0, ..self.clone() }
    }
}
