//! The turn: which of a model answer's calls to ask for next, and what to do when one has failed.
//!
//! A second, small sans-IO machine beside the engine. A call is asked for when the earlier ones
//! that it conflicts with have ended; the rest go side by side (`conflict.rs`). A runtime does what
//! [`Turn::next`] says and reports each end; results come back in the model's order because each
//! call has its place.
//!
//! A call has two ends. It is *decided* when its result is known, and *released* when its work is
//! over, which after a time-out may be later; what conflicts with it waits for the second.

mod conflict;

use alloc::collections::BinaryHeap;
use alloc::vec::Vec;
use core::cmp::Reverse;

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
    /// How often it may be asked for in all, at least once.
    pub attempts: u32,
    /// What can be tried when that has failed.
    pub fallbacks: u32,
    /// What it reads and writes, by numbers that are equal for equal keys of the turn.
    pub keys: Vec<(u32, KeyAccess)>,
    /// The tools that may stand in for its own. What they use is used by the call, too.
    pub stand_ins: Vec<StandIn>,
}

/// A tool that may stand in for a call's own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StandIn {
    /// Which, as [`TurnCall::tool`] has it.
    pub tool: u32,
    /// What it does, as [`TurnCall::access`] has it.
    pub access: Access,
    /// What it reads and writes.
    pub keys: Vec<(u32, KeyAccess)>,
}

/// What to do next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// Ask for this call now.
    Ask {
        /// Its place.
        call: usize,
        /// 1 for the first time.
        attempt: u32,
    },
    /// Try what stands in for this call.
    FallBack {
        /// Its place.
        call: usize,
        /// Which of its fallbacks, from 0.
        fallback: u32,
    },
    /// This call is not asked for any more: the turn's deadline has come. It ends as any other.
    GiveUp(usize),
}

/// How an attempt or a fallback ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// With the call's result.
    Final,
    /// It failed, and its call may be asked for once more, at this moment.
    /// [`Turn::may_retry`] has said so.
    Again(Instant),
    /// It failed, and another attempt is of no use or not allowed.
    Failed,
}

/// The state of one turn.
#[derive(Clone, Debug)]
pub struct Turn {
    calls: Vec<CallState>,
    /// For each call, the later calls that wait for it.
    followers: Vec<Vec<usize>>,
    /// What is to be done at once, the last one first.
    ready: Vec<usize>,
    /// When to ask again.
    again: BinaryHeap<Reverse<(Instant, usize)>>,
    undecided: usize,
    /// How many wait for others.
    held: usize,
    /// After the deadline: all calls before this one are asked for or ended.
    given_up: usize,
    deadline: Instant,
}

#[derive(Clone, Copy, Debug)]
struct CallState {
    phase: Phase,
    /// How many must be released before it may be asked for.
    waits_for: u32,
    /// How often it has been asked for.
    asked: u32,
    attempts: u32,
    /// How many of its fallbacks have been tried.
    fallen_back: u32,
    fallbacks: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// Others must be released first.
    Held,
    /// It is to be asked for, now or later.
    Due,
    /// A fallback is to be tried.
    Falling,
    /// The runtime has it.
    Out,
    /// Its result is known.
    Decided,
    Released,
}

impl Turn {
    /// The turn that asks for `calls`, in this order, until `deadline`.
    pub fn new(calls: &[TurnCall], deadline: Instant) -> Turn {
        let (waits_for, followers) = conflict::order(calls);
        let state = |(call, waits_for): (&TurnCall, &u32)| CallState {
            phase: if *waits_for == 0 { Phase::Due } else { Phase::Held },
            waits_for: *waits_for,
            asked: 0,
            attempts: call.attempts,
            fallen_back: 0,
            fallbacks: call.fallbacks,
        };
        let states: Vec<CallState> = calls.iter().zip(&waits_for).map(state).collect();
        let is_due = |call: &usize| states[*call].phase == Phase::Due;
        let ready = (0..calls.len()).rev().filter(is_due).collect();
        Turn {
            followers,
            ready,
            again: BinaryHeap::new(),
            undecided: calls.len(),
            held: states.iter().filter(|state| state.phase == Phase::Held).count(),
            given_up: 0,
            deadline,
            calls: states,
        }
    }

