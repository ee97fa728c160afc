//! What limits that go by how calls end say of it.

use rampmeter_core::{BreakerState, LimitId};

use super::super::totals::Count;
use super::super::verdict::{Judge, Verdict, must, wrong};
use super::Player;

impl Player {
    /// A limit has another number of slots.
    pub(super) fn size_is_said(&mut self, limit: LimitId, size: u64) -> Verdict {
        self.totals.add(Count::Resized);
        self.to_shrink.retain(|it| *it != limit.0);
        self.books.resized(limit.0, size, self.ended.as_ref()).map_err(|why| {
            let name = &self.books.limits[usize::from(limit.0)].config.name;
            wrong(Judge::Limits, format!("{name} has {size} slots now, {why}: {:?}", self.ended))
        })
    }

    /// A breaker has another state.
    pub(super) fn breaker_says(&mut self, limit: LimitId, state: BreakerState) -> Verdict {
        if state == BreakerState::HalfOpen {
            self.half_open += 1;
            return Ok(());
        }
        self.totals.add(Count::Opened);
        let first = (!self.to_tell.is_empty()).then(|| self.to_tell.remove(0));
        must(first == Some((limit.0, state)), Judge::Limits, || {
            format!("the breaker of {limit:?} is {state:?}, by the books {first:?}")
        })
    }

    /// All that an input's end had to lead to has been said.
    pub(super) fn all_is_learned(&mut self) -> Verdict {
        let (ended, shrink) = (self.ended.take(), std::mem::take(&mut self.to_shrink));
        must(shrink.is_empty(), Judge::Limits, || {
            format!("{shrink:?} have as many slots as before: {ended:?}")
        })?;
        let (tell, half_open) = (std::mem::take(&mut self.to_tell), self.half_open);
        must(tell.is_empty() && half_open == 0, Judge::Limits, || {
            format!("breakers did not say {tell:?}; of those half-open {half_open} too many")
        })
    }
}
