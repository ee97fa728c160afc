//! Runs of the corpus: one call at a time, and under a gate.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex};

use rampmeter::{Executor, Gate, Policy, Registry, Tool, ToolError, TurnRequest};
use serde_json::{Value, json};
use tokio::runtime;

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

/// The turns of a flow one after the other, all flows at once, on several threads.
pub(crate) fn under(policy: &Policy, turns: &[Turn], run: u64) -> End {
    let root = files::fresh();
    let runtime = runtime::Builder::new_multi_thread().worker_threads(3).enable_time().build();
    let beside = Arc::new(Mutex::new(Beside::default()));
    let outputs = runtime.unwrap().block_on(async {
        let registry = registry(root.path(), &beside, run);
        let executor = Executor::new(Gate::new(policy).unwrap(), registry, policy.clone());
        let mut flows: Vec<(&str, Vec<String>)> = Vec::new();
        for turn in turns {
            match flows.last_mut() {
                Some((flow, messages)) if *flow == turn.flow => messages.push(turn.message()),
                _ => flows.push((&turn.flow, vec![turn.message()])),
            }
        }
        let flows = flows.into_iter().map(|(flow, messages)| {
            tokio::spawn(one_flow(executor.clone(), flow.to_owned(), messages))
        });
        let flows: Vec<_> = flows.collect();
        let mut outputs = Vec::new();
        for flow in flows {
            outputs.extend(flow.await.unwrap());
        }
        outputs
    });
    let beside = beside.lock().unwrap().calls.len();
    End { outputs, tree: tree(root.path()), beside }
}

async fn one_flow(executor: Executor, flow: String, messages: Vec<String>) -> Vec<String> {
    let mut outputs = Vec::new();
    for message in messages {
        let turn = executor.resolve(&message).unwrap();
        let report = executor.run_turn(TurnRequest::new(turn).flow(&flow)).await;
        outputs.extend(report.results.iter().map(rampmeter::CallResult::content));
    }
    outputs
}

/// Tools whose work is a task of its own, so that calls of one turn run on several threads.
fn registry(root: &Path, beside: &Arc<Mutex<Beside>>, run: u64) -> Registry {
    let mut registry = Registry::new();
    for tool in TOOLS {
        let (root, beside) = (Arc::<Path>::from(root), beside.clone());
        let tool = Tool::raw(tool, "", json!({}), move |call| {
            let (root, beside) = (root.clone(), beside.clone());
            let work = tokio::spawn(async move {
                beside.lock().unwrap().begins(&call.flow, &call.id);
                let arguments: Value = call.arguments.parse().unwrap();
                let yields = mixed(run, &call.id) % 5;
                let output = files::run(&root, tool, &arguments, yields).await;
                beside.lock().unwrap().ends(&call.flow, &call.id);
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
