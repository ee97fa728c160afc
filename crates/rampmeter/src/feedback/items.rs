//! Lists of items with parameters, as structured fields (RFC 9651) and their forerunners write them.
//!
//! Read leniently: an item that is not well formed costs only itself.

/// One member of a list.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Item<'a> {
    /// Without its quotes.
    pub(super) value: &'a str,
    parameters: Vec<(&'a str, &'a str)>,
}

impl<'a> Item<'a> {
    /// What a parameter says.
    pub(super) fn parameter(&self, name: &str) -> Option<&'a str> {
        let found = self.parameters.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| *value)
    }
}

/// The members of a list, in order; empty ones are left out.
pub(super) fn items(list: &str) -> impl Iterator<Item = Item<'_>> {
    split(list, ',').filter_map(|member| {
        let mut parts = split(member, ';');
        let value = bare(parts.next()?);
        let parameters = parts
            .filter_map(|part| part.split_once('='))
            .map(|(name, value)| (name.trim(), bare(value)))
            .collect();
        (!value.is_empty()).then_some(Item { value, parameters })
    })
}

/// Splits where a separator stands outside of quotes.
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(move |c: char| {
        let was_escaped = std::mem::take(&mut escaped);
        match c {
            '"' if !was_escaped => quoted = !quoted,
            '\\' => escaped = quoted && !was_escaped,
            _ => {}
        }
        c == separator && !quoted
    })
}

fn bare(value: &str) -> &str {
    let value = value.trim();
    let inside = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inside.unwrap_or(value)
}
