//! Backfill: a claim withholds nothing from a call that would end before the claimant could start
//! anyway, as batch schedulers fill the gaps before a wide job (Lifka: "The ANL/IBM SP Scheduling
//! System", JSSPP 1995).
//!
//! The claimant cannot start before enough of those that hold its slots have ended. When they
//! end is expected from what their tools took in the mean; a call may use the gap if nineteen of
//! twenty calls of its tool took less time than that. What is unknown counts as ending now, so it
//! opens no gap. After one call has overrun its gap, that claim withholds strictly.
//!
//! Ends are kept only at instances that a claimant needs, from its claim on, until nobody waits
//! there any more, or anywhere. Of calls that run already when it comes they are found by looking through all calls, if
//! those are few.

use alloc::{boxed::Box, collections::BTreeMap};
use core::time::Duration;

use crate::call::ToolId;
use crate::engine::Engine;
use crate::lane::Record;
use crate::time::Instant;

/// When calls that hold slots of one instance should end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ends {
    by_end: BTreeMap<(Instant, u32), u64>,
    /// The slots of all of them.
    slots: u64,
}

/// What a claim leaves to others at an instance.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Left {
    /// When the gap ends.
    pub(crate) closes: Instant,
    /// The instance's slots, and how many are free beside what is claimed; `None` if that is not
    /// all that counts there.
    spare: Option<(u32, u64)>,
}

impl Left {
    /// Everybody must see for itself.
    pub(crate) const ALL: Left = Left { closes: Instant::EPOCH, spare: None };
}

/// Ends that are looked at to find a gap; beyond them it is assumed to close.
const LOOKS: usize = 32;

/// Calls that are looked through, when a claim comes, for those that run already. With more, their
/// ends stay unknown.
const RUNNING: usize = 4_096;

/// Calls that may use the gaps of one claim at a time.
const AT_ONCE: usize = 16;

impl Ends {
    pub(crate) fn add(&mut self, call: u32, end: Instant, slots: u64) {
        if slots > 0 && self.by_end.insert((end, call), slots).is_none() {
            self.slots += slots;
        }
    }

    pub(crate) fn remove(&mut self, call: u32, end: Instant) {
        if let Some(slots) = self.by_end.remove(&(end, call)) {
            self.slots -= slots;
        }
    }

    /// The moment before which `missing` of `held` slots will not have come free.
    fn free_at(&self, missing: u64, held: u64, now: Instant) -> Instant {
        // Of what is not kept here, any may end at once.
        let mut missing = missing.saturating_sub(held.saturating_sub(self.slots));
        let mut at = now;
        for ((end, _), slots) in self.by_end.iter().take(LOOKS) {
            if missing == 0 {
                break;
            }
            missing = missing.saturating_sub(*slots);
            at = at.max(*end);
        }
        at
    }
}

impl Engine {
    /// From now on the ends of calls that start at this instance are kept.
    pub(crate) fn track_ends(&mut self, at: u32) {
        let instance = self.instances.get(at);
        let Some(budget) = instance.slots.filter(|_| instance.ends.is_none()) else { return };
        let mut ends = Box::<Ends>::default();
        if self.calls.places() <= RUNNING {
            for (call, record) in self.calls.iter_mut() {
                let Record::Running(running) = record else { continue };
                let takes = self.routes.get(running.route).takes();
                let Some(take) = takes.iter().find(|take| take.budget == budget) else { continue };
                if running.estimate_nanos == 0 {
                    // It started when nobody waited, and so without an estimate. Once made it
                    // stays: it is how the end is found again.
                    running.estimate_nanos = self.estimates.mean_nanos(running.tool);
                }
                let took = Duration::from_nanos(running.estimate_nanos);
                let end = running.started.saturating_add(took);
                ends.add(call, end, self.nests.owned(running.nest, take));
            }
        }
        self.instances.get_mut(at).ends = Some(ends);
        self.tracks_ends = true;
    }

    /// Nobody waits any more: whoever ends from now on is not taken off what is kept.
    pub(crate) fn forget_ends(&mut self) {
        if core::mem::take(&mut self.tracks_ends) {
            for id in self.instances.ids() {
                self.instances.get_mut(id).ends = None;
            }
        }
    }

    /// The same for all that a claimant needs.
    pub(crate) fn track_all_ends(&mut self, call: u32) {
        let Some(Record::Waiting(claimant)) = self.calls.get(call) else { return };
        let route = self.lanes.get(claimant.lane).route;
        for index in 0..self.routes.get(route).draws().len() {
            self.track_ends(self.routes.get(route).draws()[index].instance);
        }
    }

