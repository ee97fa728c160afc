//! Runs of the corpus: one call at a time, and under a gate.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex};

use rampmeter::{Executor, Gate, Policy, Registry, ResolvedTurn, Tool, ToolError, TurnRequest};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::{self, Runtime};

use crate::corpus::{Turn, mixed};
use crate::files;

const TOOLS: [&str; 7] = ["cat", "grep", "append", "mkdir", "rm", "cp", "mv"];

/// How a run ended.
#[derive(Debug)]
pub(crate) struct End {
    /// What each call was told, in the order of the corpus.
    pub(crate) outputs: Vec<String>,
    pub(crate) tree: BTreeMap<String, Option<String>>,
    /// How many calls ran beside another one of their turn.
    pub(crate) beside: usize,
}

impl PartialEq for End {
    fn eq(&self, other: &End) -> bool {
        self.outputs == other.outputs && self.tree == other.tree
    }
}

/// No gate, no executor: each call is made when the one before it has ended.
pub(crate) fn one_at_a_time(turns: &[Turn]) -> End {
    let root = files::fresh();
    let runtime = runtime::Builder::new_current_thread().build().unwrap();
    let calls = turns.iter().flat_map(|turn| &turn.calls);
    let outputs = calls.map(|call| {
        let output = files::run(root.path(), call.tool, &call.arguments, 0);
        runtime.block_on(output).unwrap_or_else(|error| format!("error: {error}"))
    });
    let outputs = outputs.collect();
    End { outputs, tree: tree(root.path()), beside: 0 }
}

/// The corpus under a gate, to be run many times.
pub(crate) struct Stage {
    runtime: Runtime,
    executor: Executor,
    /// The turns of each flow.
    flows: Vec<(String, Vec<ResolvedTurn>)>,
    run: Arc<Mutex<Arc<Run>>>,
}

/// One run: its folder, and what differs in it from others.
struct Run {
    root: TempDir,
    number: u64,
    beside: Mutex<Beside>,
}

impl Run {
    fn new(number: u64) -> Arc<Run> {
        Arc::new(Run { root: files::fresh(), number, beside: Mutex::default() })
    }
}

impl Stage {
    pub(crate) fn new(policy: Policy, turns: &[Turn]) -> Stage {
        let mut runtime = runtime::Builder::new_multi_thread();
        runtime.worker_threads(3).enable_time();
        let run = Arc::new(Mutex::new(Run::new(0)));
        let gate = Gate::new(&policy).unwrap();
        let executor = Executor::new(gate, registry(&run), policy);
        let mut flows: Vec<(String, Vec<ResolvedTurn>)> = Vec::new();
        for turn in turns {
            let resolved = executor.resolve(&turn.message()).unwrap();
            match flows.last_mut() {
                Some((flow, turns)) if *flow == turn.flow => turns.push(resolved),
                _ => flows.push((turn.flow.clone(), vec![resolved])),
            }
        }
        Stage { runtime: runtime.build().unwrap(), executor, flows, run }
    }

    /// The turns of a flow one after the other, all flows at once, on several threads.
    pub(crate) fn play(&self, number: u64) -> End {
        let run = Run::new(number);
        *self.run.lock().unwrap() = run.clone();
        let outputs = self.runtime.block_on(async {
            let flows: Vec<_> = self
                .flows
                .iter()
                .map(|(flow, turns)| {
                    tokio::spawn(one_flow(self.executor.clone(), flow.clone(), turns.clone()))
                })
                .collect();
            let mut outputs = Vec::new();
            for flow in flows {
                outputs.extend(flow.await.unwrap());
            }
            outputs
        });
        let beside = run.beside.lock().unwrap().calls.len();
        End { outputs, tree: tree(run.root.path()), beside }
    }
}

async fn one_flow(executor: Executor, flow: String, turns: Vec<ResolvedTurn>) -> Vec<String> {
    let mut outputs = Vec::new();
    for turn in turns {
        let report = executor.run_turn(TurnRequest::new(turn).flow(&flow)).await;
        outputs.extend(report.results.iter().map(rampmeter::CallResult::content));
    }
    outputs
}

/// Tools whose work is a task of its own, so that calls of one turn run on several threads.
fn registry(run: &Arc<Mutex<Arc<Run>>>) -> Registry {
    let mut registry = Registry::new();
    for tool in TOOLS {
        let run = run.clone();
        let tool = Tool::raw(tool, "", json!({}), move |call| {
            let run = run.lock().unwrap().clone();
            let work = tokio::spawn(async move {
                run.beside.lock().unwrap().begins(&call.flow, &call.id);
                let arguments: Value = call.arguments.parse().unwrap();
                let yields = mixed(run.number, &call.id) % 5;
                let output = files::run(run.root.path(), tool, &arguments, yields).await;
                run.beside.lock().unwrap().ends(&call.flow, &call.id);
                output
            });
            async move { work.await.unwrap().map_err(ToolError::Failed) }
        });
        registry.add(tool).unwrap();
    }
    registry
}

/// Flows write to the journal in any order.
fn tree(root: &Path) -> BTreeMap<String, Option<String>> {
    let mut tree = files::tree(root);
    let journal = tree.get_mut("journal").unwrap().as_mut().unwrap();
    let mut lines: Vec<&str> = journal.lines().collect();
    lines.sort_unstable();
    *journal = lines.join("\n");
    tree
}

/// Which calls ran beside others of their flow, of which one turn runs at a time.
#[derive(Default)]
struct Beside {
    running: BTreeMap<Arc<str>, BTreeSet<Arc<str>>>,
    calls: BTreeSet<Arc<str>>,
}

impl Beside {
    fn begins(&mut self, flow: &Arc<str>, id: &Arc<str>) {
        let running = self.running.entry(flow.clone()).or_default();
        running.insert(id.clone());
        if running.len() > 1 {
            self.calls.extend(running.iter().cloned());
        }
    }

    fn ends(&mut self, flow: &Arc<str>, id: &Arc<str>) {
        if let Some(running) = self.running.get_mut(flow) {
            running.remove(id);
        }
    }
}
