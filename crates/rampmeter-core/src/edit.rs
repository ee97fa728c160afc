//! Live change of the limits, in two phases: [`Engine::edit`] may fail and changes nothing;
//! [`Change::commit`] cannot fail.

use alloc::{boxed::Box, vec::Vec};
use core::time::Duration;

use crate::budget::Budget;
use crate::call::LimitId;
use crate::config::{BudgetConfig, Config, ConfigError, LimitConfig, RateKind};
use crate::decision::{Outputs, Reason, Refusal, Retry};
use crate::engine::Engine;
use crate::lane::Record;
use crate::queue::Book;
use crate::route::Take;
use crate::time::Instant;

/// One change.
#[derive(Clone, PartialEq, Debug)]
pub enum Edit {
    /// A new limit. Its id comes back from [`Change::commit`].
    Add(LimitConfig),
    /// The limit has these figures from now on. What is held and used stays held and used, budget
    /// by budget: a budget is the same as before if it is of the same kind and counts the same,
    /// one of the same period before others, and calendar windows of that period end as they did.
    /// `per` must be as it was.
    Replace(LimitId, LimitConfig),
    /// The limit is no more. Calls that wait for it need it no longer; its id means nothing.
    Remove(LimitId),
    /// Nothing starts that draws on the limit, until it is resumed.
    Pause(LimitId),
    /// The limit goes on.
    Resume(LimitId),
    /// The weights of the priorities, as many as there were.
    Weights(Vec<u32>),
    /// [`Config::patience`](crate::Config::patience).
    Patience(Duration),
    /// [`Config::max_depth`](crate::Config::max_depth).
    MaxDepth(u8),
}

/// Edits that were found to be possible, all of them together.
#[derive(Debug)]
#[must_use = "nothing changes until it is committed"]
pub struct Change<'a> {
    engine: &'a mut Engine,
    edits: Vec<Edit>,
}

impl Engine {
    /// Checks edits, which are then made in this order at one instant.
    ///
    /// # Errors
    /// What in them cannot be meant; the engine is as it was.
    pub fn edit(&mut self, edits: Vec<Edit>) -> Result<Change<'_>, ConfigError> {
        let mut trial = Trial {
            gone: (0..self.config.limits.len()).map(|it| self.is_gone(it)).collect(),
            config: self.config.clone(),
        };
        for edit in &edits {
            trial.make(edit)?;
        }
        trial.config.check()?;
        Ok(Change { engine: self, edits })
    }

    fn is_gone(&self, limit: usize) -> bool {
        u16::try_from(limit).is_ok_and(|limit| self.instances.is_gone(limit))
    }
}

/// What edits would lead to.
struct Trial {
    config: Config,
    gone: Vec<bool>,
}

impl Trial {
    fn make(&mut self, edit: &Edit) -> Result<(), ConfigError> {
        match edit {
            Edit::Add(limit) => {
                self.config.limits.push(limit.clone());
                self.gone.push(false);
            }
            Edit::Replace(id, limit) => {
                let at = self.find(*id)?;
                if self.config.limits[at].per != limit.per {
                    let name = &limit.name;
                    let message = alloc::format!(
                        "limit {name}: what it is per cannot change; remove it and add another"
                    );
                    return Err(ConfigError { message });
                }
                self.config.limits[at] = limit.clone();
            }
            Edit::Remove(id) => {
                let at = self.find(*id)?;
                self.gone[at] = true;
            }
            Edit::Pause(id) | Edit::Resume(id) => {
                self.find(*id)?;
            }
            Edit::Weights(weights) if weights.len() != self.config.priorities.len() => {
                let (has, given) = (self.config.priorities.len(), weights.len());
                let message = alloc::format!("there are {has} priorities, not {given}");
                return Err(ConfigError { message });
            }
            Edit::Weights(_) | Edit::Patience(_) | Edit::MaxDepth(_) => {}
        }
        Ok(())
    }

