//! Where a call is admitted or turned away: pure, by the provider's clock.

use crate::config::{Charge, Config};
use crate::latency;
use crate::meter::Meter;
use crate::other_user::Appetite;
use crate::quota::{Quota, Unit};
use crate::usage::Usage;

pub(crate) struct Desk {
    config: Config,
    meters: Vec<Meter>,
    appetites: Vec<Appetite>,
    rng: fastrand::Rng,
    running: u32,
    now_ns: u64,
}

/// What becomes of a call.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Answer {
    /// It is answered after so long.
    Admitted { charged: Vec<u64>, latency_ns: u64 },
    /// A quota stands in the way, for so long if nobody else comes; `None` is for ever.
    Throttled { meter: usize, wait_ns: Option<u64> },
    /// Too many are being answered.
    Busy,
    /// It fails for no fault of its own, and nothing is charged.
    Fault,
}

/// How one quota stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Standing {
    pub(crate) quota: Quota,
    pub(crate) remaining: u64,
    /// How long until nothing of it is used, if nobody else comes.
    pub(crate) reset_ns: u64,
    /// How long its period is, for whoever is told.
    pub(crate) period_ns: u64,
}

/// What somebody else took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bite {
    pub(crate) at_ns: u64,
    pub(crate) meter: usize,
    pub(crate) amount: u64,
}

impl Desk {
    pub(crate) fn new(config: &Config, phase_ns: u64) -> Desk {
        let mut rng = fastrand::Rng::with_seed(config.seed);
        let meters: Vec<_> =
            config.quotas.iter().map(|quota| Meter::new(*quota, phase_ns)).collect();
        let appetite = |meter: &Meter| Some(Appetite::new(config.other_user?, meter, rng.fork()));
        let appetites = meters.iter().filter_map(appetite).collect();
        Desk { config: config.clone(), meters, appetites, rng, running: 0, now_ns: 0 }
    }

    /// The provider's clock never goes back.
    pub(crate) fn at(&mut self, now_ns: u64) -> u64 {
        self.now_ns = self.now_ns.max(now_ns);
        self.now_ns
    }

    /// What somebody else takes up to this moment. The provider throttles them, too: they get no
    /// more than there is.
    pub(crate) fn bites(&mut self, now_ns: u64) -> Vec<Bite> {
        let now_ns = self.at(now_ns);
        let mut bites = Vec::new();
        for (meter, appetite) in self.appetites.iter_mut().enumerate() {
            let next = std::iter::from_fn(|| appetite.next_until(now_ns));
            bites.extend(next.map(|(at_ns, amount)| Bite { at_ns, meter, amount }));
        }
        bites.sort_by_key(|bite| bite.at_ns);
        for bite in &mut bites {
            let meter = &mut self.meters[bite.meter];
            bite.amount = bite.amount.min(meter.remaining(bite.at_ns));
            meter.charge(bite.at_ns, bite.amount);
        }
        bites
    }

    /// A call comes. It is admitted by all quotas at once, or it is charged to none.
    pub(crate) fn arrive(&mut self, now_ns: u64, usage: Usage) -> Answer {
        let now_ns = self.at(now_ns);
        let need: Vec<_> =
            self.meters.iter().map(|meter| self.needs(meter.quota(), usage)).collect();
        if let Some((meter, wait_ns)) = self.longest_wait(now_ns, &need) {
            return Answer::Throttled { meter, wait_ns };
        }
        if self.config.at_once.is_some_and(|most| self.running >= most) {
            return Answer::Busy;
        }
        if self.config.faults.share > 0.0 && self.rng.f64() < self.config.faults.share {
            return Answer::Fault;
        }
        let charged: Vec<_> =
            self.meters.iter().map(|meter| self.charges(meter.quota(), usage)).collect();
        for (meter, amount) in self.meters.iter_mut().zip(&charged) {
            meter.charge(now_ns, *amount);
        }
        self.running += 1;
        let drawn_ns = latency::draw(&self.config, &mut self.rng, self.running);
        Answer::Admitted { charged, latency_ns: usage.latency_ns.unwrap_or(drawn_ns) }
    }

    /// A call that was admitted at `then_ns` has ended. Returns what it is charged with in the end,
    /// if that is not what it was.
    pub(crate) fn end(
        &mut self,
        now_ns: u64,
        then_ns: u64,
        usage: Usage,
        charged: &[u64],
    ) -> Option<Vec<u64>> {
        let now_ns = self.at(now_ns);
        self.running = self.running.saturating_sub(1);
        if matches!(self.config.charge, Charge::Arrival | Charge::Actual) {
            return None;
        }
        let really: Vec<_> = self
            .meters
            .iter()
            .map(|meter| takes(meter.quota().unit, usage, usage.output))
            .collect();
        for (meter, (charged, really)) in self.meters.iter_mut().zip(charged.iter().zip(&really)) {
            meter.correct(now_ns, then_ns, *charged, *really);
        }
        (really != charged).then_some(really)
    }

    pub(crate) fn standings(&mut self, now_ns: u64) -> Vec<Standing> {
        let now_ns = self.at(now_ns);
        let standing = |meter: &mut Meter| Standing {
            quota: *meter.quota(),
            remaining: meter.remaining(now_ns),
            reset_ns: meter.reset_ns(now_ns),
            period_ns: meter.quota().period_ns,
        };
        self.meters.iter_mut().map(standing).collect()
    }

    pub(crate) fn running(&self) -> u32 {
        self.running
    }

