//! A call as interceptors see it.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use crate::call::names;
use crate::format::Arguments;

/// One call of a turn, on its way to the gate and back. `before` may change its arguments and
/// labels: the gate, its limits and keys, and the tool see what is there when the last `before` is
/// done. The order of a turn's calls is that of what the model wrote.
pub struct CallContext {
    /// A JSON object, unparsed.
    pub arguments: Arguments,
    /// Names and values; some may be secret.
    pub labels: Vec<(String, String)>,
    pub(crate) tool: Arc<str>,
    pub(crate) id: Arc<str>,
    pub(crate) flow: Arc<str>,
    pub(crate) priority: Arc<str>,
    pub(crate) turn: Option<u64>,
    pub(crate) kept: Kept,
}

/// What interceptors keep with a call.
#[derive(Default)]
pub(crate) struct Kept(Vec<Box<dyn Any + Send + Sync>>);

impl CallContext {
    /// The tool's name, as the model wrote it.
    pub fn tool(&self) -> &str {
        &self.tool
    }

    /// The id that the model gave the call.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whom it is for.
    pub fn flow(&self) -> &str {
        &self.flow
    }

    /// The name of its priority.
    pub fn priority(&self) -> &str {
        &self.priority
    }

    /// The number of its turn, if that has one.
    pub fn turn(&self) -> Option<u64> {
        self.turn
    }

    /// The value of a label.
    pub fn label(&self, name: &str) -> Option<&str> {
        self.labels.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Keeps a value with the call, from `before` to its end; one of each type, the last one.
    pub fn keep<T: Any + Send + Sync>(&mut self, value: T) {
        self.kept.0.retain(|kept| !kept.is::<T>());
        self.kept.0.push(Box::new(value));
    }

    /// The value of this type that was kept with it.
    pub fn kept<T: Any + Send + Sync>(&self) -> Option<&T> {
        self.kept.0.iter().find_map(|kept| kept.downcast_ref())
    }
}

/// The values of labels may be secret; they are not shown.
impl fmt::Debug for CallContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CallContext { arguments, labels, tool, id, flow, priority, turn, kept: _ } = self;
        f.debug_struct("CallContext")
            .field("tool", tool)
            .field("id", id)
            .field("flow", flow)
            .field("priority", priority)
            .field("turn", turn)
            .field("arguments", arguments)
            .field("labels", &names(labels))
            .finish_non_exhaustive()
    }
}
