//! Tools with settable behaviour, and who watches what happens inside them.
//!
//! A tool may be quick or slow, hold memory, keep a core busy, fail, hang, go on after it was cut
//! short, race on a counter, call other tools, and have its work done by a server that slows down as
//! more is asked of it. All that chance has to say is in the script; so a tool behaves alike whatever
//! decides when it is called.

mod cores;
mod faults;
mod server;
mod stay;
mod tracker;
mod work;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::BoxFuture;
use rampmeter::runtime::Runtime;
use rampmeter::{Report, Work};

use super::script::Script;
pub use server::{QuotaLeft, Server};
pub use stay::Stay;
pub use tracker::Tracker;

/// The tools of a script, with the servers behind them.
#[derive(Debug)]
pub struct Tools {
    script: Arc<Script>,
    tracker: Arc<Tracker>,
    servers: Vec<Arc<Server>>,
    cores: cores::Cores,
}

/// What a tool is asked for.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The call, by index.
    pub call: usize,
    /// The tool, by index: the call's own, or one that stands in for it.
    pub tool: usize,
    /// Where the tool says that its work goes on, if anybody wants to know.
    pub work: Option<Work>,
    /// Where it says what its server said, likewise.
    pub report: Option<Report>,
}

/// Why there is no answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trouble {
    /// An error of the tool's own.
    Failed,
    /// What it called had no room: 429, 503.
    Throttled {
        /// Nanoseconds until it says that there will be, if it does.
        retry_after: Option<u64>,
    },
}

impl Tools {
    /// The tools of `script`, watched by `tracker`. Their servers run on `outside`, which outlives
    /// whoever calls them. Where work is `real`, memory is really held and a core really kept busy.
    pub fn new(
        script: &Arc<Script>,
        tracker: &Arc<Tracker>,
        outside: &Arc<dyn Runtime>,
        real: bool,
    ) -> Arc<Tools> {
        let servers = (0..script.servers.len()).map(|at| Server::new(script, at, outside));
        Arc::new(Tools {
            script: script.clone(),
            tracker: tracker.clone(),
            servers: servers.collect(),
            cores: cores::Cores::new(real),
        })
    }

    /// The tool of that name, by index.
    pub fn named(&self, name: &str) -> Option<usize> {
        self.script.tools.iter().position(|tool| tool.name == name)
    }

    /// Runs a tool in a process; when its own work is done, and comes to something, it waits for
    /// `calls`: what it asks of other tools.
    ///
    /// # Errors
    /// Whatever kept it from an answer.
    ///
    /// # Cancel safety
    /// Dropping it cuts the tool short; what ignores that goes on in the process.
    pub async fn run(
        self: Arc<Tools>,
        process: Arc<dyn Runtime>,
        wanted: Wanted,
        calls: BoxFuture<'_, ()>,
    ) -> Result<(), Trouble> {
        let stands_in = self.script.calls[wanted.call].tool != wanted.tool;
        let stay = Arc::new(self.tracker.enters(wanted.call, wanted.tool, stands_in));
        let ignores = self.script.tools[wanted.tool].ignores_cancel;
        let done = if ignores == 0 {
            self.work(&process, &wanted, &stay).await
        } else {
            self.insists(process, wanted, &stay, ignores).await
        };
        if done.is_ok() {
            calls.await;
        }
        stay.ends(done);
        done
    }
}

/// What a mutex guards, whether or not somebody panicked while it was held.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
