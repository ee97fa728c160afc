//! The gate and the turn machine, under the scenario's policy.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::FutureExt;
use futures_util::stream::{self, StreamExt};
use rampmeter::format::Format;
use rampmeter::state_bag::BagRules;
use rampmeter::{
    Executor, Gate, Invocation, MemoryMeter, Policy, ProcessMemory, Registry, StateBag,
    StreamOptions, Tool, ToolError, TurnReport, TurnRequest,
};
use serde_json::json;

use super::super::record::Status;
use super::super::regime::Clock;
use super::super::tools::{Tracker, Trouble, Wanted};
use super::hook::{self, Hook};
use super::process::Process;
use super::stage::{Stage, add};

/// A gate and what runs turns through it.
pub(super) struct Gated {
    gate: Gate,
    executor: Executor,
    rules: BagRules,
    /// The labels that limits are per. A script says no more of a call than its flow: that fills all.
    labels: BTreeSet<String>,
}

/// The memory that tools hold, where that is only counted.
struct Counted(Arc<Tracker>);

impl MemoryMeter for Counted {
    fn bytes(&self) -> Option<u64> {
        Some(self.0.held())
    }
}

impl Gated {
    /// A new gate, in a process.
    pub(super) fn new(
        stage: &Arc<Stage>,
        process: &Arc<Process>,
        policy: &Policy,
        clock: Clock,
    ) -> Result<Gated, String> {
        let meter: Arc<dyn MemoryMeter> = match clock {
            Clock::Virtual => Arc::new(Counted(stage.tracker.clone())),
            Clock::Real => Arc::new(ProcessMemory),
        };
        let gate = Gate::with_meter(policy, process.clone(), meter);
        let gate = gate.map_err(|error| error.to_string())?;
        if let Some(kept) = &stage.kept {
            kept.resumes(&gate)?;
        }
        let mut registry = Registry::new();
        for tool in &stage.script.tools {
            let stage = stage.clone();
            let tool = Tool::raw(&tool.name, "", json!({"type": "object"}), move |call| {
                invoked(stage.clone(), call)
            });
            registry.add(tool).map_err(|error| error.to_string())?;
        }
        let hook = Hook { tracker: stage.tracker.clone(), process: process.clone() };
        let executor = Executor::new(gate.clone(), registry, policy.clone()).intercept(hook);
        let labels = policy.limits.iter().filter_map(|limit| limit.per.clone()).collect();
        Ok(Gated { gate, executor, rules: BagRules::of(policy), labels })
    }

    /// Runs so many of a turn's calls.
    pub(super) async fn turn(&self, stage: &Arc<Stage>, turn: usize, calls: &[usize]) {
        if !stage.script.turns[turn].sequence {
            return self.run(stage, turn, calls).await;
        }
        for call in calls {
            stage.tracker.asked(*call);
            self.run(stage, turn, &[*call]).await;
        }
    }

    /// Runs turns as fast as their calls are admitted.
    pub(super) async fn pull(&self, stage: &Arc<Stage>, turns: &[usize]) {
        let open = turns.iter().map(|turn| (*turn, stage.unanswered(*turn)));
        let source = open.filter(|(_, calls)| !calls.is_empty()).filter_map(|(turn, calls)| {
            calls.iter().for_each(|call| stage.tracker.asked(*call));
            self.request(stage, turn, &calls)
        });
        let mut reports = self.executor.stream(stream::iter(source), StreamOptions::default());
        while let Some(report) = reports.next().await {
            self.settle(stage, &report);
        }
    }

    async fn run(&self, stage: &Arc<Stage>, turn: usize, calls: &[usize]) {
        if calls.is_empty() {
            return;
        }
        if let Some(request) = self.request(stage, turn, calls) {
            let report = self.executor.run_turn(request).await;
            self.settle(stage, &report);
        }
    }

