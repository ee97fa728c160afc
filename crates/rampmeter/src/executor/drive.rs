//! The loop: does what the turn machine says, and tells it what came of that.

use std::future::{Future, poll_fn};
use std::sync::{Arc, OnceLock};
use std::task::Poll;

use futures_util::stream::{FuturesUnordered, StreamExt};
use rampmeter_core::{Instant, Step, Turn};

use super::act::{Act, Acted, act};
use super::around::{self, Given};
use super::asking::{Asking, One};
use super::clock::Clock;
use super::course::Course;
use super::one::{Done, Job, Terms};
use super::overtime::Overtime;
use super::report::{CallError, CallResult, Degraded, pending};
use super::room::{Place, Seat};
use super::runnable::{Runnable, runnable, turn_calls};
use super::{Executor, TurnRequest};
use crate::call::Call;
use crate::permit::Permit;
use crate::refusal::Refusal;
use crate::state_bag::BagWriter;
use crate::tool::Invocation;
use crate::trace::PartSpan;
use crate::work::Work;

/// What the loop waits for.
#[allow(clippy::large_enum_variant, reason = "there is one at a time")]
enum Progress<'a> {
    Answered(usize, Result<Permit, Box<Refusal>>),
    Acted(usize, Acted<'a>),
    /// A piece of work of a call has ended that went on after its attempt.
    Free(usize),
    Woken,
    Stopped,
}

/// Runs a turn until every call has its result or `stop` is ready. It asks for a call when `seat` has
/// a place for it.
pub(super) async fn drive(
    executor: &Executor,
    request: &TurnRequest,
    stop: impl Future<Output = ()> + Send,
    seat: Seat,
) -> Vec<CallResult> {
    let gate = executor.gate();
    let within = request.deadline.unwrap_or(executor.policy.turn.deadline);
    let deadline = gate.now().saturating_add(within);
    let deadline = deadline.min(gate.inherited_end(request.parent));
    let mut results: Vec<CallResult> = request.turn.calls.iter().map(pending).collect();
    let calls = runnable(executor, request, &mut results);
    let given = around::places(executor, calls.len());
    let mut working = FuturesUnordered::new();
    // Dropped before `working`: what waits is given up before a slot of this turn is free.
    let mut drive = Drive {
        executor,
        request,
        flow: request.flow.as_str().into(),
        labels: request.labels.as_slice().into(),
        deadline,
        turn: Turn::new(&turn_calls(executor, &calls).calls, deadline),
        courses: calls.iter().map(Course::new).collect(),
        calls,
        given: &given,
        asking: Asking::default(),
        overtime: Overtime::default(),
        held_back: Vec::new(),
        open: 0,
        failed: false,
    };
    drive.open = drive.calls.len();
    // Those that cannot be asked for have failed already.
    drive.failed = request.fail_fast && drive.open < results.len();
    let mut clock = Clock::default();
    let mut stop = std::pin::pin!(stop);
    loop {
        if let Some(at) = drive.too_late() {
            let done = Done::at_once(Err(CallError::TurnDeadline));
            if let Some((at, todo)) = drive.ended(at, done, &mut results) {
                working.push(act(at, todo));
            }
            continue;
        }
        let mut seated = true;
        while drive.open > 0 {
            let now = gate.now();
            let place = seat.take();
            // At the deadline nothing more is asked for.
            seated = place.is_some() || now >= deadline;
            if !seated {
                break;
            }
            if let Some(at) = drive.no_longer_held_back() {
                drive.courses[at].place = place;
                drive.ask(at);
                continue;
            }
            let Some(step) = drive.turn.next(now) else { break };
            if let Some((at, todo)) = drive.step(step, place, &mut results) {
                working.push(act(at, todo));
            }
        }
        if drive.open == 0 || drive.failed {
            break;
        }
        let soonest = if seated { drive.turn.next_moment() } else { deadline };
        let held_back = if drive.held_back.is_empty() { Instant::NEVER } else { deadline };
        clock.set(executor, soonest.min(held_back));
        // What has ended keeps its result also if the stop is ready; what has not begun does not
        // begin then.
        let progress = poll_fn(|context| {
            if let Poll::Ready(Some((at, acted))) = working.poll_next_unpin(context) {
                return Poll::Ready(Progress::Acted(at, acted));
            }
            if let Poll::Ready(at) = drive.overtime.poll(context) {
                return Poll::Ready(Progress::Free(at));
            }
            if stop.as_mut().poll(context).is_ready() {
                return Poll::Ready(Progress::Stopped);
            }
            if !seated && seat.poll_room(context).is_ready() {
                return Poll::Ready(Progress::Woken);
            }
            if let Poll::Ready((at, answer)) = drive.asking.poll(context) {
                return Poll::Ready(Progress::Answered(at, answer));
            }
            clock.poll(context).map(|()| Progress::Woken)
        });
        let todo = match progress.await {
            Progress::Answered(at, answer) => drive.answered(at, answer, &mut results),
            Progress::Acted(at, acted) => drive.acted(at, acted, &mut results),
            Progress::Free(at) => {
                drive.free(at);
                None
            }
            Progress::Woken => None,
            Progress::Stopped => break,
        };
        if let Some((at, todo)) = todo {
            working.push(act(at, todo));
        }
    }
    drive.leave(&mut results);
    results
}

