//! From the text to the calls: find them, read each by itself, compare them.

use serde_json::value::RawValue;

use super::call::{Draft, Place, settle};
use super::fields::{Fields, fields, string};
use super::find::find;
use super::{Format, Message, ParseError, ParseLimits, anthropic, openai};

pub(super) fn parse(text: &str, limits: &ParseLimits) -> Result<Message, ParseError> {
    let whole: &RawValue =
        serde_json::from_str(text).map_err(|error| ParseError::syntax(text, &error))?;
    let found = find(text, whole)?;
    let reader = match found.format {
        Format::OpenAiChat => openai::read,
        Format::Anthropic => anthropic::read,
    };
    let drafts = found.calls.into_iter().enumerate().map(|(index, (at, raw))| {
        let place = Place { list: found.list, at };
        if index < limits.max_calls {
            reader(raw, place, limits)
        } else {
            surplus(raw, place, limits)
        }
    });
    Ok(Message { format: found.format, calls: settle(drafts.collect()) })
}

/// A call past the limit: its id and name are still read, for it gets a reply like any other.
fn surplus(raw: &RawValue, place: Place, limits: &ParseLimits) -> Draft {
    let mut draft = Draft::new(place);
    let max = limits.max_calls;
    draft.defect(format_args!("is past the limit of {max} calls a message; ask for fewer at once"));
    if let Some(Fields { values: [id, name, function], .. }) =
        fields(raw, ["id", "name", "function"])
    {
        let inner = function.and_then(|function| fields(function, ["name"]));
        let name = inner.and_then(|inner| inner.values[0]).or(name);
        draft.id = id.and_then(string).filter(|id| !id.is_empty());
        draft.name = name.and_then(string).unwrap_or_default();
    }
    draft
}
