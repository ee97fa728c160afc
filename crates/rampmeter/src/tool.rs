//! Tools: async functions with a name, typed arguments and their JSON Schema.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::call::names;
use crate::format::{Arguments, ArgumentsError};
use crate::policy::Access;
use crate::report::Report;
use crate::runtime::BoxFuture;
use crate::state_bag::{BagError, BagWriter};
use crate::work::Work;

/// A tool that a model may call. Clones share the function.
///
/// ```
/// use rampmeter::{Access, Tool, ToolError};
///
/// #[derive(serde::Deserialize, schemars::JsonSchema)]
/// struct Search {
///     /// What to look for.
///     query: String,
/// }
///
/// let tool = Tool::new("web_search", "Searches the web.", |search: Search| async move {
///     if search.query.is_empty() {
///         return Err(ToolError::failed("the query is empty"));
///     }
///     Ok(format!("nothing found for {}", search.query))
/// })
/// .access(Access::Read);
/// assert_eq!(tool.schema()["properties"]["query"]["type"], "string");
/// ```
#[derive(Clone)]
pub struct Tool {
    name: Arc<str>,
    description: Arc<str>,
    schema: Arc<Value>,
    access: Option<Access>,
    output: Option<Arc<str>>,
    idempotent: Option<bool>,
    run: Arc<Run>,
}

type Run = dyn Fn(Invocation) -> BoxFuture<Result<String, ToolError>> + Send + Sync;

/// One invocation as a raw tool sees it.
#[derive(Clone)]
pub struct Invocation {
    /// The name that the model called; of interest to a tool that stands for many names.
    pub name: Arc<str>,
    /// The id that the model gave the call.
    pub id: Arc<str>,
    /// A JSON object, unparsed.
    pub arguments: Arguments,
    /// Whom the call is for.
    pub flow: Arc<str>,
    /// The labels of its turn.
    pub labels: Arc<[(String, String)]>,
    /// How long it waited to be admitted.
    pub waited: Duration,
    /// Where it tells its limits what it took and what its server said; nothing where it runs
    /// without a gate.
    pub report: Option<Report>,
    /// What its turn's calls share, to read and to write as this call, if they share anything.
    pub state: Option<BagWriter>,
    /// For work that may go on when the call is over: a thread, a process, a spawned task.
    pub work: Work,
}

/// Why a tool did not do what was asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ToolError {
    /// An error of its own; the text is for the model.
    Failed(String),
    /// What it called had no room for it: 429, 503.
    Overloaded {
        /// For the model.
        message: String,
        /// When the server said to come back.
        retry_after: Option<Duration>,
        /// Whether it may have done something all the same: not when it was turned away before it
        /// ran (429), perhaps when a server broke off (503).
        may_have_run: bool,
    },
    /// What it called did not answer in time, and may have done what was asked all the same; the text
    /// is for the model.
    NoAnswer(String),
    /// The arguments are not what the tool takes.
    Arguments(ArgumentsError),
    /// What the calls share could not be read or written as it wanted.
    State(BagError),
}

impl Tool {
    /// A tool whose arguments are of type `A` and whose answer is serialised; a string is passed
    /// on as it is. By default nothing is known of what it writes; see [`Tool::access`].
    pub fn new<A, T, F, Fut>(name: &str, description: &str, run: F) -> Tool
    where
        A: DeserializeOwned + JsonSchema,
        T: Serialize,
        F: Fn(A) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<T, ToolError>> + Send + 'static,
    {
        let schema = schemars::schema_for!(A).to_value();
        Tool::raw(name, description, schema, move |call| {
            let running = call.arguments.parse().map(&run);
            async move { content(&running.map_err(ToolError::Arguments)?.await?) }
        })
    }

    /// [`Tool::new`], for a function that also wants to know of its call: for whom it is, what the turn's
    /// calls share, where to say what it took.
    ///
    /// ```
    /// use rampmeter::{Invocation, Tool, ToolError};
    ///
    /// #[derive(serde::Deserialize, schemars::JsonSchema)]
    /// struct Note { text: String }
    ///
    /// let tool = Tool::with_call("note", "Notes it.", |note: Note, call: Invocation| async move {
    ///     let state = call.state.ok_or_else(|| ToolError::failed("the turn has no bag"))?;
    ///     state.set("note", note.text)?;
    ///     Ok("noted")
    /// });
    /// # let _ = tool;
    /// ```
    pub fn with_call<A, T, F, Fut>(name: &str, description: &str, run: F) -> Tool
    where
        A: DeserializeOwned + JsonSchema,
        T: Serialize,
        F: Fn(A, Invocation) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<T, ToolError>> + Send + 'static,
    {
        let schema = schemars::schema_for!(A).to_value();
        Tool::raw(name, description, schema, move |call| {
            let running = call.arguments.parse().map(|arguments| run(arguments, call));
            async move { content(&running.map_err(ToolError::Arguments)?.await?) }
        })
    }

