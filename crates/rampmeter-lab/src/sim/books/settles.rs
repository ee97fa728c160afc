//! What running calls took, told while they run.

use rampmeter_core::{BudgetConfig, Cost, Counts};

use super::{Books, BudgetBook};

impl Books {
    /// A running call took so much, whatever it was charged; says whether that is news.
    pub(crate) fn settles(&mut self, call: u32, costs: &[Cost]) -> bool {
        if std::mem::replace(&mut self.call_mut(call).settled, true) {
            return false;
        }
        for (budget, would, actual) in self.told(call, costs) {
            let book = &self.calls[call as usize];
            let charge = book.charges.iter().find(|(of, _)| *of == budget).map(|(_, it)| *it);
            let started = book.started;
            let BudgetBook::Rate(rate) = &mut self.budgets[budget as usize] else { continue };
            match charge {
                Some(charge) => rate.settle(&charge, actual, self.clock),
                None => rate.settle_uncharged(started, would, actual, self.clock),
            }
        }
        true
    }

    /// The rates that a call draws on of which it is told what it took: what it is charged there
    /// by its kind, and what it took.
    fn told(&self, call: u32, costs: &[Cost]) -> Vec<(u32, u64, u64)> {
        let mut told = Vec::new();
        let route = self.route_of(call);
        for id in &route.instances {
            let instance = &self.instances[*id as usize];
            let configs = &self.limits[usize::from(instance.limit)].config.budgets;
            for (budget, config) in instance.budgets.iter().zip(configs) {
                let BudgetConfig::Rate { counts: Counts::Unit(unit), .. } = config else {
                    continue;
                };
                let take = route.takes.iter().find(|take| take.budget == *budget);
                let cost = costs.iter().find(|cost| cost.unit == *unit);
                if let (Some(take), Some(cost)) = (take, cost) {
                    told.push((*budget, take.amount, cost.amount));
                }
            }
        }
        told
    }
}
