//! Looks one level into JSON and leaves the rest as raw text.
//!
//! `serde_json` walks over a raw value without recursing and without decoding its strings. So
//! neither deep nesting nor a lone surrogate in one part can make another part unreadable.

use std::fmt;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The fields asked for, of one object.
pub(super) struct Fields<'a, const N: usize> {
    /// The value of each key, in the order of the keys; the last where a key stands twice.
    pub(super) values: [Option<&'a RawValue>; N],
    /// The first of the keys that stands twice.
    pub(super) twice: Option<&'static str>,
}

/// Reads those fields of an object; `None` where the value is not an object.
pub(super) fn fields<'a, const N: usize>(
    object: &'a RawValue,
    keys: [&'static str; N],
) -> Option<Fields<'a, N>> {
    serde_json::Deserializer::from_str(object.get()).deserialize_map(Keys(keys)).ok()
}

/// The elements of an array; `None` where the value is not an array.
pub(super) fn elements(array: &RawValue) -> Option<Vec<&RawValue>> {
    serde_json::from_str(array.get()).ok()
}

/// The decoded text; `None` where the value is not a string, or one that Unicode cannot hold.
pub(super) fn string(value: &RawValue) -> Option<String> {
    serde_json::from_str(value.get()).ok()
}

/// What kind of value it is, for an error to name.
pub(super) fn kind(value: &RawValue) -> &'static str {
    match value.get().as_bytes().first() {
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b'"') => "a string",
        Some(b'n') => "null",
        Some(b't' | b'f') => "a boolean",
        _ => "a number",
    }
}

/// The value, unless it is absent or `null`.
pub(super) fn some(value: Option<&RawValue>) -> Option<&RawValue> {
    value.filter(|value| value.get() != "null")
}

struct Keys<const N: usize>([&'static str; N]);

impl<'de, const N: usize> Visitor<'de> for Keys<N> {
    type Value = Fields<'de, N>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = Fields { values: [None; N], twice: None };
        while let Some((key, value)) = map.next_entry::<&RawValue, &RawValue>()? {
            if let Some(at) = self.0.iter().position(|wanted| is(key, wanted))
                && found.values[at].replace(value).is_some()
            {
                found.twice = found.twice.or(Some(self.0[at]));
            }
        }
        Ok(found)
    }
}

/// Whether a raw key spells `wanted`, be it with escapes.
fn is(key: &RawValue, wanted: &str) -> bool {
    let quoted = key.get();
    if quoted.contains('\\') {
        return string(key).is_some_and(|key| key == wanted);
    }
    quoted.get(1..quoted.len() - 1) == Some(wanted)
}
