//! What stands before the provider: a gate, or what people would take instead.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use rampmeter::{Call, Gate, Outcome, Policy, Unit};
use tokio::sync::Semaphore;

use super::scene::{MINUTE_MS, REQUESTS, Scene, TOKENS};
use super::workload::Job;
use crate::studies::client::Answer;

/// How many calls run at once where only that is bounded.
const SLOTS: usize = 16;
/// A call that was turned away so often is given up.
const ATTEMPTS: u32 = 100;

/// What stands before the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Regime {
    /// A gate, by a policy that says the provider's quotas and kinds.
    Rampmeter,
    /// `governor`, one limiter of requests and one of tokens; calls that are turned away wait as
    /// they are told and ask again.
    Governor,
    /// A semaphore of 16; calls that are turned away wait as they are told and try again.
    Semaphore,
    /// Nothing; calls that are turned away are lost.
    Unlimited,
}

pub(super) enum Limiter {
    Gate(Gate, Told),
    Governor { requests: DefaultDirectRateLimiter, tokens: DefaultDirectRateLimiter },
    Semaphore(Semaphore),
    Nothing,
}

/// What the gate is told beside how calls ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Told {
    /// What a call will take, when it asks.
    costs: bool,
    /// The provider's headers.
    headers: bool,
}

impl Regime {
    /// All of them.
    pub const ALL: [Regime; 4] =
        [Regime::Rampmeter, Regime::Governor, Regime::Semaphore, Regime::Unlimited];

    /// Its name in a row and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Regime::Rampmeter => "rampmeter",
            Regime::Governor => "governor",
            Regime::Semaphore => "semaphore",
            Regime::Unlimited => "unlimited",
        }
    }
}

impl Limiter {
    pub(super) fn of(scene: &Scene) -> Result<Arc<Limiter>, String> {
        let limiter = match scene.regime {
            Regime::Rampmeter => {
                let policy = Policy::parse("study.toml", &scene.policy);
                let policy = policy.map_err(|errors| errors.to_string())?;
                let told = Told {
                    costs: !scene.variation.is_estimated(),
                    headers: scene.variation.is_heard(),
                };
                Limiter::Gate(Gate::new(&policy).map_err(|error| error.to_string())?, told)
            }
            Regime::Governor => {
                Limiter::Governor { requests: a_minute(REQUESTS)?, tokens: a_minute(TOKENS)? }
            }
            Regime::Semaphore => Limiter::Semaphore(Semaphore::new(SLOTS)),
            Regime::Unlimited => Limiter::Nothing,
        };
        Ok(Arc::new(limiter))
    }

    /// Makes a call until it is answered or given up.
    pub(super) async fn call<F>(&self, job: &Job, post: impl Fn() -> F) -> Result<(), String>
    where
        F: Future<Output = Result<Answer, String>>,
    {
        match self {
            Limiter::Gate(gate, told) => through_gate(gate, job, *told, post).await,
            Limiter::Governor { requests, tokens } => {
                let amount = u32::try_from(job.tokens).ok().and_then(NonZeroU32::new);
                let amount = amount.unwrap_or(NonZeroU32::MIN);
                for _ in 0..ATTEMPTS {
                    requests.until_ready().await;
                    let fits = tokens.until_n_ready(amount).await;
                    fits.map_err(|error| error.to_string())?;
                    let Some(delay) = turned_away(&post().await?) else { return Ok(()) };
                    tokio::time::sleep(delay).await;
                }
                Ok(())
            }
            Limiter::Semaphore(slots) => {
                let _slot = slots.acquire().await.map_err(|error| error.to_string())?;
                for _ in 0..ATTEMPTS {
                    let Some(delay) = turned_away(&post().await?) else { return Ok(()) };
                    tokio::time::sleep(delay).await;
                }
                Ok(())
            }
            Limiter::Nothing => post().await.map(|_| ()),
        }
    }
}

/// The gate is told what each call took and what the provider said; a call that was turned away
/// asks again at once, since the gate knows until when nobody is let in.
async fn through_gate<F>(
    gate: &Gate,
    job: &Job,
    told: Told,
    post: impl Fn() -> F,
) -> Result<(), String>
where
    F: Future<Output = Result<Answer, String>>,
{
    for _ in 0..ATTEMPTS {
        let mut call = Call::new(job.tool).flow(&job.flow).priority(job.priority);
        if told.costs {
            call = call.tokens(job.tokens);
        }
        let permit = gate.admit(call).await.map_err(|refusal| refusal.to_string())?;
        let answer = post().await?;
        let report = permit.report();
        if told.headers {
            let headers = answer.headers.iter();
            report.headers(headers.map(|(name, value)| (name.as_str(), value.as_bytes())));
        }
        if let Some(tokens) = answer.tokens() {
            report.used(&[(Unit::Tokens, tokens)]);
        }
        let Some(delay) = turned_away(&answer) else {
            permit.finish(Outcome::Succeeded);
            return Ok(());
        };
        report.throttled(Some(delay));
        permit.finish(Outcome::Overloaded);
    }
    Ok(())
}

/// How long a call that was turned away is told to wait; a moment if it is not told.
fn turned_away(answer: &Answer) -> Option<Duration> {
    let delay = answer.retry_after().unwrap_or(Duration::from_millis(100));
    (answer.status != 200).then_some(delay)
}

/// As most people write it: the quota's amount is the burst, too.
fn a_minute(amount: u64) -> Result<DefaultDirectRateLimiter, String> {
    let wrong = || format!("governor takes no {amount} a minute");
    let burst = u32::try_from(amount).ok().and_then(NonZeroU32::new).ok_or_else(wrong)?;
    let each = Duration::from_millis(MINUTE_MS) / burst.get();
    let quota = Quota::with_period(each).ok_or_else(wrong)?;
    Ok(RateLimiter::direct(quota.allow_burst(burst)))
}
