//! Running turns: what a model asked for, under the gate, answered in the model's order.

mod asking;
mod one;
mod overtime;
mod report;
mod resolve;

use std::fmt;
use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use rampmeter_core::{Access as CoreAccess, Instant, Reason, Step, Turn, TurnCall};

use asking::{Asking, One};
use one::{Done, Job, Terms};
use overtime::Overtime;
pub use report::{CallError, CallResult, Status, TurnReport};
pub use resolve::{ResolvedCall, ResolvedTurn, parse_and_resolve};

use crate::call::{Call, DEFAULT_FLOW, names};
use crate::event::{CallInfo, EventKind};
use crate::format::{Arguments, ParseError, ParseLimits};
use crate::gate::Gate;
use crate::lineage::Lineage;
use crate::permit::Permit;
use crate::policy::{Access, Key, Policy};
use crate::refusal::{Refusal, Retry};
use crate::registry::Registry;
use crate::tool::{Invocation, Tool};
use crate::work::Work;

/// Runs the calls of turns through a gate. Clones share all of it.
#[derive(Clone, Debug)]
pub struct Executor {
    gate: Gate,
    registry: Arc<Registry>,
    policy: Arc<Policy>,
}

/// One turn to run: a model's answer, and for whom it is.
#[derive(Clone)]
pub struct TurnRequest {
    turn: ResolvedTurn,
    flow: String,
    priority: Option<String>,
    labels: Vec<(String, String)>,
    deadline: Option<Duration>,
    number: Option<u64>,
    parent: Option<Lineage>,
}

impl TurnRequest {
    /// A turn of the flow [`DEFAULT_FLOW`], each call at its tool's priority.
    pub fn new(turn: ResolvedTurn) -> TurnRequest {
        let flow = DEFAULT_FLOW.to_owned();
        TurnRequest {
            turn,
            flow,
            priority: None,
            labels: vec![],
            deadline: None,
            number: None,
            parent: None,
        }
    }

    /// Whom it is for.
    pub fn flow(mut self, flow: impl Into<String>) -> Self {
        self.flow = flow.into();
        self
    }

    /// The priority of all its calls, instead of their tools'.
    pub fn priority(mut self, priority: impl Into<String>) -> Self {
        self.priority = Some(priority.into());
        self
    }

    /// The value of a label of all its calls.
    pub fn label(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.push((name.into(), value.into()));
        self
    }

    /// How long the whole turn may take, instead of what the policy says.
    pub fn deadline(mut self, within: Duration) -> Self {
        self.deadline = Some(within);
        self
    }

    /// Its number, for events.
    pub fn number(mut self, number: u64) -> Self {
        self.number = Some(number);
        self
    }

    /// The running call that makes all its calls, instead of the one in whose
    /// [`scope`](crate::Permit::scope) the turn is run.
    pub fn parent(mut self, parent: impl Into<Lineage>) -> Self {
        self.parent = Some(parent.into());
        self
    }
}

/// The values of labels may be secret; they are not shown.
impl fmt::Debug for TurnRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TurnRequest { turn, flow, priority, labels, deadline, number, parent } = self;
        f.debug_struct("TurnRequest")
            .field("turn", turn)
            .field("flow", flow)
            .field("priority", priority)
            .field("labels", &names(labels))
            .field("deadline", deadline)
            .field("number", number)
            .field("parent", parent)
            .finish()
    }
}

impl Executor {
    /// An executor of the tools in `registry`, under `policy` as `gate` enforces it.
    pub fn new(gate: Gate, registry: Registry, policy: Policy) -> Executor {
        Executor { gate, registry: Arc::new(registry), policy: Arc::new(policy) }
    }

    /// The gate.
    pub fn gate(&self) -> &Gate {
        &self.gate
    }

    /// The tools.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Reads a model's answer and finds its tools, within the policy's bound on arguments.
    ///
    /// # Errors
    /// The text as a whole is not an assistant message.
    pub fn resolve(&self, text: &str) -> Result<ResolvedTurn, ParseError> {
        let max_arguments = usize::try_from(self.policy.max_arguments).unwrap_or(usize::MAX);
        let limits = ParseLimits { max_arguments, ..ParseLimits::default() };
        parse_and_resolve(text, &self.registry, &limits)
    }

    /// Runs a turn to its end: one result per call, in the model's order. Calls that only read
    /// run side by side; calls of one tool that write run one after the other. One failure takes
    /// no sibling with it. Run by a tool of this executor, all of them are nested under its call.
    ///
    /// # Cancel safety
    /// Dropping the future ends every tool of the turn and frees all it held, but for work that
    /// goes on ([`Work::hold`]); results so far are lost. [`Executor::run_turn_until`] keeps them.
    pub async fn run_turn(&self, request: TurnRequest) -> TurnReport {
        self.run_turn_until(request, std::future::pending()).await
    }

