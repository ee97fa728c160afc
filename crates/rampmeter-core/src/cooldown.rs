//! Cool-down: one call that was throttled stops its limit for all, until the server's delay is over.
//!
//! Then nothing is released as a herd. First one call goes, the probe, after a random part of a
//! sixteenth of the delay, so that many gates do not come back at one instant. Each call that
//! ends and was not throttled lets one more be out at a time, so their number doubles with each
//! round (slow start: Jacobson, "Congestion Avoidance and Control", SIGCOMM 1988), and within a
//! round they start apart by about what the last one took divided by their number. It is over
//! when an end leaves nobody waiting at the limit.
//!
//! A delay is never shortened: of several the last moment counts. Where the server named none, it
//! is 1 s, and twice the last one each time that a call from after the resume is throttled again,
//! up to 60 s. Calls that running calls make are not paced, only stopped: their callers may be
//! what is out.

use core::time::Duration;

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::budget::{Answer, Budget};
use crate::call::{CallId, LimitId, Outcome};
use crate::decision::{Output, Outputs, Refusal, Retry};
use crate::engine::Engine;
use crate::instance::Instance;
use crate::lane::{Record, Running};
use crate::time::{Instant, nanos};

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);
/// Random waits are up to this part of what they are added to.
const JITTER: u64 = 16;

#[derive(Clone, Debug)]
pub(crate) struct CoolDown {
    pub(crate) until: Instant,
    /// How many may be out at a time.
    allowed: u32,
    out: u32,
    /// Before this none starts.
    next: Instant,
    /// What the last call took that came back.
    took_nanos: u64,
    /// The delay that was made up last.
    own: Duration,
}

impl CoolDown {
    pub(crate) fn new(until: Instant, own: Duration) -> CoolDown {
        CoolDown { until, allowed: 1, out: 0, next: until, took_nanos: 0, own }
    }

    /// What it says to a call.
    pub(crate) fn answer(&self, nested: bool, now: Instant) -> Answer {
        if now < self.until {
            Answer::At(self.until)
        } else if nested {
            Answer::Ready
        } else if self.out >= self.allowed {
            Answer::OnRelease
        } else if now < self.next {
            Answer::At(self.next)
        } else {
            Answer::Ready
        }
    }

    fn started(&mut self, now: Instant, random: &mut Random) {
        self.out += 1;
        let gap = self.took_nanos / u64::from(self.allowed.max(1));
        let gap = gap.saturating_add(random.below(gap));
        self.next = now.saturating_add(Duration::from_nanos(gap));
    }

    /// A call from after the resume has ended; `took` is its time if the server took it in.
    fn ended(&mut self, took_nanos: Option<u64>) {
        self.out = self.out.saturating_sub(1);
        if let Some(took) = took_nanos {
            self.took_nanos = took;
            self.allowed = self.allowed.saturating_add(1);
        }
    }
}

/// The engine's own chance: SplitMix64, the same for the same seed (Steele, Lea, Flood, "Fast
/// Splittable Pseudorandom Number Generators", OOPSLA 2014).
#[derive(Clone, Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// A number up to `most`.
    pub(crate) fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        let wide = u128::from(mixed) * (u128::from(most) + 1);
        u64::try_from(wide >> 64).unwrap_or(most)
    }
}

impl Instance {
    /// A call starts here that is not made by a running one: if the instance is cooling down, it
    /// is out. Says whether it is.
    #[inline]
    pub(crate) fn out_if_cooling(&mut self, now: Instant, random: &mut Random) -> bool {
        let Some(cool) = self.cool.as_deref_mut() else { return false };
        cool.started(now, random);
        true
    }
}

impl Engine {
    /// A running call was throttled, with the delay that its server named if it did. Its limits
    /// that learn from their calls let nobody start until then; waiting calls that cannot wait so
    /// long are refused at once. Says whether `id` named a running call.
    pub fn throttled(
        &mut self,
        now: Instant,
        id: CallId,
        delay: Option<Duration>,
        out: &mut Outputs,
    ) -> bool {
        self.begin(now, out);
        let Some(index) = self.calls.resolve(id) else { return false };
        let Some(Record::Running(running)) = self.calls.get(index) else { return false };
        let (route, started) = (running.route, running.started);
        for at in 0..self.routes.get(route).draws().len() {
            let instance = self.routes.get(route).draws()[at].instance;
            let limit = self.instances.get(instance).limit;
            let learns = self.config.learns(limit) && self.instances.finds(instance);
            if learns && !self.is_spent(instance, delay) {
                self.cool(instance, started, delay, out);
            }
        }
        self.pump(out);
        true
    }

