//! What may follow when a call has failed: another attempt, or something that stands in for it.

use std::time::Duration;

use rampmeter_core::{End, Instant};

use super::drive::{Drive, Todo};
use super::one::Done;
use super::report::{CallError, CallResult, Degraded};
use super::runnable::{access, keys};
use crate::cache::{CacheKey, Kept};
use crate::policy::Fallback;
use crate::pressure::PressureLevel;
use crate::retry::{Backoff, NoRetry, Verdict, is_idempotent, may_retry};

impl<'a> Drive<'a> {
    /// How an attempt has ended that failed so.
    pub(super) fn after(&mut self, at: usize, error: &CallError) -> End {
        match self.again_at(at, error) {
            None => End::Failed,
            Some(Ok(moment)) => End::Again(moment),
            Some(Err(why)) => {
                self.courses[at].no_retry = Some(why);
                End::Failed
            }
        }
    }

    /// What is said of a call that must change, if its tool is ever tried again.
    pub(super) fn never(&self, at: usize) -> Option<NoRetry> {
        self.calls[at].policy?.retry.as_ref().map(|_| NoRetry::Wrong)
    }

    /// When the call may be asked for again, or why it may not; nothing if its tool is never tried
    /// again.
    fn again_at(&self, at: usize, error: &CallError) -> Option<Result<Instant, NoRetry>> {
        let (call, course) = (&self.calls[at], &self.courses[at]);
        let retry = call.policy?.retry.as_ref()?;
        if course.degraded.is_some() {
            return None;
        }
        let gate = &self.executor.gate;
        let access = access(self.executor, call.policy, call.tool);
        let after = match may_retry(error, is_idempotent(call.tool, call.policy, access)) {
            Verdict::Again { after } => after,
            Verdict::No(why) => return Some(Err(why)),
        };
        if course.attempt >= retry.attempts {
            return Some(Err(NoRetry::Exhausted));
        }
        let now = gate.now();
        let retries = course.attempt.saturating_sub(1);
        let moment = now.saturating_add(Backoff::from(retry).wait(retries, after, gate.random()));
        Some(if !self.turn.may_retry(at, moment) {
            Err(NoRetry::OutOfTime)
        } else if !gate.take_retry(now) {
            Err(NoRetry::Budget)
        } else {
            Ok(moment)
        })
    }

    /// Tries what stands in for a call.
    pub(super) fn fall_back(
        &mut self,
        at: usize,
        fallback: u32,
        results: &mut [CallResult],
    ) -> Todo<'a> {
        let fallbacks = self.calls[at].policy.map_or(&[][..], |tool| &tool.fallback);
        match fallbacks.get(fallback as usize) {
            Some(Fallback::Cache { max_age, shared }) => match self.kept(at, *max_age, *shared) {
                Some(kept) => self.serve(at, &kept, results),
                None => self.nothing_there(at, results),
            },
            Some(Fallback::Value(text)) => {
                self.courses[at].degraded = Some(Degraded::Value);
                self.ended(at, Done::at_once(Ok(text.clone())), results)
            }
            Some(Fallback::Tool(name)) => self.fall_back_on(at, name, results),
            None => self.nothing_there(at, results),
        }
    }

    /// The last good answer to a call like this one, if one is kept that is no older.
    pub(super) fn kept(&self, at: usize, max_age: Duration, shared: bool) -> Option<Kept> {
        let now = self.executor.gate.now();
        self.executor.shared.cache.get(&self.key(at, shared), now, max_age)
    }

    /// What is kept for a call that comes while the gate is severely pressed: it is served at once,
    /// and spares the gate a call.
    pub(super) fn kept_under_pressure(&self, at: usize, results: &[CallResult]) -> Option<Kept> {
        let fallbacks = &self.calls[at].policy?.fallback;
        let cache = fallbacks.iter().find_map(|fallback| match fallback {
            Fallback::Cache { max_age, shared } => Some((*max_age, *shared)),
            Fallback::Tool(_) | Fallback::Value(_) => None,
        });
        let (max_age, shared) = cache?;
        if self.executor.gate.pressure_level() != PressureLevel::Severe {
            return None;
        }
        let priority = results[self.calls[at].index].priority.as_deref();
        let reserved = &self.executor.policy.pressure.reserved;
        if reserved.iter().any(|name| Some(&**name) == priority) {
            return None;
        }
        self.kept(at, max_age, shared)
    }

    /// Answers a call with what is kept.
    pub(super) fn serve(&mut self, at: usize, kept: &Kept, results: &mut [CallResult]) -> Todo<'a> {
        self.courses[at].degraded = Some(Degraded::Cached(kept.age));
        self.ended(at, Done::at_once(Ok(kept.text.to_string())), results)
    }

    /// Keeps a good answer for those whose own one cannot be had.
    pub(super) fn keep(&self, at: usize, text: &str) {
        let fallbacks = self.calls[at].policy.map_or(&[][..], |tool| &tool.fallback);
        for fallback in fallbacks {
            if let Fallback::Cache { shared, .. } = fallback {
                let now = self.executor.gate.now();
                self.executor.shared.cache.put(self.key(at, *shared), text, now);
            }
        }
    }

    fn key(&self, at: usize, shared: bool) -> CacheKey {
        let (arguments, labels) = self.given(at);
        let flow = (!shared).then_some(self.request.flow.as_str());
        CacheKey::new(self.calls[at].name, arguments, labels, flow)
    }

    fn fall_back_on(&mut self, at: usize, name: &'a str, results: &mut [CallResult]) -> Todo<'a> {
        let executor = self.executor;
        let policy = executor.policy.tool(name);
        let (arguments, _) = self.given(at);
        let course = &mut self.courses[at];
        course.degraded = Some(Degraded::Tool(name.into()));
        (course.aim.name, course.aim.policy) = (name, policy);
        course.attempt += 1;
        let found = executor.registry.find(name).map_err(CallError::Unknown);
        let keys = keys(name, policy, arguments).map_err(|error| CallError::Refused(*error));
        match found.and_then(|tool| Ok((tool, keys?))) {
            Ok((tool, keys)) => {
                (course.aim.tool, course.aim.keys) = (tool, keys);
                self.ask(at)
            }
            Err(error) => self.ended(at, Done::at_once(Err(error)), results),
        }
    }

    /// This one cannot stand in: what the call failed with is still what it failed with.
    fn nothing_there(&mut self, at: usize, results: &mut [CallResult]) -> Todo<'a> {
        // The next one takes its own; there may be no other.
        self.courses[at].place = None;
        if !self.turn.ended(at, End::Failed) {
            return None;
        }
        let last = self.courses[at].attempts.pop().map(|last| {
            let (waited, ran) = (last.waited, last.ran);
            Done { output: Err(last.error), waited, ran, still: None }
        });
        let done = last.unwrap_or_else(|| Done::at_once(Err(CallError::Cancelled)));
        self.settled(at, done, results)
    }
}
