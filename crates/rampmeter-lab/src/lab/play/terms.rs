//! What a regime is given to work with.

use rampmeter::Policy;

use super::super::regime::{Job, Regime};
use super::super::scenario::{Rate, Scenario};

/// What a scenario says of each regime, for one job.
#[derive(Clone, Debug)]
pub struct Terms {
    /// What `rampmeter` enforces; nothing without a policy.
    pub policy: Option<Policy>,
    /// The permits of `semaphore`.
    pub semaphore: u64,
    /// The rate of each tool of `rate-limiter`.
    pub rate: Rate,
}

impl Terms {
    /// Those of a job: its size, if it has one, is that of the limit which the scenario sweeps.
    ///
    /// # Errors
    /// It has a size, and nothing takes it.
    pub fn of(scenario: &Scenario, job: &Job) -> Result<Terms, String> {
        let mut policy = scenario.policy.clone();
        let mut semaphore = u64::from(scenario.semaphore);
        match (job.size, job.regime) {
            (Some(size), Regime::Semaphore) => semaphore = size,
            (Some(size), Regime::Rampmeter) => {
                let sweep = scenario.sweep.as_ref();
                let name = sweep.map(|sweep| sweep.limit.as_str()).ok_or_else(|| {
                    format!("{} sweeps nothing: play it without a size", scenario.name)
                })?;
                let limit = policy.limits.iter_mut().find(|limit| limit.name == name);
                let limit = limit.ok_or_else(|| {
                    format!("{} sweeps the limit {name}, which its policy lacks", scenario.name)
                })?;
                limit.concurrency = Some(size);
            }
            _ => {}
        }
        Ok(Terms { policy: Some(policy), semaphore, rate: scenario.rate })
    }
}
