//! Spans of `tracing`: one for each call, and in it one for each wait and each run. Without the
//! feature there are none, and nothing is left of this.
//!
//! Names and fields are those of OpenTelemetry's semantic conventions for the execution of tools,
//! where there are any; all others begin with `rampmeter.`. Labels are no fields, and nor are
//! arguments and answers: any of them may be secret.

use std::future::Future;

#[cfg(feature = "tracing")]
use tracing::{Instrument, Span, field::Empty, info_span};

use crate::executor::CallError;
use crate::interceptor::CallContext;

/// The span of a call.
#[derive(Clone)]
pub(crate) struct CallSpan {
    #[cfg(feature = "tracing")]
    span: Span,
}

/// The span of a wait or a run; of nothing, unless it is made. It lasts until it is dropped.
#[derive(Default)]
pub(crate) struct PartSpan {
    #[cfg(feature = "tracing")]
    span: Option<Span>,
}

/// Whether anybody collects them.
#[cfg(feature = "tracing")]
pub(crate) fn is_on() -> bool {
    tracing::span_enabled!(tracing::Level::INFO)
}

#[cfg(not(feature = "tracing"))]
pub(crate) fn is_on() -> bool {
    false
}

#[cfg(feature = "tracing")]
impl CallSpan {
    pub(crate) fn begin(call: &CallContext) -> CallSpan {
        let span = info_span!(
            "execute_tool",
            otel.name = format!("execute_tool {}", call.tool()),
            otel.kind = "internal",
            otel.status_code = Empty,
            gen_ai.operation.name = "execute_tool",
            gen_ai.tool.name = call.tool(),
            gen_ai.tool.call.id = call.id(),
            gen_ai.tool.r#type = "function",
            rampmeter.flow = call.flow(),
            rampmeter.priority = call.priority(),
            rampmeter.turn = call.turn(),
            error.r#type = Empty,
        );
        CallSpan { span }
    }

    /// Runs something of the call in its span.
    pub(crate) fn around<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        future.instrument(self.span.clone())
    }

    /// Of its wait, of the attempt with this number, from 1.
    pub(crate) fn wait(&self, attempt: u32) -> PartSpan {
        PartSpan::of(info_span!(parent: &self.span, "wait", rampmeter.attempt = attempt))
    }

    /// Of its run, of the attempt with this number, from 1.
    pub(crate) fn run(&self, attempt: u32) -> PartSpan {
        PartSpan::of(info_span!(parent: &self.span, "run", rampmeter.attempt = attempt))
    }

    /// How it ended.
    pub(crate) fn end(&self, output: &Result<String, CallError>) {
        if let Err(error) = output {
            self.span.record("otel.status_code", "ERROR");
            self.span.record("error.type", error.kind());
        }
    }
}

#[cfg(not(feature = "tracing"))]
impl CallSpan {
    pub(crate) fn begin(_: &CallContext) -> CallSpan {
        CallSpan {}
    }

    pub(crate) fn around<F: Future>(&self, future: F) -> F {
        future
    }

    pub(crate) fn wait(&self, _: u32) -> PartSpan {
        PartSpan {}
    }

    pub(crate) fn run(&self, _: u32) -> PartSpan {
        PartSpan {}
    }

    pub(crate) fn end(&self, _: &Result<String, CallError>) {}
}

#[cfg(feature = "tracing")]
impl PartSpan {
    fn of(span: Span) -> PartSpan {
        PartSpan { span: Some(span) }
    }

    /// Runs something in it.
    pub(crate) fn around<F: Future>(self, future: F) -> impl Future<Output = F::Output> {
        future.instrument(self.span.unwrap_or_else(Span::current))
    }
}

#[cfg(not(feature = "tracing"))]
impl PartSpan {
    pub(crate) fn around<F: Future>(self, future: F) -> F {
        future
    }
}
