//! The result of a call, on its way back to the model.

use super::Asked;

/// The result of one call, on its way back to the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply<'a> {
    /// [`Asked::id`] of the call.
    pub id: &'a str,
    /// [`Asked::name`] of the call.
    pub name: &'a str,
    /// [`Asked::form`] of the call.
    pub form: ReplyForm,
    /// What the model is to read. OpenAI has no error mark, so an error must say so here.
    pub content: &'a str,
    /// Whether the call failed or was refused.
    pub is_error: bool,
}

/// What the reply to one call must follow in how the call was written, beyond its format.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ReplyForm {
    /// As the format usually has it.
    #[default]
    Usual,
    /// The id was a number (MCP), and the reply's must be one.
    NumberId,
    /// There was no id (Gemini), or none that could be read (MCP): the reply names none.
    NoId,
    /// It was a call of a custom tool (OpenAI Responses), which is answered by another item.
    Custom,
}

impl<'a> Reply<'a> {
    /// A reply to this call that says nothing yet.
    pub fn to(call: &'a Asked) -> Reply<'a> {
        Reply { id: &call.id, name: &call.name, form: call.form, content: "", is_error: false }
    }
}
