//! Finds the assistant message in a text, tells its format, and lists the calls in it, unread.

mod list;
mod message;
mod object;
mod parts;

use serde_json::value::RawValue;

pub(super) use parts::Parts;

use super::call::Place;
use super::fields::kind;
use super::{Format, ParseError};

/// The calls of one message, and where each stands.
pub(super) struct Found<'a> {
    pub(super) format: Format,
    pub(super) calls: Vec<(Place, &'a RawValue)>,
}

/// Looks through `whole`, which must be a slice of `text` so that an error can tell its place.
///
/// `asked` settles what would be ambiguous, and what is plainly written in another format is an
/// error then.
pub(super) fn find<'a>(
    text: &'a str,
    whole: &'a RawValue,
    asked: Option<Format>,
) -> Result<Found<'a>, ParseError> {
    let parts = Parts { text, asked };
    let found = match whole.get().as_bytes().first() {
        Some(b'{') => object::find(&parts, whole)?,
        Some(b'[') => list::find(&parts, whole)?,
        _ => {
            let what = format!("the message is {}, not an object", kind(whole));
            return Err(parts.error(whole, &what, "pass one assistant message"));
        }
    };
    match asked {
        Some(asked) if !asked.accepts(found.format) => {
            let what = format!("the message is written as {}, not {asked}", found.format);
            Err(parts.error(whole, &what, "name its own format, or none"))
        }
        _ => Ok(found),
    }
}

impl<'a> Found<'a> {
    /// The message stood in a response of this format: without calls it says no more than that.
    pub(super) fn in_response_of(mut self, format: Format) -> Self {
        if self.calls.is_empty() {
            self.format = format;
        }
        self
    }

    /// All elements of a list are calls.
    pub(super) fn all(format: Format, list: &'static str, elements: Vec<&'a RawValue>) -> Self {
        Self::some(format, list, elements, |_| true)
    }

    /// Those elements of a list are calls that `is_call`.
    pub(super) fn some(
        format: Format,
        list: &'static str,
        elements: Vec<&'a RawValue>,
        is_call: impl Fn(&RawValue) -> bool,
    ) -> Self {
        let calls = elements.into_iter().enumerate().filter(|(_, element)| is_call(element));
        let placed = calls.map(|(at, element)| (Place::in_list(list, at), element));
        Self { format, calls: placed.collect() }
    }
}
