//! The parts of a message, taken apart with errors that tell their place.

use serde_json::value::RawValue;

use crate::format::error::short;
use crate::format::fields::{Fields, elements, fields, kind};
use crate::format::{Format, ParseError};

/// The text whose parts are looked at, and the format that was asked for.
pub(in crate::format) struct Parts<'a> {
    pub(super) text: &'a str,
    pub(super) asked: Option<Format>,
}

impl<'a> Parts<'a> {
    /// Those fields of an object, each at most once. `otherwise` makes the error of a part that is
    /// no object, from what it is.
    pub(in crate::format) fn fields<const N: usize>(
        &self,
        part: &'a RawValue,
        keys: [&'static str; N],
        otherwise: impl FnOnce(&str) -> ParseError,
    ) -> Result<[Option<&'a RawValue>; N], ParseError> {
        let Some(Fields { values, twice }) = fields(part, keys) else {
            return Err(otherwise(kind(part)));
        };
        match twice {
            // It is open which of the two holds the calls.
            Some(key) => {
                let what = format!("the key {key} stands twice in this object");
                Err(self.error(part, &what, "write it once"))
            }
            None => Ok(values),
        }
    }

    /// The elements of an array.
    pub(in crate::format) fn list(
        &self,
        part: &'a RawValue,
        name: &str,
        element: &str,
    ) -> Result<Vec<&'a RawValue>, ParseError> {
        elements(part).ok_or_else(|| {
            let what = format!("{name} is {}, not an array", kind(part));
            self.error(part, &what, &format!("send an array with one {element} a call"))
        })
    }

    /// The first of a response's answers.
    pub(in crate::format) fn first(
        &self,
        answers: &'a RawValue,
        name: &str,
        remedy: &str,
    ) -> Result<&'a RawValue, ParseError> {
        let first = elements(answers).and_then(|list| list.first().copied());
        first.ok_or_else(|| self.error(answers, &format!("{name} holds no answer"), remedy))
    }

    pub(in crate::format) fn not_assistant(&self, part: &RawValue) -> ParseError {
        let what = match part.get().starts_with('"') {
            true => format!("the role is {}, not \"assistant\"", short(part.get())),
            false => "there is no \"role\": \"assistant\"".to_owned(),
        };
        self.error(part, &what, "pass an assistant message or a provider's whole response")
    }

    pub(in crate::format) fn provider_error(&self, error: &RawValue) -> ParseError {
        let what = format!("the provider answered with an error: {}", short(error.get()));
        self.error(error, &what, "ask it again")
    }

    /// The message could be any of these: `ways` are formats and what speaks for them.
    pub(super) fn ambiguous(&self, part: &RawValue, ways: &[String]) -> ParseError {
        let what = format!("the message can be read as {}", ways.join(" and as "));
        self.error(part, &what, "say which format it is in")
    }

    /// An error at a part of the text: parts are slices of it, so their addresses say where.
    pub(in crate::format) fn error(&self, part: &RawValue, what: &str, remedy: &str) -> ParseError {
        let offset = part.get().as_ptr().addr().saturating_sub(self.text.as_ptr().addr());
        ParseError::at(self.text, offset, format!("{what}; {remedy}"))
    }
}
