//! Inheritance of priority through keys (Sha, Rajkumar, Lehoczky: "Priority Inheritance Protocols",
//! IEEE ToC 1990).
//!
//! While a call waits for a key, whoever it waits for runs at its priority, if that has the greater
//! weight: the calls that a holder of the key makes, and those before it in the line. The holder
//! itself runs already; what can be late is a call of its own. It goes on in chains: such a call
//! may wait for another key, and then its holder's calls are raised too. It ends when the one that
//! waits has gone, or has the key.
//!
//! What a running call hands down is not kept anywhere but found from the lines when it is needed:
//! when it makes a call, and for its waiting calls when the line of one of its keys has changed.
//! What a waiting call has is its lane's priority. Who waits for whom follows the order of tickets
//! and the order of callers, and a cycle of callers is refused as would deadlock; so changes die
//! out, and nobody is raised by what it gave itself.
//!
//! A raised call gets a lane of its own, so that it keeps its ticket's place in its flow, and
//! keeps that lane when it is given back. In one line the first [`HEAD`] are raised: the others
//! become the first when those have gone.

use alloc::vec::Vec;

use crate::call::{LimitId, Priority};
use crate::decision::{Output, Outputs};
use crate::engine::Engine;
use crate::lane::{LaneKey, NONE, Record};
use crate::line::Line;
use crate::nest::Parent;
use crate::obstacle::{Obstacle, Waits};
use crate::ticket::Ticket;

/// Calls of one line that are raised at a time, and callers at one key that are looked at.
const HEAD: usize = 64;

/// Calls that one caller has made, of all generations, that are looked at.
const DESCENDANTS: usize = 1_024;

/// Whether calls wait at another priority than their own, and which one that is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Raised(u64);

impl Raised {
    pub(crate) const NOT: Raised = Raised(0);

    /// A call that was raised while it waited has a lane to itself.
    fn one(own: Priority, ticket: Ticket) -> Raised {
        Raised(1 << 63 | ticket.number << 8 | u64::from(own.0))
    }

    /// Calls that had what they inherited from the beginning.
    pub(crate) fn born(own: Priority, priority: Priority) -> Raised {
        if own == priority { Raised::NOT } else { Raised(1 << 62 | u64::from(own.0)) }
    }

    /// The own priority of calls that wait at `priority`.
    #[inline]
    pub(crate) fn own(self, priority: Priority) -> Priority {
        if self == Raised::NOT {
            return priority;
        }
        u8::try_from(self.0 & 0xff).map_or(priority, Priority)
    }

    /// To be mixed into a hash.
    #[inline]
    pub(crate) fn mark(self) -> u64 {
        self.0.rotate_left(31)
    }
}

impl Engine {
    /// The priority at which a call runs that `caller` makes, which is `own` by itself.
    pub(crate) fn handed_down(&self, caller: u32, own: Priority) -> Priority {
        let mut best = own;
        if !self.inherits() {
            return best;
        }
        let mut nest = caller;
        while let Some(data) = self.nests.slab.get(nest) {
            if let Some(Record::Running(running)) = self.calls.get(data.call) {
                let route = self.routes.get(running.route);
                for draw in route.keys() {
                    let line = self.instances.get(draw.instance).line.as_deref();
                    let alone = route.is_alone(*draw);
                    best = line.map_or(best, |line| self.for_holder(best, line, alone, nest));
                }
            }
            nest = data.parent;
        }
        best
    }

    /// The priority of a new call that is `own` by itself; its parent keeps what it was.
    pub(crate) fn raise(&self, parent: &mut Parent, own: Priority) -> Priority {
        if parent.nest == NONE {
            return own;
        }
        let priority = self.handed_down(parent.nest, own);
        parent.raised = Raised::born(own, priority);
        priority
    }

    /// The line of a key has changed, or who makes calls while holding it.
    pub(crate) fn line_changed(&mut self, key: u32) {
        if !self.inherits() {
            return;
        }
        let instance = self.instances.get_mut(key);
        let Some(line) = instance.line.as_deref_mut() else { return };
        line.changed = true;
        if !instance.dirty {
            instance.dirty = true;
            self.dirty.push_front(key);
        }
    }

