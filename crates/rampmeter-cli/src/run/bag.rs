//! `--bag FILE`: what the calls of a run shared, and which call wrote what.

use rampmeter::StateBag;
use rampmeter::state_bag::WriterId;
use serde_json::{Map, Value, json};

/// All of it as one JSON object.
pub(crate) fn written(bag: &StateBag) -> Value {
    let (snapshot, journal) = (bag.snapshot(), bag.journal());
    let keys = snapshot.keys.iter().map(|(key, it)| {
        let mut told = Map::from_iter([
            ("value".to_owned(), (*it.value).clone()),
            ("version".to_owned(), json!(it.version)),
        ]);
        told.extend(writer(&it.by));
        ((**key).to_owned(), Value::Object(told))
    });
    let keys: Map<String, Value> = keys.collect();
    let entries = journal.entries().map(|it| {
        let mut told = Map::from_iter([
            ("version".to_owned(), json!(it.version)),
            ("key".to_owned(), json!(*it.key)),
            ("operation".to_owned(), json!(it.operation.as_str())),
        ]);
        told.extend(writer(&it.by));
        Value::Object(told)
    });
    let entries: Vec<Value> = entries.collect();
    json!({
        "version": snapshot.version,
        "keys": keys,
        "journal": { "dropped": journal.dropped(), "entries": entries },
    })
}

fn writer(id: &WriterId) -> [(String, Value); 4] {
    let WriterId { call, tool, turn, attempt } = id;
    [
        ("call".into(), json!(**call)),
        ("tool".into(), json!(**tool)),
        ("turn".into(), json!(turn)),
        ("attempt".into(), json!(attempt)),
    ]
}
