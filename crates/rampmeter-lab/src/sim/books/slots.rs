//! Slots: a sum over the calls that run.

use rampmeter_core::BudgetConfig;

#[derive(Clone, Debug)]
pub(crate) struct SlotsBook {
    pub(crate) size: u64,
    pub(crate) lend: bool,
    /// What calls of each priority may fill.
    ceilings: Vec<u64>,
    /// What is held.
    pub(crate) held: u64,
    /// The most that was.
    pub(crate) peak: u64,
}

impl SlotsBook {
    pub(crate) fn new(config: &BudgetConfig, weights: &[u32]) -> SlotsBook {
        let mut slots =
            SlotsBook { size: 0, lend: false, ceilings: Vec::new(), held: 0, peak: 0 };
        slots.resize(config, weights);
        slots
    }

    /// New figures; what is held stays held.
    pub(crate) fn resize(&mut self, config: &BudgetConfig, weights: &[u32]) {
        let BudgetConfig::Concurrency { size, reserved, lend } = config else { return };
        let weight = |priority: usize| weights[priority].max(1);
        let ceiling = |priority: usize| {
            // Kept for those with a greater weight than this priority has.
            let kept = reserved.iter().filter(|(of, _)| {
                usize::from(of.0) != priority && weight(usize::from(of.0)) > weight(priority)
            });
            size.saturating_sub(kept.map(|(_, slots)| *slots).sum())
        };
        self.ceilings = (0..weights.len()).map(ceiling).collect();
        (self.size, self.lend) = (*size, *lend);
    }

    pub(crate) fn ceiling(&self, priority: u8) -> u64 {
        self.ceilings[usize::from(priority)]
    }

    pub(crate) fn has_room(&self, amount: u64, priority: u8) -> bool {
        amount == 0 || self.held + amount <= self.ceiling(priority)
    }

    pub(crate) fn take(&mut self, amount: u64) {
        self.held += amount;
        self.peak = self.peak.max(self.held);
    }
}