    /// A tool that reads its arguments itself. A `*` in its name stands for any text; of several
    /// that fit a name, the one with the longest text before the `*` is taken.
    pub fn raw<F, Fut>(name: &str, description: &str, schema: Value, run: F) -> Tool
    where
        F: Fn(Invocation) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<String, ToolError>> + Send + 'static,
    {
        Tool {
            name: name.into(),
            description: description.into(),
            schema: Arc::new(schema),
            access: None,
            output: None,
            idempotent: None,
            run: Arc::new(move |call| Box::pin(run(call))),
        }
    }

    /// Declares what the tool does. The policy's word beats this one.
    pub fn access(mut self, access: Access) -> Tool {
        self.access = Some(access);
        self
    }

    /// Declares the key of the turn's [`StateBag`](crate::StateBag) that the results of its calls are
    /// written to when they succeed, by the merge that is declared for it. The policy's word beats
    /// this one.
    pub fn output(mut self, key: impl Into<Arc<str>>) -> Tool {
        self.output = Some(key.into());
        self
    }

    /// Declares whether a call may be done twice, as after a time-out of which nobody knows whether
    /// the work was done. The policy's word beats this one; a tool that says nothing may be if it
    /// only reads.
    pub fn idempotent(mut self, idempotent: bool) -> Tool {
        self.idempotent = Some(idempotent);
        self
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn shared_name(&self) -> &Arc<str> {
        &self.name
    }

    /// What it is for.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// The JSON Schema of its arguments.
    pub fn schema(&self) -> &Value {
        &self.schema
    }

    /// What it declared to do.
    pub fn declared_access(&self) -> Option<Access> {
        self.access
    }

    /// The key that it declared for its results.
    pub fn declared_output(&self) -> Option<&Arc<str>> {
        self.output.as_ref()
    }

    /// What it declared of being done twice.
    pub fn declared_idempotent(&self) -> Option<bool> {
        self.idempotent
    }

    /// Runs the function, with no limits at all; [`Executor`](crate::Executor) adds them. If it
    /// shares state, the writer ends with it, and the result goes to the tool's output key.
    pub fn invoke(&self, call: Invocation) -> BoxFuture<Result<String, ToolError>> {
        let Some(state) = &call.state else { return (self.run)(call) };
        let attempt = state.attempt(self.output.as_ref());
        let running = (self.run)(call);
        Box::pin(async move {
            let text = running.await?;
            attempt.succeed(&text).map_err(ToolError::State)?;
            Ok(text)
        })
    }
}

pub(crate) fn content(answer: &impl Serialize) -> Result<String, ToolError> {
    let value = serde_json::to_value(answer)
        .map_err(|error| ToolError::failed(format!("its answer cannot be written: {error}")))?;
    Ok(match value {
        Value::String(text) => text,
        other => other.to_string(),
    })
}

impl ToolError {
    /// An error of the tool's own.
    pub fn failed(message: impl fmt::Display) -> ToolError {
        ToolError::Failed(message.to_string())
    }
}

impl fmt::Display for ToolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ToolError::Failed(message) | ToolError::NoAnswer(message) => f.write_str(message),
            ToolError::Overloaded { message, retry_after, .. } => {
                write_overloaded(f, message, *retry_after)
            }
            ToolError::Arguments(error) => write!(f, "{error}"),
            ToolError::State(error) => write!(f, "{error}"),
        }
    }
}

/// What found no room, and when to come back.
pub(crate) fn write_overloaded(
    f: &mut fmt::Formatter<'_>,
    message: &str,
    retry_after: Option<Duration>,
) -> fmt::Result {
    match retry_after {
        None => f.write_str(message),
        Some(after) => write!(f, "{message}; try again in {after:.1?}"),
    }
}

impl std::error::Error for ToolError {}

impl From<BagError> for ToolError {
    fn from(error: BagError) -> ToolError {
        ToolError::State(error)
    }
}

impl fmt::Debug for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tool").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The values of labels may be secret; they are not shown.
impl fmt::Debug for Invocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Invocation { name, id, arguments, flow, labels, .. } = self;
        f.debug_struct("Invocation")
            .field("name", name)
            .field("id", id)
            .field("arguments", arguments)
            .field("flow", flow)
            .field("labels", &names(labels))
            .finish()
    }
}
