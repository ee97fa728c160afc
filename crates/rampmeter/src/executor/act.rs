//! What a turn waits for: work of its calls, each piece by itself.

use super::one::{self, Done, Job};

/// A piece of work of one call.
pub(super) enum Act<'a> {
    /// Runs a tool that was admitted.
    Run(Job<'a>),
}

/// What came of it.
pub(super) enum Acted {
    Ran(Done),
}

/// Does it.
pub(super) async fn act(at: usize, act: Act<'_>) -> (usize, Acted) {
    let acted = match act {
        Act::Run(job) => Acted::Ran(one::run(job).await),
    };
    (at, acted)
}
