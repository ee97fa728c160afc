//! The judges' own books: who waits, who runs, what is held and used, kept from what the engine
//! says alone, by the definitions of the limits and with none of the engine's arithmetic.

mod breakers;
mod budget;
mod calendar;
mod calls;
mod cooling;
mod debt;
mod edits;
mod layout;
mod learned;
mod rates;
mod settles;
mod shown;
mod slots;
mod tally;
mod trees;

use rampmeter_core::{CallId, Config};

pub(crate) use breakers::BreakerBook;
pub(crate) use budget::BudgetBook;
pub(crate) use calls::{CallBook, State};
pub(crate) use cooling::CoolBook;
pub(crate) use layout::{InstanceBook, Lane, LimitBook, Route, Variant};
pub(crate) use learned::{End, Learned};
pub(crate) use rates::RateBook;
pub(crate) use slots::SlotsBook;
use tally::Charge;
pub(crate) use trees::Hold;

use super::scene::Scene;

/// No call, no lane.
pub(crate) const NONE: u32 = u32::MAX;

#[derive(Clone, Debug)]
pub(crate) struct Books {
    /// The latest time that the engine was told.
    pub(crate) clock: u64,
    pub(crate) weights: Vec<u32>,
    pub(crate) flow_weights: Vec<u32>,
    pub(crate) limits: Vec<LimitBook>,
    pub(crate) instances: Vec<InstanceBook>,
    pub(crate) budgets: Vec<BudgetBook>,
    pub(crate) variants: Vec<Variant>,
    /// How calls draw, or drew before a change of the limits.
    pub(crate) routes: Vec<Route>,
    pub(crate) lanes: Vec<Lane>,
    /// Lanes in which somebody waits.
    pub(crate) active: Vec<u32>,
    /// Every call that has an id, by its index.
    pub(crate) calls: Vec<CallBook>,
    pub(crate) waiting: Vec<u32>,
    pub(crate) running: Vec<u32>,
    /// Waiting calls that running calls have made; they are in no lane.
    pub(crate) nested: Vec<u32>,
    pub(crate) tickets: u64,
}

impl Books {
    pub(crate) fn new(scene: &Scene) -> Books {
        let mut books = Books {
            clock: 0,
            weights: scene.config.priorities.clone(),
            flow_weights: scene.flows.iter().map(|flow| flow.weight.max(1)).collect(),
            limits: Vec::new(),
            instances: Vec::new(),
            budgets: Vec::new(),
            variants: Vec::new(),
            routes: Vec::new(),
            lanes: Vec::new(),
            active: Vec::new(),
            calls: Vec::new(),
            waiting: Vec::new(),
            running: Vec::new(),
            nested: Vec::new(),
            tickets: 0,
        };
        let Config { limits, .. } = &scene.config;
        for limit in limits {
            books.add_limit(limit, &scene.values);
        }
        for kind in 0..scene.kinds.len() {
            books.add_kind(kind, scene);
        }
        books
    }

    pub(crate) fn flows(&self) -> usize {
        self.flow_weights.len()
    }

    /// The call that an id names by the books.
    pub(crate) fn find(&self, id: CallId) -> Option<u32> {
        let call = self.calls.get(id.index() as usize)?;
        (call.id == Some(id) && call.state != State::Over).then_some(id.index())
    }

    pub(crate) fn call(&self, call: u32) -> &CallBook {
        &self.calls[call as usize]
    }

    pub(crate) fn call_mut(&mut self, call: u32) -> &mut CallBook {
        &mut self.calls[call as usize]
    }

    pub(crate) fn route_of(&self, call: u32) -> &Route {
        &self.routes[self.call(call).route as usize]
    }
}
