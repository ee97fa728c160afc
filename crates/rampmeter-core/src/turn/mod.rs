//! The turn: which of a model answer's calls to ask for next.
//!
//! A second, small sans-IO machine beside the engine. A call is asked for when the earlier ones
//! that it conflicts with have ended; the rest go side by side (`conflict.rs`). A runtime does what
//! [`Turn::next`] says and reports each end; results come back in the model's order because each
//! call has its place.

mod conflict;

use alloc::vec::Vec;

pub use conflict::{Over, Wait, conflicts};

use crate::call::KeyAccess;
use crate::time::Instant;

/// What a call does to the world, as its tool declares it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Access {
    /// It changes nothing.
    Read,
    /// It may change something.
    Write,
}

/// One call of a turn.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TurnCall {
    /// Equal for calls of the same tool.
    pub tool: u32,
    /// What it does. One that writes and names no key that it writes may write anything its tool
    /// writes, and is kept apart from the turn's other calls of that tool.
    pub access: Access,
    /// What it reads and writes, by numbers that are equal for equal keys of the turn.
    pub keys: Vec<(u32, KeyAccess)>,
}

/// What to do next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// Ask for this call now.
    Ask(usize),
    /// This call will not be asked for: the turn's deadline has come.
    GiveUp(usize),
}

/// The state of one turn.
#[derive(Clone, Debug)]
pub struct Turn {
    /// For each call, how many must end before it may be asked for.
    waits_for: Vec<u32>,
    /// For each call, the later calls that wait for it.
    followers: Vec<Vec<usize>>,
    ready: Vec<usize>,
    states: Vec<State>,
    open: usize,
    /// After the deadline: all calls before this one are asked for or ended.
    given_up: usize,
    deadline: Instant,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Held,
    Asked,
    Ended,
}

impl Turn {
    /// The turn that asks for `calls`, in this order, until `deadline`.
    pub fn new(calls: &[TurnCall], deadline: Instant) -> Turn {
        let (waits_for, followers) = conflict::order(calls);
        let free = |index: &usize| waits_for[*index] == 0;
        let ready: Vec<usize> = (0..calls.len()).rev().filter(free).collect();
        let states = calls.iter().map(|_| State::Held).collect();
        Turn { waits_for, followers, ready, states, open: calls.len(), given_up: 0, deadline }
    }

    /// The next thing to do at `now`, if there is one before another call ends.
    pub fn next(&mut self, now: Instant) -> Option<Step> {
        if now >= self.deadline {
            let rest = self.states.get(self.given_up..)?;
            let held = self.given_up + rest.iter().position(|state| *state == State::Held)?;
            self.given_up = held + 1;
            self.ready.clear();
            self.states[held] = State::Ended;
            self.open -= 1;
            return Some(Step::GiveUp(held));
        }
        let call = self.ready.pop()?;
        self.states[call] = State::Asked;
        Some(Step::Ask(call))
    }

    /// A call that was asked for has its result. Says whether it was one.
    pub fn ended(&mut self, call: usize) -> bool {
        if self.states.get(call) != Some(&State::Asked) {
            return false;
        }
        self.states[call] = State::Ended;
        self.open -= 1;
        let followers = core::mem::take(&mut self.followers[call]);
        for follower in followers.into_iter().rev() {
            self.waits_for[follower] -= 1;
            if self.waits_for[follower] == 0 && self.states[follower] == State::Held {
                self.ready.push(follower);
            }
        }
        true
    }

    /// Whether every call has its result.
    pub fn is_done(&self) -> bool {
        self.open == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calls(spec: &str) -> Vec<TurnCall> {
        // "a" reads with tool a, "A" writes with tool a.
        spec.bytes()
            .map(|byte| TurnCall {
                tool: u32::from(byte.to_ascii_lowercase()),
                access: if byte.is_ascii_uppercase() { Access::Write } else { Access::Read },
                keys: Vec::new(),
            })
            .collect()
    }

    fn drain(turn: &mut Turn) -> Vec<usize> {
        core::iter::from_fn(|| match turn.next(Instant::EPOCH) {
            Some(Step::Ask(call)) => Some(call),
            _ => None,
        })
        .collect()
    }

    #[test]
    fn reads_go_side_by_side_and_writes_of_one_tool_keep_their_place() {
        let mut turn = Turn::new(&calls("abAaaB"), Instant::NEVER);
        assert_eq!(drain(&mut turn), [0, 1]);
        assert!(turn.ended(0));
        assert_eq!(drain(&mut turn), [2], "the write waits for the read before it");
        assert!(turn.ended(1));
        assert_eq!(drain(&mut turn), [5], "another tool's write waits only for its own");
        assert!(turn.ended(2));
        assert_eq!(drain(&mut turn), [3, 4], "both reads wait only for the write");
        for call in [3, 4, 5] {
            assert!(turn.ended(call));
        }
        assert!(turn.is_done());
    }

    #[test]
    fn at_the_deadline_what_was_not_asked_for_is_given_up_and_nothing_else() {
        let mut turn = Turn::new(&calls("AAA"), Instant::from_millis(5));
        assert_eq!(turn.next(Instant::EPOCH), Some(Step::Ask(0)));
        assert_eq!(turn.next(Instant::from_millis(5)), Some(Step::GiveUp(1)));
        assert_eq!(turn.next(Instant::from_millis(5)), Some(Step::GiveUp(2)));
        assert_eq!(turn.next(Instant::from_millis(5)), None);
        assert!(!turn.is_done());
        assert!(turn.ended(0) && !turn.ended(0) && !turn.ended(9));
        assert!(turn.is_done());
    }
}
