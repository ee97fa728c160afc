//! Tools that are plain functions, run on tokio's threads for such work.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::runtime::Handle;

use crate::tool::{Invocation, Tool, ToolError, content};
use crate::work::Hold;

impl Tool {
    /// A tool that is a plain function, which may block. A thread cannot be ended from outside: a
    /// function that takes long should look at [`Hold::is_cancelled`] now and then and return. One
    /// that does not goes on when its call is over, and keeps the call's slots as the policy's
    /// `grace` and `on_abandon` say; its answer is then dropped, and counted as late. Calls that it
    /// makes are nested under its own. It needs a tokio runtime to run on.
    ///
    /// ```
    /// use rampmeter::{Tool, ToolError};
    ///
    /// #[derive(serde::Deserialize, schemars::JsonSchema)]
    /// struct Sum {
    ///     up_to: u64,
    /// }
    ///
    /// let tool = Tool::blocking("sum", "Adds numbers up.", |sum: Sum, hold| {
    ///     let mut total = 0u64;
    ///     for number in 0..=sum.up_to {
    ///         if number % 1_000_000 == 0 && hold.is_cancelled() {
    ///             return Err(ToolError::failed("nobody waits for it any more"));
    ///         }
    ///         total = total.wrapping_add(number);
    ///     }
    ///     Ok(total)
    /// });
    /// # let _ = tool;
    /// ```
    pub fn blocking<A, T, F>(name: &str, description: &str, run: F) -> Tool
    where
        A: DeserializeOwned + JsonSchema + Send + 'static,
        T: Serialize,
        F: Fn(A, &Hold) -> Result<T, ToolError> + Send + Sync + 'static,
    {
        let (schema, run) = (schemars::schema_for!(A).to_value(), Arc::new(run));
        Tool::raw(name, description, schema, move |call: Invocation| {
            let run = run.clone();
            async move {
                let arguments = call.arguments.parse().map_err(ToolError::Arguments)?;
                let (hold, lineage) = (call.work.hold(), call.report.map(|it| it.lineage()));
                let work = move || {
                    // It may have waited for a thread until nobody waited for it.
                    if hold.is_cancelled() {
                        return Err(ToolError::failed("it was given up before it began"));
                    }
                    let work = || run(arguments, &hold).and_then(|answer| content(&answer));
                    let answer = match lineage {
                        Some(lineage) => lineage.run(work),
                        None => work(),
                    };
                    hold.finish();
                    answer
                };
                let Ok(runtime) = Handle::try_current() else {
                    return Err(ToolError::failed("it blocks, and so needs a tokio runtime"));
                };
                match runtime.spawn_blocking(work).await {
                    Ok(answer) => answer,
                    Err(error) => match error.try_into_panic() {
                        Ok(panic) => std::panic::resume_unwind(panic),
                        Err(error) => Err(ToolError::failed(error)),
                    },
                }
            }
        })
    }
}
