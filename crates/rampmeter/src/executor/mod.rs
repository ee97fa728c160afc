//! Running turns: what a model asked for, under the gate, answered in the model's order.

mod act;
mod around;
mod asking;
mod clock;
mod course;
mod drive;
mod flight;
mod mend;
mod one;
mod overtime;
mod plan;
mod report;
mod request;
mod resolve;
mod room;
mod runnable;
mod settle;
mod stream;

use std::future::Future;
use std::sync::Arc;

use flight::Common;
pub use plan::{After, Because, PlannedCall, TurnPlan};
pub use report::{Attempt, CallError, CallResult, Degraded, Status, TurnReport};
pub use request::TurnRequest;
pub use resolve::{ResolvedCall, ResolvedTurn, parse_and_resolve};
use room::Seat;
pub use stream::{StreamOptions, Turns};

use crate::cache::{Flights, LastGood};
use crate::format::{Format, ParseError, ParseLimits};
use crate::gate::Gate;
use crate::interceptor::{Interceptor, Interceptors};
use crate::policy::Policy;
use crate::registry::Registry;

/// Runs the calls of turns through a gate. Clones share all of it.
#[derive(Clone, Debug)]
pub struct Executor {
    gate: Gate,
    registry: Arc<Registry>,
    policy: Arc<Policy>,
    interceptors: Interceptors,
    shared: Arc<Shared>,
}

/// What calls leave for others.
#[derive(Debug)]
struct Shared {
    cache: LastGood,
    flights: Flights<Common>,
}

/// Calls that others may follow, over all turns; beyond that each runs by itself.
const MAX_FLIGHTS: usize = 10_000;

impl Executor {
    /// An executor of the tools in `registry`, under `policy` as `gate` enforces it.
    pub fn new(gate: Gate, registry: Registry, policy: impl Into<Arc<Policy>>) -> Executor {
        let policy = policy.into();
        let shared =
            Shared { cache: LastGood::new(policy.cache), flights: Flights::new(MAX_FLIGHTS) };
        Executor {
            gate,
            registry: Arc::new(registry),
            policy,
            interceptors: Interceptors::default(),
            shared: Arc::new(shared),
        }
    }

    /// Puts an interceptor around every call, inside of those that are there. A call that is
    /// malformed, or names no tool, never comes to them.
    pub fn intercept(mut self, interceptor: impl Interceptor) -> Executor {
        self.interceptors.push(interceptor);
        self
    }

    /// The same executor with other tools, for a turn that has tools of its own. What its calls leave
    /// for others, answers and calls under way, goes by the names of tools and is shared.
    ///
    /// ```
    /// # use rampmeter::{Executor, Gate, Policy, Registry, Tool};
    /// # let policy = Policy::parse("rampmeter.toml", "[tools.search]\nlimits = []")?;
    /// let executor = Executor::new(Gate::new(&policy)?, Registry::new(), policy);
    /// let mut tools = Registry::new();
    /// tools.add(Tool::raw("search", "", serde_json::json!({}), |_| async { Ok("none".into()) }))?;
    /// assert!(executor.with_registry(tools).registry().find("search").is_ok());
    /// assert!(executor.registry().find("search").is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn with_registry(&self, registry: Registry) -> Executor {
        Executor { registry: Arc::new(registry), ..self.clone() }
    }

    /// The same executor under another policy, as [`Gate::apply`] has put it into force. Turns that
    /// run go on under the one that they began with; how much is kept of answers stays as it was.
    pub fn with_policy(&self, policy: impl Into<Arc<Policy>>) -> Executor {
        Executor { policy: policy.into(), ..self.clone() }
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
        self.resolve_as(text, None)
    }

    /// [`Executor::resolve`], in this format only, if one is named.
    ///
    /// # Errors
    /// The text as a whole is not an assistant message, or it is written in another format.
    pub fn resolve_as(
        &self,
        text: &str,
        format: Option<Format>,
    ) -> Result<ResolvedTurn, ParseError> {
        let max_arguments = usize::try_from(self.policy.max_arguments).unwrap_or(usize::MAX);
        let limits = ParseLimits { max_arguments, format, ..ParseLimits::default() };
        parse_and_resolve(text, &self.registry, &limits)
    }

    /// Runs a turn to its end: one result per call, in the model's order. Calls that conflict take
    /// effect in that order, the others run side by side; [`Executor::plan`] tells which. A call that fails may be tried again and
    /// have something stand in for it, as the policy says; it takes no sibling with it unless the
    /// turn is to [`fail_fast`](TurnRequest::fail_fast). Run by a tool of this executor, all calls
    /// are nested under its call.
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
        request: TurnRequest,
        stop: impl Future<Output = ()> + Send,
    ) -> TurnReport {
        self.run_seated(request, stop, Seat::unbounded()).await
    }

    /// [`Executor::run_turn_until`], where each call is asked for once `seat` has a place for it.
    async fn run_seated(
        &self,
        mut request: TurnRequest,
        stop: impl Future<Output = ()> + Send,
        seat: Seat,
    ) -> TurnReport {
        request.parent = request.parent.or_else(|| self.gate.lineage());
        if let Some(state) = &mut request.state {
            state.begin(request.number);
        }
        let results = drive::drive(self, &request, stop, seat).await;
        TurnReport { format: request.turn.format, results }
    }
}