/// Everything about a running turn but the work itself.
pub(super) struct Drive<'a> {
    pub(super) executor: &'a Executor,
    pub(super) request: &'a TurnRequest,
    /// Whom all calls are for, and their labels unless interceptors give them others.
    flow: Arc<str>,
    labels: Arc<[(String, String)]>,
    pub(super) deadline: Instant,
    pub(super) turn: Turn,
    pub(super) calls: Vec<Runnable<'a>>,
    pub(super) given: &'a [OnceLock<Given>],
    pub(super) courses: Vec<Course<'a>>,
    pub(super) asking: Asking<'a>,
    pub(super) overtime: Overtime,
    /// Calls that are asked for again when the work of their last attempt has ended.
    pub(super) held_back: Vec<usize>,
    /// Calls without a result.
    pub(super) open: usize,
    /// A call has failed, and the turn is to fail fast.
    pub(super) failed: bool,
}

/// A piece of work that follows.
pub(super) type Todo<'a> = Option<(usize, Act<'a>)>;

impl<'a> Drive<'a> {
    /// `place` is for the call that is asked for, until it has its answer.
    fn step(&mut self, step: Step, place: Option<Place>, results: &mut [CallResult]) -> Todo<'a> {
        match step {
            Step::Ask { call, attempt } => {
                let now = self.executor.gate.now();
                let course = &mut self.courses[call];
                course.attempt = attempt;
                course.place = place;
                course.arrived.get_or_insert(now);
                if attempt == 1 {
                    self.executor.gate.may_be_retried(now);
                    self.begin(call, results)
                } else if course.going_on > 0 {
                    // It would wait for its own keys, or do the same twice at once. Until then it
                    // does not wait at the gate, and needs no place.
                    course.place = None;
                    self.held_back.push(call);
                    None
                } else {
                    self.ask(call)
                }
            }
            Step::FallBack { call, fallback } => {
                self.courses[call].place = place;
                // It was given up before it was asked for, and its interceptors know nothing of it.
                if self.given.get(call).is_some_and(|given| given.get().is_none()) {
                    self.courses[call].stand_in = Some(fallback);
                    return self.begin(call, results);
                }
                self.fall_back(call, fallback, results)
            }
            Step::GiveUp(call) => {
                self.ended(call, Done::at_once(Err(CallError::TurnDeadline)), results)
            }
        }
    }

    /// A call that was held back, and whose last attempt's work has ended.
    fn no_longer_held_back(&mut self) -> Option<usize> {
        let free = self.held_back.iter().position(|at| self.courses[*at].going_on == 0)?;
        Some(self.held_back.swap_remove(free))
    }

    /// A call that is held back when the turn's deadline has come.
    fn too_late(&mut self) -> Option<usize> {
        let late = self.executor.gate.now() >= self.deadline;
        if late { self.held_back.pop() } else { None }
    }

    /// The way to the gate is free, for the first time.
    pub(super) fn enter(&mut self, at: usize, results: &mut [CallResult]) -> Todo<'a> {
        if let Some(fallback) = self.courses[at].stand_in.take() {
            return self.fall_back(at, fallback, results);
        }
        match self.kept_under_pressure(at, results) {
            Some(kept) => {
                self.note_answered(at, ("cache", true), results);
                self.serve(at, &kept, results)
            }
            None => self.ask_or_follow(at),
        }
    }

    /// Asks the gate for what the call aims at now.
    pub(super) fn ask(&mut self, at: usize) -> Todo<'a> {
        let Drive { executor, request, .. } = *self;
        let (call, course) = (&self.calls[at], &self.courses[at]);
        let left = self.deadline.saturating_since(executor.gate.now());
        let mut asked = Call::new(course.aim.name).flow(&request.flow).id(call.id).deadline(left);
        (asked.turn, asked.parent) = (request.number, request.parent);
        asked.attempt = course.attempt;
        // It went before those that arrived with it, as the calls of a turn do.
        let before = |at: Instant| Instant::from_nanos(at.as_nanos().saturating_sub(1));
        asked.arrived = course.arrived.filter(|_| course.attempt > 1).map(before);
        asked.priority = request.priority.as_deref();
        let (_, labels) = self.given(at);
        asked.labels = labels.iter().map(|(name, value)| (&**name, &**value)).collect();
        for (key, access) in &course.aim.keys {
            asked = asked.key(key.clone().into(), *access);
        }
        let course = &mut self.courses[at];
        if let Some(span) = &course.span {
            course.waiting = span.wait(course.attempt);
        }
        let place = course.place.take();
        self.asking.push(One { at, admission: executor.gate.admit(asked), _place: place });
        None
    }

    fn answered(
        &mut self,
        at: usize,
        answer: Result<Permit, Box<Refusal>>,
        results: &mut [CallResult],
    ) -> Todo<'a> {
        self.courses[at].waiting = PartSpan::default();
        match answer {
            Ok(permit) => {
                let course = &mut self.courses[at];
                let span = course.span.as_ref().map(|span| span.run(course.attempt));
                Some((at, Act::Run(self.job(at, permit), span.unwrap_or_default())))
            }
            Err(refusal) => {
                self.ended(at, Done::at_once(Err(CallError::Refused(*refusal))), results)
            }
        }
    }

    fn job(&self, at: usize, permit: Permit) -> Job<'a> {
        let Drive { executor, deadline, .. } = *self;
        let (call, course) = (&self.calls[at], &self.courses[at]);
        let aim = &course.aim;
        let (arguments, labels) = self.given(at);
        let (report, waited) = (Some(permit.report()), permit.waited());
        Job {
            gate: &executor.gate,
            permit,
            tool: aim.tool,
            invocation: Invocation {
                // One that stands for many names has another than its calls.
                name: match aim.tool.shared_name() {
                    name if **name == *aim.name => name.clone(),
                    _ => aim.name.into(),
                },
                id: call.id.into(),
                arguments: arguments.clone(),
                flow: self.flow.clone(),
                labels: if self.given.is_empty() { self.labels.clone() } else { labels.into() },
                waited,
                report,
                state: self.writer(at),
                work: Work::default(),
            },
            terms: Terms::of(aim.policy),
            turn_deadline: deadline,
        }
    }

    /// The call as one that writes to what the turn's calls share.
    pub(super) fn writer(&self, at: usize) -> Option<BagWriter> {
        let (call, course) = (&self.calls[at], &self.courses[at]);
        // What stands in for the tool writes where the tool would have.
        let policy = call.policy.or(course.aim.policy);
        let own = || call.tool.declared_output().map(|key| &**key);
        let output = policy.and_then(|tool| tool.output.as_deref()).or_else(own);
        let turn = self.request.state.as_ref()?;
        let tool =
            if course.degraded == Some(Degraded::Value) { call.name } else { course.aim.name };
        Some(turn.writer(call.id, tool, call.index, course.attempt, output))
    }

    fn acted(&mut self, at: usize, acted: Acted<'a>, results: &mut [CallResult]) -> Todo<'a> {
        match acted {
            Acted::Begun(around, end) => self.begun(at, around, end, results),
            Acted::Followed(landed) => self.followed(at, landed, results),
            Acted::Ran(done) => self.ended(at, done, results),
            Acted::Concluded(done) => self.decided(at, done, results),
        }
    }
}
