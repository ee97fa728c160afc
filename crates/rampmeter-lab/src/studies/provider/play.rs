//! Plays one run and brings back the provider's log.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rampmeter_provider::{Kept, Provider};
use serde_json::json;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

use super::limiter::Limiter;
use super::scene::{MINUTE_MS, Scene};
use super::workload::{Job, jobs};
use crate::studies::client::Client;

/// Behind a boundary by so much, so that windows that are aligned begin with the run.
const BEHIND_MS: u64 = 5;

/// What a run left.
pub(super) struct Played {
    pub(super) jobs: Vec<Job>,
    pub(super) kept: Kept,
    pub(super) phase_ns: u64,
    pub(super) errors: Vec<String>,
}

/// Provider and clients have a runtime of their own each, as they would on two machines.
pub(super) fn play(scene: &Scene) -> Result<Played, String> {
    let theirs = runtime()?;
    let ours = runtime()?;
    let jobs = jobs(scene);
    let provider = theirs.block_on(Provider::start(scene.provider.clone()))?;
    let phase_ns = provider.phase_ns();
    let limiter = Limiter::of(scene)?;
    let client = Client::new(&provider.url());
    let errors = ours.block_on(all(&jobs, &limiter, &client));
    drop(client);
    let kept = provider.log();
    theirs.shutdown_background();
    Ok(Played { jobs, kept, phase_ns, errors })
}

async fn all(jobs: &[Job], limiter: &Arc<Limiter>, client: &Client) -> Vec<String> {
    let into_window_ns = unix_ns() % (MINUTE_MS * 1_000_000);
    let window_ns = MINUTE_MS * 1_000_000;
    let rest_ns = window_ns - into_window_ns + BEHIND_MS * 1_000_000;
    let begin = tokio::time::Instant::now() + Duration::from_nanos(rest_ns);
    let mut running = JoinSet::new();
    for job in jobs {
        let (job, limiter, client) = (job.clone(), Arc::clone(limiter), client.clone());
        running.spawn(async move {
            tokio::time::sleep_until(begin + job.comes).await;
            one(&job, &limiter, &client).await
        });
    }
    let mut errors = Vec::new();
    while let Some(ended) = running.join_next().await {
        let ended = ended.map_err(|error| error.to_string());
        errors.extend(ended.and_then(|it| it).err());
    }
    errors
}

async fn one(job: &Job, limiter: &Limiter, client: &Client) -> Result<(), String> {
    let (id, asked) = (job.id.to_string(), unix_ns().to_string());
    let body = json!({
        "model": "mock",
        "messages": [{"role": "user", "content": "as the tool says"}],
        "mock": {"input_tokens": job.tokens - job.tokens / 10, "output_tokens": job.tokens / 10}
    });
    let labels = [
        ("call", id.as_str()),
        ("flow", job.flow.as_str()),
        ("priority", job.priority),
        ("asked-at", asked.as_str()),
    ];
    limiter.call(job, || client.post(job.path, &labels, &body)).await
}

fn runtime() -> Result<Runtime, String> {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
    runtime.map_err(|error| format!("cannot start a runtime: {error}"))
}

fn unix_ns() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
