//! What running calls tell of themselves before they end: what they took.

use rampmeter_core::{CallId, Cost, Unit};

use super::super::totals::Count;
use super::super::verdict::{Judge, Verdict, must};
use super::{Job, Player};

impl Player {
    /// A call starts: decides what it will tell.
    pub(super) fn plan_what_it_tells(&mut self, call: u32, id: CallId) {
        let mix = self.scene.mix;
        let ends = self.plans[call as usize].ends.min(self.now.saturating_add(self.scene.pace * 8));
        if mix.settles && self.told.percent(50) {
            let at = self.now + self.told.below(ends.saturating_sub(self.now) + 1);
            self.later(at, Job::Settle(id));
        }
    }

    /// A running call tells what it took, and now and then tells it again.
    pub(super) fn settles(&mut self, id: CallId) -> Verdict {
        let Some(call) = self.books.running_call(id) else { return Ok(()) };
        let kind = self.books.variants[self.books.call(call).variant as usize].kind;
        let costs = self.scene.kinds[kind].draws.iter().flat_map(|draw| &draw.costs);
        let charged: Vec<Cost> = costs.copied().collect();
        let mut actual: Vec<Cost> = Vec::new();
        for cost in charged {
            let amount = match self.told.below(6) {
                0 => 0,
                1 => cost.amount,
                2..=4 => self.told.below(cost.amount + 1),
                _ => self.told.range(cost.amount, cost.amount * 3),
            };
            actual.push(Cost { amount, ..cost });
        }
        if self.told.once_in(8) {
            let unit = Unit(u8::try_from(self.told.below(6)).unwrap_or(0));
            actual.push(Cost { unit, amount: self.told.below(50) });
        }
        self.tells_what_it_took(call, id, &actual)?;
        match (self.told.below(10), self.books.running_call(id)) {
            (0, Some(call)) => self.tells_what_it_took(call, id, &actual),
            (1, _) => self.nobody_tells(&actual),
            _ => Ok(()),
        }
    }

    fn tells_what_it_took(&mut self, call: u32, id: CallId, costs: &[Cost]) -> Verdict {
        self.catch_up()?;
        self.totals.add(Count::Settled);
        let now = self.input();
        self.transcript.tell(|| format!("{} settle {id:?} {costs:?}", now.as_nanos()));
        let heeded = self.engine.settle(now, id, costs, &mut self.out);
        let news = self.books.settles(call, costs);
        must(heeded == news, Judge::Answers, || {
            format!("{id:?} tells what it took, which is news: {news}; heeded: {heeded}")
        })?;
        self.settle(None)?;
        self.snapshot_is_right()
    }

    /// An id that names nothing tells nothing.
    fn nobody_tells(&mut self, costs: &[Cost]) -> Verdict {
        self.catch_up()?;
        let waiting = self.books.waiting.first().and_then(|call| self.books.call(*call).id);
        let Some(id) = waiting.or(self.stale.first().copied()) else { return Ok(()) };
        let now = self.input();
        let heeded = self.engine.settle(now, id, costs, &mut self.out);
        must(!heeded, Judge::Input, || format!("{id:?} does not run, and was heeded"))?;
        self.settle(None)
    }
}
