//! Rescue: nobody starves, whatever the orders and the claims say.
//!
//! Calls of a flow at a priority are kin. When none of them has started for the config's
//! `patience`, counted from the later of the oldest one's arrival and the kin's last start, the
//! oldest is put first among claimants at every instance it needs, one call at a time. From then
//! on nothing later takes what it needs anywhere, so it starts when those that hold it have ended.
//!
//! Bound: from its turn to be rescued, the longest that a call holds any of its limits, plus the
//! refill of its rates; calls that running calls make are bound by no claim and come on top. A
//! call that time alone keeps waiting (a spent quota) is not rescued.

use core::time::Duration;

use crate::budget::Answer;
use crate::call::{Flow, Priority};
use crate::engine::Engine;
use crate::heap::Heap;
use crate::lane::{Lanes, NONE, Record};
use crate::slab::Slab;
use crate::table::{Table, hash};
use crate::ticket::Ticket;
use crate::time::Instant;

/// Kin that are looked at in one go.
const LOOKS: usize = 64;

#[derive(Clone, Debug, Default)]
pub(crate) struct Patience {
    kin: Slab<Kin>,
    index: Table,
    /// Kin by a moment before which their patience does not end.
    ends: Heap<Instant>,
    /// Kin at the end of their patience whom time alone keeps waiting, by until when.
    gated: Heap<Instant>,
    rescued: Option<u32>,
}

/// The waiting calls of one flow at one priority.
#[derive(Clone, Debug)]
pub(crate) struct Kin {
    priority: Priority,
    flow: Flow,
    /// The first of their lanes, in no order.
    pub(crate) lanes: u32,
    last_start: Instant,
}

impl Patience {
    /// When a call might have to be rescued; `None` while one is being rescued.
    pub(crate) fn next(&self) -> Option<Instant> {
        if self.rescued.is_some() {
            return None;
        }
        self.ends.peek().into_iter().chain(self.gated.peek()).map(|(at, _)| at).min()
    }

    /// The call that is being rescued.
    pub(crate) fn rescued(&self) -> Option<u32> {
        self.rescued
    }

    /// The kin of calls of a flow and priority; new ones have no lanes yet.
    pub(crate) fn kin_of(&mut self, priority: Priority, flow: Flow) -> u32 {
        let hash = hash(flow.id, u64::from(priority.0));
        let found = self
            .index
            .find(hash, |id| self.kin[id].flow.id == flow.id && self.kin[id].priority == priority);
        found.unwrap_or_else(|| {
            let kin = Kin { priority, flow, lanes: NONE, last_start: Instant::EPOCH };
            let id = self.kin.insert(kin);
            self.index.insert(hash, id);
            id
        })
    }

    pub(crate) fn kin_mut(&mut self, id: u32) -> &mut Kin {
        &mut self.kin[id]
    }

    /// The first lane of a kin.
    pub(crate) fn lanes_of(&self, kin: u32) -> u32 {
        self.kin.get(kin).map_or(NONE, |kin| kin.lanes)
    }

    /// A call begins to wait that arrived then. That it might be the oldest of its kin is enough
    /// to look later.
    pub(crate) fn join(&mut self, kin: u32, arrived: Instant, now: Instant, patience: Duration) {
        if arrived == now && self.is_watched(kin) || self.gated.key(kin).is_some() {
            return;
        }
        let ends = arrived.max(self.kin[kin].last_start).saturating_add(patience);
        if self.ends.key(kin).is_none_or(|at| ends < at) {
            self.ends.set(kin, ends);
        }
    }

    /// A call comes again and takes the place of one that is being rescued.
    pub(crate) fn pass_on(&mut self, from: u32, to: u32) {
        if self.rescued == Some(from) {
            self.rescued = Some(to);
        }
    }

    fn is_watched(&self, kin: u32) -> bool {
        self.ends.key(kin).is_some() || self.gated.key(kin).is_some()
    }

    /// A waiting call starts: its kin's patience begins anew.
    pub(crate) fn started(&mut self, call: u32, kin: u32, now: Instant, patience: Duration) {
        self.kin[kin].last_start = now;
        if self.rescued == Some(call) {
            self.ends.set(kin, now.saturating_add(patience));
        }
    }

