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
use alloc::vec::Vec;

use crate::call::Priority;
use crate::decision::Outputs;
use crate::engine::{Asked, Engine};
use crate::lane::{NONE, Record};
use crate::pump::{Look, Seen};
use crate::ticket::Ticket;

/// Who waits for one key.
#[derive(Clone, Debug, Default)]
pub(crate) struct Line {
    /// Calls by ticket.
    pub(crate) waiting: BTreeMap<Ticket, u32>,
    /// The tickets of those who want it alone.
    alone: BTreeSet<Ticket>,
    /// The tickets of those who were made by running calls.
    pub(crate) nested: BTreeSet<Ticket>,
    /// The tickets of all others, by priority.
    by_priority: BTreeMap<u8, BTreeSet<Ticket>>,
    /// Lanes that wait here rather than at a limit, by their first call's ticket; not those of
    /// nested calls.
    watchers: BTreeSet<(Ticket, u32)>,
    /// Who holds it and makes calls, by lineage.
    pub(crate) callers: BTreeSet<u32>,
    /// Waiting calls whose caller held it until now.
    pub(crate) orphans: Vec<u32>,
    /// Priorities have not been passed on since.
    pub(crate) changed: bool,
}

impl Line {
    /// The first who keeps a call with this ticket waiting, and its ticket.
    pub(crate) fn first_before(&self, ticket: Ticket, alone: bool) -> Option<Ticket> {
        let first = if alone { self.waiting.keys().next() } else { self.alone.first() };
        first.copied().filter(|first| *first < ticket)
    }

    /// Those who want it alone.
    pub(crate) fn writers(&self) -> impl Iterator<Item = Ticket> + '_ {
        self.alone.iter().copied()
    }

    /// The first who came after this ticket, wants it alone, and is held back by the line.
    pub(crate) fn writer_after(&self, ticket: Ticket) -> Option<Ticket> {
        self.alone.range(ticket..).find(|it| !self.nested.contains(it)).copied()
    }

    pub(crate) fn wants_alone(&self, ticket: Ticket) -> bool {
        self.alone.contains(&ticket)
    }

    /// The priorities of those, not nested, who have this ticket or a later one.
    pub(crate) fn priorities_from(&self, ticket: Ticket) -> impl Iterator<Item = Priority> + '_ {
        let late = move |tickets: &BTreeSet<Ticket>| tickets.last().is_some_and(|it| *it >= ticket);
        self.by_priority
            .iter()
            .filter(move |it| late(it.1))
            .map(|(priority, _)| Priority(*priority))
    }

    /// One who waits, and is not nested, has another priority.
    pub(crate) fn reprioritize(&mut self, ticket: Ticket, old: Priority, new: Priority) {
        self.forget_priority(ticket, old);
        self.by_priority.entry(new.0).or_default().insert(ticket);
    }

    fn forget_priority(&mut self, ticket: Ticket, priority: Priority) {
        if let Some(tickets) = self.by_priority.get_mut(&priority.0) {
            tickets.remove(&ticket);
            if tickets.is_empty() {
                self.by_priority.remove(&priority.0);
            }
        }
    }

    fn leave(&mut self, ticket: Ticket, priority: Priority) {
        self.waiting.remove(&ticket);
        self.alone.remove(&ticket);
        if !self.nested.remove(&ticket) {
            self.forget_priority(ticket, priority);
        }
    }

    /// A lane begins to wait here.
    pub(crate) fn watch(&mut self, ticket: Ticket, lane: u32, nested: bool) {
        if !nested {
            self.watchers.insert((ticket, lane));
        }
    }

    pub(crate) fn unwatch(&mut self, ticket: Ticket, lane: u32, nested: bool) {
        if !nested {
            self.watchers.remove(&(ticket, lane));
        }
    }

    /// Calls that wait and have a lesser ticket; `most` at most.
    pub(crate) fn ahead_of(&self, ticket: Ticket, most: u32) -> u32 {
        (0..most).zip(self.waiting.range(..ticket)).map(|_| 1).sum()
    }
}

impl Engine {
    /// A call that begins to wait takes its place in the lines of its keys.
    #[cold]
    pub(crate) fn join_lines(&mut self, asked: &Asked, ticket: Ticket, call: u32, nested: bool) {
        for index in 0..self.routes.get(asked.route).keys().len() {
            let route = self.routes.get(asked.route);
            let draw = route.keys()[index];
            let alone = route.is_alone(draw);
            let Some(line) = self.instances.get_mut(draw.instance).line.as_deref_mut() else {
                continue;
            };
            line.waiting.insert(ticket, call);
            if alone {
                line.alone.insert(ticket);
            }
            if nested {
                line.nested.insert(ticket);
            } else {
                line.by_priority.entry(asked.priority.0).or_default().insert(ticket);
            }
            self.line_changed(draw.instance);
        }
    }

    /// A call waits no more: those behind it may go.
    #[cold]
    pub(crate) fn leave_lines(&mut self, route: u32, ticket: Ticket, priority: Priority) {
        for index in 0..self.routes.get(route).keys().len() {
            let id = self.routes.get(route).keys()[index].instance;
            if let Some(line) = self.instances.get_mut(id).line.as_deref_mut() {
                line.leave(ticket, priority);
            }
            self.line_changed(id);
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
        if !self.pass_on(id, looks, out) {
            return Seen::Enough;
        }
        let line = self.instances.existing(id).and_then(|it| it.line.as_deref());
        let Some((_, lane)) = line.and_then(|line| line.watchers.first().copied()) else {
            return Seen::All;
        };
        match self.look(self.lanes.get(lane).first, id, looks, out) {
            None => Seen::Enough,
            Some(Look::Answered) => Seen::Change,
            Some(Look::Moves(to, by)) => {
                self.move_lane(lane, to, by, out);
                Seen::Change
            }
            Some(Look::Stays(_)) => Seen::All,
        }
    }
}
