//! A server: it serves many at once, the slower the more there are, and turns away what is too much.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::select;
use rampmeter::Report;
use rampmeter::feedback::{Counted, Feedback, Quota};
use rampmeter::runtime::Runtime;
use rampmeter_core::Instant;
use rampmeter_provider::{self as provider, Kind, Meter, Unit};
use tokio::sync::{Notify, oneshot};

use super::super::script::{FaultAt, Script};
use super::{Trouble, faults, locked};
use crate::server::{self as arithmetic, Phase, Speed};
use crate::sim::rng::whole;

/// A server that tools share. Its work advances by the Universal Scalability Law, as in the study of
/// learned limits; its quotas are counted by the mock provider's meter, which shares no code with the
/// engine.
pub struct Server {
    script: Arc<Script>,
    at: usize,
    clock: Arc<dyn Runtime>,
    inside: Mutex<Inside>,
    /// Somebody came or left.
    changed: Notify,
}

struct Inside {
    /// In nanoseconds.
    server: arithmetic::Server,
    quotas: Vec<Meter>,
    numbered: u64,
    waiting: BTreeMap<u64, oneshot::Sender<()>>,
}

/// What a server's answer says of one of its quotas.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct QuotaLeft {
    /// Calls in any period.
    pub limit: u64,
    /// Calls that it would take now.
    pub remaining: u64,
    /// Nanoseconds until all of them are there again.
    pub resets_in: u64,
    /// The period in nanoseconds.
    pub window: u64,
}

impl Server {
    /// The server of that index, which runs on `outside`.
    pub(super) fn new(script: &Arc<Script>, at: usize, outside: &Arc<dyn Runtime>) -> Arc<Server> {
        let spec = &script.servers[at];
        let speed = Speed::Scalability { sigma: spec.sigma, kappa: spec.kappa };
        let phase = Phase { speed, full: spec.full.unwrap_or(u64::MAX) };
        let quotas = spec.quotas.iter().map(|quota| {
            let (amount, period_ns) = (quota.calls, quota.period.max(1));
            let unit = Unit::Requests;
            Meter::new(provider::Quota { unit, amount, period_ns, kind: Kind::Sliding }, 0)
        });
        let inside = Inside {
            server: arithmetic::Server::new(phase),
            quotas: quotas.collect(),
            numbered: 0,
            waiting: BTreeMap::new(),
        };
        let server = Arc::new(Server {
            script: script.clone(),
            at,
            clock: outside.clone(),
            inside: Mutex::new(inside),
            changed: Notify::new(),
        });
        outside.spawn(Box::pin(server.clone().runs()));
        server
    }

    /// Has so many nanoseconds of work done, and says what its quotas are like when it answers.
    /// `drawn` is the call's draw for faults, and which attempt it is.
    ///
    /// # Cancel safety
    /// Dropping it ends the work; it has counted against the quotas.
    pub async fn serve(
        &self,
        work: u64,
        drawn: (f64, u32),
    ) -> (Result<(), Trouble>, Vec<QuotaLeft>) {
        let done = match self.lets_in(work, drawn) {
            Err(trouble) => Err(trouble),
            Ok((number, done)) => {
                let mut visit = Visit { server: self, number: Some(number) };
                // Whoever is dropped with the server waits no more.
                let _ = done.await;
                visit.number = None;
                Ok(())
            }
        };
        (done, self.left())
    }

    /// Tells a call's limits what the answer's headers say.
    pub(super) fn tells(&self, quotas: &[QuotaLeft], report: &Report) {
        if quotas.is_empty() {
            return;
        }
        let quotas = quotas.iter().map(|quota| Quota {
            counts: Counted::Requests,
            name: None,
            limit: Some(quota.limit),
            remaining: Some(quota.remaining),
            resets_in: Some(Duration::from_nanos(quota.resets_in)).filter(|it| !it.is_zero()),
            window: Some(Duration::from_nanos(quota.window)),
        });
        report.feedback(&Feedback { retry_after: None, quotas: quotas.collect() });
    }

