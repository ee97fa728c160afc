//! Which of a turn's calls can be asked for, and what is known of each before it is.

use std::sync::Arc;
use std::time::Duration;

use rampmeter_core::{Access as CoreAccess, Reason, StandIn, TurnCall};

use super::report::{CallError, CallResult};
use super::resolve::ResolvedCall;
use super::{Executor, TurnRequest};
use crate::event::{CallInfo, EventKind};
use crate::format::Arguments;
use crate::policy::{Access, Fallback, Key, ToolPolicy};
use crate::refusal::{Refusal, Retry};
use crate::tool::Tool;

/// A call that has arguments and a tool.
pub(super) struct Runnable<'a> {
    /// Its place in the turn.
    pub(super) index: usize,
    pub(super) id: &'a str,
    pub(super) name: &'a str,
    pub(super) arguments: &'a Arguments,
    pub(super) tool: &'a Tool,
    /// What the policy says of its tool.
    pub(super) policy: Option<&'a ToolPolicy>,
    pub(super) keys: Vec<Key>,
}

/// The calls that can be asked for; the others have their error at once.
pub(super) fn runnable<'a>(
    executor: &'a Executor,
    request: &'a TurnRequest,
    results: &mut [CallResult],
) -> Vec<Runnable<'a>> {
    let mut runnable = Vec::with_capacity(results.len());
    let inherited = request.parent.and_then(|parent| executor.gate.inherited_priority(parent));
    let mut policies = Policies::new(executor);
    for (index, (call, result)) in request.turn.calls.iter().zip(results).enumerate() {
        let policy = policies.of(&call.asked.name);
        match prepared(index, call, policy) {
            Ok(call) => {
                let own = || priority(request, policy).into();
                result.priority = Some(inherited.clone().unwrap_or_else(own));
                runnable.push(call);
            }
            Err(error) => {
                result.output = Err(error);
                note_unrunnable(executor, request, result, policy);
            }
        }
    }
    runnable
}

/// The call with all that is needed to ask for it, or why it cannot be asked for.
pub(super) fn prepared<'a>(
    index: usize,
    call: &'a ResolvedCall,
    policy: Option<&'a ToolPolicy>,
) -> Result<Runnable<'a>, CallError> {
    let arguments = call.asked.arguments.as_ref();
    let arguments = arguments.map_err(|malformed| CallError::Malformed(malformed.clone()))?;
    let tool = call.tool.as_ref().map_err(|unknown| CallError::Unknown(unknown.clone()))?;
    let (id, name) = (&*call.asked.id, &*call.asked.name);
    let keys = keys(name, policy, arguments).map_err(|refusal| CallError::Refused(*refusal))?;
    Ok(Runnable { index, id, name, arguments, tool, policy, keys })
}

/// What the policy says of tools by name. It may have thousands of patterns to look through, and a
/// turn hundreds of calls of one tool.
pub(super) struct Policies<'a> {
    executor: &'a Executor,
    last: Option<(&'a str, Option<&'a ToolPolicy>)>,
}