    /// The next thing to do at `now`, if there is one before another call ends or
    /// [`Turn::next_moment`] comes.
    pub fn next(&mut self, now: Instant) -> Option<Step> {
        while self.again.peek().is_some_and(|Reverse((at, _))| *at <= now) {
            self.ready.extend(self.again.pop().map(|Reverse((_, call))| call));
        }
        while let Some(call) = self.ready.pop() {
            let state = &mut self.calls[call];
            match state.phase {
                Phase::Falling => {
                    state.phase = Phase::Out;
                    state.fallen_back += 1;
                    return Some(Step::FallBack { call, fallback: state.fallen_back - 1 });
                }
                Phase::Due if now < self.deadline => {
                    state.phase = Phase::Out;
                    state.asked += 1;
                    return Some(Step::Ask { call, attempt: state.asked });
                }
                // At the deadline they are found one by one.
                _ => {}
            }
        }
        if now < self.deadline {
            return None;
        }
        let is_left = |state: &CallState| matches!(state.phase, Phase::Held | Phase::Due);
        let left = self.calls.get(self.given_up..)?.iter().position(is_left)?;
        let call = self.given_up + left;
        self.given_up = call + 1;
        self.held -= usize::from(self.calls[call].phase == Phase::Held);
        self.calls[call].phase = Phase::Out;
        Some(Step::GiveUp(call))
    }

    /// When time alone gives something to do: the next attempt that is put off, or the deadline if
    /// something has not been asked for.
    pub fn next_moment(&self) -> Instant {
        let again = self.again.peek().map(|Reverse((at, _))| *at);
        let held = (self.held > 0).then_some(self.deadline);
        again.into_iter().chain(held).min().unwrap_or(Instant::NEVER)
    }

    /// Whether a call that has just failed may be asked for again at `at`: not more often than it
    /// may, and not at the deadline or later.
    pub fn may_retry(&self, call: usize, at: Instant) -> bool {
        let state = self.calls.get(call);
        let left = |state: &CallState| state.asked < state.attempts && state.fallen_back == 0;
        at < self.deadline
            && state
                .is_some_and(|state| state.phase == Phase::Out && state.asked > 0 && left(state))
    }

    /// An attempt or a fallback has ended. Says whether the call's result is now known; it is
    /// then [`released`](Turn::released) as soon as its work is over.
    pub fn ended(&mut self, call: usize, end: End) -> bool {
        let Some(state) = self.calls.get_mut(call).filter(|state| state.phase == Phase::Out) else {
            return false;
        };
        match end {
            End::Again(at) if state.asked < state.attempts && at < self.deadline => {
                state.phase = Phase::Due;
                self.again.push(Reverse((at, call)));
                false
            }
            End::Again(_) | End::Failed if state.fallen_back < state.fallbacks => {
                state.phase = Phase::Falling;
                self.ready.push(call);
                false
            }
            _ => {
                state.phase = Phase::Decided;
                self.undecided -= 1;
                true
            }
        }
    }

    /// The work of a call whose result is known is over: what conflicts with it may be asked for.
    pub fn released(&mut self, call: usize) {
        match self.calls.get_mut(call) {
            Some(state) if state.phase == Phase::Decided => state.phase = Phase::Released,
            _ => return,
        }
        let followers = core::mem::take(&mut self.followers[call]);
        for follower in followers.into_iter().rev() {
            let state = &mut self.calls[follower];
            state.waits_for -= 1;
            if state.waits_for == 0 && state.phase == Phase::Held {
                state.phase = Phase::Due;
                self.held -= 1;
                self.ready.push(follower);
            }
        }
    }

    /// How often a call has been asked for.
    pub fn attempts(&self, call: usize) -> u32 {
        self.calls.get(call).map_or(0, |state| state.asked)
    }

