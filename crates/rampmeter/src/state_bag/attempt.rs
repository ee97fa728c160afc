//! One attempt of a call, from its first write to its end.

use std::sync::Arc;

use serde_json::Value;

use super::error::BagError;
use super::writer::BagWriter;

/// Dropped before it succeeds, which is so for a call that fails, panics or is given up, it
/// withdraws what the call has put to merged keys: it counts once, however often it is tried.
pub(crate) struct Attempt {
    writer: BagWriter,
    output: Option<Arc<str>>,
    succeeded: bool,
}

impl BagWriter {
    /// An attempt that begins. `output` is the key that the tool itself gives its result.
    pub(crate) fn attempt(&self, output: Option<&Arc<str>>) -> Attempt {
        let output = self.output().or(output).cloned();
        Attempt { writer: self.clone(), output, succeeded: false }
    }
}

impl Attempt {
    /// The call has answered: its output goes to its key, as JSON if it is JSON and as text if not.
    ///
    /// # Errors
    /// The output cannot be written, so the call has failed.
    pub(crate) fn succeed(mut self, text: &str) -> Result<(), BagError> {
        if let Some(key) = &self.output {
            let value = serde_json::from_str(text).unwrap_or_else(|_| Value::from(text));
            self.writer.set(key, value)?;
        }
        self.succeeded = true;
        Ok(())
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        self.writer.end(self.succeeded);
    }
}
