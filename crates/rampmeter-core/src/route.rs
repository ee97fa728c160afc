//! Routes: which instances a call draws on, and how much of each of their budgets.
//!
//! Calls that draw alike share one route, so a waiting or running call holds a number instead of
//! a list, and calls with the same route, priority and flow form one lane.

use alloc::{boxed::Box, collections::BTreeMap, vec::Vec};

use crate::slab::Slab;

#[derive(Clone, Debug, Default)]
pub(crate) struct Routes {
    routes: Slab<Route>,
    index: BTreeMap<Box<[u64]>, u32>,
}

#[derive(Clone, Debug)]
pub(crate) struct Route {
    /// `instance, amounts…` for each draw, end to end; an instance's budgets fix their count.
    plan: Box<[u64]>,
    draws: Box<[RouteDraw]>,
    refs: u32,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct RouteDraw {
    pub(crate) instance: u32,
    first: u32,
    count: u32,
}

/// A route being put together, reused from call to call.
#[derive(Clone, Debug, Default)]
pub(crate) struct RouteBuilder {
    plan: Vec<u64>,
    draws: Vec<RouteDraw>,
}

impl RouteBuilder {
    pub(crate) fn clear(&mut self) {
        self.plan.clear();
        self.draws.clear();
    }

    pub(crate) fn draw(&mut self, instance: u32, amounts: impl Iterator<Item = u64>) {
        self.plan.push(u64::from(instance));
        let first = self.plan.len();
        self.plan.extend(amounts);
        let count = self.plan.len() - first;
        let narrow = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
        self.draws.push(RouteDraw { instance, first: narrow(first), count: narrow(count) });
    }

    pub(crate) fn draws_on(&self, instance: u32) -> bool {
        self.draws.iter().any(|draw| draw.instance == instance)
    }
}

impl Route {
    pub(crate) fn draws(&self) -> &[RouteDraw] {
        &self.draws
    }

    pub(crate) fn amounts(&self, draw: RouteDraw) -> &[u64] {
        let first = draw.first as usize;
        &self.plan[first..first + draw.count as usize]
    }

    /// The draw on `instance`.
    pub(crate) fn on(&self, instance: u32) -> Option<RouteDraw> {
        self.draws.iter().copied().find(|draw| draw.instance == instance)
    }
}

impl Routes {
    pub(crate) fn get(&self, id: u32) -> &Route {
        &self.routes[id]
    }

    /// Finds or makes the route and adds one user to it; says whether it is new.
    pub(crate) fn acquire(&mut self, builder: &RouteBuilder) -> (u32, bool) {
        if let Some(&id) = self.index.get(builder.plan.as_slice()) {
            self.routes[id].refs += 1;
            return (id, false);
        }
        let id = self.routes.insert(Route {
            plan: builder.plan.as_slice().into(),
            draws: builder.draws.as_slice().into(),
            refs: 1,
        });
        self.index.insert(builder.plan.as_slice().into(), id);
        (id, true)
    }

    pub(crate) fn share(&mut self, id: u32) {
        self.routes[id].refs += 1;
    }

    /// Takes one user away; returns the route if it was the last.
    pub(crate) fn release(&mut self, id: u32) -> Option<Route> {
        let route = self.routes.get_mut(id)?;
        route.refs -= 1;
        if route.refs > 0 {
            return None;
        }
        let route = self.routes.remove(id)?;
        self.index.remove(&route.plan);
        Some(route)
    }
}
