//! Would a nested call wait for ever?
//!
//! A running call without calls of its own ends by itself. One that has them ends when they have
//! ended. A waiting nested call starts when it has room; claims and turns never bind it. So nobody
//! is stuck as long as this reduction (Coffman, Elphick, Shoshani: "System Deadlocks", 1971) comes
//! to an end for everybody: of each budget everything is free but what callers stand on; a waiting
//! call that has room then can end; a caller all of whose calls can end can end too, and what it
//! stands on is free. A loan counts as room once the borrower can end.
//!
//! Only a call that would be left over is refused, so there is always a cycle: it waits for a
//! limit, all of whose other holders wait for calls of theirs, which wait in the same way, until
//! one of them waits for its own caller.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use crate::budget::Slots;
use crate::call::{CallId, LimitId, Priority};
use crate::engine::{Asked, Engine};
use crate::explain::CycleStep;
use crate::lane::{NONE, Record};
use crate::nest::Parent;
use crate::route::Take;
use crate::ticket::Ticket;

/// A waiting call, as far as it matters here.
#[derive(Clone, Copy, Debug)]
struct Waiter {
    route: u32,
    priority: Priority,
    /// Its caller.
    parent: u32,
    /// Its lane, or [`NONE`] for the call that has none yet.
    lane: u32,
}

/// What can end, as far as it is known.
struct Reduction {
    /// Budgets as they will be, with only what callers that may not end stand on.
    slots: BTreeMap<u32, Slots>,
    /// Callers that may not end.
    callers: BTreeSet<u32>,
    /// Lanes of calls that may not start.
    lanes: BTreeSet<u32>,
    waiters: Vec<Waiter>,
}

impl Engine {
    /// Would this call, made by `parent`, wait for ever? If so, the cycle is kept.
    pub(crate) fn would_deadlock(&mut self, call: &Asked, parent: Parent) -> bool {
        let (route, priority) = (call.route, call.priority);
        let new = Waiter { route, priority, parent: parent.nest, lane: NONE };
        let mut left = self.reduction(Some(new));
        if left.fits(self, &new) {
            return false;
        }
        left.reduce(self);
        if !left.lanes.contains(&NONE) {
            return false;
        }
        self.cycle = left.cycle(self, &new);
        true
    }

    /// Waiting nested calls that wait for ever as things are now: the newest of them, if any.
    pub(crate) fn deadlocked(&mut self) -> Option<u32> {
        let mut left = self.reduction(None);
        left.reduce(self);
        let stuck = left.waiters.iter().filter(|waiter| left.lanes.contains(&waiter.lane));
        let last = stuck.map(|waiter| self.lanes.last(waiter.lane, &self.calls));
        let newest = last.max_by_key(|call| match self.calls.get(*call) {
            Some(Record::Waiting(waiting)) => waiting.ticket,
            _ => Ticket::FIRST,
        })?;
        if let Some(Record::Waiting(waiting)) = self.calls.get(newest) {
            let lane = waiting.lane;
            let waiter = left.waiters.iter().find(|waiter| waiter.lane == lane).copied();
            self.cycle = waiter.map(|waiter| left.cycle(self, &waiter)).unwrap_or_default();
        }
        Some(newest)
    }

    /// Where it begins: all callers and all waiting nested calls may be stuck.
    fn reduction(&self, new: Option<Waiter>) -> Reduction {
        let mut left = Reduction {
            slots: BTreeMap::new(),
            callers: BTreeSet::new(),
            lanes: BTreeSet::new(),
            waiters: Vec::new(),
        };
        for (id, nest) in self.nests.slab.iter() {
            match self.calls.get(nest.call) {
                Some(Record::Waiting(waiting)) => {
                    let lane = self.lanes.get(waiting.lane);
                    if left.lanes.insert(waiting.lane) {
                        let (route, priority) = (lane.route, lane.priority);
                        let (parent, lane) = (nest.parent, waiting.lane);
                        left.waiters.push(Waiter { route, priority, parent, lane });
                    }
                }
                Some(Record::Running(_)) if nest.first_child != NONE => {
                    left.callers.insert(id);
                }
                _ => {}
            }
        }
        if let Some(new) = new {
            left.callers.insert(new.parent);
            left.lanes.insert(NONE);
            left.waiters.push(new);
        }
        for id in left.callers.clone() {
            left.stand(self, id, true);
        }
        left
    }
}

impl Reduction {
    fn reduce(&mut self, engine: &Engine) {
        loop {
            let before = (self.callers.len(), self.lanes.len());
            for waiter in self.waiters.clone() {
                if self.lanes.contains(&waiter.lane) && self.fits(engine, &waiter) {
                    self.lanes.remove(&waiter.lane);
                }
            }
            for id in self.callers.clone() {
                if self.can_end(engine, id) {
                    self.callers.remove(&id);
                    self.stand(engine, id, false);
                }
            }
            if before == (self.callers.len(), self.lanes.len()) {
                return;
            }
        }
    }

    /// Whether a waiting call has room once everybody has ended who is known to.
    fn fits(&mut self, engine: &Engine, waiter: &Waiter) -> bool {
        let takes = engine.routes.get(waiter.route).takes();
        takes.iter().all(|take| self.has_room(engine, waiter, take))
    }

