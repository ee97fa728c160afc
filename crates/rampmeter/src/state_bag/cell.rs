//! One key: its value, or what each call has put to it.

use std::collections::BTreeMap;
use std::io;
use std::iter::once;
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::Arc;

use serde_json::Value;

use super::error::Bound;
use super::merge::Merge;
use super::writer_id::{Place, Who};

/// What a key or a value takes beside its JSON, so that very many small ones are bounded, too.
pub(super) const OVERHEAD_BYTES: u64 = 64;

/// Less than what JSON is read back with.
const MAX_DEPTH: usize = 100;

/// A key that has a value.
#[derive(Clone)]
pub(super) struct Cell {
    pub(super) content: Content,
    pub(super) version: u64,
    /// Who wrote last.
    pub(super) who: Who,
}

#[derive(Clone)]
pub(super) enum Content {
    /// What was written last, and its bytes.
    Plain(Arc<Value>, u64),
    Merged(Parts),
}

/// What calls have put to one key.
#[derive(Clone)]
pub(super) struct Parts {
    pub(super) merge: Merge,
    by_place: BTreeMap<Place, Vec<Value>>,
    /// All of them put together; `None` until somebody asks, where that cannot fail.
    whole: Option<Arc<Value>>,
    /// What all parts take as JSON, and what an own function made of them, which may be longer.
    bytes: u64,
    made: u64,
    count: u64,
}

/// How much may be added.
#[derive(Clone, Copy)]
pub(super) struct Room {
    /// What one key may take, as JSON.
    pub(super) value: u64,
    /// What is left of the bag.
    pub(super) total: u64,
}

/// Why a value was not taken.
pub(super) enum Refused {
    Bound(Bound),
    Merge(String),
}

impl Cell {
    pub(super) fn value(&mut self) -> Arc<Value> {
        match &mut self.content {
            Content::Plain(value, _) => value.clone(),
            Content::Merged(parts) => parts.whole(),
        }
    }

    /// What it takes of the bag, beside its key.
    pub(super) fn charge(&self) -> u64 {
        match &self.content {
            Content::Plain(_, bytes) => bytes + OVERHEAD_BYTES,
            Content::Merged(parts) => parts.charge(),
        }
    }
}

impl Parts {
    pub(super) fn new(merge: Merge) -> Parts {
        Parts { merge, by_place: BTreeMap::new(), whole: None, bytes: 0, made: 0, count: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_place.is_empty()
    }

    pub(super) fn charge(&self) -> u64 {
        self.bytes + self.made + self.count * OVERHEAD_BYTES
    }

    fn whole(&mut self) -> Arc<Value> {
        let (merge, by_place) = (self.merge, &self.by_place);
        let whole = self.whole.get_or_insert_with(|| {
            // Where this can fail it was done when the last part came.
            Arc::new(merge.whole(by_place.values().flatten()).unwrap_or_default())
        });
        whole.clone()
    }

    /// Puts a value to the others, or changes nothing.
    pub(super) fn add(&mut self, place: Place, value: Value, room: Room) -> Result<(), Refused> {
        let bytes = json_bytes(&value);
        let whole = match self.merge.may_fail() {
            true => Some(self.whole_with(place, &value).map_err(Refused::Merge)?),
            false => None,
        };
        let made = self.made_bytes(whole.as_ref());
        check_depth(whole.as_ref().unwrap_or(&value)).map_err(Refused::Merge)?;
        if (self.bytes + bytes).max(made) > room.value {
            return Err(Refused::Bound(Bound::ValueBytes));
        }
        if bytes + OVERHEAD_BYTES + made.saturating_sub(self.made) > room.total {
            return Err(Refused::Bound(Bound::TotalBytes));
        }
        self.by_place.entry(place).or_default().push(value);
        self.bytes += bytes;
        self.count += 1;
        self.made = made;
        self.whole = whole.map(Arc::new);
        Ok(())
    }

    fn made_bytes(&self, whole: Option<&Value>) -> u64 {
        match self.merge {
            Merge::Own(_) => whole.map_or(0, json_bytes),
            _ => 0,
        }
    }

    fn whole_with(&self, place: Place, value: &Value) -> Result<Value, String> {
        let is_last = self.by_place.last_key_value().is_none_or(|(last, _)| *last <= place);
        if is_last {
            return self.merge.step(self.whole.as_deref(), value);
        }
        let before = self.by_place.range(..=place).flat_map(|(_, values)| values);
        let after = self.by_place.range((Excluded(place), Unbounded));
        let after = after.flat_map(|(_, values)| values);
        self.merge.whole(before.chain(once(value)).chain(after))
    }

    /// Takes out what a call has put to the others. Says whether it could: it stays if the others
    /// cannot be put together without it.
    pub(super) fn withdraw(&mut self, place: Place) -> bool {
        let Some(values) = self.by_place.remove(&place) else { return true };
        let whole = match self.merge.may_fail() && !self.is_empty() {
            true => match self.merge.whole(self.by_place.values().flatten()) {
                Ok(whole) => Some(Arc::new(whole)),
                Err(_) => {
                    self.by_place.insert(place, values);
                    return false;
                }
            },
            false => None,
        };
        self.bytes -= values.iter().map(json_bytes).sum::<u64>();
        self.count -= values.len() as u64;
        self.made = self.made_bytes(whole.as_deref());
        self.whole = whole;
        true
    }
}

/// A value is not nested so deep that walking over it takes a whole stack.
pub(super) fn check_depth(value: &Value) -> Result<(), String> {
    if is_deeper(value, MAX_DEPTH) {
        return Err(format!("it would be nested more than {MAX_DEPTH} deep; flatten it"));
    }
    Ok(())
}

fn is_deeper(value: &Value, left: usize) -> bool {
    match value {
        Value::Array(_) | Value::Object(_) if left == 0 => true,
        Value::Array(values) => values.iter().any(|it| is_deeper(it, left - 1)),
        Value::Object(members) => members.values().any(|it| is_deeper(it, left - 1)),
        _ => false,
    }
}

/// How long a value is as JSON.
pub(super) fn json_bytes(value: &Value) -> u64 {
    struct Count(u64);
    impl io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len() as u64;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    // Counting cannot fail, and the keys of an object are strings.
    let _ = serde_json::to_writer(&mut count, value);
    count.0
}
