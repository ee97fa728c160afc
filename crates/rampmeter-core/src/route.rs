//! Routes: which instances a call draws on, and how much of each of their budgets.
//!
//! Calls that draw alike share one route, so a waiting or running call holds a number instead of
//! a list, and calls with the same route, priority and flow form one lane. A route that nobody
//! uses is kept for a while, since the next call is likely to be like the last.

use alloc::{boxed::Box, collections::VecDeque, vec::Vec};
use core::ops::Range;

use crate::budget::Budgets;
use crate::call::{Cost, Draw};
use crate::slab::Slab;
use crate::table::{Table, hash};

#[derive(Clone, Debug, Default)]
pub(crate) struct Routes {
    routes: Slab<Route>,
    index: Table,
    /// Routes that lost their last user, the longest ago first. One may be in use again, or gone.
    idle: VecDeque<u32>,
}

/// Unused routes that are kept.
const KEPT: usize = 128;

#[derive(Clone, Debug)]
pub(crate) struct Route {
    /// Draw after draw, end to end. Budgets belong to one instance each, so this says it all.
    takes: Box<[Take]>,
    draws: Box<[RouteDraw]>,
    costs: Box<[Cost]>,
    refs: u32,
    /// So many of the last draws are on keys.
    keys: u32,
}

/// So much of one budget.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Take {
    pub(crate) budget: u32,
    pub(crate) amount: u64,
}

/// What is taken of one instance.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct RouteDraw {
    pub(crate) instance: u32,
    first: u32,
    end: u32,
    /// What the call asked for, should the limit get other budgets.
    weight: u64,
    first_cost: u32,
    end_cost: u32,
}

/// A route being put together, reused from call to call.
#[derive(Clone, Debug, Default)]
pub(crate) struct RouteBuilder {
    takes: Vec<Take>,
    draws: Vec<RouteDraw>,
    costs: Vec<Cost>,
    keys: u32,
}

