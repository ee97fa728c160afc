//! Which playings a study takes.

use std::sync::Arc;

use super::regime::{Clock, Job, Regime};
use super::scenario::Scenario;
use super::source::Source;

/// What is to be studied.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The scenarios, in the order in which they are played.
    pub scenarios: Vec<Arc<Scenario>>,
    /// Under what; without it each scenario says.
    pub regimes: Option<Vec<Regime>>,
    /// The first seed.
    pub first_seed: u64,
    /// How many seeds, one after the other.
    pub seeds: u64,
    /// In whose time.
    pub clock: Clock,
    /// Whether there is something to play [`Regime::Stageflow`] with.
    pub stageflow: bool,
}

/// The playings that it takes.
#[derive(Default, Debug)]
pub struct Plan {
    /// One after the other; those of one script are together.
    pub jobs: Vec<Planned>,
    /// Scenarios that tell nothing by this clock.
    pub other_clock: Vec<Arc<Scenario>>,
    /// Playings that there is no `stageflow-core` for.
    pub without_stageflow: usize,
}

/// One of them.
#[derive(Debug)]
pub struct Planned {
    /// What is played.
    pub source: Arc<Source>,
    /// How.
    pub job: Job,
}

impl Plan {
    /// All that is asked for and can be played.
    pub fn of(ask: &Ask) -> Plan {
        let mut plan = Plan::default();
        for scenario in &ask.scenarios {
            if scenario.only.is_some_and(|only| only != ask.clock) {
                plan.other_clock.push(scenario.clone());
                continue;
            }
            for seed in (0..ask.seeds).map(|at| ask.first_seed.wrapping_add(at)) {
                plan.add(ask, &Arc::new(Source::new(scenario.clone(), seed)));
            }
        }
        plan
    }

    fn add(&mut self, ask: &Ask, source: &Arc<Source>) {
        let scenario = &source.scenario;
        for regime in regimes(ask, scenario) {
            for size in sizes(scenario, regime) {
                if regime == Regime::Stageflow && !ask.stageflow {
                    self.without_stageflow += 1;
                    continue;
                }
                let job = Job {
                    scenario: scenario.name.clone(),
                    regime,
                    seed: source.seed,
                    clock: ask.clock,
                    size,
                };
                self.jobs.push(Planned { source: source.clone(), job });
            }
        }
    }
}

/// Each once, in the order in which they are shown.
fn regimes(ask: &Ask, scenario: &Scenario) -> impl Iterator<Item = Regime> {
    let named = ask.regimes.as_ref().unwrap_or(&scenario.regimes).clone();
    Regime::ALL.into_iter().filter(move |regime| named.contains(regime))
}

/// A sweep is over what has a size: the gate's limit, the semaphore's permits.
fn sizes(scenario: &Scenario, regime: Regime) -> Vec<Option<u64>> {
    match (&scenario.sweep, regime) {
        (Some(sweep), Regime::Rampmeter | Regime::Semaphore) => {
            sweep.sizes.iter().copied().map(Some).collect()
        }
        _ => vec![None],
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rampmeter::Policy;

    use super::super::scenario::{Family, Rate, Sweep};
    use super::*;

    fn scenario(name: &str) -> Scenario {
        Scenario {
            name: name.into(),
            family: Family::Own,
            about: "nothing happens.".into(),
            text: String::new(),
            loads: Vec::new(),
            tools: Vec::new(),
            servers: Vec::new(),
            faults: Vec::new(),
            policy: Policy::parse("rampmeter.toml", "").unwrap(),
            semaphore: 1,
            rate: Rate { calls: 1, period: Duration::from_secs(1) },
            deadline: None,
            ends: Duration::from_secs(1),
            only: None,
            regimes: vec![Regime::Stageflow, Regime::Rampmeter, Regime::Unlimited],
            pipeline: false,
            holds: Vec::new(),
            published: Vec::new(),
            sweep: None,
        }
    }

    fn ask(scenarios: Vec<Scenario>) -> Ask {
        Ask {
            scenarios: scenarios.into_iter().map(Arc::new).collect(),
            regimes: None,
            first_seed: 7,
            seeds: 1,
            clock: Clock::Virtual,
            stageflow: true,
        }
    }

    fn told(plan: &Plan) -> Vec<String> {
        let told = plan.jobs.iter().map(|it| {
            let Job { scenario, regime, seed, size, .. } = &it.job;
            format!("{scenario} {regime} {seed} {}", size.unwrap_or(0))
        });
        told.collect()
    }

    #[test]
    fn each_scenario_is_played_with_each_seed_under_each_of_its_regimes() {
        let plan = Plan::of(&Ask { seeds: 2, ..ask(vec![scenario("a"), scenario("b")]) });
        let expected = ["a", "b"].into_iter().flat_map(|name| {
            [7, 8].into_iter().flat_map(move |seed| {
                ["unlimited", "rampmeter", "stageflow"].map(|it| format!("{name} {it} {seed} 0"))
            })
        });
        assert_eq!(told(&plan), expected.collect::<Vec<_>>());
    }

    #[test]
    fn the_regimes_that_are_named_are_played_whatever_the_scenario_says() {
        let named = Some(vec![Regime::RateLimiter, Regime::RateLimiter]);
        let plan = Plan::of(&Ask { regimes: named, ..ask(vec![scenario("a")]) });
        assert_eq!(told(&plan), ["a rate-limiter 7 0"]);
    }

    #[test]
    fn a_sweep_is_played_once_for_each_size_where_there_is_one() {
        let mut swept = scenario("a");
        swept.sweep = Some(Sweep { limit: "door".into(), sizes: vec![4, 2] });
        let regimes = Some(vec![Regime::Unlimited, Regime::Semaphore, Regime::Rampmeter]);
        let plan = Plan::of(&Ask { regimes, ..ask(vec![swept]) });
        let sized = ["semaphore 7 4", "semaphore 7 2", "rampmeter 7 4", "rampmeter 7 2"];
        let expected = [&["unlimited 7 0"], sized.as_slice()].concat();
        assert_eq!(told(&plan), expected.iter().map(|it| format!("a {it}")).collect::<Vec<_>>());
    }

    #[test]
    fn what_tells_nothing_by_this_clock_and_what_there_is_no_stageflow_for_is_left_out() {
        let real = Scenario { only: Some(Clock::Real), ..scenario("real") };
        let asked = Ask { stageflow: false, seeds: 3, ..ask(vec![real, scenario("any")]) };
        let plan = Plan::of(&asked);
        assert_eq!(
            plan.other_clock.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(),
            ["real"]
        );
        assert_eq!((plan.jobs.len(), plan.without_stageflow), (6, 3));
        let plan = Plan::of(&Ask { clock: Clock::Real, ..asked });
        assert_eq!((plan.jobs.len(), plan.other_clock.len()), (12, 0));
    }
}
