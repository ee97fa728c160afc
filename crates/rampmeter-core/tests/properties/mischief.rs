//! What the driver does besides: looks, tries things on a copy, and names what is no more.

use rampmeter_core::{Decision, Instant, Outcome, Output, Outputs};

use super::driver::{Driver, Standing};
use super::history::What;
use super::world::{FOREVER, Spec};

impl Driver {
    /// Before the moment that the engine names, time alone changes nothing.
    pub(super) fn try_before(&mut self, to: u64) {
        if !self.rng.percent(self.world.mischief) {
            return;
        }
        let next = self.engine.next_moment();
        let last = next.map_or(to, |next| to.min(next.as_nanos().saturating_sub(1)));
        if last <= self.clock {
            return;
        }
        let at = self.rng.range(self.clock + 1, last);
        let (mut copy, mut out) = (self.engine.clone(), Outputs::new());
        copy.advance(Instant::from_nanos(at), &mut out);
        assert_eq!(out, [], "{}: it said {next:?}, but at {at} this happened", self.place());
        let same = (copy.next_moment(), copy.waiting()) == (next, self.engine.waiting());
        assert!(same, "{}: it said {next:?} and changed its mind at {at}", self.place());
    }

    pub(super) fn misbehave(&mut self) {
        if !self.rng.percent(self.world.mischief) {
            return;
        }
        let snapshot = self.engine.snapshot(Instant::from_nanos(self.clock));
        self.note(What::Seen(Box::new(snapshot)));
        let due = self.engine.next_moment().is_some_and(|next| next.as_nanos() <= self.clock);
        if due || self.calls.is_empty() {
            return;
        }
        self.name_what_is_no_more();
        self.ask_for_nonsense();
        self.look_for_a_call_that_waits_for_nothing();
    }

    /// An id that does not name what is asked of it is answered "no", and nothing changes.
    fn name_what_is_no_more(&mut self) {
        let call = self.rng.below(self.calls.len());
        let now = Instant::from_nanos(self.clock);
        let before = self.engine.snapshot(now);
        let mut out = Outputs::new();
        let (released, cancelled) = match self.standing[call] {
            Standing::Over(Some(id)) => (
                self.engine.release(now, id, Outcome::Failed, &mut out),
                self.engine.cancel(now, id, &mut out),
            ),
            Standing::Running(id) => (false, self.engine.cancel(now, id, &mut out)),
            Standing::Waiting(id) => {
                (self.engine.release(now, id, Outcome::Succeeded, &mut out), false)
            }
            _ => return,
        };
        let answers = (released, cancelled, out.is_empty());
        assert_eq!(answers, (false, false, true), "{}: a stale id was heeded", self.place());
        let after = self.engine.snapshot(now);
        assert_eq!(after, before, "{}: a stale id changed something", self.place());
    }

    fn ask_for_nonsense(&mut self) {
        let unknown = self.world.config.limits.len();
        let mut spec = Spec::on(&[u16::try_from(unknown).unwrap()]);
        if self.rng.percent(50) && unknown > 0 {
            spec = self.calls[self.rng.below(self.calls.len())].spec.clone();
            spec.priority = u8::MAX;
        }
        let now = Instant::from_nanos(self.clock);
        let before = self.engine.snapshot(now);
        let mut out = Outputs::new();
        let said = spec.with(Instant::NEVER, |call| self.engine.admit(now, call, &mut out));
        let refused = matches!(said, Decision::Refused(_)) && out.is_empty();
        assert!(refused, "{}: {spec:?} was answered {said:?} {out:?}", self.place());
        assert_eq!(self.engine.snapshot(now), before, "{}: nonsense had an effect", self.place());
    }

    /// If nobody else waits for the same limits, a call waits only because they lack room. So a
    /// copy of the engine in which it does not wait must refuse it too.
    fn look_for_a_call_that_waits_for_nothing(&mut self) {
        let waits = |call: &usize| matches!(self.standing[*call], Standing::Waiting(_));
        let waiting: Vec<usize> = (0..self.calls.len()).filter(waits).collect();
        if waiting.is_empty() {
            return;
        }
        let lone = self.rng.pick(&waiting);
        let instances = |call: usize| {
            let spec = &self.calls[call].spec;
            let per = |limit: u16| self.world.config.limits[usize::from(limit)].per;
            let value = |limit: u16| {
                let found = spec.labels.iter().find(|(label, _)| Some(*label) == per(limit));
                found.map(|(_, value)| value.as_str())
            };
            spec.takes.iter().map(|take| (take.limit, value(take.limit))).collect::<Vec<_>>()
        };
        let mine = instances(lone);
        let shares = |call: usize| instances(call).iter().any(|instance| mine.contains(instance));
        if waiting.iter().any(|call| *call != lone && shares(*call)) {
            return;
        }
        let Standing::Waiting(id) = self.standing[lone] else { return };
        let (mut copy, mut out) = (self.engine.clone(), Outputs::new());
        let now = Instant::from_nanos(self.clock);
        assert!(copy.cancel(now, id, &mut out), "{}: {id:?} cannot be cancelled", self.place());
        let mut spec = self.calls[lone].spec.clone();
        spec.queue_timeout = FOREVER;
        let said = spec.with(Instant::NEVER, |call| copy.try_admit(now, call, &mut out));
        let idle = matches!(said, Decision::Granted(_));
        assert!(!idle, "{}: {id:?} waits alone and its limits have room", self.place());
        let others = out.iter().filter(|it| !matches!(it, Output::Saturated { .. })).count();
        assert_eq!(others, 0, "{}: cancelling a lone call moved others", self.place());
    }
}
