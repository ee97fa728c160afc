//! One stay inside a tool.

use std::fmt;
use std::sync::{Arc, Mutex};

use super::super::record::RunEnd;
use super::tracker::Tracker;
use super::{Trouble, locked};

/// As long as it lives, a call is inside a tool. Dropped without a word on how it ended, it was cut
/// short.
pub struct Stay {
    tracker: Arc<Tracker>,
    call: usize,
    run: Option<usize>,
    attempt: u32,
    nth: u64,
    ends: Mutex<Option<RunEnd>>,
    held: Mutex<Held>,
}

/// Memory, by count and, where it is real, in fact.
#[derive(Default)]
struct Held {
    bytes: u64,
    #[allow(dead_code, reason = "it is held, not read")]
    real: Vec<u8>,
}

const PAGE: usize = 4096;

impl Stay {
    pub(super) fn new(
        tracker: Arc<Tracker>,
        call: usize,
        run: Option<usize>,
        attempt: u32,
        nth: u64,
    ) -> Stay {
        let (ends, held) = (Mutex::default(), Mutex::default());
        Stay { tracker, call, run, attempt, nth, ends, held }
    }

    /// Which run of its call it is, from 1.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Which run of its tool it is, from 0.
    pub fn nth(&self) -> u64 {
        self.nth
    }

    /// Holds so many bytes until its end; really, if they are to be `real`.
    pub fn holds(&self, bytes: u64, real: bool) {
        if bytes == 0 {
            return;
        }
        self.tracker.holds(bytes, 0);
        let mut held = locked(&self.held);
        held.bytes += bytes;
        if real {
            let length = usize::try_from(bytes).unwrap_or(usize::MAX);
            held.real = vec![0; length];
            // Only a page that was written to is memory.
            held.real.iter_mut().step_by(PAGE).for_each(|byte| *byte = 1);
        }
    }

    /// How it ended, in the tool's own words.
    pub fn ends(&self, done: Result<(), Trouble>) {
        *locked(&self.ends) = Some(match done {
            Ok(()) => RunEnd::Done,
            Err(Trouble::Failed) => RunEnd::Failed,
            Err(Trouble::Throttled { .. }) => RunEnd::Throttled,
        });
    }
}

impl Drop for Stay {
    fn drop(&mut self) {
        let held = std::mem::take(&mut *locked(&self.held));
        self.tracker.holds(0, held.bytes);
        drop(held);
        let end = *locked(&self.ends);
        self.tracker.leaves(self.call, self.run, end);
    }
}

impl fmt::Debug for Stay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stay")
            .field("call", &self.call)
            .field("run", &self.run)
            .finish_non_exhaustive()
    }
}
