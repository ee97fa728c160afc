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
pub(crate) struct CallSpan {
    #[cfg(feature = "tracing")]
    span: Span,
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

    /// All of the call is in its span.
    pub(crate) fn call<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        future.instrument(self.span.clone())
    }

    /// Its wait, of the attempt with this number, from 1.
    pub(crate) fn wait<F: Future>(
        &self,
        attempt: u32,
        future: F,
    ) -> impl Future<Output = F::Output> + use<F> {
        future.instrument(info_span!(parent: &self.span, "wait", rampmeter.attempt = attempt))
    }

    /// Its run, of the attempt with this number, from 1.
    pub(crate) fn run<F: Future>(
        &self,
        attempt: u32,
        future: F,
    ) -> impl Future<Output = F::Output> + use<F> {
        future.instrument(info_span!(parent: &self.span, "run", rampmeter.attempt = attempt))
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

    pub(crate) fn call<F: Future>(&self, future: F) -> F {
        future
    }

    pub(crate) fn wait<F: Future>(&self, _: u32, future: F) -> F {
        future
    }

    pub(crate) fn run<F: Future>(&self, _: u32, future: F) -> F {
        future
    }

    pub(crate) fn end(&self, _: &Result<String, CallError>) {}
}