impl<'a> Policies<'a> {
    pub(super) fn new(executor: &'a Executor) -> Policies<'a> {
        Policies { executor, last: None }
    }

    pub(super) fn of(&mut self, name: &'a str) -> Option<&'a ToolPolicy> {
        let executor = self.executor;
        let known = self.last.filter(|(known, _)| *known == name);
        let (_, policy) =
            *self.last.insert(known.unwrap_or_else(|| (name, executor.policy.tool(name))));
        policy
    }
}

/// The keys that the policy's templates make of a call's arguments.
pub(super) fn keys(
    name: &str,
    policy: Option<&ToolPolicy>,
    arguments: &Arguments,
) -> Result<Vec<Key>, Box<Refusal>> {
    let keys = policy.map(|tool| tool.keys(arguments)).transpose();
    let keys = keys.map_err(|error| Refusal {
        tool: name.into(),
        reason: Reason::Unsupported,
        limit: None,
        retry: Retry::Never,
        waited: Duration::ZERO,
        detail: Some(error.to_string()),
    });
    Ok(keys.map_err(Box::new)?.unwrap_or_default())
}

/// The policy's word, else the tool's own, else what the policy says of undeclared tools.
pub(super) fn access(executor: &Executor, policy: Option<&ToolPolicy>, tool: &Tool) -> Access {
    let declared = policy.and_then(ToolPolicy::declared_access);
    declared.or(tool.declared_access()).unwrap_or(executor.policy.undeclared)
}

fn priority<'a>(request: &'a TurnRequest, policy: Option<&'a ToolPolicy>) -> &'a str {
    let declared = || policy.map(|tool| &*tool.priority);
    request.priority.as_deref().or_else(declared).unwrap_or("normal")
}

fn note_unrunnable(
    executor: &Executor,
    request: &TurnRequest,
    result: &CallResult,
    policy: Option<&ToolPolicy>,
) {
    let of_tool = policy.map(|tool| tool.priority.as_str());
    let info = Arc::new(CallInfo {
        tool: result.name.as_str().into(),
        flow: request.flow.as_str().into(),
        priority: request.priority.as_deref().or(of_tool).unwrap_or_default().into(),
        id: result.id.as_str().into(),
        turn: request.number,
        attempt: 1,
    });
    executor.gate.note(EventKind::Invoked, info.clone(), None);
    match &result.output {
        Err(CallError::Refused(refusal)) => {
            executor.gate.note(EventKind::Refused, info, Some(refusal.reason));
        }
        _ => executor.gate.note(EventKind::Failed, info, None),
    }
}

/// What the turn machine needs to know: what each call touches, and what may follow when it fails.
pub(super) struct TurnCalls<'a> {
    pub(super) calls: Vec<TurnCall>,
    /// Tools by their numbers.
    pub(super) tools: Vec<&'a str>,
}

pub(super) fn turn_calls<'a>(executor: &'a Executor, runnable: &[Runnable<'a>]) -> TurnCalls<'a> {
    let used: Vec<Vec<Use<'a>>> = runnable.iter().map(|call| uses(executor, call)).collect();
    let all = || used.iter().flatten();
    let tools = sorted(all().map(|it| it.tool));
    let keys = sorted(all().flat_map(|it| &it.keys).map(|(key, _)| key.as_str()));
    let numbers = |used: &Use<'_>| {
        let keys = used.keys.iter().map(|(key, access)| (number(&keys, key), *access));
        (number(&tools, used.tool), used.access, keys.collect())
    };
    let calls = runnable.iter().zip(&used).map(|(call, used)| {
        let mut uses = used.iter().map(numbers);
        let (tool, access, keys) = uses.next().unwrap_or((0, CoreAccess::Write, Vec::new()));
        let stand_ins = uses.map(|(tool, access, keys)| StandIn { tool, access, keys }).collect();
        TurnCall {
            tool,
            access,
            keys,
            attempts: call.policy.and_then(|tool| tool.retry.as_ref()).map_or(1, |it| it.attempts),
            fallbacks: call
                .policy
                .map_or(0, |tool| u32::try_from(tool.fallback.len()).unwrap_or(u32::MAX)),
            stand_ins,
        }
    });
    TurnCalls { calls: calls.collect(), tools }
}

/// What a call does by one tool.
pub(super) struct Use<'a> {
    tool: &'a str,
    access: CoreAccess,
    pub(super) keys: Vec<Key>,
}

/// What a call does by its tool, and then by those that may stand in for it. One that is not there
/// or whose keys cannot be filled is never run.
pub(super) fn uses<'a>(executor: &'a Executor, call: &Runnable<'a>) -> Vec<Use<'a>> {
    let does = |policy, tool| match access(executor, policy, tool) {
        Access::Read => CoreAccess::Read,
        Access::Write => CoreAccess::Write,
    };
    let access = does(call.policy, call.tool);
    let own = Use { tool: call.name, access, keys: call.keys.clone() };
    let fallbacks = call.policy.map_or(&[][..], |tool| &tool.fallback);
    let stand_ins = fallbacks.iter().filter_map(|fallback| match fallback {
        Fallback::Tool(name) => {
            let (policy, tool) = (executor.policy.tool(name), executor.registry.find(name).ok()?);
            let keys = keys(name, policy, call.arguments).ok()?;
            Some(Use { tool: name, access: does(policy, tool), keys })
        }
        Fallback::Cache { .. } | Fallback::Value(_) => None,
    });
    std::iter::once(own).chain(stand_ins).collect()
}

fn sorted<'a>(words: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut words: Vec<&str> = words.collect();
    words.sort_unstable();
    words.dedup();
    words
}

/// The place of a word that is there.
fn number(words: &[&str], word: &str) -> u32 {
    u32::try_from(words.binary_search(&word).unwrap_or_default()).unwrap_or(u32::MAX)
}
