//! Which of a turn's calls can be asked for, and what is known of each before it is.

use std::sync::Arc;
use std::time::Duration;

use rampmeter_core::{Access as CoreAccess, Reason, TurnCall};

use super::report::{CallError, CallResult};
use super::{Executor, TurnRequest};
use crate::event::{CallInfo, EventKind};
use crate::format::Arguments;
use crate::policy::{Access, Key, ToolPolicy};
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
    // A policy may have thousands of patterns, and a turn hundreds of calls of one tool.
    let mut last: Option<(&str, Option<&ToolPolicy>)> = None;
    for (index, (call, result)) in request.turn.calls.iter().zip(results).enumerate() {
        let name = call.asked.name.as_str();
        let policy = match last {
            Some((known, policy)) if known == name => policy,
            _ => executor.policy.tool(name),
        };
        last = Some((name, policy));
        let error = match (&call.asked.arguments, &call.tool) {
            (Ok(arguments), Ok(tool)) => match keys(name, policy, arguments) {
                Ok(keys) => {
                    let own = || priority(request, policy).into();
                    result.priority = Some(inherited.clone().unwrap_or_else(own));
                    let id = call.asked.id.as_str();
                    runnable.push(Runnable { index, id, name, arguments, tool, policy, keys });
                    continue;
                }
                Err(refusal) => CallError::Refused(*refusal),
            },
            (Err(malformed), _) => CallError::Malformed(malformed.clone()),
            (_, Err(unknown)) => CallError::Unknown(unknown.clone()),
        };
        result.output = Err(error);
        note_unrunnable(executor, request, result, policy);
    }
    runnable
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
    let declared = policy.and_then(|tool| tool.access);
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
pub(super) fn turn_calls(executor: &Executor, runnable: &[Runnable<'_>]) -> Vec<TurnCall> {
    let mut names: Vec<&str> = runnable.iter().map(|call| call.name).collect();
    names.sort_unstable();
    names.dedup();
    let calls = runnable.iter().map(|call| TurnCall {
        tool: u32::try_from(names.binary_search(&call.name).unwrap_or(0)).unwrap_or(u32::MAX),
        access: match access(executor, call.policy, call.tool) {
            Access::Read => CoreAccess::Read,
            Access::Write => CoreAccess::Write,
        },
        attempts: 1,
        fallbacks: 0,
    });
    calls.collect()
}