    /// May a call of `tool` start in the gap that the claim leaves? If so, says when the gap ends.
    pub(crate) fn gap(&mut self, claim: u32, tool: ToolId) -> Option<Instant> {
        let closes = match self.gap_closes {
            Some((known, closes)) if known == claim => closes,
            _ => self.find_gap(claim)?,
        };
        if closes <= self.now {
            return None;
        }
        let high = Duration::from_nanos(self.estimates.high_nanos(tool)?);
        (self.now.saturating_add(high) <= closes).then_some(closes)
    }

    /// When the gap of a claim ends; `None` if nobody may use it.
    pub(crate) fn find_gap(&mut self, claim: u32) -> Option<Instant> {
        let now = self.now;
        let claimed = self.claims.slab.get_mut(claim)?;
        if !self.config.backfill || claimed.strict || claimed.backfills.len() >= AT_ONCE {
            return None;
        }
        if claimed.backfills.iter().any(|(due, _)| *due < now) {
            claimed.strict = true;
            return None;
        }
        self.claimant_starts(claim)
    }

    /// What a claim leaves at an instance to those behind the call whose turn it is; `None` for
    /// nothing at all.
    pub(crate) fn left_by(&mut self, claim: u32, at: u32) -> Option<Left> {
        if self.is_gated(claim) {
            return Some(Left::ALL);
        }
        let closes = self.find_gap(claim).unwrap_or(self.now);
        let mut left = Left { closes, spare: None };
        let instance = self.instances.get(at);
        // Of anything but slots, and of slots that are reserved, each must see for itself.
        if let Some(budget) = instance.slots.filter(|_| instance.only_slots)
            && let Some(slots) = self.instances.budgets.slots(budget).filter(|it| !it.has_bars())
            && let Some(claim) = self.claims.slab.get(claim)
            && let Some(Record::Waiting(claimant)) = self.calls.get(claim.call)
        {
            let lane = self.lanes.get(claimant.lane);
            let takes = self.routes.get(lane.route).takes();
            let claimed = takes.iter().find(|take| take.budget == budget);
            let claimed = claimed.map_or(0, |take| slots.need(take.amount, lane.priority));
            left.spare = Some((budget, slots.room(lane.priority).saturating_sub(claimed)));
        }
        (closes > self.now || left.spare.is_none_or(|(_, spare)| spare > 0)).then_some(left)
    }

    /// Whether a claim withholds nothing because the claimant needs a limit that only time, or an
    /// operator, makes ready.
    fn is_gated(&mut self, claim: u32) -> bool {
        let Some(claim) = self.claims.slab.get(claim) else { return false };
        let Some(Record::Waiting(claimant)) = self.calls.get(claim.call) else { return false };
        let lane = self.lanes.get(claimant.lane);
        let route = self.routes.get(lane.route);
        route.draws().len() > 1
            && self.instances.answer_all(route, lane.priority, self.now).is_gated()
    }

    /// Whether the first call of a lane might start in what a claim leaves.
    pub(crate) fn might_use(&mut self, left: &Left, lane: u32) -> bool {
        let lane = self.lanes.get(lane);
        let Some(Record::Waiting(first)) = self.calls.get(lane.first) else { return false };
        let Some((budget, spare)) = left.spare else { return true };
        let takes = self.routes.get(lane.route).takes();
        if takes.iter().all(|take| take.budget != budget || take.amount <= spare) {
            return true;
        }
        let high = self.estimates.high_nanos(first.tool).map(Duration::from_nanos);
        high.is_some_and(|high| self.now.saturating_add(high) <= left.closes)
    }

    /// The moment before which a claimant cannot start, as far as is known.
    pub(crate) fn claimant_starts(&mut self, claim: u32) -> Option<Instant> {
        let Some(Record::Waiting(claimant)) = self.calls.get(self.claims.slab.get(claim)?.call)
        else {
            return None;
        };
        let lane = self.lanes.get(claimant.lane);
        let route = self.routes.get(lane.route);
        let mut earliest = self.now;
        for draw in route.draws() {
            let instance = self.instances.get(draw.instance);
            let (Some(budget), Some(ends)) = (instance.slots, instance.ends.as_deref()) else {
                continue;
            };
            let Some(slots) = self.instances.budgets.slots(budget) else { continue };
            let wanted = route.takes_of(*draw).iter().find(|take| take.budget == budget);
            let missing = wanted.map_or(0, |take| slots.need(take.amount, lane.priority));
            let missing = missing.saturating_sub(slots.room(lane.priority));
            if missing > 0 {
                earliest = earliest.max(ends.free_at(missing, slots.held, self.now));
            }
        }
        Some(earliest)
    }

