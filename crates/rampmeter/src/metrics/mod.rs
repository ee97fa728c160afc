//! Metrics for Prometheus: a fold over the events, and what is so at the moment when they are asked for.

mod families;

use std::fmt;
use std::future::poll_fn;
use std::task::{Context, Poll};

use parking_lot::Mutex;
use prometheus_client::encoding::text;

use crate::event::Events;
use crate::gate::Gate;
use families::Families;

/// Events that are held until they are counted.
const EVENT_BUFFER: usize = 1 << 17;

/// The metrics of one gate, in the text format that Prometheus reads.
///
/// The number of series is bounded: no flow, call or value of a label is one; of tools the first
/// hundred have series of their own, and the others share that of `other`; keys are all one limit,
/// `key`.
///
/// ```
/// use rampmeter::{Gate, Metrics, Policy};
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let policy = Policy::parse("rampmeter.toml", "[limits.search]\nconcurrency = 4")?;
/// let gate = Gate::new(&policy)?;
/// let metrics = Metrics::new(&gate);
/// // … in answer to a request for /metrics, with the content type `Metrics::CONTENT_TYPE`:
/// assert!(metrics.render().contains("rampmeter_limit_slots{limit=\"search\"} 4"));
/// # Ok(())
/// # }
/// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(run())?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Metrics {
    gate: Gate,
    counted: Mutex<Counted>,
}

struct Counted {
    events: Events,
    families: Families,
}

impl Metrics {
    /// The media type of what [`Metrics::render`] returns.
    pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

    /// Of all that happens at this gate from now on. They hold a share in the gate.
    pub fn new(gate: &Gate) -> Metrics {
        let counted =
            Counted { events: gate.subscribe(EVENT_BUFFER), families: Families::default() };
        Metrics { gate: gate.clone(), counted: Mutex::new(counted) }
    }

    /// What there is to tell now. It also counts what came since the last time; up to 131,072
    /// events are kept for it, and `rampmeter_events_missed` says how many came beyond that. A busy
    /// gate wants [`Metrics::keep_up`] beside it.
    pub fn render(&self) -> String {
        let snapshot = self.gate.snapshot();
        let mut counted = self.counted.lock();
        counted.count();
        counted.families.show(&snapshot);
        let mut page = String::new();
        // Writing to a string does not fail.
        let _ = text::encode(&mut page, counted.families.registry());
        page
    }

    /// Counts events as they come, for as long as it is polled.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn keep_up(&self) {
        poll_fn(|context| self.poll_keep_up(context)).await;
    }

    fn poll_keep_up(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut counted = self.counted.lock();
        let Counted { events, families } = &mut *counted;
        loop {
            match events.poll_next(context) {
                Poll::Ready(Some(event)) => families.count(&event),
                Poll::Ready(None) => return Poll::Ready(()),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

impl Counted {
    fn count(&mut self) {
        let Counted { events, families } = self;
        events.read(|event| families.count(event));
        families.missed(events.missed());
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}
