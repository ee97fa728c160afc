//! What a tool does while it runs.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use rampmeter::runtime::Runtime;
use rampmeter_core::Instant;
use tokio::sync::oneshot;

use super::super::script::{FaultAt, again};
use super::stay::Stay;
use super::{Tools, Trouble, Wanted, cores, faults};

impl Tools {
    /// The tool's own work, without what it calls.
    pub(super) async fn work(
        &self,
        process: &Arc<dyn Runtime>,
        wanted: &Wanted,
        stay: &Stay,
    ) -> Result<(), Trouble> {
        let (tool, call) = (&self.script.tools[wanted.tool], &self.script.calls[wanted.call]);
        let at = FaultAt::Tool(wanted.tool);
        let attempt = stay.attempt();
        let now = self.tracker.now();
        if let Some(trouble) = faults::strikes(&self.script, at, now, (call.fault_at, attempt)) {
            return Err(trouble);
        }
        let read = tool.races.as_deref().map(|counter| (counter, self.tracker.read(counter)));
        stay.holds(tool.memory, matches!(self.cores, cores::Cores::OfTheLoop));
        self.cores.work(process, tool.cpu).await;
        if again(call.hang_at, attempt) < tool.hangs {
            std::future::pending::<()>().await;
        }
        let takes = if call.tool == wanted.tool { call.takes } else { tool.usual };
        self.spend(process, wanted, takes, attempt).await?;
        let all_fail = tool.fails_from.is_some_and(|from| stay.nth() >= from);
        if all_fail || again(call.fail_at, attempt) < tool.fails {
            return Err(Trouble::Failed);
        }
        if let Some((counter, value)) = read {
            self.tracker.write(counter, value + 1);
        }
        Ok(())
    }

    /// Time passes, by itself or as the server makes it.
    async fn spend(
        &self,
        process: &Arc<dyn Runtime>,
        wanted: &Wanted,
        takes: u64,
        attempt: u32,
    ) -> Result<(), Trouble> {
        let (now, at) = (self.tracker.now(), FaultAt::Tool(wanted.tool));
        let done_at = faults::done_at(&self.script, at, now, takes);
        let server = self.script.tools[wanted.tool].server.and_then(|at| self.servers.get(at));
        let Some(server) = server else {
            if done_at > now {
                process.sleep_until(Instant::from_nanos(done_at)).await;
            }
            return Ok(());
        };
        let fault_at = self.script.calls[wanted.call].fault_at;
        let (done, quotas) = server.serve(done_at - now, (fault_at, attempt)).await;
        if let Some(report) = &wanted.report {
            server.tells(&quotas, report);
        }
        done
    }

    /// Work that goes on for so many nanoseconds after it was cut short, in a task of its own.
    pub(super) async fn insists(
        self: &Arc<Tools>,
        process: Arc<dyn Runtime>,
        wanted: Wanted,
        stay: &Arc<Stay>,
        ignores: u64,
    ) -> Result<(), Trouble> {
        let hold = wanted.work.as_ref().map(rampmeter::Work::hold);
        let (mut answer, answered) = oneshot::channel();
        let (tools, stay, runtime) = (self.clone(), stay.clone(), process.clone());
        process.spawn(Box::pin(async move {
            let done = {
                let work = std::pin::pin!(tools.work(&runtime, &wanted, &stay));
                let cut = std::pin::pin!(async {
                    answer.closed().await;
                    let until = runtime.now().saturating_add(Duration::from_nanos(ignores));
                    runtime.sleep_until(until).await;
                });
                match select(work, cut).await {
                    Either::Left((done, _)) => Some(done),
                    Either::Right(_) => None,
                }
            };
            // It is out of the tool before anybody may take its place.
            drop(stay);
            if let Some(done) = done {
                hold.map(rampmeter::Hold::finish);
                // Nobody may want it any more.
                let _ = answer.send(done);
            }
        }));
        match answered.await {
            Ok(done) => done,
            // The process is gone, and with it whoever waits here.
            Err(_) => std::future::pending().await,
        }
    }
}
