//! Who was there before a call, and who went before it.

use std::collections::BTreeMap;

use super::fold::Run;
use super::story::Stretch;

/// Calls by priority, and of each by flow.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    pub(super) calls: usize,
    by: BTreeMap<String, BTreeMap<String, usize>>,
}

/// Those who mattered to a call while it waited at a limit.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    /// They waited there when it came.
    pub(super) there: Crowd,
    /// They waited there, too, and started while it did.
    pub(super) went: Crowd,
    /// Those of them that had been asked for later.
    pub(super) passed: Crowd,
}

const SHOWN_FLOWS: usize = 5;

impl Ahead {
    /// While the call at `own` waited at a limit. Calls that started there without a wait are not
    /// known to have: an event names a limit only where a call waits.
    pub(super) fn of(run: &Run, own: usize, stretch: &Stretch<'_>) -> Ahead {
        let mut ahead = Ahead::default();
        for (at, call) in run.calls.iter().enumerate() {
            let Some((from, to)) = call.wait(run).filter(|_| at != own) else { continue };
            let there = |moment| call.limit_at(run, moment) == stretch.limit;
            let (starts, ends) = (stretch.from_us, stretch.to_us);
            let came_first = from < starts || (from == starts && at < own);
            if came_first && to > starts && there(starts) {
                ahead.there.add(&call.priority, &call.flow);
            }
            let went = call.started_us.is_some_and(|it| it > starts && it <= ends);
            if went && there(to.saturating_sub(1).max(from)) {
                ahead.went.add(&call.priority, &call.flow);
                if at > own {
                    ahead.passed.add(&call.priority, &call.flow);
                }
            }
        }
        ahead
    }
}

impl Crowd {
    fn add(&mut self, priority: &str, flow: &str) {
        self.calls += 1;
        let flows = self.by.entry(priority.to_owned()).or_default();
        *flows.entry(flow.to_owned()).or_default() += 1;
    }

    /// `8 of high (flow a 5, flow b 3), 4 of low (flow a 4)`.
    pub(super) fn in_words(&self) -> String {
        let priorities = self.by.iter().map(|(priority, flows)| {
            let mut flows: Vec<_> = flows.iter().collect();
            flows.sort_by_key(|(_, calls)| std::cmp::Reverse(**calls));
            let all: usize = flows.iter().map(|(_, calls)| **calls).sum();
            let shown = flows.iter().take(SHOWN_FLOWS);
            let mut shown: Vec<_> =
                shown.map(|(flow, calls)| format!("flow {flow} {calls}")).collect();
            if flows.len() > SHOWN_FLOWS {
                shown.push(format!("{} more flows", flows.len() - SHOWN_FLOWS));
            }
            format!("{all} of {priority} ({})", shown.join(", "))
        });
        priorities.collect::<Vec<_>>().join(", ")
    }
}