    fn find(&self, id: LimitId) -> Result<usize, ConfigError> {
        let at = usize::from(id.0);
        match self.gone.get(at) {
            Some(false) => Ok(at),
            _ => Err(ConfigError { message: alloc::format!("there is no limit {at}") }),
        }
    }
}

impl Change<'_> {
    /// Makes the edits. Waiting calls that can never start any more are refused; no running call
    /// is touched. Returns the ids of the limits that were added, in order.
    pub fn commit(self, now: Instant, out: &mut Outputs) -> Vec<LimitId> {
        let Change { engine, edits } = self;
        engine.begin(now, out);
        let mut added = Vec::new();
        for edit in edits {
            added.extend(engine.make(edit, out));
        }
        engine.by_outcome = engine.config.is_by_outcome();
        engine.refuse_what_never_fits(out);
        engine.break_cycles(out);
        for id in engine.instances.ids() {
            engine.mark(id);
        }
        engine.pump(out);
        added
    }
}

impl Engine {
    fn make(&mut self, edit: Edit, out: &mut Outputs) -> Option<LimitId> {
        match edit {
            Edit::Add(limit) => {
                self.config.limits.push(limit);
                let id = u16::try_from(self.config.limits.len() - 1).unwrap_or(u16::MAX);
                self.instances.add(&self.config, id);
                return Some(LimitId(id));
            }
            Edit::Replace(LimitId(id), mut limit) => {
                let breaker = limit.breaker;
                keep_windows(&self.config.limits[usize::from(id)].budgets, &mut limit.budgets);
                self.config.limits[usize::from(id)] = limit;
                self.reform(id);
                for instance in self.instances.of(id).collect::<Vec<_>>() {
                    self.revise_breaker(instance, breaker, out);
                    self.queue_changed(instance);
                }
            }
            Edit::Remove(LimitId(id)) => {
                self.pause(id, false);
                for instance in self.instances.of(id).collect::<Vec<_>>() {
                    self.warm(instance, out);
                    self.revise_breaker(instance, None, out);
                }
                let gone: Vec<u32> = self.instances.of(id).collect();
                self.instances.remove(id, self.now);
                gone.into_iter().for_each(|instance| self.queue_changed(instance));
            }
            Edit::Pause(LimitId(id)) => self.pause(id, true),
            Edit::Resume(LimitId(id)) => self.pause(id, false),
            Edit::Weights(weights) => {
                self.config.priorities = weights;
                for id in self.instances.ids() {
                    if let Some(order) = self.instances.get_mut(id).order.as_deref_mut() {
                        order.reweigh(&self.config.priorities);
                    }
                }
                for id in self.instances.ids() {
                    self.line_changed(id);
                }
                // For whom slots are reserved depends on who has the greater weight.
                let limits = u16::try_from(self.config.limits.len()).unwrap_or(u16::MAX);
                for id in (0..limits).filter(|id| !self.instances.is_gone(*id)).collect::<Vec<_>>()
                {
                    self.reform(id);
                }
            }
            Edit::Patience(patience) => {
                self.config.patience = patience;
                self.patience.look_again(self.now);
            }
            Edit::MaxDepth(depth) => self.config.max_depth = depth,
        }
        None
    }

    fn pause(&mut self, limit: u16, paused: bool) {
        if self.instances.set_paused(limit, paused) {
            self.contended = if paused { self.contended + 1 } else { self.contended - 1 };
        }
    }

    /// A limit's instances get the figures that the config now says.
    fn reform(&mut self, limit: u16) {
        let ids: Vec<u32> = self.instances.of(limit).collect();
        for id in ids {
            let old = self.instances.get(id).budgets.clone();
            let moved = self.instances.reform(&self.config, id, self.now);
            let place = self.instances.get(id).budgets.clone();
            if let Some(from) = moved {
                self.routes.reform(id, &place, &self.instances.budgets);
                self.nests.reform(&from, place.start, old);
            }
            self.count_anew(id);
            self.book_anew(id);
            self.count_partial(id);
            let tracked = self.instances.get_mut(id).ends.take().is_some();
            if tracked {
                self.track_ends(id);
            }
            self.instances.remember(id, self.now);
        }
    }

