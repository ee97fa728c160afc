//! How a call comes to its result: its attempts, what stands in for it, its interceptors.

use rampmeter_core::End;

use super::drive::{Drive, Todo};
use super::flight::Common;
use super::one::Done;
use super::report::{CallError, CallResult, Degraded};

impl<'a> Drive<'a> {
    /// An attempt, or what stands in for the call, has ended.
    pub(super) fn ended(
        &mut self,
        at: usize,
        mut done: Done,
        results: &mut [CallResult],
    ) -> Todo<'a> {
        if let Some(still) = done.still.take() {
            self.courses[at].going_on += 1;
            self.overtime.push(at, still);
        }
        let end = match &done.output {
            Ok(text) => {
                if self.courses[at].degraded.is_none() {
                    self.keep(at, text);
                }
                End::Final
            }
            // What stood in would hide from the model that the call must change.
            Err(CallError::Arguments(_)) => {
                self.courses[at].no_retry = self.never(at);
                End::Final
            }
            Err(error) => self.after(at, error),
        };
        // What is tried next takes its own.
        self.courses[at].place = None;
        if self.turn.ended(at, end) {
            return self.settled(at, done, results);
        }
        let now = self.executor.gate.now();
        self.courses[at].failed(done, end, now);
        None
    }

    /// This is what the call has come to, whether by itself or by what stands in for it.
    pub(super) fn settled(
        &mut self,
        at: usize,
        mut done: Done,
        results: &mut [CallResult],
    ) -> Todo<'a> {
        let course = &mut self.courses[at];
        if let (Err(error), Some(Degraded::Tool(tool)), false) =
            (&done.output, &course.degraded, course.shared)
        {
            let (fallback, tool) = (Box::new(error.clone()), tool.to_string());
            let first = course.attempts.iter().rfind(|it| *it.tool == *self.calls[at].name);
            let error = Box::new(first.map_or(CallError::Cancelled, |it| it.error.clone()));
            done.output = Err(CallError::Fallback { error, tool, fallback });
        }
        if done.output.is_err() {
            course.degraded = course.degraded.take().filter(|_| course.shared);
        }
        // A deadline is its own caller's: those who follow may have more time.
        let late = course.attempts.iter().map(|it| &it.error).chain(done.output.as_ref().err());
        let late = late.into_iter().any(CallError::is_of_its_caller);
        let leader = course.leader.take().filter(|_| !late);
        if let Some(leader) = leader {
            let (output, degraded) = (done.output.clone(), course.degraded.clone());
            leader.land(Common { output, degraded });
        }
        if done.ran.is_none() {
            done.output = done.output.and_then(|text| self.leave_behind(at, text));
        }
        self.concluded(at, done, results)
    }

    /// What no tool has said here goes where the tool's answer would have gone.
    pub(super) fn leave_behind(&self, at: usize, text: String) -> Result<String, CallError> {
        if let Some(state) = self.writer(at) {
            let output = self.calls[at].tool.declared_output();
            state.attempt(output).succeed(&text).map_err(CallError::State)?;
        }
        Ok(text)
    }

    /// This is the call's result.
    pub(super) fn decided(
        &mut self,
        at: usize,
        done: Done,
        results: &mut [CallResult],
    ) -> Todo<'a> {
        let course = &mut self.courses[at];
        let result = &mut results[self.calls[at].index];
        self.open -= 1;
        self.failed |= self.request.fail_fast && done.output.is_err();
        if let Some(span) = course.span.take() {
            span.end(&done.output);
        }
        course.fill(done, result);
        let goes_on = course.going_on > 0;
        course.place = None;
        self.note_degraded(at, results);
        if !goes_on {
            self.turn.released(at);
        }
        None
    }

    /// A piece of a call's work has ended that went on after its attempt.
    pub(super) fn free(&mut self, at: usize) {
        let course = &mut self.courses[at];
        course.going_on -= 1;
        if course.going_on > 0 {
            return;
        }
        // Of a call that is still tried it means nothing yet; one that was held back is asked for
        // when there is a place for it.
        self.turn.released(at);
    }

    /// The turn is over; what has no result yet keeps what was tried.
    pub(super) fn leave(mut self, results: &mut [CallResult]) {
        for (call, course) in self.calls.iter().zip(&mut self.courses) {
            let result = &mut results[call.index];
            if self.failed && result.output == Err(CallError::Cancelled) {
                result.output = Err(CallError::FailedFast);
            }
            result.attempts.append(&mut course.attempts);
        }
    }
}