    /// A running call makes calls: at its keys that is known from now on.
    pub(crate) fn holds_as_caller(&mut self, nest: u32) {
        let Some(data) = self.nests.slab.get(nest) else { return };
        let Some(Record::Running(running)) = self.calls.get(data.call) else { return };
        for draw in self.routes.get(running.route).keys() {
            if let Some(line) = self.instances.get_mut(draw.instance).line.as_deref_mut() {
                line.callers.insert(nest);
            }
        }
    }

    /// A running call with a lineage ends, and holds its keys no more.
    #[cold]
    pub(crate) fn ends_as_caller(&mut self, nest: u32, route: u32) {
        if self.routes.get(route).keys().is_empty() {
            return;
        }
        let mut orphans = Vec::new();
        self.waiting_below(nest, &mut orphans);
        for index in 0..self.routes.get(route).keys().len() {
            let key = self.routes.get(route).keys()[index].instance;
            if let Some(line) = self.instances.get_mut(key).line.as_deref_mut() {
                line.callers.remove(&nest);
                line.orphans.append(&mut orphans);
            }
            self.line_changed(key);
        }
    }

    /// Raises those for whom somebody waits at a key, and gives back what nobody gives any more;
    /// `false` if that is enough for now.
    pub(crate) fn pass_on(&mut self, key: u32, looks: &mut u32, out: &mut Outputs) -> bool {
        let line = self.instances.existing_mut(key).and_then(|it| it.line.as_deref_mut());
        let Some(line) = line.filter(|line| line.changed) else { return true };
        line.changed = false;
        let orphans = core::mem::take(&mut line.orphans);
        // From the last to the first, since priorities are handed on in that direction.
        let mut calls: Vec<u32> = line.waiting.values().copied().take(HEAD).collect();
        calls.reverse();
        calls.extend(&orphans);
        for nest in line.callers.iter().copied().take(HEAD).collect::<Vec<_>>() {
            self.waiting_below(nest, &mut calls);
        }
        for call in calls {
            let Some(priority) = self.priority_due(call) else { continue };
            let Some(left) = looks.checked_sub(1) else {
                if let Some(line) = self.instances.get_mut(key).line.as_deref_mut() {
                    line.changed = true;
                    line.orphans.extend(orphans);
                }
                return false;
            };
            *looks = left;
            self.change_lane(call, priority, out);
        }
        true
    }

    fn inherits(&self) -> bool {
        self.config.inherit && self.config.priorities.len() > 1
    }

    /// The priority that a waiting call should have, if it has another one.
    fn priority_due(&self, call: u32) -> Option<Priority> {
        let Some(Record::Waiting(waiting)) = self.calls.get(call) else { return None };
        let lane = self.lanes.get(waiting.lane);
        let mut due = self.handed_down(self.parent_nest(waiting.nest), lane.own());
        let route = self.routes.get(lane.route);
        for draw in route.keys() {
            if let Some(line) = self.instances.get(draw.instance).line.as_deref() {
                due = self.for_waiter(due, line, waiting.ticket, route.is_alone(*draw));
            }
        }
        (due != lane.priority).then_some(due)
    }

    /// What a call that stands in a line with this ticket gets from those behind it.
    fn for_waiter(&self, best: Priority, line: &Line, ticket: Ticket, alone: bool) -> Priority {
        // Readers wait for a reader only if a writer stands between them.
        let from = if alone { Some(ticket.next()) } else { line.writer_after(ticket) };
        from.map_or(best, |from| self.greatest(best, line.priorities_from(from)))
    }

