//! Interceptors as a list can hold them: `async fn` in a trait has no dynamic form of its own.

use std::future::Future;
use std::pin::Pin;

use super::{Before, CallContext, Interceptor};
use crate::executor::CallError;

pub(super) type Hook<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

pub(super) trait Hooks: Send + Sync {
    fn name(&self) -> &str;
    fn before<'a>(&'a self, call: &'a mut CallContext) -> Hook<'a, Before>;
    /// `after` or `on_error`, as the call ended.
    fn ended<'a>(
        &'a self,
        call: &'a CallContext,
        output: Result<String, CallError>,
    ) -> Hook<'a, Result<String, CallError>>;
    fn cancelled(&self, call: &CallContext);
}

impl<I: Interceptor> Hooks for I {
    fn name(&self) -> &str {
        Interceptor::name(self)
    }

    fn before<'a>(&'a self, call: &'a mut CallContext) -> Hook<'a, Before> {
        Box::pin(Interceptor::before(self, call))
    }

    fn ended<'a>(
        &'a self,
        call: &'a CallContext,
        output: Result<String, CallError>,
    ) -> Hook<'a, Result<String, CallError>> {
        match output {
            Ok(answer) => Box::pin(Interceptor::after(self, call, answer)),
            Err(error) => Box::pin(Interceptor::on_error(self, call, error)),
        }
    }

    fn cancelled(&self, call: &CallContext) {
        Interceptor::cancelled(self, call);
    }
}
