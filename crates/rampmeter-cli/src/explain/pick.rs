//! Which call is meant.

use super::fold::Run;

/// Calls that are listed when it is not clear.
const LISTED: usize = 8;

/// The calls that `asked` names: an id, a turn's number and an id (`3:call_7`), or a place in the
/// order in which calls were asked for, from 1 (`#12`). Several only if they are attempts of one.
pub(super) fn pick(run: &Run, asked: &str) -> Result<Vec<usize>, String> {
    if let Some(nth) = asked.strip_prefix('#').and_then(|nth| nth.parse::<usize>().ok()) {
        let all = run.calls.len();
        return match nth.checked_sub(1).filter(|at| *at < all) {
            Some(at) => Ok(vec![at]),
            None => Err(format!("there is no call {asked}; the run has #1 to #{all}")),
        };
    }
    let in_turn = asked.split_once(':').and_then(|(turn, id)| Some((turn.parse().ok()?, id)));
    let with_id = |at: &usize| run.calls[*at].id == asked;
    let mut found: Vec<usize> = (0..run.calls.len()).filter(with_id).collect();
    if let (true, Some((turn, id))) = (found.is_empty(), in_turn) {
        let meant = |at: &usize| run.calls[*at].turn == Some(turn) && run.calls[*at].id == id;
        found = (0..run.calls.len()).filter(meant).collect();
    }
    let Some(first) = found.first() else {
        return Err(format!(
            "no call has the id {asked:?}; name one as ID, TURN:ID or #N, or none to see all"
        ));
    };
    if found.iter().all(|at| run.calls[*at].turn == run.calls[*first].turn) {
        return Ok(found);
    }
    let mut names: Vec<_> = found.iter().take(LISTED).map(|at| name(run, *at)).collect();
    if found.len() > LISTED {
        names.push(format!("{} more", found.len() - LISTED));
    }
    Err(format!("{} calls have the id {asked:?}; name one: {}", found.len(), names.join(", ")))
}

/// What names this call, and perhaps its other attempts.
pub(super) fn name(run: &Run, at: usize) -> String {
    let call = &run.calls[at];
    match call.turn {
        Some(turn) if !call.id.is_empty() => format!("{turn}:{}", call.id),
        _ if !call.id.is_empty() => call.id.clone(),
        _ => format!("#{}", at + 1),
    }
}
