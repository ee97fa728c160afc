//! What becomes of one key that several calls write.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::Value;

use super::number;

/// What becomes of one key that several calls write. All but `Error` keep what each call has
/// written and put it together in the model's order: by turn, then by the call's place in it, then
/// in the order in which the call wrote. So the result does not depend on who is done first.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Merge {
    /// A call that writes over what another one wrote must have read it: otherwise its write is
    /// an error.
    #[default]
    Error,
    /// What the first call in the model's order wrote.
    First,
    /// What the last call in the model's order wrote.
    Last,
    /// A list of all that was written.
    Append,
    /// The sum of all that was written.
    Sum,
    /// A function of one's own.
    Own(OwnMerge),
}

/// A function that puts a value to what there is so far, which is `None` for the first. It says no
/// with a text, which becomes the error of the call that wrote.
///
/// A plain function, called under the bag's lock: it can hold no bag and keep no state, so the same
/// writes always come to the same.
#[derive(Clone, Copy)]
pub struct OwnMerge(fn(Option<&Value>, &Value) -> Result<Value, String>);

impl Merge {
    /// A function of one's own.
    pub fn own(merge: fn(Option<&Value>, &Value) -> Result<Value, String>) -> Merge {
        Merge::Own(OwnMerge(merge))
    }

    /// The word for it in a policy; that of an own function is `own`.
    pub fn word(self) -> &'static str {
        match self {
            Merge::Error => "error",
            Merge::First => "first",
            Merge::Last => "last",
            Merge::Append => "append",
            Merge::Sum => "sum",
            Merge::Own(_) => "own",
        }
    }

    /// Whether a write can turn out to be wrong only when it is put to the others.
    pub(super) fn may_fail(self) -> bool {
        matches!(self, Merge::Sum | Merge::Own(_))
    }

    /// All values, which there is one of at least, put together.
    pub(super) fn whole<'a>(
        self,
        values: impl DoubleEndedIterator<Item = &'a Value>,
    ) -> Result<Value, String> {
        let mut values = values;
        match self {
            Merge::First => Ok(values.next().cloned().unwrap_or_default()),
            Merge::Error | Merge::Last => Ok(values.next_back().cloned().unwrap_or_default()),
            Merge::Append => Ok(Value::Array(values.cloned().collect())),
            Merge::Sum | Merge::Own(_) => {
                let mut so_far = None;
                for value in values {
                    so_far = Some(self.step(so_far.as_ref(), value)?);
                }
                Ok(so_far.unwrap_or_default())
            }
        }
    }

    /// A value put to those before it, where the merge may fail.
    pub(super) fn step(self, so_far: Option<&Value>, value: &Value) -> Result<Value, String> {
        match self {
            Merge::Own(OwnMerge(merge)) => {
                // Also called while a call is taken down, where a panic would end the process.
                let merged = catch_unwind(AssertUnwindSafe(|| merge(so_far, value)));
                merged.unwrap_or_else(|_| Err("the merge's own function panicked".into()))
            }
            _ => number::sum(so_far, value).map(Value::Number),
        }
    }
}

/// By address: two functions that do the same may or may not be told apart.
impl PartialEq for OwnMerge {
    fn eq(&self, other: &OwnMerge) -> bool {
        std::ptr::fn_addr_eq(self.0, other.0)
    }
}

impl Eq for OwnMerge {}

impl fmt::Debug for OwnMerge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OwnMerge")
    }
}
