//! What follows from an input: expiries, and starts of waiting calls.
//!
//! A lane waits at one instance, one that refused it, as a watched literal does in a SAT solver.
//! Whenever an instance may have gained room it is marked, and looked at: its claimant first,
//! then the lane whose turn it is. Such a call starts, or is blocked at another instance, and its
//! lane moves there, or is blocked here; then only what a claim leaves is for a few behind it, and
//! nested calls start wherever they have room.
//!
//! Work per input is bounded; what is left stays marked, and `next_moment` says "now".

use crate::backfill::Left;
use crate::budget::Answer;
use crate::call::LimitId;
use crate::decision::{Outputs, Reason, Refusal, Retry};
use crate::engine::Engine;
use crate::lane::{NONE, Record};
use crate::obstacle::Obstacle;
use crate::time::Instant;

/// Calls looked at per input before the rest is carried on.
const LOOKS_PER_INPUT: u32 = 256;

/// Lanes that are looked at behind one whose turn it is and that cannot start.
const LOOKS_BEHIND: usize = 8;

/// Nested lanes that are looked at in one go.
const NESTED_LOOKS: u32 = 64;

/// Where a waiting call stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    /// It has its answer.
    Answered,
    /// Blocked at the instance that was looked at, for good or until the moment.
    Stays(Option<Instant>),
    /// Blocked at another instance, by this.
    Moves(u32, Obstacle),
}

/// What came of looking at an instance.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    /// Nobody can start there any more.
    All,
    /// Something has changed: look again.
    Change,
    /// It is enough for now.
    Enough,
}

/// What keeps a waiting call from starting.
pub(crate) struct Block {
    pub(crate) instance: u32,
    pub(crate) answer: Answer,
    /// There is room, but a claim withholds it.
    pub(crate) withheld: bool,
}

impl Engine {
    /// Takes in the time: what is due is done before the input itself. Time never runs backwards.
    #[inline(always)]
    pub(crate) fn begin(&mut self, now: Instant, out: &mut Outputs) {
        self.now = self.now.max(now);
        // Whatever time can change belongs to a call that waits.
        if self.waiting > 0 {
            self.do_what_is_due(out);
        }
    }

    #[inline(never)]
    fn do_what_is_due(&mut self, out: &mut Outputs) {
        let due = |at: Option<Instant>| at.is_some_and(|at| at <= self.now);
        let expiry = self.expiries.next().map(|(at, _)| at);
        let wake = self.wakes.peek().map(|(at, _)| at);
        if due(expiry) || due(wake) || due(self.patience.next()) {
            self.expire_due(out);
            self.rescue();
            while let Some((at, instance)) = self.wakes.peek() {
                if at > self.now {
                    break;
                }
                self.wakes.remove(instance);
                self.mark(instance);
            }
            self.pump(out);
        }
    }

    /// Looks at the instances that were marked, until none is or the work is enough.
    #[inline(always)]
    pub(crate) fn pump(&mut self, out: &mut Outputs) {
        if !self.dirty.is_empty() {
            self.pump_marked(out);
        }
    }

    #[inline(never)]
    fn pump_marked(&mut self, out: &mut Outputs) {
        let mut looks = LOOKS_PER_INPUT;
        while let Some(instance) = self.dirty.pop_front() {
            self.instances.unmark(instance);
            if !self.look_at(instance, &mut looks, out) {
                self.instances.get_mut(instance).dirty = true;
                self.dirty.push_front(instance);
                return;
            }
        }
    }

    /// Looks at the instance where a new call waits.
    pub(crate) fn pump_for(&mut self, call: u32, out: &mut Outputs) {
        if let Some(Record::Waiting(waiting)) = self.calls.get(call) {
            let watch = self.lanes.get(waiting.lane).watch;
            self.mark(watch);
        }
        self.pump(out);
    }

    /// Notes that an instance may have gained room.
    #[inline]
    pub(crate) fn mark(&mut self, id: u32) {
        let Some(instance) = self.instances.existing_mut(id) else { return };
        if let Some(nested) = instance.nested.as_deref_mut() {
            nested.again = nested.looked_up_to > 0;
        }
        if !instance.dirty && instance.watchers > 0 {
            instance.dirty = true;
            self.dirty.push_back(id);
        }
    }

    /// Starts what can start at one instance; `false` if the work is enough for now.
    fn look_at(&mut self, id: u32, looks: &mut u32, out: &mut Outputs) -> bool {
        // In the midst of a round of looks the moments of those that had theirs still count.
        let nested = self.instances.existing(id).and_then(|it| it.nested.as_deref());
        if nested.is_none_or(|nested| nested.looked_up_to == 0) {
            self.wakes.remove(id);
        }
        loop {
            let is_key = self.instances.existing(id).is_some_and(|it| it.line.is_some());
            let seen = if is_key {
                self.look_in_line(id, looks, out)
            } else {
                self.look_in_turn(id, looks, out)
            };
            let seen = match seen {
                Seen::All => self.look_at_nested(id, looks, out),
                seen => seen,
            };
            match seen {
                Seen::All => return true,
                Seen::Change => {}
                Seen::Enough => return false,
            }
        }
    }