    /// Whether some instance of a limit cools down until this moment.
    pub fn cools_until(&self, limit: LimitId, until: Instant) -> bool {
        // Refusals ask, and while nothing cools down so long there is nothing to look through.
        until <= self.cools_last
            && !limit.is_key()
            && usize::from(limit.0) < self.config.limits.len()
            && self.instances.of(limit.0).any(|id| {
                self.instances.get(id).cool.as_deref().is_some_and(|cool| cool.until == until)
            })
    }

    /// Whether by its provider's word nothing is left of one of an instance's rates for about as
    /// long: then the rate itself says so, and nobody need be let out one by one after that.
    fn is_spent(&mut self, id: u32, delay: Option<Duration>) -> bool {
        let Some(delay) = delay else { return false };
        let about = self.now.saturating_add(delay - delay / 8);
        let place = self.instances.get(id).budgets.clone();
        self.instances.budgets.of_mut(place).iter_mut().any(|budget| match budget {
            Budget::Rate(rate) => rate.spent_until().is_some_and(|until| until >= about),
            _ => false,
        })
    }

    fn cool(&mut self, id: u32, started: Instant, delay: Option<Duration>, out: &mut Outputs) {
        let now = self.now;
        let before = self.instances.get(id).cool.as_deref();
        let (last, known) = before.map_or((Duration::ZERO, None), |it| (it.own, Some(it.until)));
        // Those that were out before the last resume tell of the throttle that is known already.
        let again = known.is_none_or(|until| started >= until);
        if !again && delay.is_none() {
            return;
        }
        let own = if again { (last * 2).clamp(FIRST, LONGEST) } else { last };
        let wait = nanos(delay.unwrap_or(own));
        let wait = wait.saturating_add(self.random.below(wait / JITTER));
        let until = now.saturating_add(Duration::from_nanos(wait));
        let own = if delay.is_none() { own } else { last };
        // Many calls may tell of one throttle: whoever could not wait for it is refused once.
        if known.is_none_or(|known| until > known) {
            self.cool_until(id, CoolDown::new(until, own), out);
        }
    }

    /// An instance cools down from now on, longer than it did.
    pub(crate) fn cool_until(&mut self, id: u32, cool: CoolDown, out: &mut Outputs) {
        let until = cool.until;
        self.cools_last = self.cools_last.max(until);
        let before = self.instances.get_mut(id).cool.replace(Box::new(cool));
        self.contended += usize::from(before.is_none());
        self.instances.remember(id, self.now);
        if until > self.now {
            let limit = LimitId(self.instances.get(id).limit);
            out.push(Output::Cooling { limit, until: Some(until) });
            self.refuse_who_cannot_wait(id, until, out);
            self.yield_claims_over(id);
        }
        self.mark(id);
    }

    /// Waiting calls that draw on an instance and would expire before `until`.
    pub(crate) fn refuse_who_cannot_wait(&mut self, id: u32, until: Instant, out: &mut Outputs) {
        let limit = Some(LimitId(self.instances.get(id).limit));
        let short = self.calls.iter().filter_map(|(call, record)| match record {
            Record::Waiting(it) if it.expires <= until => {
                let lane = self.lanes.get(it.lane);
                self.routes.get(lane.route).on(id).map(|_| (it.ticket, call, it.expires_by))
            }
            _ => None,
        });
        let mut short: Vec<_> = short.collect();
        short.sort_unstable_by_key(|(ticket, ..)| *ticket);
        for (_, call, by) in short {
            let refusal = Refusal { reason: by.reason(), limit, retry: Retry::At(until) };
            self.refuse_waiting(call, refusal, out);
        }
    }

    /// A call starts that is not made by a running one: where limits are cooling down, it is out.
    /// Says whether any is.
    pub(crate) fn out_where_cooling(&mut self, route: u32) -> bool {
        let mut any = false;
        for draw in self.routes.get(route).draws() {
            let instance = self.instances.get_mut(draw.instance);
            any |= instance.out_if_cooling(self.now, &mut self.random);
        }
        any
    }

    /// A call has ended that drew on an instance.
    pub(crate) fn back_where_cooling(
        &mut self,
        id: u32,
        running: &Running,
        outcome: Outcome,
        out: &mut Outputs,
    ) {
        let now = self.now;
        let instance = self.instances.get_mut(id);
        let Some(cool) = instance.cool.as_deref_mut() else { return };
        if running.started < cool.until {
            return;
        }
        let came_back = matches!(outcome, Outcome::Succeeded | Outcome::Failed);
        let took = now.as_nanos().saturating_sub(running.started.as_nanos());
        cool.ended(came_back.then_some(took));
        if came_back && instance.watchers == 0 {
            self.warm(id, out);
        }
    }

    /// An instance cools down no more.
    pub(crate) fn warm(&mut self, id: u32, out: &mut Outputs) {
        let instance = self.instances.get_mut(id);
        if instance.cool.take().is_some() {
            self.contended -= 1;
            out.push(Output::Cooling { limit: LimitId(instance.limit), until: None });
            self.mark(id);
        }
    }
}
