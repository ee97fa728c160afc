//! A script may come from another process: what it points to must be there.

use super::super::script::{FaultAt, Script};

/// Whether everything that a script points to is there.
pub(super) fn check(script: &Script) -> Result<(), String> {
    let (tools, turns) = (script.tools.len(), script.turns.len());
    let (calls, servers) = (script.calls.len(), script.servers.len());
    for tool in &script.tools {
        tool.server.map_or(Ok(()), |at| points("a tool", "server", at, servers))?;
    }
    for call in &script.calls {
        points("a call", "tool", call.tool, tools)?;
        points("a call", "turn", call.turn, turns)?;
        let others = call.parent.iter().chain(&call.children);
        others.into_iter().try_for_each(|at| points("a call", "call", *at, calls))?;
    }
    for turn in &script.turns {
        turn.calls.iter().try_for_each(|at| points("a turn", "call", *at, calls))?;
    }
    for session in &script.sessions {
        session.turns.iter().try_for_each(|at| points("a session", "turn", *at, turns))?;
    }
    script.faults.iter().try_for_each(|fault| match fault.at {
        FaultAt::Tool(at) => points("a fault", "tool", at, tools),
        FaultAt::Server(at) => points("a fault", "server", at, servers),
        FaultAt::Process => Ok(()),
    })
}

fn points(who: &str, what: &str, at: usize, of: usize) -> Result<(), String> {
    if at < of {
        return Ok(());
    }
    Err(format!("{who} of the script names the {what} {at}, and there are {of}: write it anew"))
}