    /// Whether every call has its result.
    pub fn is_done(&self) -> bool {
        self.undecided == 0
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
                attempts: 1,
                fallbacks: 0,
                keys: Vec::new(),
                stand_ins: Vec::new(),
            })
            .collect()
    }

    fn drain(turn: &mut Turn) -> Vec<usize> {
        core::iter::from_fn(|| match turn.next(Instant::EPOCH) {
            Some(Step::Ask { call, .. }) => Some(call),
            _ => None,
        })
        .collect()
    }

    fn finish(turn: &mut Turn, call: usize) {
        assert!(turn.ended(call, End::Final));
        turn.released(call);
    }

    fn ms(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    #[test]
    fn reads_go_side_by_side_and_writes_of_one_tool_keep_their_place() {
        let mut turn = Turn::new(&calls("abAaaB"), Instant::NEVER);
        assert_eq!(drain(&mut turn), [0, 1]);
        finish(&mut turn, 0);
        assert_eq!(drain(&mut turn), [2], "the write waits for the read before it");
        finish(&mut turn, 1);
        assert_eq!(drain(&mut turn), [5], "another tool's write waits only for its own");
        finish(&mut turn, 2);
        assert_eq!(drain(&mut turn), [3, 4], "both reads wait only for the write");
        for call in [3, 4, 5] {
            finish(&mut turn, call);
        }
        assert!(turn.is_done());
    }

    #[test]
    fn at_the_deadline_what_was_not_asked_for_is_given_up_and_nothing_else() {
        let mut turn = Turn::new(&calls("AAA"), ms(5));
        assert_eq!(turn.next(Instant::EPOCH), Some(Step::Ask { call: 0, attempt: 1 }));
        assert_eq!((turn.next(ms(4)), turn.next_moment()), (None, ms(5)));
        for call in [1, 2] {
            assert_eq!(turn.next(ms(5)), Some(Step::GiveUp(call)));
            assert!(turn.ended(call, End::Failed));
        }
        assert_eq!(turn.next(ms(5)), None);
        assert!(!turn.is_done());
        finish(&mut turn, 0);
        assert!(!turn.ended(0, End::Final) && !turn.ended(9, End::Final));
        assert!(turn.is_done());
    }

    #[test]
    fn what_conflicts_waits_until_the_work_is_over_not_until_its_result_is_known() {
        let mut turn = Turn::new(&calls("AA"), ms(5));
        assert_eq!(drain(&mut turn), [0]);
        assert!(turn.ended(0, End::Failed));
        assert_eq!(drain(&mut turn), []);
        turn.released(0);
        turn.released(0);
        assert_eq!(drain(&mut turn), [1]);
    }

    #[test]
    fn a_call_is_asked_for_again_when_its_time_has_come_and_holds_its_place_until_then() {
        let mut spec = calls("AA");
        spec[0].attempts = 3;
        let mut turn = Turn::new(&spec, ms(100));
        assert!(!turn.may_retry(0, ms(1)), "it was never asked for");
        assert_eq!(drain(&mut turn), [0]);
        assert!(turn.may_retry(0, ms(99)) && !turn.may_retry(0, ms(100)));
        assert!(!turn.ended(0, End::Again(ms(20))));
        assert_eq!((turn.next(ms(19)), turn.next_moment()), (None, ms(20)));
        assert_eq!(turn.next(ms(20)), Some(Step::Ask { call: 0, attempt: 2 }));
        assert!(!turn.ended(0, End::Again(ms(30))));
        assert_eq!(turn.next(ms(30)), Some(Step::Ask { call: 0, attempt: 3 }));
        assert!(!turn.may_retry(0, ms(31)));
        assert!(turn.ended(0, End::Again(ms(31))), "three attempts, no more");
        turn.released(0);
        assert_eq!(turn.next(ms(31)), Some(Step::Ask { call: 1, attempt: 1 }));
    }

    #[test]
    fn fallbacks_are_tried_in_order_also_after_the_deadline_and_never_retried() {
        let mut spec = calls("aA");
        (spec[0].attempts, spec[0].fallbacks) = (9, 2);
        spec[1].fallbacks = 1;
        let mut turn = Turn::new(&spec, ms(10));
        assert_eq!(drain(&mut turn), [0]);
        assert!(!turn.ended(0, End::Failed));
        assert_eq!(turn.next(ms(3)), Some(Step::FallBack { call: 0, fallback: 0 }));
        assert!(!turn.may_retry(0, ms(4)));
        assert!(!turn.ended(0, End::Failed));
        assert_eq!(turn.next(ms(10)), Some(Step::FallBack { call: 0, fallback: 1 }));
        assert_eq!(turn.next(ms(10)), Some(Step::GiveUp(1)));
        assert!(!turn.ended(1, End::Failed));
        assert_eq!(turn.next(ms(11)), Some(Step::FallBack { call: 1, fallback: 0 }));
        assert!(turn.ended(1, End::Final) && turn.ended(0, End::Failed));
        assert!(turn.is_done());
    }

    #[test]
    fn an_attempt_that_is_put_off_is_given_up_at_the_deadline_once() {
        let mut spec = calls("a");
        spec[0].attempts = 2;
        let mut turn = Turn::new(&spec, ms(10));
        assert_eq!(drain(&mut turn), [0]);
        assert!(!turn.ended(0, End::Again(ms(9))));
        assert_eq!(turn.next(ms(10)), Some(Step::GiveUp(0)));
        assert_eq!((turn.next(ms(10)), turn.next(ms(11))), (None, None));
        assert!(turn.ended(0, End::Failed) && turn.is_done());
    }
}
