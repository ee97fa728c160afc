//! Pressure: whether a gate has more to do than it gets done, and why.

mod level;
mod memory;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub(crate) use level::Steady;
pub use memory::{MemoryMeter, ProcessMemory};

/// How hard pressed a gate is, and by what. It never refuses anything itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pressure {
    /// The level, which stays for at least the policy's `dwell`.
    pub level: PressureLevel,
    /// For how long that has been the level.
    pub lasts: Duration,
    /// What presses now, the worst first; nothing if it has just passed.
    pub causes: Vec<PressureCause>,
    /// How long the call has waited that has waited longest, if any waits.
    pub oldest: Option<Duration>,
    /// Bytes of memory in use, as last measured; `None` where the policy does not watch it.
    pub memory: Option<u64>,
}

/// How hard pressed a gate is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub enum PressureLevel {
    /// It takes more work.
    #[default]
    Normal,
    /// A queue is filled; who can should wait before asking for more.
    Elevated,
    /// A queue is nearly full, or no calls are admitted for want of memory.
    Severe,
}

/// What presses a gate.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PressureCause {
    /// So much memory is in use that no calls are admitted.
    Memory {
        /// Bytes in use.
        bytes: u64,
        /// Bytes from which on none are.
        stop: u64,
    },
    /// The queue that is filled most.
    Queue {
        /// Whose it is.
        limit: Arc<str>,
        /// Calls that wait.
        waiting: u32,
        /// Calls that may.
        size: u32,
    },
}

impl PressureLevel {
    /// The level as one word for files and tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            PressureLevel::Normal => "normal",
            PressureLevel::Elevated => "elevated",
            PressureLevel::Severe => "severe",
        }
    }
}

impl fmt::Display for PressureLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Pressure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pressure is {} since {:.1?}", self.level, self.lasts)?;
        self.causes.iter().try_for_each(|cause| write!(f, "; {cause}"))
    }
}

impl fmt::Display for PressureCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PressureCause::Memory { bytes, stop } => {
                write!(f, "{bytes} bytes of memory are in use, and calls stop at {stop}")
            }
            PressureCause::Queue { limit, waiting, size } => {
                write!(f, "{waiting} calls of {size} wait for limit {limit}")
            }
        }
    }
}
