//! From a policy to the tools and simulated providers that it describes.

use std::sync::Arc;
use std::time::SystemTime;

use rampmeter::policy::{self, Policy, ProviderPolicy, RateKind, RunPolicy};
use rampmeter::runtime::Runtime;
use rampmeter::{Invocation, Registry, Tool, ToolError};
use serde_json::json;

use super::tracker::Tracker;
use crate::tools::{
    self, CommandTool, HttpTool, Kind, Provider, Quota, Simulate, Unit, from_environment, throttled,
};

/// The tools of a run, and what can be asked about them afterwards.
pub(crate) struct Tools {
    pub(crate) registry: Registry,
    pub(crate) providers: Vec<Arc<Provider>>,
    pub(crate) tracker: Tracker,
    /// The providers' time when the runtime's is zero.
    pub(crate) clock: Clock,
}

/// The providers' clock: nanoseconds since the Unix epoch, running with the runtime's time.
#[derive(Clone)]
pub(crate) struct Clock {
    runtime: Arc<dyn Runtime>,
    offset_ns: u64,
}

/// Makes the tools that `policy` describes.
///
/// # Errors
/// A command that cannot be meant, with its tool and the remedy.
pub(crate) fn build(
    policy: &Policy,
    runtime: &Arc<dyn Runtime>,
    seed: u64,
) -> Result<Tools, String> {
    let providers: Vec<_> = policy.providers.iter().map(|it| Arc::new(provider(it))).collect();
    let tracker = Tracker::new(policy);
    let clock = Clock::new(runtime);
    let mut registry = Registry::new();
    let mut client: Option<reqwest::Client> = None;
    for (index, tool) in policy.tools.iter().enumerate() {
        let name = tool.pattern.as_str();
        let built = match &tool.run {
            None => unrunnable(name),
            Some(RunPolicy::Command { command, max_output }) => {
                let command = CommandTool::new(command, *max_output, tool.overrun.grace)
                    .ok_or_else(|| format!("tool `{name}`: its command is malformed"))?;
                command_tool(name, index, command, &tracker)
            }
            Some(RunPolicy::Http { http, max_output }) => {
                let client = match &client {
                    Some(client) => client.clone(),
                    None => client.insert(tools::client()?).clone(),
                };
                let http = HttpTool::new(name, http, *max_output, client, &from_environment)?;
                http_tool(name, index, http, &tracker, runtime)
            }
            Some(RunPolicy::Simulate { latency, fail, provider, tokens }) => {
                let named = |it: &&Arc<Provider>| Some(it.name()) == provider.as_deref();
                let provider = providers.iter().find(named).cloned();
                let (latency, fail, tokens) = (*latency, *fail, *tokens);
                let simulate = Simulate { latency, fail, provider, tokens, seed };
                simulated_tool(name, index, simulate, &tracker, &clock)
            }
        };
        registry.add(built).map_err(|error| error.to_string())?;
    }
    Ok(Tools { registry, providers, tracker, clock })
}

fn unrunnable(name: &str) -> Tool {
    Tool::raw(name, "", json!({}), |call: Invocation| async move {
        Err(ToolError::failed(format!(
            "the policy does not say how to run {:?}; add run = {{ command = [\"…\"] }}, \
             {{ http = {{ url = \"…\" }} }} or {{ simulate = {{ latency = \"50ms\" }} }} to its tool",
            call.name
        )))
    })
}

fn command_tool(name: &str, index: usize, command: CommandTool, tracker: &Tracker) -> Tool {
    let (command, tracker) = (Arc::new(command), tracker.clone());
    Tool::raw(name, "", json!({}), move |call: Invocation| {
        let (command, tracker) = (command.clone(), tracker.clone());
        async move {
            // Counted as running until the command has ended, and only then is its slot free.
            let keep = (tracker.start(index, &call), call.work.hold());
            command.run(call.arguments.as_str(), keep).await.map_err(ToolError::failed)
        }
    })
}

fn http_tool(
    name: &str,
    index: usize,
    http: HttpTool,
    tracker: &Tracker,
    runtime: &Arc<dyn Runtime>,
) -> Tool {
    let shared = Arc::new((http, tracker.clone(), runtime.clone()));
    Tool::raw(name, "", json!({}), move |call: Invocation| {
        let shared = shared.clone();
        async move {
            let (http, tracker, runtime) = &*shared;
            let _running = tracker.start(index, &call);
            http.run(call.arguments.as_str(), call.report, || runtime.wall_clock()).await
        }
    })
}

fn simulated_tool(
    name: &str,
    index: usize,
    simulate: Simulate,
    tracker: &Tracker,
    clock: &Clock,
) -> Tool {
    let shared = Arc::new((simulate, tracker.clone(), clock.clone()));
    Tool::raw(name, "", json!({}), move |call: Invocation| {
        let shared = shared.clone();
        async move {
            let (simulate, tracker, clock) = &*shared;
            let _running = tracker.start(index, &call);
            // The provider's slot is held until the answer is there, as a connection is.
            let _ticket = match &simulate.provider {
                None => None,
                Some(provider) => {
                    let answer = provider.request(clock.now_ns(), simulate.tokens);
                    Some(answer.map_err(|refusal| throttled(provider.name(), &refusal))?)
                }
            };
            let plan = simulate.plan(&call.name, &call.id, call.arguments.as_str());
            let runtime = &clock.runtime;
            runtime.sleep_until(runtime.now().saturating_add(plan.latency)).await;
            if plan.fails {
                return Err(ToolError::failed("the simulated tool failed, as `fail` asks it to"));
            }
            Ok(format!("{} answered after {:.1?}", call.name, plan.latency))
        }
    })
}

fn provider(policy: &ProviderPolicy) -> Provider {
    let quotas = policy.rates.iter().map(|rate| Quota {
        unit: match rate.unit {
            policy::Unit::Requests => Unit::Requests,
            // A simulated provider has no budget of input or output apart.
            policy::Unit::Tokens | policy::Unit::InputTokens | policy::Unit::OutputTokens => {
                Unit::Tokens
            }
        },
        amount: rate.amount,
        period_ns: u64::try_from(rate.period.as_nanos()).unwrap_or(u64::MAX),
        kind: match rate.kind {
            RateKind::Sliding { .. } => Kind::Sliding,
            RateKind::Bucket { burst } => Kind::Bucket { burst },
            RateKind::Calendar { ref zone } => {
                // The policy gives providers no zone in which clocks are changed.
                let offset_seconds = zone.offset_seconds().unwrap_or(0);
                Kind::Calendar { offset_ns: i64::from(offset_seconds) * 1_000_000_000 }
            }
        },
    });
    Provider::new(policy.name.clone(), quotas.collect(), policy.concurrency)
}

impl Clock {
    fn new(runtime: &Arc<dyn Runtime>) -> Clock {
        let since = runtime.wall_clock().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let wall_ns = u64::try_from(since.as_nanos()).unwrap_or(u64::MAX);
        Clock {
            offset_ns: wall_ns.saturating_sub(runtime.now().as_nanos()),
            runtime: runtime.clone(),
        }
    }

    pub(crate) fn now_ns(&self) -> u64 {
        self.offset_ns.saturating_add(self.runtime.now().as_nanos())
    }
}
