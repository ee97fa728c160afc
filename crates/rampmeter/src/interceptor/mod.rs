//! Interceptors: what stands around every call of an executor, for logging, auth, metrics, redaction.

mod around;
mod context;
mod erased;

use std::fmt;
use std::future::{Future, ready};
use std::sync::Arc;

pub(crate) use around::Around;
pub use context::CallContext;
use erased::Hooks;
use rampmeter_core::Instant;

use crate::executor::CallError;
use crate::gate::Gate;

/// Stands around every call of an [`Executor`](crate::Executor): before it is asked for at the
/// gate, and after its last attempt. Each method has a default that changes nothing.
///
/// Several stand around each other like the layers of an onion: `before` runs in the order in which
/// they were added, `after` and `on_error` in the reverse order. Whoever's `before` has begun hears
/// of one end and only one: `after`, `on_error` or `cancelled`; unless it ended the call itself, by
/// an answer, a refusal or a panic. Those behind it then hear of nothing.
///
/// ```
/// use rampmeter::{Before, CallContext, CallError, Interceptor};
///
/// /// Lets only tools through that a tenant may call, and keeps its key from the model.
/// struct Auth { key: String }
///
/// impl Interceptor for Auth {
///     fn name(&self) -> &str { "auth" }
///
///     async fn before(&self, call: &mut CallContext) -> Before {
///         match (call.label("tenant"), call.tool()) {
///             (None, _) => Before::Refuse("the turn names no tenant".into()),
///             (Some("trial"), "delete") => Before::Refuse("trial tenants may not delete".into()),
///             _ => Before::Continue,
///         }
///     }
///
///     async fn after(&self, _: &CallContext, answer: String) -> Result<String, CallError> {
///         Ok(answer.replace(&self.key, "[redacted]"))
///     }
/// }
/// ```
///
/// # Panics
/// A panic of a hook is [`CallError::Interceptor`] of its own call, and of no other; one in
/// `cancelled` is caught and dropped.
///
/// # Cancel safety
/// `before`, `after` and `on_error` may be dropped at any await: when the turn is, when it is
/// stopped, and when its deadline comes, which bounds them too.
pub trait Interceptor: Send + Sync + 'static {
    /// Its name, in errors.
    fn name(&self) -> &str {
        std::any::type_name::<Self>()
    }

    /// A call comes, and holds nothing yet. It may be given other arguments and labels, or an
    /// end.
    fn before(&self, call: &mut CallContext) -> impl Future<Output = Before> + Send {
        let _ = call;
        ready(Before::Continue)
    }

    /// It has an answer: what this returns is what those outside of it, and at last the model, see.
    fn after(
        &self,
        call: &CallContext,
        answer: String,
    ) -> impl Future<Output = Result<String, CallError>> + Send {
        let _ = call;
        ready(Ok(answer))
    }

    /// It has none. The error may be changed for another, or for an answer.
    fn on_error(
        &self,
        call: &CallContext,
        error: CallError,
    ) -> impl Future<Output = Result<String, CallError>> + Send {
        let _ = call;
        ready(Err(error))
    }

    /// It was given up, and nothing will come of it. Called while it is dropped: not the place to
    /// block.
    fn cancelled(&self, call: &CallContext) {
        let _ = call;
    }
}

/// What is to be done with a call that comes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Before {
    /// It goes on.
    Continue,
    /// It has this answer; its tool is not run.
    Answer(String),
    /// No: the model is told this, and the call counts as refused.
    Refuse(String),
}

/// Those of an executor, in order.
#[derive(Clone, Default)]
pub(crate) struct Interceptors(Vec<Arc<dyn Hooks>>);

impl Interceptors {
    pub(crate) fn push(&mut self, interceptor: impl Interceptor) {
        self.0.push(Arc::new(interceptor));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them around one call. They may take until the moment `until`.
    pub(crate) fn around<'a>(
        &'a self,
        gate: &'a Gate,
        until: Instant,
        call: CallContext,
    ) -> Around<'a> {
        Around::new(&self.0, gate, until, call)
    }
}

impl fmt::Debug for Interceptors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|it| it.name())).finish()
    }
}
