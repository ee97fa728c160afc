//! One call on its way to its result: what was tried, and what is tried now.

use rampmeter_core::{End, Instant};

use super::flight::Common;
use super::one::Done;
use super::report::{Attempt, CallResult, Degraded};
use super::room::Place;
use super::runnable::Runnable;
use crate::cache::Leader;
use crate::interceptor::Around;
use crate::policy::{Key, ToolPolicy};
use crate::retry::NoRetry;
use crate::tool::Tool;
use crate::trace::{CallSpan, PartSpan};

/// What is asked for and run for a call: its own tool, or one that stands in for it.
#[derive(Clone)]
pub(super) struct Aim<'a> {
    pub(super) name: &'a str,
    pub(super) tool: &'a Tool,
    pub(super) policy: Option<&'a ToolPolicy>,
    pub(super) keys: Vec<Key>,
}

pub(super) struct Course<'a> {
    pub(super) aim: Aim<'a>,
    /// 1 for the first time that it was asked for.
    pub(super) attempt: u32,
    /// When it was first asked for.
    pub(super) arrived: Option<Instant>,
    /// Its place among the calls that wait, from when its turn has come until it is asked for.
    pub(super) place: Option<Place>,
    /// What has failed so far.
    pub(super) attempts: Vec<Attempt>,
    /// Its interceptors, once they have let it through, until they have its result.
    pub(super) around: Option<Box<Around<'a>>>,
    /// Its span, if anybody collects them, and that of its wait.
    pub(super) span: Option<CallSpan>,
    pub(super) waiting: PartSpan,
    /// So many pieces of its work go on, of attempts that have ended.
    pub(super) going_on: u32,
    /// What is tried when its interceptors have let it through, if not its own tool.
    pub(super) stand_in: Option<u32>,
    /// Others wait for its result.
    pub(super) leader: Option<Leader<Common>>,
    /// Its result is that of another.
    pub(super) shared: bool,
    /// Why it was not tried again, if it might have been.
    pub(super) no_retry: Option<NoRetry>,
    /// What stands in for its tool, if something does.
    pub(super) degraded: Option<Degraded>,
}

impl<'a> Course<'a> {
    pub(super) fn new(call: &Runnable<'a>) -> Course<'a> {
        let Runnable { name, tool, policy, keys, .. } = call;
        let aim = Aim { name, tool, policy: *policy, keys: keys.clone() };
        Course {
            aim,
            attempt: 0,
            arrived: None,
            attempts: Vec::new(),
            around: None,
            span: None,
            waiting: PartSpan::default(),
            place: None,
            going_on: 0,
            stand_in: None,
            leader: None,
            shared: false,
            no_retry: None,
            degraded: None,
        }
    }
}

impl Course<'_> {
    /// An attempt has failed, and something else is tried.
    pub(super) fn failed(&mut self, done: Done, end: End, now: Instant) {
        let Done { output: Err(error), waited, ran, .. } = done else { return };
        let again_after = match end {
            End::Again(at) => Some(at.saturating_since(now)),
            End::Final | End::Failed => None,
        };
        let tool = self.aim.name.into();
        self.attempts.push(Attempt { tool, error, waited, ran, again_after });
    }

    /// Its result is known.
    pub(super) fn fill(&mut self, done: Done, result: &mut CallResult) {
        let Done { output, waited, ran, .. } = done;
        (result.waited, result.ran) = (waited, ran);
        (result.shared, result.no_retry) = (self.shared, self.no_retry);
        result.degraded = self.degraded.take().filter(|_| output.is_ok());
        result.output = output;
        result.attempts = std::mem::take(&mut self.attempts);
    }
}