    /// A call no longer waits.
    pub(crate) fn leave(&mut self, call: u32, kin: u32, now: Instant) {
        if self.rescued == Some(call) {
            self.rescued = None;
            if !self.is_watched(kin) {
                self.ends.set(kin, now);
            }
        }
    }

    /// None of the kin waits any more.
    pub(crate) fn disband(&mut self, id: u32) {
        self.ends.remove(id);
        self.gated.remove(id);
        if let Some(kin) = self.kin.remove(id) {
            self.index.remove(hash(kin.flow.id, u64::from(kin.priority.0)), id);
        }
    }

    /// Patience is another from now on: every kin is looked at again.
    pub(crate) fn look_again(&mut self, now: Instant) {
        for (id, _) in self.kin.iter() {
            if self.gated.remove(id) || self.ends.key(id).is_some() {
                self.ends.set(id, now);
            }
        }
    }

    /// The oldest waiting call of a kin, and since when its patience counts.
    fn oldest(&self, kin: u32, lanes: &Lanes, calls: &Slab<Record>) -> Option<(u32, Instant)> {
        let kin = self.kin.get(kin)?;
        let mut oldest: Option<(Ticket, u32)> = None;
        let mut at = kin.lanes;
        while at != NONE {
            let lane = lanes.get(at);
            if let Some(Record::Waiting(first)) = calls.get(lane.first)
                && oldest.is_none_or(|(ticket, _)| first.ticket < ticket)
            {
                oldest = Some((first.ticket, lane.first));
            }
            at = lane.kin_next;
        }
        oldest.map(|(ticket, call)| (call, ticket.arrived.max(kin.last_start)))
    }
}

impl Engine {
    /// Rescues the call whose kin have waited the longest past their patience, if none is being
    /// rescued. What is left over after some looks is carried on at once.
    pub(crate) fn rescue(&mut self) {
        for _ in 0..LOOKS {
            if self.patience.rescued.is_some() {
                return;
            }
            if let Some((until, kin)) = self.patience.gated.peek().filter(|it| it.0 <= self.now) {
                // Back to its place among the others, by how long it has waited.
                self.patience.gated.remove(kin);
                let oldest = self.patience.oldest(kin, &self.lanes, &self.calls);
                let since = oldest.map_or(until, |(_, since)| since);
                self.patience.ends.set(kin, since.saturating_add(self.config.patience));
                continue;
            }
            let Some((_, kin)) = self.patience.ends.peek().filter(|it| it.0 <= self.now) else {
                return;
            };
            self.patience.ends.remove(kin);
            let Some((call, since)) = self.patience.oldest(kin, &self.lanes, &self.calls) else {
                continue;
            };
            let ends = since.saturating_add(self.config.patience);
            if ends > self.now {
                self.patience.ends.set(kin, ends);
                continue;
            }
            // Who stands before it in the line of a key goes first, so that one is let through.
            let head = self.head_of_line(call);
            match self.gated_until(head) {
                // Withholding would help nobody before then.
                Some(until) => self.patience.gated.set(kin, until),
                None => {
                    if head != call {
                        self.patience.ends.set(kin, ends);
                    }
                    self.patience.rescued = Some(head);
                    self.claim_everywhere(head);
                }
            }
        }
    }

    /// The moment before which time alone, or a pause, keeps a waiting call from starting.
    fn gated_until(&mut self, call: u32) -> Option<Instant> {
        let Some(Record::Waiting(waiting)) = self.calls.get(call) else { return None };
        let lane = self.lanes.get(waiting.lane);
        let route = self.routes.get(lane.route);
        match self.instances.answer_all(route, lane.priority, self.now) {
            Answer::At(at) => Some(at),
            Answer::Paused => {
                let again = self.config.patience.max(Duration::from_secs(1));
                Some(self.now.saturating_add(again))
            }
            Answer::Ready | Answer::OnRelease | Answer::InLine | Answer::Never => None,
        }
    }
}
