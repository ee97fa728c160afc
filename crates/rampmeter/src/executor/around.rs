//! What stands around a call as a whole: its interceptors and its span.

use std::sync::{Arc, OnceLock};

use rampmeter_core::Reason;

use super::Executor;
use super::act::Act;
use super::drive::{Drive, Todo};
use super::one::Done;
use super::report::{CallError, CallResult};
use super::runnable::keys;
use crate::event::{CallInfo, Event, EventKind};
use crate::format::Arguments;
use crate::interceptor::{Around, CallContext};
use crate::trace::{self, CallSpan};

/// What interceptors have made of a call; it outlives the waiting for its admission.
pub(super) struct Given {
    arguments: Arguments,
    labels: Vec<(String, String)>,
}

/// A place for each call of a turn, if there are interceptors.
pub(super) fn places(executor: &Executor, calls: usize) -> Vec<OnceLock<Given>> {
    let calls = if executor.interceptors.is_empty() { 0 } else { calls };
    (0..calls).map(|_| OnceLock::new()).collect()
}

impl<'a> Drive<'a> {
    /// A call is about to be asked for the first time.
    pub(super) fn begin(&mut self, at: usize, results: &mut [CallResult]) -> Todo<'a> {
        let executor = self.executor;
        if executor.interceptors.is_empty() && !trace::is_on() {
            return self.enter(at, results);
        }
        let context = self.context(at, results);
        let span = CallSpan::begin(&context);
        let course = &mut self.courses[at];
        if executor.interceptors.is_empty() {
            course.span = Some(span);
            return self.enter(at, results);
        }
        let around = executor.interceptors.around(&executor.gate, self.deadline, context);
        let todo = Act::Before(Box::new(around), span.clone());
        course.span = Some(span);
        Some((at, todo))
    }

    fn context(&self, at: usize, results: &[CallResult]) -> CallContext {
        let (call, request) = (&self.calls[at], self.request);
        CallContext {
            arguments: call.arguments.clone(),
            labels: request.labels.clone(),
            tool: call.name.into(),
            id: call.id.into(),
            flow: request.flow.as_str().into(),
            priority: results[call.index].priority.clone().unwrap_or_default(),
            turn: request.number,
            kept: Default::default(),
        }
    }

    /// The interceptors have let the call through, or have ended it.
    pub(super) fn begun(
        &mut self,
        at: usize,
        around: Box<Around<'a>>,
        end: Option<Result<String, CallError>>,
        results: &mut [CallResult],
    ) -> Todo<'a> {
        let course = &mut self.courses[at];
        // The arguments may be others than those that the model wrote.
        let (name, policy) = (course.aim.name, course.aim.policy);
        let keys = match &end {
            None => keys(name, policy, &around.call().arguments),
            Some(_) => Ok(Vec::new()),
        };
        let end = end.or_else(|| {
            let refusal = keys.as_ref().err()?;
            Some(Err(CallError::Refused((**refusal).clone())))
        });
        course.aim.keys = keys.unwrap_or_default();
        if let Some(output) = end {
            let output = output.and_then(|text| self.leave_behind(at, text));
            self.note_unasked(around.call(), &output);
            self.courses[at].around = Some(around);
            self.turn.ended(at, rampmeter_core::End::Final);
            return self.concluded(at, Done::at_once(output), results);
        }
        let CallContext { arguments, labels, .. } = around.call();
        let given = Given { arguments: arguments.clone(), labels: labels.clone() };
        if let Some(place) = self.given.get(at) {
            // It is empty: a call begins once.
            let _ = place.set(given);
        }
        course.around = Some(around);
        self.enter(at, results)
    }

    /// What is known is the call's result, unless its interceptors make something else of it.
    pub(super) fn concluded(
        &mut self,
        at: usize,
        done: Done,
        results: &mut [CallResult],
    ) -> Todo<'a> {
        let course = &mut self.courses[at];
        match (course.around.take(), &course.span) {
            (Some(around), Some(span)) => Some((at, Act::After(around, done, span.clone()))),
            _ => self.decided(at, done, results),
        }
    }

    /// What the call's tool is given.
    pub(super) fn given(&self, at: usize) -> (&'a Arguments, &'a [(String, String)]) {
        match self.given.get(at).and_then(OnceLock::get) {
            Some(Given { arguments, labels }) => (arguments, labels),
            None => (self.calls[at].arguments, &self.request.labels),
        }
    }

    /// The call has an answer, and not of its own tool.
    pub(super) fn note_degraded(&self, at: usize, results: &[CallResult]) {
        let result = &results[self.calls[at].index];
        let Some(degraded) = &result.degraded else { return };
        let by = Some(degraded.to_string().into());
        let info = self.info(at, results);
        self.executor.gate.note_more(EventKind::Degraded, info, |event| Event { by, ..event });
    }

    /// The call has an answer that is not its own run's, and never came to the gate.
    pub(super) fn note_answered(
        &self,
        at: usize,
        (by, good): (&'static str, bool),
        results: &[CallResult],
    ) {
        let (info, gate) = (self.info(at, results), &self.executor.gate);
        let end = if good { EventKind::Completed } else { EventKind::Failed };
        gate.note(EventKind::Invoked, info.clone(), None);
        gate.note_more(end, info, |event| Event { by: Some(by.into()), ..event });
    }

    fn info(&self, at: usize, results: &[CallResult]) -> Arc<CallInfo> {
        let (call, request) = (&self.calls[at], self.request);
        Arc::new(CallInfo {
            tool: call.name.into(),
            flow: request.flow.as_str().into(),
            priority: results[call.index].priority.clone().unwrap_or_default(),
            id: call.id.into(),
            turn: request.number,
            attempt: self.courses[at].attempt,
        })
    }

    /// Events of a call that never came to the gate.
    fn note_unasked(&self, call: &CallContext, output: &Result<String, CallError>) {
        let info = Arc::new(CallInfo {
            tool: call.tool.clone(),
            flow: call.flow.clone(),
            priority: call.priority.clone(),
            id: call.id.clone(),
            turn: call.turn,
            attempt: 1,
        });
        let (end, reason) = match output {
            Ok(_) => (EventKind::Completed, None),
            Err(CallError::Denied { .. }) => (EventKind::Refused, Some(Reason::Denied)),
            Err(CallError::Refused(refusal)) => (EventKind::Refused, Some(refusal.reason)),
            Err(_) => (EventKind::Failed, None),
        };
        self.executor.gate.note(EventKind::Invoked, info.clone(), None);
        self.executor.gate.note(end, info, reason);
    }
}