    /// A call has started in a claim's gap, which ends at `due`.
    pub(crate) fn backfilled(&mut self, claim: u32, call: u32, due: Instant) {
        if let Some(claim) = self.claims.slab.get_mut(claim) {
            claim.backfills.push((due, call));
        }
    }

    /// A call that started in the gap of `claim` has ended.
    pub(crate) fn end_backfill(&mut self, call: u32, claim: u32) {
        let now = self.now;
        // By now it may be another's claim, which knows nothing of this call.
        let Some(claim) = self.claims.slab.get_mut(claim) else { return };
        if let Some(found) = claim.backfills.iter().position(|(_, it)| *it == call) {
            let (due, _) = claim.backfills.swap_remove(found);
            claim.strict |= due < now;
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::{vec, vec::Vec};

    use super::*;
    use crate::{
        BudgetConfig, Call, CallId, Config, Decision, Draw, Flow, LimitConfig, LimitId, Outcome,
        Outputs, Priority,
    };

    /// Three limits of four slots; a call takes so many slots of each limit it names.
    struct Scene {
        engine: Engine,
        now: u64,
        out: Outputs,
    }

    impl Scene {
        fn new() -> Scene {
            let limit =
                || LimitConfig { budgets: vec![BudgetConfig::slots(4)], ..LimitConfig::default() };
            let config = Config { limits: (0..3).map(|_| limit()).collect(), ..Config::default() };
            let engine = Engine::new(config).ok();
            Scene { engine: engine.unwrap_or_else(|| unreachable!()), now: 0, out: Vec::new() }
        }

        fn now(&self) -> Instant {
            Instant::from_millis(self.now)
        }

        fn ask(&mut self, flow: u64, draws: &[(u16, u64)]) -> (CallId, bool) {
            let draw = |(limit, weight): &(u16, u64)| Draw {
                limit: LimitId(*limit),
                weight: *weight,
                costs: &[],
            };
            let draws: Vec<_> = draws.iter().map(draw).collect();
            let call = Call {
                tool: ToolId(0),
                flow: Flow { id: flow, weight: 1 },
                priority: Priority(0),
                labels: &[],
                draws: &draws,
                keys: &[],
                parent: None,
                deadline: Instant::NEVER,
                queue_timeout: Duration::from_secs(1_000),
                arrived: Instant::NEVER,
            };
            match self.engine.admit(self.now(), &call, &mut self.out) {
                Decision::Granted(id) => (id, true),
                Decision::Waiting(id) => (id, false),
                other => unreachable!("{other:?}"),
            }
        }

        fn end(&mut self, id: CallId) {
            let now = self.now();
            assert!(self.engine.release(now, id, Outcome::Succeeded, &mut self.out));
        }

        /// Slots whose ends are kept, limit by limit.
        fn kept(&self) -> Vec<Option<u64>> {
            let ids = self.engine.instances.ids();
            let ends = ids.into_iter().map(|id| self.engine.instances.get(id).ends.as_deref());
            ends.map(|ends| ends.map(|ends| ends.slots)).collect()
        }
    }

    #[test]
    fn an_end_kept_at_two_limits_goes_from_both_whatever_was_learned_in_between() {
        let mut scene = Scene::new();
        let (both, _) = scene.ask(1, &[(0, 2), (1, 2)]);
        let (short, _) = scene.ask(2, &[(2, 1)]);
        assert!(!scene.ask(3, &[(0, 4)]).1, "it claims the first limit");
        scene.now = 700;
        scene.end(short);
        assert!(!scene.ask(4, &[(1, 4)]).1, "and another the second, when more is known");
        assert_eq!(scene.kept(), [Some(2), Some(2), None]);
        assert!(!scene.ask(5, &[(0, 1)]).1, "and one waits on");
        scene.end(both);
        assert_eq!(scene.engine.waiting(), 1, "both claimants have started");
        assert_eq!(scene.kept()[0], Some(4), "the claimant's, and nobody's else");
    }

    #[test]
    fn when_nobody_waits_no_ends_are_kept_anywhere() {
        let mut scene = Scene::new();
        let (first, _) = scene.ask(1, &[(0, 2)]);
        let (other, _) = scene.ask(1, &[(1, 2)]);
        // It claims the first limit, and needs the second, where nobody ever waits.
        let (claimant, _) = scene.ask(2, &[(0, 4), (1, 1)]);
        assert_eq!(scene.kept(), [Some(2), Some(2), None]);
        assert!(scene.engine.cancel(scene.now(), claimant, &mut scene.out));
        assert_eq!(scene.kept(), [None, None, None]);
        scene.end(first);
        scene.end(other);
    }
}