    fn lets_in(
        &self,
        work: u64,
        drawn: (f64, u32),
    ) -> Result<(u64, oneshot::Receiver<()>), Trouble> {
        let now = self.now();
        if let Some(trouble) = faults::strikes(&self.script, FaultAt::Server(self.at), now, drawn) {
            return Err(trouble);
        }
        let mut inside = locked(&self.inside);
        // What it could never take is asked for again in vain; its period is as good as any.
        let waits = inside
            .quotas
            .iter_mut()
            .map(|meter| meter.wait_ns(now, 1).unwrap_or(meter.quota().period_ns));
        let wait = waits.max().unwrap_or(0);
        if wait > 0 {
            return Err(Trouble::Throttled { retry_after: Some(wait) });
        }
        let number = inside.numbered;
        if !inside.server.arrives(now as f64, number, work as f64) {
            return Err(Trouble::Throttled { retry_after: None });
        }
        inside.quotas.iter_mut().for_each(|meter| meter.charge(now, 1));
        inside.numbered += 1;
        let (done, is_done) = oneshot::channel();
        inside.waiting.insert(number, done);
        drop(inside);
        self.changed.notify_one();
        Ok((number, is_done))
    }

    fn left(&self) -> Vec<QuotaLeft> {
        let now = self.now();
        let mut inside = locked(&self.inside);
        let left = inside.quotas.iter_mut().map(|meter| QuotaLeft {
            limit: meter.quota().amount,
            remaining: meter.remaining(now),
            resets_in: meter.reset_ns(now),
            window: meter.quota().period_ns,
        });
        left.collect()
    }

    /// Lets go whoever is ready by now; says when the next one will be, or a fault begins or ends.
    fn passes(&self) -> Option<u64> {
        let now = self.now();
        let at = FaultAt::Server(self.at);
        let mut inside = locked(&self.inside);
        inside.server.slows(now as f64, faults::slowness(&self.script, at, now));
        let mut ready = Vec::new();
        // Half a nanosecond is what rounding may make of it.
        while let Some((_, call)) = inside.server.next().filter(|it| it.0 <= now as f64 + 0.5) {
            inside.server.leaves(now as f64);
            ready.extend(inside.waiting.remove(&call));
        }
        let next = inside.server.next().map(|(at, _)| whole(at.round()).max(now + 1));
        drop(inside);
        for done in ready {
            // It may have been given up at this very moment.
            let _ = done.send(());
        }
        let change = faults::changes(&self.script, at).filter(|change| *change > now).min();
        // Without anybody inside a change makes no difference until somebody comes.
        next.map(|next| change.map_or(next, |change| change.min(next)))
    }

    /// At work, for as long as what it runs on is there.
    async fn runs(self: Arc<Server>) {
        loop {
            let next = self.passes();
            let changed = std::pin::pin!(self.changed.notified());
            match next {
                None => changed.await,
                Some(next) => {
                    let ready = self.clock.sleep_until(Instant::from_nanos(next));
                    drop(select(ready, changed).await);
                }
            }
        }
    }

    fn now(&self) -> u64 {
        self.clock.now().as_nanos()
    }
}

/// A call inside. Dropped before it is ready, it is given up.
struct Visit<'a> {
    server: &'a Server,
    number: Option<u64>,
}

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        let Some(number) = self.number else { return };
        let now = self.server.now();
        let mut inside = locked(&self.server.inside);
        inside.server.gives_up(now as f64, number);
        inside.waiting.remove(&number);
        drop(inside);
        self.server.changed.notify_one();
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inside = locked(&self.inside).waiting.len();
        f.debug_struct("Server")
            .field("at", &self.at)
            .field("inside", &inside)
            .finish_non_exhaustive()
    }
}
