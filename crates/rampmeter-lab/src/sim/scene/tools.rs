//! Tools, by how long their calls take.

use super::super::rng::{Rng, whole};

/// How long calls of a tool take.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Service {
    Constant(u64),
    /// Short, or once in so many calls long.
    Mixed {
        short: u64,
        long: u64,
        once_in: u64,
    },
    /// Pareto with this shape: heavy in its tail.
    Pareto {
        least: u64,
        shape: f64,
    },
    /// Exponential.
    About(u64),
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Tool {
    pub(crate) service: Service,
    /// No call takes longer, unless it hangs.
    pub(crate) longest: u64,
    /// After so long a call that hangs is ended.
    pub(crate) timeout: Option<u64>,
    /// Calls in a hundred that do not end well.
    pub(crate) fails: u64,
}

impl Tool {
    pub(crate) fn takes(&self, rng: &mut Rng) -> u64 {
        let nanos = match self.service {
            Service::Constant(nanos) => nanos,
            Service::Mixed { short, long, once_in } => {
                if rng.once_in(once_in) {
                    long
                } else {
                    short
                }
            }
            Service::Pareto { least, shape } => {
                whole(least as f64 / (1.0 - rng.unit()).powf(1.0 / shape))
            }
            Service::About(mean) => rng.about(mean),
        };
        nanos.min(self.longest)
    }
}

pub(super) fn tools(rng: &mut Rng, pace: u64) -> Vec<Tool> {
    (0..rng.range(1, 5)).map(|_| tool(rng, pace)).collect()
}

fn tool(rng: &mut Rng, pace: u64) -> Tool {
    let pace = rng.scale(pace / 4 + 1, pace * 4);
    let service = match rng.below(8) {
        0 => Service::Constant(0),
        1 | 2 => Service::Constant(pace),
        3 | 4 => Service::Mixed { short: pace / 4, long: pace * 8, once_in: rng.range(2, 20) },
        5 => Service::Pareto { least: pace / 3, shape: 1.3 },
        _ => Service::About(pace),
    };
    Tool {
        service,
        longest: pace * 40,
        timeout: rng.percent(50).then_some(pace * 60),
        fails: rng.pick(&[0, 0, 5, 50]),
    }
}
