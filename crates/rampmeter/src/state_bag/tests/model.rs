//! The bag, written down as simply as it can be: lists that are sorted and folded at every look.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// What a write does.
#[derive(Clone, Debug)]
pub(super) enum Op {
    Get,
    Set(i64),
    Add(i64),
    Swap(u64, i64),
    Remove,
    Withdraw,
}

/// What is known of one key.
#[derive(Default)]
struct Key {
    /// Who wrote what, in the order of time; the last one of a key that is not merged.
    written: Vec<(usize, i64)>,
    version: u64,
    last: usize,
}

/// A bag without bounds. Writers are numbers, which are their places too.
#[derive(Default)]
pub(super) struct Model {
    keys: BTreeMap<&'static str, Key>,
    seen: BTreeMap<(usize, &'static str), u64>,
    pub(super) version: u64,
}

impl Model {
    /// Does it; `false` if it must fail.
    pub(super) fn play(&mut self, writer: usize, key: &'static str, op: &Op) -> bool {
        let is_merged = key != "plain" && key != "other";
        let present = self.keys.get(key).map(|it| (it.version, it.last));
        let seen = self.seen.get(&(writer, key)).copied();
        let knows = match present {
            Some((version, last)) => seen == Some(version) || !is_merged && last == writer,
            None => seen.is_none(),
        };
        match op {
            Op::Get => {
                match present {
                    Some((version, _)) => self.seen.insert((writer, key), version),
                    None => self.seen.remove(&(writer, key)),
                };
                return true;
            }
            Op::Remove => {
                if present.is_none() {
                    self.seen.remove(&(writer, key));
                    return true;
                }
                if !knows {
                    return false;
                }
                self.keys.remove(key);
                self.seen.remove(&(writer, key));
                self.version += 1;
                return true;
            }
            Op::Withdraw => {
                for at in ["append", "first", "last", "sum"] {
                    let Some(of) = self.keys.get_mut(at) else { continue };
                    let before = of.written.len();
                    of.written.retain(|(by, _)| *by != writer);
                    if of.written.len() < before {
                        self.version += 1;
                        (of.version, of.last) = (self.version, writer);
                    }
                    if of.written.is_empty() {
                        self.keys.remove(at);
                    }
                }
                return true;
            }
            Op::Set(_) if !is_merged && !knows => return false,
            Op::Swap(version, _) if is_merged || present.map_or(0, |it| it.0) != *version => {
                return false;
            }
            Op::Add(_) if is_merged && key != "sum" => return false,
            _ => {}
        }
        self.version += 1;
        let of = self.keys.entry(key).or_default();
        match op {
            Op::Set(value) | Op::Add(value) if is_merged => of.written.push((writer, *value)),
            Op::Add(more) => {
                let sum = of.written.first().map_or(0, |it| it.1) + more;
                of.written = vec![(writer, sum)];
            }
            Op::Set(value) | Op::Swap(_, value) => of.written = vec![(writer, *value)],
            Op::Get | Op::Remove | Op::Withdraw => {}
        }
        (of.version, of.last) = (self.version, writer);
        if !is_merged {
            self.seen.insert((writer, key), self.version);
        }
        true
    }

    pub(super) fn version_of(&self, key: &str) -> u64 {
        self.keys.get(key).map_or(0, |it| it.version)
    }

    /// All that there is.
    pub(super) fn values(&self) -> BTreeMap<&'static str, Value> {
        let value = |(key, of): (&&'static str, &Key)| {
            let mut written = of.written.clone();
            written.sort_by_key(|(by, _)| *by);
            let values: Vec<i64> = written.iter().map(|it| it.1).collect();
            let value = match *key {
                "append" => json!(values),
                "sum" => json!(values.iter().sum::<i64>()),
                "first" => json!(values[0]),
                _ => json!(values[values.len() - 1]),
            };
            (*key, value)
        };
        self.keys.iter().map(value).collect()
    }
}