    /// What a model would have written to ask for these calls, and for whom it is.
    fn request(&self, stage: &Stage, turn: usize, calls: &[usize]) -> Option<TurnRequest> {
        let script = &stage.script;
        let asked = calls.iter().map(|call| {
            let of = &script.calls[*call];
            let (name, arguments) = (&script.tools[of.tool].name, &of.arguments);
            let function = json!({ "name": name, "arguments": arguments });
            json!({ "id": call.to_string(), "type": "function", "function": function })
        });
        let asked: Vec<_> = asked.collect();
        let answer = json!({ "role": "assistant", "content": null, "tool_calls": asked });
        let resolved = self.executor.resolve_as(&answer.to_string(), Some(Format::OpenAiChat));
        let bag = StateBag::new(self.rules.clone());
        let (resolved, bag) = match (resolved, bag) {
            (Ok(resolved), Ok(bag)) => (resolved, bag),
            (Err(error), _) => {
                stage.breaks(error.to_string());
                return None;
            }
            (_, Err(error)) => {
                stage.breaks(error.to_string());
                return None;
            }
        };
        let of = &script.turns[turn];
        let request = TurnRequest::new(resolved)
            .flow(of.flow.as_str())
            .priority(of.priority.as_str())
            .number(turn as u64)
            .state(&bag);
        let labelled = |request: TurnRequest, name: &String| request.label(name, of.flow.as_str());
        let request = self.labels.iter().fold(request, labelled);
        Some(match stage.time_left(turn) {
            Some(left) => request.deadline(Duration::from_nanos(left)),
            None => request,
        })
    }

    /// What each call came to.
    fn settle(&self, stage: &Stage, report: &TurnReport) {
        for result in &report.results {
            let Ok(call) = result.id.parse() else { continue };
            let status = match (&result.output, &result.degraded) {
                (Ok(_), None) => Status::Succeeded,
                (Ok(_), Some(_)) => Status::Degraded,
                (Err(error), _) => hook::status(error),
            };
            stage.tracker.settled(call, status);
        }
    }

    /// The gate.
    pub(super) fn gate(&self) -> &Gate {
        &self.gate
    }

    /// What the gate has counted.
    pub(super) fn tells(
        &self,
        peaks: &mut BTreeMap<String, u64>,
        events: &mut BTreeMap<String, u64>,
    ) {
        for limit in self.gate.snapshot().limits {
            let peak = limit.peaks.iter().copied().max().unwrap_or(0);
            let before = peaks.entry(limit.name).or_default();
            *before = peak.max(*before);
        }
        for (kind, count) in self.gate.counters().iter() {
            add(events, kind.as_str(), count);
        }
    }
}

/// A tool is run: it does its work, and asks for the calls that it makes.
async fn invoked(stage: Arc<Stage>, call: Invocation) -> Result<String, ToolError> {
    let (Some(up), Ok(index)) = (stage.up_now(), call.id.parse::<usize>()) else {
        return Err(ToolError::failed("it was asked for by nobody known"));
    };
    let tool = stage.tools.named(&call.name);
    let tool = tool.ok_or_else(|| ToolError::failed("the scenario has no such tool"))?;
    let own = stage.script.calls[index].tool == tool;
    let calls = async {
        let Some(gated) = up.gated().filter(|_| own) else { return };
        let children = &stage.script.calls[index].children;
        children.iter().for_each(|child| stage.tracker.asked(*child));
        gated.run(&stage, stage.script.calls[index].turn, children).await;
    };
    let wanted = Wanted { call: index, tool, work: Some(call.work), report: call.report };
    let tools = stage.tools.clone();
    match tools.run(up.process.clone(), wanted, calls.boxed()).await {
        Ok(()) => Ok("done".to_owned()),
        Err(Trouble::Failed) => Err(ToolError::failed("it failed")),
        Err(Trouble::Throttled { retry_after }) => Err(ToolError::Overloaded {
            message: "too many requests".to_owned(),
            retry_after: retry_after.map(Duration::from_nanos),
            may_have_run: false,
        }),
    }
}
