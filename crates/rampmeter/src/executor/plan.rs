//! What a turn would do: which of its calls would wait for which, and over what.

use std::fmt;

use rampmeter_core::{KeyAccess, Over, Wait, conflicts};

use super::report::CallError;
use super::resolve::ResolvedCall;
use super::runnable::{Policies, TurnCalls, prepared, turn_calls, uses};
use super::{Executor, TurnRequest};
use crate::format::Arguments;
use crate::policy::{DrawPolicy, Key};

/// What [`Executor::run_turn`] would do with a turn, as far as the turn and the policy tell.
#[derive(Clone, PartialEq, Debug)]
pub struct TurnPlan {
    /// One for each call, in the model's order.
    pub calls: Vec<PlannedCall>,
}

/// What would become of one call.
#[derive(Clone, PartialEq, Debug)]
pub struct PlannedCall {
    /// The id that the model gave it.
    pub id: String,
    /// The name that the model called.
    pub name: String,
    /// What the tool would be given, unless it is malformed.
    pub arguments: Option<Arguments>,
    /// What it reads and writes.
    pub keys: Vec<Key>,
    /// The limits that it draws on; it may wait for those as well.
    pub draws: Vec<DrawPolicy>,
    /// The earlier calls of the turn that must end before it is asked for, in their order; none if
    /// it is asked for at once. Or the error that it becomes, without being asked for.
    pub after: Result<Vec<After>, CallError>,
}

/// An earlier call of the turn that must end first. It is shown as `#2 (writes file:/a, which #2
/// reads)`, its place counted from 1.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct After {
    /// Its place in the turn, from 0.
    pub call: usize,
    /// All that stands between the two and does not follow from other waits; at least one.
    pub because: Vec<Because>,
}

/// Why a call waits for an earlier one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Because {
    /// Both use this key, and one of them writes it.
    Key {
        /// Its name.
        key: String,
        /// How the earlier one uses it.
        earlier: KeyAccess,
        /// How the later one does.
        later: KeyAccess,
    },
    /// Both are calls of this tool, and one of them writes and does not name what.
    Tool {
        /// Its name.
        tool: String,
        /// Exclusive if that is so of the earlier one.
        earlier: KeyAccess,
        /// Exclusive if that is so of the later one.
        later: KeyAccess,
    },
}

impl Executor {
    /// Tells what [`Executor::run_turn`] would do with a turn. Nothing is run, nothing is asked of
    /// the gate, and no event is told. What waits for a limit at the time, and what the gate would
    /// refuse, is not known here.
    ///
    /// ```
    /// # use rampmeter::{Executor, Gate, Policy, Registry, Tool, TurnRequest};
    /// # let text = r#"
    /// #     [tools.read]
    /// #     reads = ["file:{path}"]
    /// #     [tools.edit]
    /// #     writes = ["file:{path}"]
    /// # "#;
    /// # let policy = Policy::parse("rampmeter.toml", text)?;
    /// # let mut registry = Registry::new();
    /// # for name in ["read", "edit"] {
    /// #     registry.add(Tool::raw(name, "", serde_json::json!({}), |_| async { Ok(String::new()) }))?;
    /// # }
    /// # let executor = Executor::new(Gate::new(&policy)?, registry, policy);
    /// # let message = r#"{"role": "assistant", "tool_calls": [
    /// #     {"id": "a", "type": "function", "function": {"name": "read", "arguments": "{\"path\": \"/a\"}"}},
    /// #     {"id": "b", "type": "function", "function": {"name": "edit", "arguments": "{\"path\": \"/a\"}"}},
    /// #     {"id": "c", "type": "function", "function": {"name": "edit", "arguments": "{\"path\": \"/b\"}"}}]}"#;
    /// // A model reads `/a`, edits `/a` and edits `/b`; the policy says that each call reads or
    /// // writes `file:{path}`.
    /// let plan = executor.plan(&TurnRequest::new(executor.resolve(message)?));
    /// let after = |call: usize| plan.calls[call].after.as_ref().unwrap();
    /// assert!(after(0).is_empty() && after(2).is_empty());
    /// assert_eq!(after(1)[0].to_string(), "#1 (writes file:/a, which #1 reads)");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn plan(&self, request: &TurnRequest) -> TurnPlan {
        let calls = &request.turn.calls;
        let mut planned: Vec<PlannedCall> = calls.iter().map(|call| self.planned(call)).collect();
        let mut runnable = Vec::with_capacity(calls.len());
        let mut policies = Policies::new(self);
        for (index, call) in calls.iter().enumerate() {
            match prepared(index, call, policies.of(&call.asked.name)) {
                Ok(call) => runnable.push(call),
                Err(error) => planned[index].after = Err(error),
            }
        }
        let TurnCalls { calls: turn, tools } = turn_calls(self, &runnable);
        for (at, waits) in conflicts(&turn).iter().enumerate() {
            let because = |wait: &Wait| match wait.over {
                Over::Key(number) => {
                    let stand_ins = turn[at].stand_ins.iter().flat_map(|it| &it.keys);
                    let mut keys = turn[at].keys.iter().chain(stand_ins);
                    let place = keys.position(|(key, _)| *key == number);
                    let mut used = uses(self, &runnable[at]).into_iter().flat_map(|it| it.keys);
                    let key = place.and_then(|place| used.nth(place));
                    let key = key.map(|(key, _)| key).unwrap_or_default();
                    Because::Key { key, earlier: wait.earlier, later: wait.later }
                }
                Over::Tool(number) => {
                    let tool = tools[number as usize].to_owned();
                    Because::Tool { tool, earlier: wait.earlier, later: wait.later }
                }
            };
            let after = waits.chunk_by(|a, b| a.on == b.on).map(|waits| After {
                call: runnable[waits[0].on].index,
                because: waits.iter().map(because).collect(),
            });
            let after = after.collect();
            let index = runnable[at].index;
            planned[index].keys = std::mem::take(&mut runnable[at].keys);
            planned[index].after = Ok(after);
        }
        TurnPlan { calls: planned }
    }

    fn planned(&self, call: &ResolvedCall) -> PlannedCall {
        let tool = self.policy.tool(&call.asked.name);
        PlannedCall {
            id: call.asked.id.clone(),
            name: call.asked.name.clone(),
            arguments: call.asked.arguments.clone().ok(),
            keys: Vec::new(),
            draws: tool.map(|tool| tool.draws.clone()).unwrap_or_default(),
            after: Ok(Vec::new()),
        }
    }
}

impl fmt::Display for After {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use KeyAccess::{Exclusive, Shared};
        let number = self.call + 1;
        write!(f, "#{number} (")?;
        for (at, because) in self.because.iter().enumerate() {
            f.write_str(if at == 0 { "" } else { "; " })?;
            match because {
                Because::Key { key, earlier, later } => {
                    let does = |access: &KeyAccess| match access {
                        Shared => "reads",
                        Exclusive => "writes",
                    };
                    write!(f, "{} {key}, which #{number} {}", does(later), does(earlier))?;
                }
                Because::Tool { tool, earlier: Exclusive, later: Exclusive } => {
                    write!(f, "calls of {tool} write and do not name what")?;
                }
                Because::Tool { tool, earlier: Exclusive, .. } => {
                    write!(f, "a call of {tool}, too, which writes and does not name what")?;
                }
                Because::Tool { tool, .. } => {
                    write!(f, "a call of {tool}, too; writes and does not name what")?;
                }
            }
        }
        f.write_str(")")
    }
}
