//! A JSON object whose values are still text.
//!
//! It is read only as far as somebody asks: what stands elsewhere in it, however odd, does no harm,
//! and numbers keep every digit that was written.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

/// The outermost object of a text. Of a repeated key, the last one counts.
#[derive(Debug)]
pub(crate) struct Object<'a>(BTreeMap<String, &'a RawValue>);

impl<'a> Object<'a> {
    pub(crate) fn parse(text: &'a str) -> serde_json::Result<Object<'a>> {
        serde_json::from_str(text).map(Object)
    }

    /// The value at a dotted path, if it is there.
    pub(crate) fn at(&self, path: &str) -> Option<&'a RawValue> {
        let mut names = path.split('.');
        let mut value = *self.0.get(names.next()?)?;
        for name in names {
            value = *Object::parse(value.get()).ok()?.0.get(name)?;
        }
        Some(value)
    }
}