    /// The claimant, then the call whose turn it is, then a few behind it.
    fn look_in_turn(&mut self, id: u32, looks: &mut u32, out: &mut Outputs) -> Seen {
        let Some(first) = self.whose_turn(id) else { return Seen::All };
        let first = self.lanes.get(first).first;
        let claimant = self.claims.slab.get(self.instances.get(id).claim).map(|claim| claim.call);
        let claimant = claimant.filter(|call| self.watches(*call, id));
        for call in claimant.into_iter().chain((claimant != Some(first)).then_some(first)) {
            let Some(look) = self.look(call, id, looks, out) else { return Seen::Enough };
            match look {
                Look::Answered => return Seen::Change,
                Look::Moves(to, by) => {
                    self.turn_away(call, id, (to, by), out);
                    return Seen::Change;
                }
                Look::Stays(until) => self.wake_at(id, until),
            }
        }
        self.claim_if_passed_over(first, id);
        let (claim, partial) = (self.instances.get(id).claim, self.instances.get(id).partial);
        // Without a claim, only what is in nobody's way may pass the call whose turn it is.
        if claim == NONE && partial == 0 {
            return Seen::All;
        }
        let left = match self.left_by(claim, id) {
            Some(left) => left,
            None if partial > 0 => Left::ALL,
            None => return Seen::All,
        };
        self.gap_closes = Some((claim, left.closes));
        let seen = self.look_behind(id, first, &left, looks, out);
        self.gap_closes = None;
        seen
    }

    /// There is a claim: those behind the call whose turn it is may use what it leaves.
    fn look_behind(
        &mut self,
        id: u32,
        first: u32,
        left: &Left,
        looks: &mut u32,
        out: &mut Outputs,
    ) -> Seen {
        let mut turns = core::mem::take(&mut self.turns);
        turns.clear();
        let instance = self.instances.get(id);
        if let Some(order) = instance.order.as_deref() {
            let budgets = self.instances.budgets.of(instance.budgets.clone());
            let all = instance.partial > 0;
            let open = |priority| all || budgets.iter().all(|budget| budget.is_open(priority));
            order.turns(open, LOOKS_BEHIND, &mut turns);
        }
        let mut seen = Seen::All;
        for lane in &turns {
            let call = self.lanes.get(*lane).first;
            if call == first || !self.might_use(left, *lane) {
                continue;
            }
            match self.look(call, id, looks, out) {
                None => seen = Seen::Enough,
                Some(Look::Answered) => seen = Seen::Change,
                Some(Look::Moves(to, by)) => {
                    self.move_lane(*lane, to, by, out);
                    seen = Seen::Change;
                }
                Some(Look::Stays(until)) => self.wake_at(id, until),
            }
            if seen != Seen::All {
                break;
            }
        }
        self.turns = turns;
        seen
    }

    /// Nested calls start wherever they have room, whoever waits before them: their callers hold
    /// what others wait for.
    fn look_at_nested(&mut self, id: u32, looks: &mut u32, out: &mut Outputs) -> Seen {
        let nested = self.instances.existing(id).and_then(|it| it.nested.as_deref());
        let Some(from) = nested.map(|nested| nested.looked_up_to) else { return Seen::All };
        let mut next = self.nested_lane(id, from);
        let mut left = NESTED_LOOKS;
        while let Some((opened, lane)) = next {
            let call = self.lanes.get(lane).first;
            let look = if left == 0 { None } else { self.look(call, id, looks, out) };
            left = left.saturating_sub(1);
            match look {
                None => {
                    self.nested_looked_up_to(id, opened);
                    return Seen::Enough;
                }
                Some(Look::Answered) => {
                    self.nested_looked_up_to(id, 0);
                    return Seen::Change;
                }
                Some(Look::Moves(to, by)) => self.move_lane(lane, to, by, out),
                Some(Look::Stays(until)) => self.wake_at(id, until),
            }
            next = self.nested_lane(id, opened + 1);
        }
        let again = self.instances.existing_mut(id).and_then(|it| it.nested.as_deref_mut());
        let again = again.is_some_and(|nested| core::mem::take(&mut nested.again));
        self.nested_looked_up_to(id, 0);
        if again { Seen::Change } else { Seen::All }
    }

    /// The first nested lane at an instance that was opened at `from` or later, and when.
    fn nested_lane(&self, id: u32, from: u64) -> Option<(u64, u32)> {
        let nested = self.instances.existing(id)?.nested.as_deref()?;
        nested.lanes.range(from..).next().map(|(opened, lane)| (*opened, *lane))
    }

    fn nested_looked_up_to(&mut self, id: u32, opened: u64) {
        if let Some(instance) = self.instances.existing_mut(id)
            && let Some(nested) = instance.nested.as_deref_mut()
        {
            nested.looked_up_to = opened;
        }
    }

