//! Code of others that panics: what it said, and futures that are given up without a word.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

/// A tool's or a hook's future. A panic in what is dropped with it is its own call's: its siblings
/// are not taken along, and of several that panic none ends the process.
pub(crate) struct Quiet<'a, T>(pub(crate) Option<Pin<Box<dyn Future<Output = T> + Send + 'a>>>);

impl<T> Future for Quiet<'_, T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        match &mut self.0 {
            Some(running) => running.as_mut().poll(context),
            None => Poll::Pending,
        }
    }
}

impl<T> Drop for Quiet<'_, T> {
    fn drop(&mut self) {
        let running = self.0.take();
        // What the call has come to is known without it.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(running)));
    }
}

/// What a panic said.
pub(crate) fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("it did not say why").to_owned()
}
