//! Rescue: nobody starves, whatever the orders and the claims say.
//!
//! Calls of a flow at a priority are kin. When none of them has started for `PATIENCE`, counted
//! from the later of the oldest one's arrival and the kin's last start, the oldest is put first
//! among claimants at every instance it needs, one call at a time. From then on nothing later
//! takes what it needs anywhere, so it starts when those that hold it have ended.
//!
//! Bound: from its turn to be rescued, the longest that a call holds any of its limits, plus the
//! refill of its rates. A call that time alone keeps waiting (a spent quota) is not rescued.

use alloc::collections::BTreeMap;
use core::time::Duration;

use crate::budget::Answer;
use crate::call::{Flow, Priority};
use crate::engine::Engine;
use crate::heap::Heap;
use crate::instance::Claim;
use crate::lane::{NONE, Record};
use crate::slab::Slab;
use crate::time::Instant;

/// How long kin may start nothing before one of them is rescued.
const PATIENCE: Duration = Duration::from_secs(30);

/// The age of the rescued call's claims: older than all others, which count from 1.
const OLDEST: u64 = 0;

#[derive(Clone, Debug, Default)]
pub(crate) struct Patience {
    kin: Slab<Kin>,
    index: BTreeMap<(u8, u64), u32>,
    /// Kin by when their patience ends.
    ends: Heap<Instant>,
    rescued: Option<u32>,
}

/// The waiting calls of one flow at one priority, in the order of their arrival.
#[derive(Clone, Debug)]
struct Kin {
    first: u32,
    last: u32,
    last_start: Instant,
}

impl Patience {
    /// When the next call should be rescued; `None` while one is being rescued.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.ends.peek().filter(|_| self.rescued.is_none()).map(|(at, _)| at)
    }

    /// A call begins to wait.
    pub(crate) fn join(
        &mut self,
        call: u32,
        priority: Priority,
        flow: Flow,
        calls: &mut Slab<Record>,
    ) {
        let key = (priority.0, flow.id);
        let kin = self.index.get(&key).copied().unwrap_or_else(|| {
            let last_start = Instant::EPOCH;
            let kin = self.kin.insert(Kin { first: NONE, last: NONE, last_start });
            self.index.insert(key, kin);
            kin
        });
        let last = core::mem::replace(&mut self.kin[kin].last, call);
        if let Some(Record::Waiting(waiting)) = calls.get_mut(call) {
            waiting.kin = kin;
            waiting.kin_previous = last;
            waiting.kin_next = NONE;
        }
        match calls.get_mut(last) {
            Some(Record::Waiting(before)) => before.kin_next = call,
            _ => {
                self.kin[kin].first = call;
                self.arm(kin, calls);
            }
        }
    }

    /// A waiting call starts: its kin's patience begins anew.
    pub(crate) fn started(&mut self, call: u32, now: Instant, calls: &Slab<Record>) {
        if let Some(Record::Waiting(waiting)) = calls.get(call) {
            self.kin[waiting.kin].last_start = now;
            self.arm(waiting.kin, calls);
        }
    }

    /// A call no longer waits; its record is still there.
    pub(crate) fn leave(
        &mut self,
        call: u32,
        priority: Priority,
        flow: Flow,
        calls: &mut Slab<Record>,
    ) {
        let Some(Record::Waiting(gone)) = calls.get(call) else { return };
        let (kin, previous, next) = (gone.kin, gone.kin_previous, gone.kin_next);
        if self.rescued == Some(call) {
            self.rescued = None;
        }
        match calls.get_mut(next) {
            Some(Record::Waiting(after)) => after.kin_previous = previous,
            _ => self.kin[kin].last = previous,
        }
        if let Some(Record::Waiting(before)) = calls.get_mut(previous) {
            before.kin_next = next;
            return;
        }
        self.kin[kin].first = next;
        if next == NONE {
            self.ends.remove(kin);
            self.kin.remove(kin);
            self.index.remove(&(priority.0, flow.id));
        } else {
            self.arm(kin, calls);
        }
    }

    fn arm(&mut self, kin: u32, calls: &Slab<Record>) {
        let Kin { first, last_start, .. } = self.kin[kin];
        if let Some(Record::Waiting(oldest)) = calls.get(first) {
            self.ends.set(kin, oldest.arrived.max(last_start).saturating_add(PATIENCE));
        }
    }
}

impl Engine {
    /// Rescues the call whose kin have waited the longest past their patience, if none is being
    /// rescued.
    pub(crate) fn rescue(&mut self) {
        while let Some((ends, kin)) = self.patience.ends.peek() {
            if ends > self.now || self.patience.rescued.is_some() {
                return;
            }
            let call = self.patience.kin[kin].first;
            match self.gated_until(call) {
                // Withholding would help nobody before then.
                Some(until) => self.patience.ends.set(kin, until),
                None => {
                    self.patience.ends.remove(kin);
                    self.patience.rescued = Some(call);
                    self.claim_everywhere(call);
                }
            }
        }
    }

    /// The moment before which time alone keeps a waiting call from starting.
    fn gated_until(&mut self, call: u32) -> Option<Instant> {
        let Some(Record::Waiting(waiting)) = self.calls.get(call) else { return None };
        let route = self.routes.get(self.lanes.get(waiting.lane).route);
        match self.instances.budgets.answer(route.takes(), self.now) {
            Answer::At(at) => Some(at),
            Answer::Ready | Answer::OnRelease | Answer::Never => None,
        }
    }

    fn claim_everywhere(&mut self, call: u32) {
        let Some(Record::Waiting(waiting)) = self.calls.get_mut(call) else { return };
        waiting.claim_age = OLDEST;
        let (lane, claim) = (waiting.lane, Some(Claim { call, age: OLDEST }));
        let route = self.lanes.get(lane).route;
        for index in 0..self.routes.get(route).draws().len() {
            let id = self.routes.get(route).draws()[index].instance;
            let before = core::mem::replace(&mut self.instances.get_mut(id).claim, claim);
            self.contended += usize::from(before.is_none());
        }
        let watch = self.lanes.get(lane).watch;
        self.mark(watch);
    }
}
