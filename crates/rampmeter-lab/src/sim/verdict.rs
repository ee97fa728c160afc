//! What a judge says.

use std::fmt;

/// The properties that are judged, by the number they go by.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Judge {
    /// 1. Nothing is admitted above a limit.
    Limits,
    /// 2. A call that is not admitted consumes nothing.
    Ledger,
    /// 3. Every call gets exactly one answer; every permit is released exactly once.
    Answers,
    /// 4. No call waits while every limit it needs has room.
    Idle,
    /// 5. Every share and every wait has a stated bound.
    Waits,
    /// 6. Nested calls never deadlock, and none is refused as deadlocked without a cycle.
    Nested,
    /// 8. An expired or cancelled call never starts.
    Late,
    /// 9. The same inputs give the same outputs, bit for bit.
    Same,
    /// 10. Bad input gets an error, and nothing else follows from it.
    Input,
}

/// What went wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Violation {
    /// Who says so.
    pub judge: Judge,
    /// What, and where.
    pub what: String,
}

pub(crate) type Verdict<T = ()> = Result<T, Box<Violation>>;

/// All is well, or `judge` says what is not.
pub(crate) fn must(holds: bool, judge: Judge, what: impl FnOnce() -> String) -> Verdict {
    if holds { Ok(()) } else { Err(wrong(judge, what())) }
}

pub(crate) fn wrong(judge: Judge, what: impl Into<String>) -> Box<Violation> {
    Box::new(Violation { judge, what: what.into() })
}

impl Judge {
    /// The number of the property.
    pub fn number(self) -> u32 {
        match self {
            Judge::Limits => 1,
            Judge::Ledger => 2,
            Judge::Answers => 3,
            Judge::Idle => 4,
            Judge::Waits => 5,
            Judge::Nested => 6,
            Judge::Late => 8,
            Judge::Same => 9,
            Judge::Input => 10,
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "property {} ({:?}): {}", self.judge.number(), self.judge, self.what)
    }
}
