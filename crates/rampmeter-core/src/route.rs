//! Routes: which instances a call draws on, and how much of each of their budgets.
//!
//! Calls that draw alike share one route, so a waiting or running call holds a number instead of
//! a list, and calls with the same route, priority and flow form one lane. A route that nobody
//! uses is kept for a while, since the next call is likely to be like the last.

use alloc::{
    boxed::Box,
    collections::{BTreeMap, VecDeque},
    vec::Vec,
};
use core::ops::Range;

use crate::slab::Slab;

#[derive(Clone, Debug, Default)]
pub(crate) struct Routes {
    routes: Slab<Route>,
    index: BTreeMap<Box<[Take]>, u32>,
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
    refs: u32,
}

/// So much of one budget.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Take {
    pub(crate) budget: u32,
    pub(crate) amount: u64,
}

/// What is taken of one instance.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RouteDraw {
    pub(crate) instance: u32,
    first: u32,
    end: u32,
}

/// A route being put together, reused from call to call.
#[derive(Clone, Debug, Default)]
pub(crate) struct RouteBuilder {
    takes: Vec<Take>,
    draws: Vec<RouteDraw>,
}

impl RouteBuilder {
    pub(crate) fn clear(&mut self) {
        self.takes.clear();
        self.draws.clear();
    }

    /// Adds a draw on an instance whose budgets are `budgets`.
    pub(crate) fn draw(
        &mut self,
        instance: u32,
        budgets: Range<u32>,
        amounts: impl Iterator<Item = u64>,
    ) {
        let narrow = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
        let first = narrow(self.takes.len());
        self.takes.extend(budgets.zip(amounts).map(|(budget, amount)| Take { budget, amount }));
        self.draws.push(RouteDraw { instance, first, end: narrow(self.takes.len()) });
    }

    pub(crate) fn draws_on(&self, instance: u32) -> bool {
        self.draws.iter().any(|draw| draw.instance == instance)
    }
}

impl Route {
    pub(crate) fn draws(&self) -> &[RouteDraw] {
        &self.draws
    }

    /// All of its draws at once.
    #[inline]
    pub(crate) fn takes(&self) -> &[Take] {
        &self.takes
    }

    pub(crate) fn takes_of(&self, draw: RouteDraw) -> &[Take] {
        self.takes.get(draw.first as usize..draw.end as usize).unwrap_or_default()
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
        if let Some(&id) = self.index.get(builder.takes.as_slice()) {
            self.routes[id].refs += 1;
            return (id, false);
        }
        let id = self.routes.insert(Route {
            takes: builder.takes.as_slice().into(),
            draws: builder.draws.as_slice().into(),
            refs: 1,
        });
        self.index.insert(builder.takes.as_slice().into(), id);
        (id, true)
    }

    #[inline]
    pub(crate) fn share(&mut self, id: u32) {
        self.routes[id].refs += 1;
    }

    /// Takes one user away.
    #[inline]
    pub(crate) fn release(&mut self, id: u32) {
        let route = &mut self.routes[id];
        route.refs -= 1;
        if route.refs == 0 {
            self.idle.push_back(id);
        }
    }

    /// Drops one unused route if more are kept than `most`.
    pub(crate) fn collect(&mut self, most: usize) -> Option<Route> {
        while self.idle.len() > most {
            let id = self.idle.pop_front()?;
            if self.routes.get(id).is_some_and(|route| route.refs == 0) {
                let route = self.routes.remove(id)?;
                self.index.remove(&route.takes);
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