fn narrow(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

impl RouteBuilder {
    pub(crate) fn clear(&mut self) {
        self.takes.clear();
        self.draws.clear();
        self.costs.clear();
        self.keys = 0;
    }

    /// Adds a key that is read or, with all of its slots, written. A draw on it that is there
    /// already only grows; says whether it was not.
    pub(crate) fn key(&mut self, instance: u32, budget: u32, slots: u64) -> bool {
        if let Some(draw) = self.draws.iter_mut().find(|draw| draw.instance == instance) {
            draw.weight = draw.weight.max(slots);
            let weight = draw.weight;
            self.takes
                .iter_mut()
                .filter(|it| it.budget == budget)
                .for_each(|it| it.amount = weight);
            return false;
        }
        let (first, cost) = (narrow(self.takes.len()), narrow(self.costs.len()));
        self.takes.push(Take { budget, amount: slots });
        let end = first + 1;
        let (weight, first_cost, end_cost) = (slots, cost, cost);
        self.draws.push(RouteDraw { instance, first, end, weight, first_cost, end_cost });
        self.keys += 1;
        true
    }

    /// The keys that were added.
    pub(crate) fn keys(&self) -> Vec<u32> {
        if self.keys == 0 {
            return Vec::new();
        }
        let first = self.draws.len() - self.keys as usize;
        self.draws.iter().skip(first).map(|draw| draw.instance).collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.draws.len()
    }

    /// Adds a draw on an instance whose budgets are at `place`.
    pub(crate) fn draw(
        &mut self,
        instance: u32,
        place: Range<u32>,
        budgets: &Budgets,
        draw: &Draw<'_>,
    ) {
        let first = narrow(self.takes.len());
        let (weight, first_cost) = (draw.weight, narrow(self.costs.len()));
        for (budget, data) in place.clone().zip(budgets.of(place)) {
            self.takes.push(Take { budget, amount: data.amount_of(weight, draw.costs) });
        }
        self.costs.extend_from_slice(draw.costs);
        let (end, end_cost) = (narrow(self.takes.len()), narrow(self.costs.len()));
        self.draws.push(RouteDraw { instance, first, end, weight, first_cost, end_cost });
    }

    pub(crate) fn draws_on(&self, instance: u32) -> bool {
        self.draws.iter().any(|draw| draw.instance == instance)
    }

    /// What the last draw takes.
    pub(crate) fn last_takes(&self) -> &[Take] {
        let first = self.draws.last().map_or(0, |draw| draw.first as usize);
        self.takes.get(first..).unwrap_or_default()
    }
}

fn hash_of(takes: &[Take]) -> u32 {
    let mixed = takes.iter().fold(0u64, |sum, take| {
        (sum.rotate_left(23) ^ take.amount).wrapping_mul(0x9e37_79b9_7f4a_7c15)
            ^ u64::from(take.budget)
    });
    hash(mixed, takes.len() as u64)
}

impl Route {
    pub(crate) fn draws(&self) -> &[RouteDraw] {
        &self.draws
    }

    #[inline]
    pub(crate) fn is_keyed(&self) -> bool {
        self.keys != 0
    }

    /// Its draws on keys.
    #[inline]
    pub(crate) fn keys(&self) -> &[RouteDraw] {
        if self.keys == 0 {
            return &[];
        }
        self.draws.get(self.draws.len() - self.keys as usize..).unwrap_or_default()
    }

    /// Whether it writes the key that is drawn on.
    pub(crate) fn is_alone(&self, draw: RouteDraw) -> bool {
        self.takes_of(draw).first().is_some_and(|take| take.amount == crate::key::WHOLE)
    }

    /// All of its draws at once.
    #[inline]
    pub(crate) fn takes(&self) -> &[Take] {
        &self.takes
    }

    pub(crate) fn takes_of(&self, draw: RouteDraw) -> &[Take] {
        self.takes.get(draw.first as usize..draw.end as usize).unwrap_or_default()
    }

    /// Whether it takes nothing of one of the budgets of `instance`.
    pub(crate) fn is_partial(&self, instance: u32) -> bool {
        let takes = self.on(instance).map(|draw| self.takes_of(draw)).unwrap_or_default();
        takes.iter().any(|take| take.amount == 0)
    }

    /// The draw on `instance`.
    pub(crate) fn on(&self, instance: u32) -> Option<RouteDraw> {
        self.draws.iter().copied().find(|draw| draw.instance == instance)
    }

    /// The draw that the take at this place belongs to.
    pub(crate) fn draw_at(&self, take: usize) -> Option<RouteDraw> {
        self.draws.iter().copied().find(|draw| take < draw.end as usize)
    }
}

impl Routes {
    #[inline]
    pub(crate) fn get(&self, id: u32) -> &Route {
        &self.routes[id]
    }

    /// Finds or makes the route and adds one user to it; says whether it is new.
    pub(crate) fn acquire(&mut self, builder: &RouteBuilder) -> (u32, bool) {
        let hash = hash_of(&builder.takes);
        let found = self.index.find(hash, |id| {
            let route = &self.routes[id];
            // Weights and costs count even where nothing does now: the limit may change.
            *route.takes == *builder.takes
                && *route.draws == *builder.draws
                && *route.costs == *builder.costs
        });
        if let Some(id) = found {
            self.routes[id].refs += 1;
            return (id, false);
        }
        let id = self.routes.insert(Route {
            takes: builder.takes.as_slice().into(),
            draws: builder.draws.as_slice().into(),
            costs: builder.costs.as_slice().into(),
            refs: 1,
            keys: builder.keys,
        });
        self.index.insert(hash, id);
        (id, true)
    }

    /// The budgets of an instance have moved: every route over it is put together anew.
    pub(crate) fn reform(&mut self, instance: u32, place: &Range<u32>, budgets: &Budgets) {
        let over: Vec<u32> = self
            .routes
            .iter()
            .filter(|(_, route)| route.on(instance).is_some())
            .map(|(id, _)| id)
            .collect();
        for id in over {
            let route = &mut self.routes[id];
            self.index.remove(hash_of(&route.takes), id);
            let (mut takes, mut draws) = (Vec::new(), route.draws.to_vec());
            for draw in &mut draws {
                let first = narrow(takes.len());
                if draw.instance == instance {
                    let costs = draw.first_cost as usize..draw.end_cost as usize;
                    let costs = route.costs.get(costs).unwrap_or_default();
                    for (budget, data) in place.clone().zip(budgets.of(place.clone())) {
                        takes.push(Take { budget, amount: data.amount_of(draw.weight, costs) });
                    }
                } else {
                    takes.extend_from_slice(route.takes_of(*draw));
                }
                (draw.first, draw.end) = (first, narrow(takes.len()));
            }
            (route.takes, route.draws) = (takes.into(), draws.into());
            self.index.insert(hash_of(&self.routes[id].takes), id);
        }
    }

    #[inline]
    pub(crate) fn share(&mut self, id: u32) -> &Route {
        let route = &mut self.routes[id];
        route.refs += 1;
        route
    }

    /// Takes one user away; says from what, and whether nobody is left.
    #[inline]
    pub(crate) fn release(&mut self, id: u32) -> (&Route, bool) {
        let route = &mut self.routes[id];
        route.refs -= 1;
        (route, route.refs == 0)
    }

    /// Nobody uses a route any more; it is kept for the next call like the last.
    pub(crate) fn keep(&mut self, id: u32) {
        self.idle.push_back(id);
    }

    /// Drops one unused route if more are kept than `most`.
    pub(crate) fn collect(&mut self, most: usize) -> Option<Route> {
        while self.idle.len() > most {
            let id = self.idle.pop_front()?;
            if self.routes.get(id).is_some_and(|route| route.refs == 0) {
                let route = self.routes.remove(id)?;
                self.index.remove(hash_of(&route.takes), id);
                return Some(route);
            }
        }
        None
    }

    /// Drops one unused route if there are many of them.
    #[inline]
    pub(crate) fn collect_some(&mut self) -> Option<Route> {
        if self.idle.len() <= KEPT { None } else { self.collect(KEPT) }
    }
}