    /// What a call that holds a key gets from those who wait for it.
    fn for_holder(&self, best: Priority, line: &Line, alone: bool, nest: u32) -> Priority {
        let below = |ticket: Ticket| {
            let call = line.waiting.get(&ticket).and_then(|call| self.calls.get(*call));
            matches!(call, Some(Record::Waiting(it)) if self.is_below(it.nest, nest))
        };
        // A call of its own that writes borrows what it holds, and does not wait for it.
        let from = match alone {
            true => Some(Ticket::FIRST),
            false => line.writers().take(HEAD).find(|ticket| !below(*ticket)),
        };
        let best = from.map_or(best, |from| self.greatest(best, line.priorities_from(from)));
        let nested = line.nested.iter().copied().take(HEAD);
        let nested =
            nested.filter(|ticket| (alone || line.wants_alone(*ticket)) && !below(*ticket));
        let nested = nested.filter_map(|ticket| self.priority_of(*line.waiting.get(&ticket)?));
        self.greatest(best, nested)
    }

    fn priority_of(&self, call: u32) -> Option<Priority> {
        match self.calls.get(call) {
            Some(Record::Waiting(waiting)) => Some(self.lanes.get(waiting.lane).priority),
            _ => None,
        }
    }

    fn greatest(&self, best: Priority, others: impl Iterator<Item = Priority>) -> Priority {
        let weight = |it: Priority| self.config.priorities.get(usize::from(it.0)).copied();
        others.fold(best, |best, it| if weight(it) > weight(best) { it } else { best })
    }

    /// Whether a call was made by another, or by one that it made, and so on.
    fn is_below(&self, mut nest: u32, above: u32) -> bool {
        while let Some(data) = self.nests.slab.get(nest) {
            nest = data.parent;
            if nest == above {
                return true;
            }
        }
        false
    }

    /// The waiting calls that a call has made, itself or through others.
    fn waiting_below(&self, nest: u32, into: &mut Vec<u32>) {
        let mut open: Vec<u32> =
            self.nests.slab.get(nest).map(|it| it.first_child).into_iter().collect();
        for _ in 0..DESCENDANTS {
            let Some(at) = open.pop() else { return };
            let Some(data) = self.nests.slab.get(at) else { continue };
            open.extend([data.next, data.first_child].into_iter().filter(|it| *it != NONE));
            if let Some(Record::Waiting(_)) = self.calls.get(data.call) {
                into.push(data.call);
            }
        }
    }

    /// A waiting call has another priority from now on, and a lane of its own.
    fn change_lane(&mut self, call: u32, priority: Priority, out: &mut Outputs) {
        let Some(Record::Waiting(waiting)) = self.calls.get(call) else { return };
        let gone = waiting.clone();
        let lane = self.lanes.get(gone.lane);
        let (before, watch) = (lane.priority, lane.watch);
        let raised = Raised::one(lane.own(), gone.ticket);
        let key = LaneKey { priority, raised, ..lane.key() };
        let left = self.leaving(gone.lane);
        let lane = self.lanes.open(&key, watch, &mut self.patience);
        let departure = self.lanes.depart(&gone, &mut self.calls, &mut self.patience);
        if let Some(Record::Waiting(waiting)) = self.calls.get_mut(call) {
            waiting.lane = lane;
        }
        self.lanes.insert(lane, call, gone.ticket, &mut self.calls);
        self.enter(watch, lane, gone.ticket, out);
        self.departed(&left, &departure, gone.ticket, out);
        let at = self.instances.get(watch);
        let obstacle = if at.line.is_some() { Obstacle::Key } else { Obstacle::Turn };
        let (limit, lane) = (LimitId(at.limit), self.lanes.get(lane).opened);
        let waits = Waits { limit, lane, obstacle };
        out.push(Output::Moved { call: self.calls.id(call), waits });
        self.mark(watch);
        if gone.nest == NONE {
            for index in 0..self.routes.get(key.route).keys().len() {
                let at = self.routes.get(key.route).keys()[index].instance;
                if let Some(line) = self.instances.get_mut(at).line.as_deref_mut() {
                    line.reprioritize(gone.ticket, before, priority);
                }
            }
        }
        for index in 0..self.routes.get(key.route).keys().len() {
            let at = self.routes.get(key.route).keys()[index].instance;
            self.line_changed(at);
        }
    }
}