    /// The quota that takes longest to have room, if one has none.
    fn longest_wait(&mut self, now_ns: u64, need: &[u64]) -> Option<(usize, Option<u64>)> {
        let waits =
            self.meters.iter_mut().zip(need).enumerate().filter(|(_, (_, need))| **need > 0);
        let waits = waits.map(|(at, (meter, need))| (at, meter.wait_ns(now_ns, *need)));
        let longest = waits.max_by_key(|(_, wait_ns)| wait_ns.unwrap_or(u64::MAX));
        longest.filter(|(_, wait_ns)| *wait_ns != Some(0))
    }

    /// What must be left for a call to be admitted.
    fn needs(&self, quota: &Quota, usage: Usage) -> u64 {
        match self.config.charge {
            Charge::After if quota.unit != Unit::Requests => {
                takes(quota.unit, usage, usage.output).min(1)
            }
            _ => self.charges(quota, usage),
        }
    }

    /// What a call is charged with when it comes.
    fn charges(&self, quota: &Quota, usage: Usage) -> u64 {
        match self.config.charge {
            Charge::Arrival | Charge::Settled => takes(quota.unit, usage, usage.stated_output),
            Charge::Actual => takes(quota.unit, usage, usage.output),
            Charge::After if quota.unit == Unit::Requests => 1,
            Charge::After => 0,
        }
    }
}

/// What a call takes of a unit, with so much output.
fn takes(unit: Unit, usage: Usage, output: u64) -> u64 {
    match unit {
        Unit::Requests => 1,
        Unit::Tokens => usage.input.saturating_add(output),
        Unit::InputTokens => usage.input,
        Unit::OutputTokens => output,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Faults, OtherUser};
    use crate::quota::{KindName, SECOND_NS};

    fn usage(input: u64, output: u64, stated_output: u64) -> Usage {
        Usage { input, output, stated_output, latency_ns: None }
    }

    fn desk(charge: Charge) -> Desk {
        let quota = |unit, rate| Quota::parse(unit, rate, KindName::Sliding, None).unwrap();
        let quotas = vec![quota(Unit::Requests, "3/s"), quota(Unit::Tokens, "1000/s")];
        Desk::new(&Config { quotas, charge, ..Config::default() }, 0)
    }

    fn left(desk: &mut Desk, now_ns: u64) -> Vec<u64> {
        desk.standings(now_ns).iter().map(|standing| standing.remaining).collect()
    }

    #[test]
    fn a_call_is_charged_to_all_quotas_or_to_none() {
        let mut desk = desk(Charge::Arrival);
        assert!(matches!(desk.arrive(0, usage(500, 10, 300)), Answer::Admitted { .. }));
        let turned_away = Answer::Throttled { meter: 1, wait_ns: Some(SECOND_NS - 5) };
        assert_eq!(desk.arrive(5, usage(500, 0, 0)), turned_away);
        assert_eq!(left(&mut desk, 5), [2, 200]);
        assert_eq!(
            desk.arrive(6, usage(1001, 0, 0)),
            Answer::Throttled { meter: 1, wait_ns: None }
        );
    }

    #[test]
    fn tokens_are_charged_as_the_provider_is_told_to() {
        for (charge, at_arrival, in_the_end) in [
            (Charge::Arrival, 800, 800),
            (Charge::Actual, 600, 600),
            (Charge::Settled, 800, 600),
            (Charge::After, 0, 600),
        ] {
            let mut desk = desk(charge);
            let call = usage(500, 100, 300);
            let Answer::Admitted { charged, .. } = desk.arrive(0, call) else { panic!() };
            assert_eq!(left(&mut desk, 0), [2, 1000 - at_arrival], "{charge:?}");
            desk.end(10, 0, call, &charged);
            assert_eq!(left(&mut desk, 10), [2, 1000 - in_the_end], "{charge:?}");
        }
    }

    #[test]
    fn a_provider_that_counts_afterwards_admits_until_nothing_is_left() {
        let mut desk = desk(Charge::After);
        let Answer::Admitted { charged, .. } = desk.arrive(0, usage(5_000, 0, 0)) else { panic!() };
        desk.end(1, 0, usage(5_000, 0, 0), &charged);
        let turned_away = Answer::Throttled { meter: 1, wait_ns: Some(SECOND_NS - 2) };
        assert_eq!(desk.arrive(2, usage(1, 0, 0)), turned_away);
    }

    #[test]
    fn calls_beyond_those_at_once_and_faults_are_turned_away_and_cost_nothing() {
        let mut desk = desk(Charge::Arrival);
        desk.config.at_once = Some(1);
        let call = usage(1, 0, 0);
        assert!(matches!(desk.arrive(0, call), Answer::Admitted { .. }));
        assert_eq!(desk.arrive(1, call), Answer::Busy);
        desk.end(2, 0, call, &[1, 1]);
        desk.config.faults = Faults { share: 1.0, status: 529, retry_after_ns: None };
        assert_eq!(desk.arrive(3, call), Answer::Fault);
        assert_eq!(left(&mut desk, 4), [2, 999]);
    }

    #[test]
    fn somebody_else_gets_no_more_than_there_is() {
        let mut config = desk(Charge::Arrival).config;
        config.other_user = Some(OtherUser { share: 1.0, bites: 2 });
        let mut desk = Desk::new(&config, 0);
        desk.arrive(0, usage(900, 0, 0));
        let taken: u64 = desk
            .bites(SECOND_NS - 1)
            .iter()
            .filter(|bite| bite.meter == 1)
            .map(|bite| bite.amount)
            .sum();
        assert_eq!(taken, 100);
        assert_eq!(left(&mut desk, SECOND_NS - 1)[1], 0);
    }
}
