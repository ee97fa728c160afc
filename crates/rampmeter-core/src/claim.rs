//! Claims: the right of one waiting call per instance that nothing later may take what it needs.
//!
//! A call becomes the claimant of an instance when its turn comes there and it cannot start:
//! because it needs more than is free where a lighter call would have room, or because another
//! instance is in the way for the second time. At most one claim per instance; an older claim is
//! not bound by a younger one and replaces it. A call that merely waits its turn claims nothing.
//!
//! Bound: a claimant starts when the calls that held its slots at the time of the claim have
//! ended, once for each older claim at its instances, plus the refill of its rates.

use crate::budget::Answer;
use crate::engine::Engine;
use crate::instance::Claim;
use crate::lane::{Record, Waiting};

impl Engine {
    /// The call whose turn it is lacks room here that a lighter one would have.
    pub(crate) fn claim_if_passed_over(&mut self, call: u32, at: u32) {
        let Some(Record::Waiting(waiting)) = self.calls.get(call) else { return };
        let route = self.routes.get(self.lanes.get(waiting.lane).route);
        let Some(draw) = route.on(at) else { return };
        if self.instances.budgets.has_room_for_less(route.takes_of(draw), self.now) {
            self.claim(call, at);
        }
    }

    /// Makes a call the claimant of an instance, unless an older claim is there.
    pub(crate) fn claim(&mut self, call: u32, at: u32) {
        let Some(Record::Waiting(waiting)) = self.calls.get_mut(call) else { return };
        if waiting.claim_age == u64::MAX {
            waiting.claim_age = self.claims_made;
            self.claims_made += 1;
        }
        let age = waiting.claim_age;
        let claim = &mut self.instances.get_mut(at).claim;
        if claim.is_none_or(|claim| claim.age > age) {
            self.contended += usize::from(claim.is_none());
            *claim = Some(Claim { call, age });
        }
    }

    /// Is what a later call draws on `instance` withheld for its claimant?
    ///
    /// Slots are, while every limit that the claimant needs is ready or waits for a release: if
    /// one of them is ready only at `T`, nothing is withheld. Of a rate, whatever would make the
    /// claimant start later than it otherwise could is withheld, and no more.
    pub(crate) fn withheld(&mut self, route: u32, instance: u32) -> bool {
        let now = self.now;
        let Some(claim) = self.instances.get_mut(instance).claim else { return false };
        let Some(Record::Waiting(claimant)) = self.calls.get(claim.call) else { return false };
        let claimant_route = self.routes.get(self.lanes.get(claimant.lane).route);
        let mut earliest = now;
        for draw in claimant_route.draws() {
            let answer = self.instances.budgets.answer(claimant_route.takes_of(*draw), now);
            if let Answer::At(at) = answer {
                earliest = earliest.max(at);
            }
        }
        let later = self.routes.get(route);
        let (Some(claimed), Some(wanted)) = (claimant_route.on(instance), later.on(instance))
        else {
            return false;
        };
        let claimed = claimant_route.takes_of(claimed);
        self.instances.budgets.delays(claimed, later.takes_of(wanted), earliest, now)
    }

    /// A call is gone from the queue: what it claimed is free for others.
    pub(crate) fn drop_claims(&mut self, call: u32, route: u32, gone: &Waiting) {
        if gone.claim_age == u64::MAX {
            return;
        }
        for index in 0..self.routes.get(route).draws().len() {
            let id = self.routes.get(route).draws()[index].instance;
            let claim = &mut self.instances.get_mut(id).claim;
            if claim.is_some_and(|claim| claim.call == call) {
                *claim = None;
                self.contended -= 1;
                self.mark(id);
            }
        }
    }

    /// A claimant is blocked until a moment: what it withheld elsewhere may be used till then.
    pub(crate) fn yield_claims(&mut self, call: u32, at: u32) {
        let Some(Record::Waiting(waiting)) = self.calls.get(call) else { return };
        if waiting.claim_age == u64::MAX {
            return;
        }
        let route = self.lanes.get(waiting.lane).route;
        for index in 0..self.routes.get(route).draws().len() {
            let id = self.routes.get(route).draws()[index].instance;
            let claim = self.instances.get_mut(id).claim;
            if id != at && claim.is_some_and(|claim| claim.call == call) {
                self.mark(id);
            }
        }
    }
}
