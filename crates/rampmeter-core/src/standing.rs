//! What an instance says to a call: its budgets, and what else stands in the way there. A limit that is
//! paused, cools down or has an open breaker says so here and nowhere else.

use crate::budget::Answer;
use crate::call::Priority;
use crate::instance::Instances;
use crate::nest::Nests;
use crate::route::{Route, Take};
use crate::time::Instant;

impl Instances {
    /// What an instance says to `takes`: its budgets, and what else stands in the way there.
    #[inline]
    pub(crate) fn answer(
        &mut self,
        id: u32,
        takes: &[Take],
        priority: Priority,
        now: Instant,
    ) -> Answer {
        self.budgets.answer(takes, priority, now).and(self.standing(id, false, now))
    }

    /// The same for a call whose caller is `parent`.
    pub(crate) fn answer_nested(
        &mut self,
        id: u32,
        takes: &[Take],
        priority: Priority,
        lineage: (&Nests, u32),
        now: Instant,
    ) -> Answer {
        let answer = self.budgets.answer_nested(takes, priority, lineage, now);
        answer.and(self.standing(id, true, now))
    }

    /// What all instances of a route say.
    pub(crate) fn answer_all(&mut self, route: &Route, priority: Priority, now: Instant) -> Answer {
        let draws = route.draws().iter();
        let answers = draws.map(|it| self.answer(it.instance, route.takes_of(*it), priority, now));
        answers.fold(Answer::Ready, Answer::and)
    }

    /// What stands in the way of every call at an instance, whatever its budgets say.
    #[inline]
    pub(crate) fn standing(&self, id: u32, nested: bool, now: Instant) -> Answer {
        let instance = self.get(id);
        let nothing = !instance.paused && instance.cool.is_none() && instance.breaker.is_none();
        if nothing { Answer::Ready } else { self.in_the_way(id, nested, now) }
    }

    #[inline(never)]
    fn in_the_way(&self, id: u32, nested: bool, now: Instant) -> Answer {
        let instance = self.get(id);
        if instance.paused {
            return Answer::Paused;
        }
        let cool = instance.cool.as_deref().map_or(Answer::Ready, |it| it.answer(nested, now));
        let breaker = instance.breaker.as_deref();
        breaker.map_or(cool, |it| it.answer(nested, now).and(cool))
    }
}
