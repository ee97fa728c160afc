//! Claims: the right of one waiting call per instance that nothing later may take what it needs.
//!
//! A call becomes the claimant of an instance when its turn comes there and it cannot start:
//! because it needs more than is free where a lighter call would have room, or because another
//! instance is in the way for the second time. At most one claim per instance; an older claim is
//! not bound by a younger one and replaces it. A call that merely waits its turn claims nothing,
//! and no claim binds a call that a running call has made: its caller holds what others wait for.
//!
//! Bound: where the calls that claim at an instance need nothing else, a claimant starts when the
//! calls that held its slots at the time of the claim have ended, once for each older claim there
//! and once for its own, plus the refill of its rates. One that needs several instances may wait
//! for its turn at another meanwhile; then the bound is that of rescue (`patience.rs`).

use alloc::vec::Vec;

use crate::budget::Answer;
use crate::call::Priority;
use crate::engine::Engine;
use crate::lane::{NONE, Record, Waiting};
use crate::slab::Slab;
use crate::time::Instant;

/// What a claimant has, at whichever instances.
#[derive(Clone, Debug)]
pub(crate) struct Claim {
    pub(crate) call: u32,
    /// The oldest is the least.
    pub(crate) age: u64,
    /// A call that started in its gap has overrun: there is no other.
    pub(crate) strict: bool,
    /// The gate that it was found behind last, where it withholds nothing.
    pub(crate) gated: Option<Answer>,
    /// Running calls that started in its gap, by when they should have ended.
    pub(crate) backfills: Vec<(Instant, u32)>,
}

/// All claims.
#[derive(Clone, Debug, Default)]
pub(crate) struct Claims {
    pub(crate) slab: Slab<Claim>,
    made: u64,
}

/// The age of the rescued call's claims: older than all others, which count from 1.
const OLDEST: u64 = 0;

impl Engine {
    /// The call whose turn it is lacks room here that a lighter one would have.
    pub(crate) fn claim_if_passed_over(&mut self, call: u32, at: u32) {
        let Some(Record::Waiting(waiting)) = self.calls.get(call) else { return };
        let lane = self.lanes.get(waiting.lane);
        let (route, priority) = (self.routes.get(lane.route), lane.priority);
        let Some(draw) = route.on(at) else { return };
        if self.instances.budgets.has_room_for_less(route.takes_of(draw), priority, self.now) {
            self.claim(call, at);
        }
    }

    /// Makes a call the claimant of an instance, unless an older claim is there.
    pub(crate) fn claim(&mut self, call: u32, at: u32) {
        let before = self.instances.get(at).claim;
        let Some(Record::Waiting(waiting)) = self.calls.get(call) else { return };
        // A new claim would be younger than the one that is there.
        if before != NONE && (waiting.claim == NONE || waiting.claim == before) {
            return;
        }
        let Some(id) = self.claim_of(call, false) else { return };
        // An older claimant that waits here must not be held back by a younger one's claim.
        let here = self.instances.get(at).claims_of_watchers.iter().copied();
        let oldest = here.chain([id]).min_by_key(|id| self.claims.slab[*id].age);
        let id = oldest.unwrap_or(id);
        let age = self.claims.slab[id].age;
        if self.claims.slab.get(before).is_none_or(|claim| claim.age > age) {
            self.contended += usize::from(before == NONE);
            self.instances.get_mut(at).claim = id;
            self.track_all_ends(self.claims.slab[id].call);
        }
    }

    /// A call is rescued: it is the oldest claimant of every instance that it needs.
    pub(crate) fn claim_everywhere(&mut self, call: u32) {
        let Some(id) = self.claim_of(call, true) else { return };
        let Some(Record::Waiting(waiting)) = self.calls.get(call) else { return };
        let lane = waiting.lane;
        let route = self.lanes.get(lane).route;
        for index in 0..self.routes.get(route).draws().len() {
            let at = self.routes.get(route).draws()[index].instance;
            if self.instances.get(at).line.is_some() {
                // Its line does more than a claim would.
                continue;
            }
            let before = core::mem::replace(&mut self.instances.get_mut(at).claim, id);
            self.contended += usize::from(before == NONE);
        }
        self.track_all_ends(call);
        let watch = self.lanes.get(lane).watch;
        self.mark(watch);
    }

    /// A call's claim, made if it has none.
    fn claim_of(&mut self, call: u32, oldest: bool) -> Option<u32> {
        let Some(Record::Waiting(waiting)) = self.calls.get_mut(call) else { return None };
        if waiting.claim == NONE {
            self.claims.made += 1;
            let (age, backfills) = (self.claims.made, Vec::new());
            let (strict, gated) = (false, None);
            let id = self.claims.slab.insert(Claim { call, age, strict, gated, backfills });
            waiting.claim = id;
            let watch = self.lanes.get(waiting.lane).watch;
            self.instances.get_mut(watch).claims_of_watchers.push(id);
        }
        if oldest {
            self.claims.slab[waiting.claim].age = OLDEST;
        }
        Some(waiting.claim)
    }

