//! What people do without a gate: nothing, one semaphore, or a token bucket for each tool.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, Either, FutureExt, join_all, select};
use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use rampmeter::runtime::Runtime;
use tokio::sync::Semaphore;

use super::super::record::Status;
use super::super::regime::{self, Regime};
use super::super::scenario::Rate;
use super::super::tools::{Tracker, Trouble, Wanted};
use super::process::Process;
use super::stage::{Stage, Up};
use super::terms::Terms;

/// What stands before the tools.
pub(super) enum Plain {
    /// Nothing.
    Unlimited,
    /// One for all calls, first come, first served.
    Semaphore(Semaphore),
    /// One for each tool, by index.
    Rates(Vec<Option<Bucket>>),
}

/// A token bucket, and who waits for it.
pub(super) struct Bucket {
    limiter: RateLimiter<NotKeyed, InMemoryState, Ticks, NoOpMiddleware<Duration>>,
    clock: Ticks,
    /// `until_ready` has all who wait look whenever a token comes, and the first to look has it: on
    /// virtual time that is who waits longest. To have them stand in line comes to the same there,
    /// and saves ten thousand the looking.
    line: Option<Semaphore>,
}

/// The playing's clock, as `governor` wants it.
#[derive(Clone)]
pub(super) struct Ticks(Arc<Process>);

impl Clock for Ticks {
    type Instant = Duration;

    fn now(&self) -> Duration {
        Duration::from_nanos(self.0.now().as_nanos())
    }
}

impl Plain {
    /// What stands there under a regime that has no gate.
    pub(super) fn new(
        regime: Regime,
        terms: &Terms,
        tools: usize,
        clock: regime::Clock,
        process: &Arc<Process>,
    ) -> Plain {
        match regime {
            Regime::Semaphore => {
                let permits = usize::try_from(terms.semaphore).unwrap_or(usize::MAX);
                Plain::Semaphore(Semaphore::new(permits.min(Semaphore::MAX_PERMITS)))
            }
            Regime::RateLimiter => {
                Plain::Rates((0..tools).map(|_| Bucket::new(terms.rate, clock, process)).collect())
            }
            _ => Plain::Unlimited,
        }
    }

    /// Each run is ended by its tool's time-out; those without limits have none.
    fn has_time_outs(&self) -> bool {
        !matches!(self, Plain::Unlimited)
    }
}

impl Bucket {
    fn new(rate: Rate, clock: regime::Clock, process: &Arc<Process>) -> Option<Bucket> {
        let burst = NonZeroU32::new(u32::try_from(rate.calls).unwrap_or(u32::MAX))?;
        let quota = Quota::with_period(rate.period / burst.get())?.allow_burst(burst);
        let ticks = Ticks(process.clone());
        let limiter = RateLimiter::direct_with_clock(quota, ticks.clone());
        let line = (clock == regime::Clock::Virtual).then(|| Semaphore::new(1));
        Some(Bucket { limiter, clock: ticks, line })
    }

    /// As `governor`'s `until_ready` does, which knows no clock but the system's.
    async fn until_ready(&self) {
        let _first = match &self.line {
            Some(line) => line.acquire().await.ok(),
            None => None,
        };
        while let Err(not_yet) = self.limiter.check() {
            let wait = not_yet.wait_time_from(self.clock.now());
            let process = &self.clock.0;
            process.sleep_until(process.now().saturating_add(wait)).await;
        }
    }
}

/// Asks for calls side by side, and waits for all of them.
pub(super) fn ask_all(stage: &Arc<Stage>, up: &Arc<Up>, calls: &[usize]) -> BoxFuture<'static, ()> {
    let asked: Vec<_> = calls.iter().map(|call| ask(stage.clone(), up.clone(), *call)).collect();
    join_all(asked).map(drop).boxed()
}

/// Asks for one call, and waits for its end.
pub(super) async fn ask(stage: Arc<Stage>, up: Arc<Up>, call: usize) {
    stage.tracker.asked(call);
    let Some(plain) = up.plain() else { return };
    let mut asked = Asked { tracker: &stage.tracker, process: &up.process, call: Some(call) };
    let tool = stage.script.calls[call].tool;
    let _permit = match plain {
        Plain::Unlimited => None,
        // Nobody closes it.
        Plain::Semaphore(permits) => permits.acquire().await.ok(),
        Plain::Rates(buckets) => {
            if let Some(Some(bucket)) = buckets.get(tool) {
                bucket.until_ready().await;
            }
            None
        }
    };
    let status = run(&stage, &up, plain, call).await;
    asked.call = None;
    stage.tracker.answered(call, status);
}

/// A call that is asked for. Dropped before it is answered, it is given up by whoever asked; unless
/// that is gone as well.
struct Asked<'a> {
    tracker: &'a Tracker,
    process: &'a Process,
    call: Option<usize>,
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        if let Some(call) = self.call.filter(|_| !self.process.is_dead()) {
            self.tracker.answered(call, Status::Cancelled);
        }
    }
}

async fn run(stage: &Arc<Stage>, up: &Arc<Up>, plain: &Plain, call: usize) -> Status {
    let script = &stage.script;
    let tool = script.calls[call].tool;
    let wanted = Wanted { call, tool, work: None, report: None };
    // Made when they are asked for: until then they are nobody's.
    let (of_stage, of_up) = (stage.clone(), up.clone());
    let children = async move {
        ask_all(&of_stage, &of_up, &of_stage.script.calls[call].children).await;
    };
    let running = stage.tools.clone().run(up.process.clone(), wanted, children.boxed());
    let timeout = script.tools[tool].timeout.filter(|_| plain.has_time_outs());
    let done = match timeout {
        None => running.await,
        Some(timeout) => match select(running.boxed(), up.process.sleep(timeout)).await {
            Either::Left((done, _)) => done,
            Either::Right(_) => return Status::TimedOut,
        },
    };
    status(done)
}

/// What a tool's answer is for whoever asked.
fn status(done: Result<(), Trouble>) -> Status {
    match done {
        Ok(()) => Status::Succeeded,
        Err(Trouble::Failed) => Status::Failed,
        Err(Trouble::Throttled { .. }) => Status::Throttled,
    }
}
