//! A call with interceptors as one future: they stand around its admission and its run.

use std::sync::Arc;

use rampmeter_core::{Instant, Reason};

use super::one::Done;
use super::report::CallError;
use super::{Executor, Runnable, TurnRequest};
use crate::call::Call;
use crate::event::{CallInfo, EventKind};
use crate::interceptor::CallContext;
use crate::trace::CallSpan;

impl Executor {
    /// One call from its interceptors' first word to their last.
    pub(super) async fn whole(
        &self,
        request: &TurnRequest,
        call: &Runnable<'_>,
        at: usize,
        turn_deadline: Instant,
    ) -> (usize, Done) {
        let context = self.context(request, call);
        let span = CallSpan::begin(&context);
        let mut around = self.interceptors.around(&self.gate, turn_deadline, context);
        let done = async {
            let mut done = match around.before().await {
                Some(output) => {
                    self.note_unasked(around.call(), &output);
                    Done { output, waited: None, ran: None }
                }
                None => {
                    let of = (call, around.call());
                    self.through_the_gate(request, of, &span, turn_deadline).await
                }
            };
            done.output = around.after(done.output).await;
            span.end(&done.output);
            done
        };
        (at, span.call(done).await)
    }

    fn context(&self, request: &TurnRequest, call: &Runnable<'_>) -> CallContext {
        let inherited = request.parent.and_then(|parent| self.gate.inherited_priority(parent));
        CallContext {
            arguments: call.arguments.clone(),
            labels: request.labels.clone(),
            tool: call.name.into(),
            id: call.id.into(),
            flow: request.flow.as_str().into(),
            priority: inherited.unwrap_or_else(|| self.priority(request, call).into()),
            turn: request.number,
            kept: Default::default(),
        }
    }

    async fn through_the_gate(
        &self,
        request: &TurnRequest,
        (call, context): (&Runnable<'_>, &CallContext),
        span: &CallSpan,
        turn_deadline: Instant,
    ) -> Done {
        // The arguments may be others than those that the model wrote.
        let keys = match self.keys(call.name, &context.arguments) {
            Ok(keys) => keys,
            Err(refusal) => {
                let done = Done::refused(refusal);
                self.note_unasked(context, &done.output);
                return done;
            }
        };
        let left = turn_deadline.saturating_since(self.gate.now());
        let mut asked = Call::new(call.name).flow(&request.flow).id(call.id).deadline(left);
        (asked.turn, asked.parent) = (request.number, request.parent);
        asked.priority = request.priority.as_deref();
        asked.labels = context.labels.iter().map(|(name, value)| (&**name, &**value)).collect();
        for (key, access) in keys {
            asked = asked.key(key.into(), access);
        }
        match span.wait(1, self.gate.admit(asked)).await {
            Ok(permit) => {
                let given = (&context.arguments, context.labels.as_slice());
                span.run(1, self.run(permit, request, call, given, turn_deadline)).await
            }
            Err(refusal) => Done::refused(*refusal),
        }
    }

    /// Events of a call that never came to the gate.
    fn note_unasked(&self, call: &CallContext, output: &Result<String, CallError>) {
        let info = Arc::new(CallInfo {
            tool: call.tool.clone(),
            flow: call.flow.clone(),
            priority: call.priority.clone(),
            id: call.id.clone(),
            turn: call.turn,
        });
        let (end, reason) = match output {
            Ok(_) => (EventKind::Completed, None),
            Err(CallError::Denied { .. }) => (EventKind::Refused, Some(Reason::Denied)),
            Err(CallError::Refused(refusal)) => (EventKind::Refused, Some(refusal.reason)),
            Err(_) => (EventKind::Failed, None),
        };
        self.gate.note(EventKind::Invoked, info.clone(), None);
        self.gate.note(end, info, reason);
    }
}