    /// Who holds what of an instance, from the calls that run.
    fn count_anew(&mut self, id: u32) {
        let place = self.instances.get(id).budgets.clone();
        self.instances.budgets.of_mut(place).iter_mut().for_each(Budget::empty);
        for (_, record) in self.calls.iter() {
            let Record::Running(running) = record else { continue };
            let route = self.routes.get(running.route);
            let Some(draw) = route.on(id) else { continue };
            for take in route.takes_of(draw) {
                let budget = self.instances.budgets.one_mut(take.budget);
                let held = match budget {
                    Budget::Concurrency(_) => self.nests.owned_or_new(running.nest, take),
                    Budget::Rate(_) | Budget::Gone => take.amount,
                };
                budget.hold(held, running.priority);
            }
        }
    }

    /// Which of those who wait at an instance take nothing of one of its budgets.
    fn count_partial(&mut self, id: u32) {
        let mut partial = 0;
        for lane in self.lanes.at(id) {
            let route = self.lanes.get(lane).route;
            let is = self.routes.get(route).is_partial(id);
            self.lanes.get_mut(lane).partial = is;
            partial += u32::from(is);
        }
        self.instances.get_mut(id).partial = partial;
    }

    /// Who waits for an instance, if that matters now.
    pub(crate) fn book_anew(&mut self, id: u32) {
        let limit = self.instances.get(id).limit;
        if self.instances.is_gone(limit) {
            return;
        }
        let config = &self.config.limits[usize::from(limit)];
        let keeps = config.keeps_a_book() || self.instances.keeps_books;
        let mut book = keeps.then(Box::<Book>::default);
        if let Some(book) = &mut book {
            for (call, record) in self.calls.iter() {
                let Record::Waiting(waiting) = record else { continue };
                let lane = self.lanes.get(waiting.lane);
                if self.routes.get(lane.route).on(id).is_some() {
                    book.join(lane.own(), lane.flow, waiting.ticket, call);
                }
            }
        }
        self.instances.get_mut(id).book = book;
    }

    /// Waiting calls that ask for more than there is now.
    fn refuse_what_never_fits(&mut self, out: &mut Outputs) {
        let waiting = self.calls.iter().filter_map(|(call, record)| match record {
            Record::Waiting(waiting) => Some((call, waiting.lane)),
            Record::Running(_) => None,
        });
        let too_large: Vec<(u32, LimitId)> = waiting
            .filter_map(|(call, lane)| {
                let lane = self.lanes.get(lane);
                let route = self.routes.get(lane.route);
                let most = |take: &Take| self.instances.budgets.most(take, Some(lane.priority));
                let at = route.takes().iter().position(|take| take.amount > most(take))?;
                let instance = route.draw_at(at)?.instance;
                Some((call, LimitId(self.instances.get(instance).limit)))
            })
            .collect();
        for (call, limit) in too_large {
            let (reason, retry) = (Reason::TooLarge, Retry::Never);
            self.refuse_waiting(call, Refusal { reason, limit: Some(limit), retry }, out);
        }
    }
}

/// Calendar windows of the same period go on as they are, also in instances that are made later.
fn keep_windows(old: &[BudgetConfig], new: &mut [BudgetConfig]) {
    let window = |budget: &BudgetConfig| match *budget {
        BudgetConfig::Rate { counts, period, kind: RateKind::Calendar { ends }, .. } => {
            Some(((counts, period), ends))
        }
        _ => None,
    };
    let mut old: Vec<_> = old.iter().filter_map(window).collect();
    for budget in new {
        let Some((like, _)) = window(budget) else { continue };
        if let Some(at) = old.iter().position(|(other, _)| *other == like)
            && let BudgetConfig::Rate { kind: RateKind::Calendar { ends }, .. } = budget
        {
            *ends = old.remove(at).1;
        }
    }
}
