//! Spans for OpenTelemetry, made of the events: one for each call that ends, and in it one for its wait
//! and one for its run. They are ended when they are made, so whoever exports them needs no hook in
//! anybody's way.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use opentelemetry::trace::{SpanKind, Status, TraceContextExt, Tracer};
use opentelemetry::{Context, KeyValue};
use rampmeter_core::{Instant, Outcome};

use crate::event::{CallInfo, Event, EventKind, Events};
use crate::gate::Gate;

/// Events that are held until they are made spans of.
const EVENT_BUFFER: usize = 1 << 17;

/// Makes spans of a gate's calls, with the names that OpenTelemetry's semantic conventions have for
/// the execution of tools (`execute_tool NAME`, `gen_ai.tool.name`, `gen_ai.tool.call.id`,
/// `error.type`). No label and no argument is in them.
///
/// ```no_run
/// # async fn work(gate: rampmeter::Gate) {
/// let tracer = opentelemetry::global::tracer("rampmeter");
/// let mut spans = rampmeter::OtelSpans::new(&gate, tracer);
/// tokio::spawn(async move { spans.follow().await });
/// # }
/// ```
pub struct OtelSpans<T> {
    tracer: T,
    events: Events,
    /// The time of day at the epoch of the gate's clock.
    epoch: SystemTime,
    /// Calls that wait or run, by their place.
    open: HashMap<u32, Open>,
}

/// A call that has not ended.
struct Open {
    call: Arc<CallInfo>,
    asked: Instant,
    started: Option<Instant>,
    /// Where it waited, and from when on.
    waits: Vec<Event>,
}

impl<T> OtelSpans<T>
where
    T: Tracer,
    T::Span: Send + Sync + 'static,
{
    /// Of all calls that come to this gate from now on.
    pub fn new(gate: &Gate, tracer: T) -> OtelSpans<T> {
        let since = gate.now().saturating_since(Instant::EPOCH);
        let epoch = gate.runtime().wall_clock() - since;
        OtelSpans { tracer, events: gate.subscribe(EVENT_BUFFER), epoch, open: HashMap::new() }
    }

    /// Exports calls as they end, until the gate is gone.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn follow(&mut self) {
        while let Some(event) = self.events.next().await {
            self.take(&event);
        }
    }

    /// Exports the calls that have ended until now.
    pub fn export(&mut self) {
        for event in self.events.drain() {
            self.take(&event);
        }
    }

    /// How many events came while 131,072 were waiting here; their calls may have no span, or one
    /// that lacks a part.
    pub fn missed(&self) -> u64 {
        self.events.missed()
    }

    fn take(&mut self, event: &Event) {
        let Some(call) = &event.call else { return };
        let open = event.place.and_then(|place| self.open.get_mut(&place));
        match event.kind {
            EventKind::Invoked => {
                if let Some(place) = event.place {
                    let (call, asked) = (call.clone(), event.at);
                    self.open.insert(place, Open { call, asked, started: None, waits: vec![] });
                }
            }
            EventKind::Queued | EventKind::Moved => {
                open.into_iter().for_each(|open| open.waits.push(event.clone()));
            }
            EventKind::Started => {
                open.into_iter().for_each(|open| open.started = Some(event.at));
            }
            EventKind::Completed
            | EventKind::Failed
            | EventKind::Refused
            | EventKind::Cancelled => {
                let open = event.place.and_then(|place| self.open.remove(&place));
                // It never came as far as waiting.
                let at_once =
                    || Open { call: call.clone(), asked: event.at, started: None, waits: vec![] };
                self.ended(&open.unwrap_or_else(at_once), event);
            }
            _ => {}
        }
    }

    fn ended(&self, open: &Open, end: &Event) {
        let Open { call, asked, started, waits } = open;
        let mut attributes = vec![
            KeyValue::new("gen_ai.operation.name", "execute_tool"),
            KeyValue::new("gen_ai.tool.name", call.tool.to_string()),
            KeyValue::new("gen_ai.tool.type", "function"),
            KeyValue::new("rampmeter.flow", call.flow.to_string()),
            KeyValue::new("rampmeter.priority", call.priority.to_string()),
        ];
        if !call.id.is_empty() {
            attributes.push(KeyValue::new("gen_ai.tool.call.id", call.id.to_string()));
        }
        if let Some(turn) = call.turn.and_then(|turn| i64::try_from(turn).ok()) {
            attributes.push(KeyValue::new("rampmeter.turn", turn));
        }
        let error = error_type(end);
        attributes.extend(error.map(|error| KeyValue::new("error.type", error)));
        let name = format!("execute_tool {}", call.tool);
        let span = self.span(name, *asked, attributes, &Context::new());
        if error.is_some() {
            span.span().set_status(Status::error(""));
        }
        if let Some(first) = waits.first() {
            let limit = end.limit.iter().chain(waits.last().and_then(|last| last.limit.as_ref()));
            let last = limit.take(1).map(|it| KeyValue::new("rampmeter.limit", it.to_string()));
            let wait = self.span("wait".into(), first.at, last.collect(), &span);
            for event in waits {
                let limit = event.limit.as_deref().unwrap_or_default().to_owned();
                let obstacle = event.obstacle.map_or("", |obstacle| obstacle.as_str());
                let attributes = vec![
                    KeyValue::new("rampmeter.limit", limit),
                    KeyValue::new("rampmeter.obstacle", obstacle),
                ];
                let name = event.kind.as_str();
                wait.span().add_event_with_timestamp(name, self.time(event.at), attributes);
            }
            wait.span().end_with_timestamp(self.time(started.unwrap_or(end.at)));
        }
        if let Some(started) = started {
            let run = self.span("run".into(), *started, vec![], &span);
            run.span().end_with_timestamp(self.time(end.at));
        }
        span.span().end_with_timestamp(self.time(end.at));
    }

    /// A span that has begun, as the parent of others.
    fn span(
        &self,
        name: String,
        at: Instant,
        attributes: Vec<KeyValue>,
        parent: &Context,
    ) -> Context {
        let builder = self.tracer.span_builder(name).with_kind(SpanKind::Internal);
        let builder = builder.with_start_time(self.time(at)).with_attributes(attributes);
        parent.with_span(self.tracer.build_with_context(builder, parent))
    }

    fn time(&self, at: Instant) -> SystemTime {
        self.epoch + at.saturating_since(Instant::EPOCH)
    }
}

/// One word for why a call has no answer.
fn error_type(end: &Event) -> Option<&'static str> {
    match (end.kind, end.outcome) {
        (EventKind::Completed, _) => None,
        (EventKind::Refused, _) => Some(end.reason.map_or("refused", |reason| reason.as_str())),
        (EventKind::Cancelled, _) => Some("cancelled"),
        (_, Some(Outcome::Overloaded)) => Some("overloaded"),
        _ => Some("failed"),
    }
}

impl<T> fmt::Debug for OtelSpans<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OtelSpans").field("open", &self.open.len()).finish_non_exhaustive()
    }
}