    /// The lane whose turn it is at an instance, if anybody could start there.
    #[inline]
    fn whose_turn(&self, id: u32) -> Option<u32> {
        let instance = self.instances.existing(id)?;
        if instance.paused {
            return None;
        }
        let order = instance.order.as_deref()?;
        let Some(slots) = instance.slots.and_then(|slots| self.instances.budgets.slots(slots))
        else {
            return order.pick(|_| true);
        };
        let only_slots = instance.only_slots && instance.partial == 0;
        if only_slots && slots.held >= slots.size {
            return None;
        }
        if !slots.has_bars() {
            return order.pick(|_| true);
        }
        // Where slots are reserved, those who have none to go to are passed over.
        let open = order.pick(|priority| slots.room(priority) > 0);
        open.or_else(|| if only_slots { None } else { order.pick(|_| true) })
    }

    #[inline]
    fn wake_at(&mut self, id: u32, until: Option<Instant>) {
        if let Some(until) = until {
            let key = self.wakes.key(id).map_or(until, |at| at.min(until));
            self.wakes.set(id, key);
        }
    }

    /// Tries to start one waiting call; `None` if the work is enough for now.
    #[inline]
    pub(crate) fn look(
        &mut self,
        call: u32,
        at: u32,
        looks: &mut u32,
        out: &mut Outputs,
    ) -> Option<Look> {
        *looks = looks.checked_sub(1)?;
        let Some(Record::Waiting(waiting)) = self.calls.get(call) else {
            return Some(Look::Answered);
        };
        if waiting.expires <= self.now {
            self.expire(call, out);
            return Some(Look::Answered);
        }
        let (mut gap, nested) = (None, waiting.nest != NONE);
        let Some(block) = self.blocked(call, at, &mut gap) else {
            self.start(call, gap, out);
            return Some(Look::Answered);
        };
        if block.answer == Answer::Never {
            let limit = Some(LimitId(self.instances.get(block.instance).limit));
            let (reason, retry) = (Reason::TooLarge, Retry::Never);
            self.refuse_waiting(call, Refusal { reason, limit, retry }, out);
            return Some(Look::Answered);
        }
        if block.instance != at {
            return Some(Look::Moves(block.instance, self.obstacle_of(&block, nested)));
        }
        self.yield_claims(call, at, block.answer);
        Some(Look::Stays(if let Answer::At(until) = block.answer { Some(until) } else { None }))
    }

    /// What keeps a waiting call from starting: `at` if that does, else another instance. It may
    /// start in the gap of one claim, which is then said.
    #[inline(always)]
    pub(crate) fn blocked(
        &mut self,
        call: u32,
        at: u32,
        gap: &mut Option<(u32, Instant)>,
    ) -> Option<Block> {
        let Some(Record::Waiting(waiting)) = self.calls.get(call) else { return None };
        let (tool, claim, nest, ticket) =
            (waiting.tool, waiting.claim, waiting.nest, waiting.ticket);
        let lane = self.lanes.get(waiting.lane);
        let (route, priority) = (lane.route, lane.priority);
        let age = self.claims.slab.get(claim).map_or(u64::MAX, |claim| claim.age);
        let parent = self.parent_nest(nest);
        let mut other: Option<Block> = None;
        for index in 0..self.routes.get(route).draws().len() {
            let route_data = self.routes.get(route);
            let draw = route_data.draws()[index];
            if other.is_some() && draw.instance != at {
                continue;
            }
            let takes = route_data.takes_of(draw);
            let instances = &mut self.instances;
            let mut answer = if nest == NONE {
                instances.answer(draw.instance, takes, priority, self.now)
            } else {
                let lineage = (&self.nests, parent);
                instances.answer_nested(draw.instance, takes, priority, lineage, self.now)
            };
            let instance = self.instances.get(draw.instance);
            if let Some(line) = instance.line.as_deref().filter(|_| nest == NONE) {
                let alone = self.routes.get(route).is_alone(draw);
                if line.first_before(ticket, alone).is_some() {
                    answer = answer.and(Answer::InLine);
                }
            }
            let theirs = instance.claim;
            let mut withheld = false;
            if answer == Answer::Ready
                && theirs != NONE
                && nest == NONE
                && self.claims.slab.get(theirs).is_some_and(|claim| claim.age < age)
                && self.withheld(theirs, route, priority, draw.instance)
            {
                match self.gap(theirs, tool) {
                    Some(until) if gap.is_none() => *gap = Some((theirs, until)),
                    _ => (answer, withheld) = (Answer::OnRelease, true),
                }
            }
            if answer != Answer::Ready {
                let block = Block { instance: draw.instance, answer, withheld };
                if draw.instance == at {
                    return Some(block);
                }
                other = Some(block);
            }
        }
        other
    }

    fn expire_due(&mut self, out: &mut Outputs) {
        for _ in 0..LOOKS_PER_INPUT {
            match self.expiries.next() {
                Some((at, call)) if at <= self.now => self.expire(call, out),
                _ => return,
            }
        }
    }
}
