//! Who writes.

use std::fmt;
use std::sync::Arc;

/// Who writes: a call, or whatever else the program that has the bag calls a writer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WriterId {
    /// The call's id, as the model gave it.
    pub call: Arc<str>,
    /// The tool that it calls; empty if it is no call of a tool.
    pub tool: Arc<str>,
    /// The number of its turn, if that has one.
    pub turn: Option<u64>,
    /// Which attempt of the call it is, counted from 1.
    pub attempt: u32,
}

impl WriterId {
    /// The first attempt of a call, of no tool and in no turn.
    pub fn new(call: impl Into<Arc<str>>) -> WriterId {
        WriterId { call: call.into(), tool: "".into(), turn: None, attempt: 1 }
    }

    /// The tool.
    pub fn tool(mut self, tool: impl Into<Arc<str>>) -> Self {
        self.tool = tool.into();
        self
    }

    /// The turn's number; merges put what is written in the order of these.
    pub fn turn(mut self, number: u64) -> Self {
        self.turn = Some(number);
        self
    }
}

impl fmt::Display for WriterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "call {:?}", self.call)?;
        if !self.tool.is_empty() {
            write!(f, " of {}", self.tool)?;
        }
        if let Some(turn) = self.turn {
            write!(f, " in turn {turn}")?;
        }
        if self.attempt > 1 {
            write!(f, " (attempt {})", self.attempt)?;
        }
        Ok(())
    }
}

/// A call's place in the model's order, the same for all its attempts. Turns without a number come
/// after those that there were when they began; turns of one number in the order they began.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Place {
    pub(super) turn: u64,
    pub(super) begun: u64,
    pub(super) index: usize,
}

/// Who writes, and where that counts.
#[derive(Clone, Debug)]
pub(super) struct Who {
    pub(super) id: Arc<WriterId>,
    pub(super) place: Place,
}