    /// Is what a later call draws on `instance` withheld for the claimant `claim`?
    ///
    /// Slots are, while every limit that the claimant needs is ready or waits for a release: if
    /// one of them is paused, or ready only at `T`, nothing is withheld; nor is it while somebody
    /// is before the claimant in the line of a key, who may need what the claimant would withhold. Of a rate, whatever would
    /// make the claimant start later than it otherwise could is withheld, and no more.
    pub(crate) fn withheld(
        &mut self,
        claim: u32,
        route: u32,
        priority: Priority,
        instance: u32,
    ) -> bool {
        let now = self.now;
        let Some(claim) = self.claims.slab.get(claim) else { return false };
        let call = claim.call;
        let Some(Record::Waiting(claimant)) = self.calls.get(call) else { return false };
        let claimant = self.lanes.get(claimant.lane);
        let claimant_route = self.routes.get(claimant.route);
        if claimant_route.is_keyed() && self.before_in_line(call).is_some() {
            return false;
        }
        let mut earliest = now;
        for draw in claimant_route.draws() {
            let takes = claimant_route.takes_of(*draw);
            match self.instances.answer(draw.instance, takes, claimant.priority, now) {
                Answer::Paused => return false,
                Answer::At(at) => earliest = earliest.max(at),
                Answer::Ready | Answer::OnRelease | Answer::InLine | Answer::Never => {}
            }
        }
        let later = self.routes.get(route);
        let (Some(claimed), Some(wanted)) = (claimant_route.on(instance), later.on(instance))
        else {
            return false;
        };
        let claimed = (claimant_route.takes_of(claimed), claimant.priority);
        let wanted = (later.takes_of(wanted), priority);
        self.instances.budgets.delays(claimed, wanted, earliest, now)
    }

    /// The oldest claim of a call that waits at an instance.
    fn heir(&self, at: u32) -> u32 {
        let here = self.instances.get(at).claims_of_watchers.iter().copied();
        here.min_by_key(|id| self.claims.slab[*id].age).unwrap_or(NONE)
    }

    /// A call is gone from the queue: what it claimed is free for others, the oldest claimant that
    /// waits there before all.
    pub(crate) fn drop_claims(&mut self, route: u32, gone: &Waiting) {
        if gone.claim == NONE {
            return;
        }
        self.claims.slab.remove(gone.claim);
        let watch = self.lanes.get(gone.lane).watch;
        self.instances.get_mut(watch).claims_of_watchers.retain(|id| *id != gone.claim);
        for index in 0..self.routes.get(route).draws().len() {
            let id = self.routes.get(route).draws()[index].instance;
            if self.instances.get(id).claim == gone.claim {
                let heir = self.heir(id);
                self.instances.get_mut(id).claim = heir;
                self.contended -= usize::from(heir == NONE);
                self.mark(id);
            }
        }
    }

    /// Nothing starts at an instance for a while: what the claims of calls that need it withhold
    /// elsewhere may be used till then.
    pub(crate) fn yield_claims_over(&mut self, id: u32) {
        let needs = |call: u32| match self.calls.get(call) {
            Some(Record::Waiting(waiting)) => {
                let route = self.lanes.get(waiting.lane).route;
                self.routes.get(route).on(id).map(|_| route)
            }
            _ => None,
        };
        let routes = self.claims.slab.iter().filter_map(|(_, claim)| needs(claim.call));
        for route in routes.collect::<Vec<_>>() {
            for index in 0..self.routes.get(route).draws().len() {
                self.mark(self.routes.get(route).draws()[index].instance);
            }
        }
    }

    /// A claimant is blocked until a moment, or by a pause: what it withheld elsewhere may be used
    /// till then. Those who wait there are told when that changes, not each time it is found.
    pub(crate) fn yield_claims(&mut self, call: u32, at: u32, answer: Answer) {
        let Some(Record::Waiting(waiting)) = self.calls.get(call) else { return };
        let Some(claim) = self.claims.slab.get_mut(waiting.claim) else { return };
        let gated = answer.is_gated().then_some(answer);
        if core::mem::replace(&mut claim.gated, gated) == gated || gated.is_none() {
            return;
        }
        let (claim, route) = (waiting.claim, self.lanes.get(waiting.lane).route);
        for index in 0..self.routes.get(route).draws().len() {
            let id = self.routes.get(route).draws()[index].instance;
            if id != at && self.instances.get(id).claim == claim {
                self.mark(id);
            }
        }
    }
}