    fn has_room(&mut self, engine: &Engine, waiter: &Waiter, take: &Take) -> bool {
        let Some(slots) = engine.instances.budgets.slots(take.budget) else { return true };
        let loan = if slots.lend { self.loan(engine, waiter.parent, take.budget) } else { 0 };
        let room = self.slots.entry(take.budget).or_insert_with(|| slots.emptied());
        room.need(take.amount, waiter.priority).saturating_sub(loan) <= room.room(waiter.priority)
    }

    /// The greatest loan that an ancestor can make, now or later.
    fn loan(&self, engine: &Engine, mut nest: u32, budget: u32) -> u64 {
        let mut most = 0;
        while let Some(data) = engine.nests.slab.get(nest) {
            if let Some(hold) = data.hold(budget)
                && !self.callers.contains(&hold.borrower)
            {
                most = most.max(hold.stands_on());
            }
            nest = data.parent;
        }
        most
    }

    fn can_end(&self, engine: &Engine, caller: u32) -> bool {
        // The new call is not yet in its caller's list.
        let new = |waiter: &Waiter| waiter.lane == NONE && waiter.parent == caller;
        if self.lanes.contains(&NONE) && self.waiters.iter().any(new) {
            return false;
        }
        children(engine, caller).all(|child| !self.is_stuck(engine, child))
    }

    fn is_stuck(&self, engine: &Engine, nest: u32) -> bool {
        match engine.nests.slab.get(nest).and_then(|it| engine.calls.get(it.call)) {
            Some(Record::Waiting(waiting)) => self.lanes.contains(&waiting.lane),
            _ => self.callers.contains(&nest),
        }
    }

    /// A caller stands on its own slots, or no longer.
    fn stand(&mut self, engine: &Engine, caller: u32, stands: bool) {
        let Some(nest) = engine.nests.slab.get(caller) else { return };
        let Some(Record::Running(running)) = engine.calls.get(nest.call) else { return };
        for hold in &nest.holds {
            let Some(slots) = engine.instances.budgets.slots(hold.budget) else { continue };
            let room = self.slots.entry(hold.budget).or_insert_with(|| slots.emptied());
            if stands {
                room.take(hold.own, running.priority);
            } else {
                room.give(hold.own, running.priority);
            }
        }
    }

    /// From a call that would wait for ever to who holds what it waits for, and on from there,
    /// until somebody comes up again.
    fn cycle(&mut self, engine: &Engine, first: &Waiter) -> Vec<CycleStep> {
        let mut steps: Vec<(u32, CycleStep)> = Vec::new();
        let (mut caller, mut waiter) = (first.parent, *first);
        loop {
            if let Some(at) = steps.iter().position(|(known, _)| *known == caller) {
                return steps.into_iter().skip(at).map(|(_, step)| step).collect();
            }
            let takes = engine.routes.get(waiter.route).takes();
            let lacks = takes.iter().position(|take| !self.has_room(engine, &waiter, take));
            let Some(take) = lacks.and_then(|at| takes.get(at)) else { break };
            let draw = lacks.and_then(|at| engine.routes.get(waiter.route).draw_at(at));
            let limit = draw.map(|draw| LimitId(engine.instances.get(draw.instance).limit));
            let call =
                (waiter.lane != NONE).then(|| engine.calls.id(engine.lanes.get(waiter.lane).first));
            steps.push((caller, CycleStep { caller: engine.id_of(caller), call, limit }));
            let holds = |id: &u32| {
                let hold = engine.nests.slab.get(*id).and_then(|nest| nest.hold(take.budget));
                hold.is_some_and(|hold| hold.own > 0)
            };
            // What its own ancestors hold is lent as far as that helps; others come first.
            let mut holders = self.callers.iter().copied().filter(holds);
            let stranger = |id: &u32| !ancestors(engine, waiter.parent).any(|it| it == *id);
            let holder = holders.clone().find(stranger).or_else(|| holders.next());
            let Some(holder) = holder else { break };
            let Some(next) = self.stuck_below(engine, holder) else { break };
            (caller, waiter) = (holder, next);
        }
        steps.into_iter().map(|(_, step)| step).collect()
    }

    /// A stuck call that a stuck caller waits for in the end.
    fn stuck_below(&self, engine: &Engine, mut caller: u32) -> Option<Waiter> {
        loop {
            let new = |it: &&Waiter| it.lane == NONE && it.parent == caller;
            let child = children(engine, caller).find(|child| self.is_stuck(engine, *child));
            let Some(child) = child else { return self.waiters.iter().find(new).copied() };
            match engine.nests.slab.get(child).and_then(|it| engine.calls.get(it.call)) {
                Some(Record::Waiting(waiting)) => {
                    return self.waiters.iter().find(|it| it.lane == waiting.lane).copied();
                }
                _ => caller = child,
            }
        }
    }
}

fn children(engine: &Engine, caller: u32) -> impl Iterator<Item = u32> + '_ {
    let first = engine.nests.slab.get(caller).map(|nest| nest.first_child);
    let next = |child: &u32| engine.nests.slab.get(*child).map(|nest| nest.next);
    core::iter::successors(first, next).take_while(|child| *child != NONE)
}

/// A call with calls of its own, its caller, and so on.
fn ancestors(engine: &Engine, nest: u32) -> impl Iterator<Item = u32> + '_ {
    let parent = |it: &u32| engine.nests.slab.get(*it).map(|nest| nest.parent);
    core::iter::successors(Some(nest), parent).take_while(|it| *it != NONE)
}

impl Engine {
    fn id_of(&self, nest: u32) -> CallId {
        self.calls.id(self.nests.slab.get(nest).map_or(NONE, |nest| nest.call))
    }
}
