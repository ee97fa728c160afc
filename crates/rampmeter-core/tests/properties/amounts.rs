//! What each start took from each budget, read from the history alone.

use std::collections::BTreeMap;

use rampmeter_core::{BudgetConfig, Counts};

use super::history::{Event, Run, What};

/// A change of what is taken from one budget of one instance.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Charge {
    pub(crate) at: u64,
    pub(crate) amount: u64,
    /// Taken at a start, or given back at an end (which only slots heed).
    pub(crate) taken: bool,
    pub(crate) call: usize,
}

/// The charges of one budget, in order, for each value of the limit's label.
pub(crate) type Charges<'a> = BTreeMap<Option<&'a str>, Vec<Charge>>;

/// Every budget of the config, as (limit, budget).
pub(crate) fn budgets(run: &Run) -> Vec<(usize, usize)> {
    let limits = run.world.config.limits.iter().enumerate();
    limits
        .flat_map(|(limit, it)| (0..it.budgets.len()).map(move |budget| (limit, budget)))
        .collect()
}

/// What happened to one budget in the first `events` events.
pub(crate) fn charges(run: &Run, limit: usize, budget: usize, events: usize) -> Charges<'_> {
    let mut charges = Charges::new();
    for Event { at, what } in &run.events[..events] {
        let (call, taken) = match what {
            What::Started(call, _) => (*call, true),
            What::Ended(call) => (*call, false),
            _ => continue,
        };
        if let Some(amount) = amount(run, call, limit, budget) {
            let of_value = charges.entry(run.value(call, limit)).or_default();
            of_value.push(Charge { at: *at, amount, taken, call });
        }
    }
    charges
}

/// How much of a budget this call takes, if it draws on the limit.
pub(crate) fn amount(run: &Run, call: usize, limit: usize, budget: usize) -> Option<u64> {
    let takes = &run.calls[call].spec.takes;
    let take = takes.iter().find(|take| usize::from(take.limit) == limit)?;
    Some(match run.world.config.limits[limit].budgets[budget] {
        BudgetConfig::Concurrency { .. } => take.weight,
        BudgetConfig::Rate { counts: Counts::Calls, .. } => 1,
        BudgetConfig::Rate { counts: Counts::Unit(unit), .. } => {
            take.costs.iter().filter(|cost| cost.unit == unit).map(|cost| cost.amount).sum()
        }
    })
}