    /// [`Executor::run_turn`], until `stop` is ready: then what runs or waits is cancelled, and
    /// what has ended keeps its result.
    pub async fn run_turn_until(
        &self,
        mut request: TurnRequest,
        stop: impl Future<Output = ()> + Send,
    ) -> TurnReport {
        request.parent = request.parent.or_else(|| self.gate.lineage());
        let within = request.deadline.unwrap_or(self.policy.turn.deadline);
        let deadline = self.gate.now().saturating_add(within);
        let deadline = deadline.min(self.gate.inherited_end(request.parent));
        let mut results: Vec<CallResult> = request.turn.calls.iter().map(pending).collect();
        let runnable = self.runnable(&request, &mut results);
        let mut turn = Turn::new(&self.turn_calls(&runnable), deadline);
        let mut undecided = runnable.len();
        let mut overtime = Overtime::new(self.gate.runtime(), deadline);
        let mut working = FuturesUnordered::new();
        // Dropped before `working`: what waits is given up before a slot of this turn is free.
        let mut asking = Asking::default();
        let mut stop = std::pin::pin!(stop);
        loop {
            while let Some(step) = turn.next(self.gate.now()) {
                match step {
                    Step::Ask(at) => asking.push(self.ask(&request, &runnable[at], at, deadline)),
                    Step::GiveUp(at) => {
                        undecided -= 1;
                        results[runnable[at].index].output = Err(CallError::TurnDeadline);
                    }
                }
            }
            if undecided == 0 {
                break;
            }
            // What has ended keeps its result also if the stop is ready; what has not begun does
            // not begin then.
            let progress = poll_fn(|context| {
                if let Poll::Ready(Some((at, done))) = working.poll_next_unpin(context) {
                    return Poll::Ready(Progress::Ended(at, done));
                }
                if let Poll::Ready(free) = overtime.poll(context) {
                    return Poll::Ready(Progress::Free(free));
                }
                if stop.as_mut().poll(context).is_ready() {
                    return Poll::Ready(Progress::Stopped);
                }
                asking.poll(context).map(|(at, answer)| Progress::Answered(at, answer))
            });
            let (at, done) = match progress.await {
                Progress::Answered(at, Ok(permit)) => {
                    working.push(self.work(permit, &request, &runnable[at], at, deadline));
                    continue;
                }
                Progress::Answered(at, Err(refusal)) => (at, Done::refused(*refusal)),
                Progress::Ended(at, done) => (at, done),
                Progress::Free(at) => {
                    at.map(|at| turn.ended(at));
                    continue;
                }
                Progress::Stopped => break,
            };
            undecided -= 1;
            match done.still {
                // What conflicts with it waits for its work.
                Some(still) => overtime.push(at, still),
                None => {
                    turn.ended(at);
                }
            }
            let result = &mut results[runnable[at].index];
            result.output = done.output;
            (result.waited, result.ran) = (done.waited, done.ran);
        }
        TurnReport { format: request.turn.format, results }
    }

