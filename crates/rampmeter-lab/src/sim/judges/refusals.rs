//! Judge of every "no": its reason is true, and where a reason holds, it is said.

use rampmeter_core::{Reason, Refusal, Retry};

use super::super::books::{Books, BudgetBook, NONE};
use super::super::player::{Ask, Player};
use super::super::totals::Count;
use super::super::verdict::{Judge, Verdict, must};

impl Player {
    /// A call was refused as it asked.
    pub(crate) fn may_refuse(&mut self, ask: &Ask, refusal: &Refusal) -> Verdict {
        let route = self.books.variants[ask.variant as usize].route;
        let clock = self.books.clock;
        let fits = self.books.ever_fits(route, ask.priority);
        let expires = self.book_of(ask).expires;
        let true_reason = match refusal.reason {
            Reason::TooLarge => !fits,
            // No limit of a scene has a breaker.
            Reason::Deadline => {
                self.totals.add(Count::TooLate);
                // An estimate may say so, too; what it is worth is reported.
                let estimated = matches!(refusal.retry, Retry::At(at) if at.as_nanos() > expires);
                ask.deadline <= clock
                    || expires == ask.deadline && estimated
                    || expires == ask.deadline && self.books.is_gated_until(route, expires)
                    || expires == ask.deadline && self.books.is_open_until(route, expires)
            }
            Reason::QueueTimeout => {
                expires < ask.deadline
                    && (self.books.is_gated_until(route, expires)
                        || self.books.is_open_until(route, expires))
            }
            Reason::QueueFull => self.books.newcomer_is_heaviest_somewhere(ask),
            Reason::WouldWait => ask.tries && self.books.would_wait(route, ask),
            Reason::TooManyInstances => self.has_too_many_values(ask.variant),
            Reason::Open => {
                self.totals.add(Count::RefusedByBreaker);
                self.books.is_refused_by_breaker(route, ask.parent.is_some())
            }
            Reason::Unsupported => self.books.names_what_is_no_more(ask.variant, &self.scene),
            Reason::NoParent => ask.parent.is_some_and(|it| self.books.running_call(it).is_none()),
            Reason::TooDeep => {
                let caller = ask.parent.and_then(|it| self.books.running_call(it));
                caller.is_some_and(|it| self.books.call(it).depth >= self.max_depth)
            }
            Reason::WouldDeadlock => {
                self.totals.add(Count::WouldDeadlock);
                return self.is_deadlocked(ask);
            }
            Reason::MissingLabel
            | Reason::Evicted
            | Reason::TooManyKeys
            | Reason::Unwritten
            | Reason::Denied
            | Reason::Pressure => false,
        };
        must(true_reason, Judge::Answers, || {
            let takes = &self.books.routes[route as usize].takes;
            let what = "was refused for a reason that does not hold";
            format!("{ask:?} that takes {takes:?} {what}: {refusal:?}")
        })
    }

    /// A waiting call was refused.
    pub(crate) fn may_refuse_waiting(
        &mut self,
        call: u32,
        refusal: &Refusal,
        by: Option<&Ask>,
    ) -> Verdict {
        let book = self.books.call(call);
        let by_deadline = book.deadline == book.expires;
        // Or it could not wait until a limit that was stopped goes on.
        let stopped = matches!(refusal.retry, Retry::At(at) if at.as_nanos() >= book.expires)
            && self.books.may_cool_until(book.route, book.expires);
        let due = book.expires <= self.books.clock || stopped;
        let true_reason = match refusal.reason {
            Reason::Deadline => due && by_deadline,
            Reason::QueueTimeout => due && !by_deadline,
            Reason::TooLarge => !self.books.ever_fits(book.route, book.priority),
            Reason::Evicted => {
                self.totals.add(Count::Evicted);
                return self.books.is_rightly_evicted(call, refusal.limit, by);
            }
            Reason::WouldDeadlock => {
                self.totals.add(Count::WouldDeadlock);
                self.books.stuck(None).waiters.contains(&call)
            }
            _ => false,
        };
        must(true_reason, Judge::Answers, || {
            format!("waiting {book:?} was refused for a reason that does not hold: {refusal:?}")
        })
    }
}

impl Player {
    /// A call that was refused as deadlocked could never have started.
    fn is_deadlocked(&self, ask: &Ask) -> Verdict {
        let caller = ask.parent.and_then(|it| self.books.running_call(it));
        let route = self.books.variants[ask.variant as usize].route;
        let stuck = caller.is_some_and(|parent| {
            let new = super::New { route, priority: ask.priority, parent };
            self.books.stuck(Some(new)).new
        });
        must(stuck, Judge::Nested, || {
            let cycle = self.engine.cycle();
            format!("{ask:?} was refused as deadlocked without a cycle; it names {cycle:?}")
        })
    }

    /// Whether some limit of a variant has as many other values in use as it may.
    fn has_too_many_values(&mut self, variant: u32) -> bool {
        let kept = self.prepared.iter().enumerate().filter(|(_, kind)| kind.is_some());
        let books = &mut self.books;
        let mut kept: Vec<u32> = kept
            .flat_map(|(of, _)| &books.routes[books.variants[of].route as usize].instances)
            .copied()
            .collect();
        // Its own limits may be taken up by what it has found of them itself.
        let route = books.variants[variant as usize].route;
        kept.extend(&books.routes[route as usize].instances);
        let instances = books.routes[route as usize].instances.clone();
        instances.iter().any(|id| {
            let limit = &books.limits[usize::from(books.instances[*id as usize].limit)];
            let (first, most) = (limit.first, limit.config.max_instances);
            let others = (first..first + limit.many).filter(|other| other != id);
            let used = others.filter(|other| kept.contains(other) || books.is_in_use(*other));
            used.count() >= most as usize
        })
    }
}

impl Books {
    /// Whether a rate alone keeps calls which draw like this from starting before a moment.
    fn is_gated_until(&self, route: u32, moment: u64) -> bool {
        let takes = &self.routes[route as usize].takes;
        takes.iter().any(|take| match &self.budgets[take.budget as usize] {
            BudgetBook::Slots(_) => false,
            BudgetBook::Rate(rate) => !rate.clone().has_room(take.amount, moment.saturating_sub(1)),
        }) || self.may_cool_until(route, moment)
    }

    /// Whether a call that does not want to wait would have to: a limit has no room, or others
    /// wait for one.
    fn would_wait(&mut self, route: u32, ask: &Ask) -> bool {
        let instances = &self.routes[route as usize].instances;
        let parent = ask.parent.and_then(|it| self.running_call(it)).unwrap_or(NONE);
        instances.iter().any(|id| self.instances[*id as usize].queued > 0)
            || self.is_paused(route)
            || self.has_cooled(route)
            || self.is_barred(route, ask.parent.is_some())
            || self.in_the_way(route, ask.priority, parent).is_some()
    }

    fn is_in_use(&mut self, instance: u32) -> bool {
        let clock = self.clock;
        let instance = &self.instances[instance as usize];
        instance.queued + instance.running > 0
            || instance.cool.as_ref().is_some_and(|cool| cool.until > clock)
            || instance.budgets.iter().any(|it| match &mut self.budgets[*it as usize] {
                BudgetBook::Slots(slots) => slots.held > 0,
                BudgetBook::Rate(rate) => rate.remembers(clock),
            })
    }

    fn names_what_is_no_more(&self, variant: u32, scene: &super::super::scene::Scene) -> bool {
        let kind = &scene.kinds[self.variants[variant as usize].kind];
        kind.draws.iter().any(|draw| self.limits[usize::from(draw.limit)].removed)
    }
}
