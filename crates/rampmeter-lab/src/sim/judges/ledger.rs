//! Judge of what is held and used: a snapshot says the same as the books, which know only of
//! calls that were admitted.

use rampmeter_core::{BudgetSnapshot, Instant};

use super::super::books::BudgetBook;
use super::super::player::Player;
use super::super::totals::Count;
use super::super::verdict::{Judge, Verdict, must};

/// Once in so many inputs a snapshot is taken.
const SNAPSHOTS: u64 = 64;

impl Player {
    pub(crate) fn now_and_then_a_snapshot_is_right(&mut self) -> Verdict {
        if self.rng.once_in(SNAPSHOTS) { self.snapshot_is_right() } else { Ok(()) }
    }

    pub(crate) fn snapshot_is_right(&mut self) -> Verdict {
        self.totals.add(Count::Looks);
        let snapshot = self.engine.snapshot(Instant::from_nanos(self.books.clock));
        let books = &mut self.books;
        for it in &snapshot.limits {
            let number = usize::from(it.limit.0);
            let limit = &books.limits[number];
            let (first, many) = (limit.first, limit.many);
            let per = limit.config.per;
            let most = limit.config.max_instances as usize;
            if limit.removed {
                continue;
            }
            must(it.instances.len() <= most, Judge::Limits, || {
                format!("{} has {} instances of {most}", it.name, it.instances.len())
            })?;
            let values = per.map(|label| &self.scene.values[usize::from(label.0)]);
            for place in 0..many {
                let label = values.map(|values| values[place as usize].as_str());
                let seen = it.instances.iter().find(|seen| seen.label.as_deref() == label);
                let instance = &books.instances[(first + place) as usize];
                let queued = seen.map_or(0, |seen| seen.waiting);
                must(queued == instance.queued, Judge::Ledger, || {
                    format!("{queued} wait for {} {label:?}, not {}", it.name, instance.queued)
                })?;
                let state = instance.breaker.as_ref().map(|it| it.state(books.clock));
                let said = seen.map_or(state, |seen| seen.breaker);
                must(said == state, Judge::Ledger, || {
                    format!("the breaker of {} is {said:?}, not {state:?}", it.name)
                })?;
                for (at, budget) in instance.budgets.iter().enumerate() {
                    let said = seen.and_then(|seen| seen.budgets.get(at));
                    let book = &mut books.budgets[*budget as usize];
                    let right = agrees(book, said, books.clock);
                    must(right, Judge::Ledger, || {
                        format!("budget {at} of {} {label:?}: {said:?}, not {book:?}", it.name)
                    })?;
                }
            }
        }
        Ok(())
    }
}

/// An instance that is not there has nothing held or used.
fn agrees(book: &mut BudgetBook, said: Option<&BudgetSnapshot>, clock: u64) -> bool {
    match (book, said) {
        (BudgetBook::Slots(slots), None) => slots.held == 0,
        (BudgetBook::Slots(slots), Some(BudgetSnapshot::Concurrency { size, held, .. })) => {
            (*size, *held) == (slots.size, slots.held)
        }
        (BudgetBook::Rate(rate), None) => rate.used(clock).0 == 0,
        (BudgetBook::Rate(rate), Some(BudgetSnapshot::Rate { used, capacity, .. })) => {
            let (least, most) = rate.used(clock);
            (least..=most).contains(used) && *capacity == rate.capacity
        }
        _ => false,
    }
}