    /// The calls that can be asked for; the others have their error at once.
    fn runnable<'a>(
        &self,
        request: &'a TurnRequest,
        results: &mut [CallResult],
    ) -> Vec<Runnable<'a>> {
        let mut runnable = Vec::with_capacity(results.len());
        let inherited = request.parent.and_then(|parent| self.gate.inherited_priority(parent));
        for (index, call) in request.turn.calls.iter().enumerate() {
            let error = match (&call.asked.arguments, &call.tool) {
                (Ok(arguments), Ok(tool)) => match self.keys(&call.asked.name, arguments) {
                    Ok(keys) => {
                        let (id, name) = (&*call.asked.id, &*call.asked.name);
                        let call = Runnable { index, id, name, arguments, tool, keys };
                        let own = || self.priority(request, &call).into();
                        results[index].priority = Some(inherited.clone().unwrap_or_else(own));
                        runnable.push(call);
                        continue;
                    }
                    Err(refusal) => CallError::Refused(refusal),
                },
                (Err(malformed), _) => CallError::Malformed(malformed.clone()),
                (_, Err(unknown)) => CallError::Unknown(unknown.clone()),
            };
            results[index].output = Err(error);
            self.note_unrunnable(request, &results[index]);
        }
        runnable
    }

    fn note_unrunnable(&self, request: &TurnRequest, result: &CallResult) {
        let of_tool = self.policy.tool(&result.name).map(|tool| tool.priority.as_str());
        let info = Arc::new(CallInfo {
            tool: result.name.as_str().into(),
            flow: request.flow.as_str().into(),
            priority: request.priority.as_deref().or(of_tool).unwrap_or_default().into(),
            id: result.id.as_str().into(),
            turn: request.number,
        });
        self.gate.note(EventKind::Invoked, info.clone(), None);
        match &result.output {
            Err(CallError::Refused(refusal)) => {
                self.gate.note(EventKind::Refused, info, Some(refusal.reason));
            }
            _ => self.gate.note(EventKind::Failed, info, None),
        }
    }

    /// The keys that the policy's templates make of a call's arguments.
    fn keys(&self, name: &str, arguments: &Arguments) -> Result<Vec<Key>, Refusal> {
        let keys = self.policy.tool(name).map(|tool| tool.keys(arguments)).transpose();
        let keys = keys.map_err(|error| Refusal {
            tool: name.into(),
            reason: Reason::Unsupported,
            limit: None,
            retry: Retry::Never,
            waited: Duration::ZERO,
            detail: Some(error.to_string()),
        });
        Ok(keys?.unwrap_or_default())
    }

    /// What the turn machine needs to know: calls of one tool that write keep their order.
    fn turn_calls(&self, runnable: &[Runnable<'_>]) -> Vec<TurnCall> {
        let mut names: Vec<&str> = runnable.iter().map(|call| call.name).collect();
        names.sort_unstable();
        names.dedup();
        let calls = runnable.iter().map(|call| TurnCall {
            tool: u32::try_from(names.binary_search(&call.name).unwrap_or(0)).unwrap_or(u32::MAX),
            access: match self.access(call.name, call.tool) {
                Access::Read => CoreAccess::Read,
                Access::Write => CoreAccess::Write,
            },
        });
        calls.collect()
    }

    /// The policy's word, else the tool's own, else what the policy says of undeclared tools.
    fn access(&self, name: &str, tool: &Tool) -> Access {
        let declared = self.policy.tool(name).and_then(|tool| tool.access);
        declared.or(tool.declared_access()).unwrap_or(self.policy.undeclared)
    }

    fn priority<'a>(&'a self, request: &'a TurnRequest, call: &Runnable<'_>) -> &'a str {
        let declared = || self.policy.tool(call.name).map(|tool| &*tool.priority);
        request.priority.as_deref().or_else(declared).unwrap_or("normal")
    }

    fn ask<'a>(
        &'a self,
        request: &'a TurnRequest,
        call: &Runnable<'a>,
        at: usize,
        turn_deadline: Instant,
    ) -> One<'a> {
        let left = turn_deadline.saturating_since(self.gate.now());
        let mut asked = Call::new(call.name).flow(&request.flow).id(call.id).deadline(left);
        (asked.turn, asked.parent) = (request.number, request.parent);
        asked.priority = request.priority.as_deref();
        asked.labels = request.labels.iter().map(|(name, value)| (&**name, &**value)).collect();
        for (key, access) in &call.keys {
            asked = asked.key(key.clone().into(), *access);
        }
        One { at, admission: self.gate.admit(asked) }
    }

    async fn work(
        &self,
        permit: Permit,
        request: &TurnRequest,
        call: &Runnable<'_>,
        at: usize,
        turn_deadline: Instant,
    ) -> (usize, Done) {
        let report = Some(permit.report());
        let done = one::run(Job {
            gate: &self.gate,
            permit,
            tool: call.tool,
            invocation: Invocation {
                name: call.name.into(),
                id: call.id.into(),
                arguments: call.arguments.clone(),
                flow: request.flow.as_str().into(),
                labels: request.labels.as_slice().into(),
                report,
                work: Work::default(),
            },
            terms: Terms::of(self.policy.tool(call.name)),
            turn_deadline,
        });
        (at, done.await)
    }
}

/// What the turn's loop waits for.
enum Progress {
    Answered(usize, Result<Permit, Box<Refusal>>),
    Ended(usize, Done),
    /// A call's work has ended, or the turn's deadline has come.
    Free(Option<usize>),
    Stopped,
}

/// A call that has arguments and a tool.
struct Runnable<'a> {
    /// Its place in the turn.
    index: usize,
    id: &'a str,
    name: &'a str,
    arguments: &'a Arguments,
    tool: &'a Tool,
    keys: Vec<Key>,
}

/// What stands in a call's place until it has its result: what a stop leaves there.
fn pending(call: &ResolvedCall) -> CallResult {
    CallResult {
        id: call.asked.id.clone(),
        name: call.asked.name.clone(),
        output: Err(CallError::Cancelled),
        priority: None,
        waited: None,
        ran: None,
    }
}
