//! What crosses to a process that plays, and back: one JSON object on its standard input, lines of
//! JSON on its standard output.

use std::time::Duration;

use rampmeter::Policy;
use serde::{Deserialize, Serialize};

use super::super::record::{CallRecord, Facts};
use super::super::regime::Job;
use super::super::scenario::Rate;
use super::super::script::Script;
use super::Terms;

/// What is to be played: all of the standard input.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Order {
    /// What is to be played.
    pub job: Job,
    /// All that chance has to say of it.
    pub script: Script,
    /// The policy as TOML, the job's size in it; nothing without one.
    pub policy: Option<String>,
    /// The permits of `semaphore`, the job's size if it has one.
    pub semaphore: u64,
    /// The rate of each tool of `rate-limiter`.
    pub rate: WireRate,
}

/// So many calls in a period.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct WireRate {
    /// Calls.
    pub calls: u64,
    /// Nanoseconds.
    pub period_ns: u64,
}

/// One line of the standard output: `{"record": …}` of each call when it is answered, or again when
/// there is more to say of it; at the end, and only there, `{"facts": …}`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Line {
    /// What became of a call. Of several with one index the last one counts.
    Record(CallRecord),
    /// What is known of the whole: it is over.
    Facts(Box<Facts>),
}

impl Order {
    /// A job on these terms.
    pub fn new(terms: &Terms, script: &Script, job: &Job) -> Order {
        let Terms { policy, semaphore, rate } = terms;
        let period_ns = u64::try_from(rate.period.as_nanos()).unwrap_or(u64::MAX);
        Order {
            job: job.clone(),
            script: script.clone(),
            policy: policy.as_ref().map(Policy::effective),
            semaphore: *semaphore,
            rate: WireRate { calls: rate.calls, period_ns },
        }
    }

    /// The terms that it names.
    ///
    /// # Errors
    /// Its policy is none.
    pub fn terms(&self) -> Result<Terms, String> {
        let policy = self.policy.as_deref().map(|text| Policy::parse("policy", text));
        let policy = policy.transpose().map_err(|errors| errors.to_string())?;
        let WireRate { calls, period_ns } = self.rate;
        let rate = Rate { calls, period: Duration::from_nanos(period_ns) };
        Ok(Terms { policy, semaphore: self.semaphore, rate })
    }
}
