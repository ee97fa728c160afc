//! What a turn waits for: work of its calls, each piece by itself.

use super::one::{self, Done, Job};
use super::report::CallError;
use crate::interceptor::Around;
use crate::trace::{CallSpan, PartSpan};

/// A piece of work of one call.
pub(super) enum Act<'a> {
    /// Lets the interceptors have the call before it is asked for.
    Before(Around<'a>, CallSpan),
    /// Runs a tool that was admitted.
    Run(Job<'a>, PartSpan),
    /// Lets the interceptors have the result.
    After(Around<'a>, Done, CallSpan),
}

/// What came of it.
pub(super) enum Acted<'a> {
    Begun(Around<'a>, Option<Result<String, CallError>>),
    Ran(Done),
    Concluded(Done),
}

/// Does it.
pub(super) async fn act(at: usize, act: Act<'_>) -> (usize, Acted<'_>) {
    let acted = match act {
        Act::Before(mut around, span) => {
            let end = span.around(around.before()).await;
            Acted::Begun(around, end)
        }
        Act::Run(job, span) => Acted::Ran(span.around(one::run(job)).await),
        Act::After(around, mut done, span) => {
            done.output = span.around(around.after(done.output)).await;
            Acted::Concluded(done)
        }
    };
    (at, acted)
}
