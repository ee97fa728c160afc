//! The line at a key: who waits for it, by ticket.
//!
//! A call takes its place in the lines of all its keys when it begins to wait, whichever limit or
//! key it waits at. It is held back at a key while another stands before it in that line with
//! whom it cannot share the key: a reader by any writer, a writer by anybody. So writers are not
//! passed by readers that come later, and nothing but a ticket counts: no weight, no claim.
//!
//! Calls that running calls make stand in the line, so that those who come later wait for them,
//! but are not held back by it: their callers may hold what those before them wait for.
//!
//! Who waits at a limit and is the first in every line withholds a key from those behind it,
//! until it starts or gives up. So that this ends: a claim withholds nothing while its call is
//! held back in a line (`claim.rs`), since who is before it may need just that; and who is rescued
//! is the one at the head of the line (`patience.rs`). Tickets only fall on the way there.

use alloc::collections::{BTreeMap, BTreeSet};

use crate::decision::Outputs;
use crate::engine::Engine;
use crate::lane::{NONE, Record};
use crate::pump::{Look, Seen};

/// Who waits for one key.
#[derive(Clone, Debug, Default)]
pub(crate) struct Line {
    /// Calls by ticket.
    waiting: BTreeMap<u64, u32>,
    /// The tickets of those who want it alone.
    alone: BTreeSet<u64>,
    /// Lanes that wait here rather than at a limit, by their first call's ticket; not those of
    /// nested calls.
    watchers: BTreeMap<u64, u32>,
}

impl Line {
    /// The first who keeps a call with this ticket waiting, and its ticket.
    pub(crate) fn first_before(&self, ticket: u64, alone: bool) -> Option<u64> {
        let first = if alone { self.waiting.keys().next() } else { self.alone.first() };
        first.copied().filter(|first| *first < ticket)
    }

    fn join(&mut self, ticket: u64, call: u32, alone: bool) {
        self.waiting.insert(ticket, call);
        if alone {
            self.alone.insert(ticket);
        }
    }

    fn leave(&mut self, ticket: u64) {
        self.waiting.remove(&ticket);
        self.alone.remove(&ticket);
    }

    /// A lane begins to wait here.
    pub(crate) fn watch(&mut self, ticket: u64, lane: u32, nested: bool) {
        if !nested {
            self.watchers.insert(ticket, lane);
        }
    }

    pub(crate) fn unwatch(&mut self, ticket: u64, nested: bool) {
        if !nested {
            self.watchers.remove(&ticket);
        }
    }

    /// A lane that waits here has another first call.
    pub(crate) fn watched_from(&mut self, old: u64, new: u64) {
        if let Some(lane) = self.watchers.remove(&old) {
            self.watchers.insert(new, lane);
        }
    }

    /// Calls that wait and have a lesser ticket; `most` at most.
    pub(crate) fn ahead_of(&self, ticket: u64, most: u32) -> u32 {
        (0..most).zip(self.waiting.range(..ticket)).map(|_| 1).sum()
    }
}

impl Engine {
    /// A call that begins to wait takes its place in the lines of its keys.
    pub(crate) fn join_lines(&mut self, route: u32, ticket: u64, call: u32) {
        let route = self.routes.get(route);
        for draw in route.keys() {
            if let Some(line) = self.instances.get_mut(draw.instance).line.as_deref_mut() {
                line.join(ticket, call, route.is_alone(*draw));
            }
        }
    }

    /// A call waits no more: those behind it may go.
    pub(crate) fn leave_lines(&mut self, route: u32, ticket: u64) {
        for index in 0..self.routes.get(route).keys().len() {
            let id = self.routes.get(route).keys()[index].instance;
            if let Some(line) = self.instances.get_mut(id).line.as_deref_mut() {
                line.leave(ticket);
            }
            self.mark(id);
        }
    }

    /// Somebody who stands before a waiting call in the line of a key and keeps it waiting.
    pub(crate) fn before_in_line(&self, call: u32) -> Option<u32> {
        let Some(Record::Waiting(waiting)) = self.calls.get(call) else { return None };
        if waiting.nest != NONE {
            return None;
        }
        let route = self.routes.get(self.lanes.get(waiting.lane).route);
        route.keys().iter().find_map(|draw| {
            let line = self.instances.get(draw.instance).line.as_deref()?;
            let first = line.first_before(waiting.ticket, route.is_alone(*draw))?;
            line.waiting.get(&first).copied()
        })
    }

    /// Whoever must go before a waiting call and waits for nobody's turn at a key: it may be the
    /// call itself.
    pub(crate) fn head_of_line(&self, call: u32) -> u32 {
        let mut head = call;
        while let Some(before) = self.before_in_line(head) {
            head = before;
        }
        head
    }

    /// Starts who can start at a key. Only the first who waits here can: those behind it either
    /// have nothing in their way that it has not, or are held back by it.
    pub(crate) fn look_in_line(&mut self, id: u32, looks: &mut u32, out: &mut Outputs) -> Seen {
        let line = self.instances.existing(id).and_then(|it| it.line.as_deref());
        let Some((_, lane)) = line.and_then(|line| line.watchers.first_key_value()) else {
            return Seen::All;
        };
        let lane = *lane;
        match self.look(self.lanes.get(lane).first, id, looks, out) {
            None => Seen::Enough,
            Some(Look::Answered) => Seen::Change,
            Some(Look::Moves(to)) => {
                self.move_lane(lane, to, out);
                Seen::Change
            }
            Some(Look::Stays(_)) => Seen::All,
        }
    }
}
