//! What a turn waits for: work of its calls, each piece by itself.

use super::flight::{Common, follow};
use super::one::{self, Done, Job};
use super::report::CallError;
use crate::cache::{Follower, Landed};
use crate::interceptor::Around;
use crate::runtime::BoxFuture;
use crate::trace::{CallSpan, PartSpan};

/// A piece of work of one call.
pub(super) enum Act<'a> {
    /// Lets the interceptors have the call before it is asked for.
    Before(Box<Around<'a>>, CallSpan),
    /// Waits for the result of a call like it, until the turn's deadline.
    Follow(Follower<Common>, BoxFuture<()>),
    /// Runs a tool that was admitted.
    Run(Job<'a>, PartSpan),
    /// Lets the interceptors have the result.
    After(Box<Around<'a>>, Done, CallSpan),
}

/// What came of it.
pub(super) enum Acted<'a> {
    Begun(Box<Around<'a>>, Option<Result<String, CallError>>),
    Followed(Option<Landed<Common>>),
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
        Act::Follow(follower, until) => Acted::Followed(follow(follower, until).await),
        Act::Run(job, span) => Acted::Ran(span.around(one::run(job)).await),
        Act::After(around, mut done, span) => {
            done.output = span.around(around.after(done.output)).await;
            Acted::Concluded(done)
        }
    };
    (at, acted)
}
