//! A request written out again, as TOML on one line.

use serde_json::Value;

use super::super::spelling::{key, quoted};
use super::FOLLOW;
use super::types::{HttpBody, HttpPolicy};

/// The value of `http`.
pub(in crate::policy) fn written(http: &HttpPolicy) -> String {
    let HttpPolicy { method, url, headers, body, follow, usage } = http;
    let mut entries =
        vec![format!("method = {:?}", method.as_str()), format!("url = {}", quoted(url))];
    if !headers.is_empty() {
        let headers = headers.iter().map(|(name, value)| (name.as_str(), quoted(value)));
        entries.push(format!("headers = {}", table(headers)));
    }
    match body {
        None => {}
        Some(HttpBody::Json(body)) => entries.push(format!("body = {}", value(body))),
        Some(HttpBody::Text(text)) => entries.push(format!("body = {}", quoted(text))),
    }
    let word = FOLLOW.iter().find(|(_, known)| known == follow).map_or("", |(word, _)| word);
    entries.push(format!("follow = {}", quoted(word)));
    if !usage.is_empty() {
        let places = usage.iter().map(|(unit, places)| {
            let places: Vec<String> = places.iter().map(|place| quoted(place)).collect();
            let places = match places.as_slice() {
                [one] => one.clone(),
                several => format!("[{}]", several.join(", ")),
            };
            (unit.key(), places)
        });
        entries.push(format!("usage = {}", table(places)));
    }
    format!("{{ {} }}", entries.join(", "))
}

fn value(json: &Value) -> String {
    match json {
        Value::String(text) => quoted(text),
        Value::Array(list) => {
            format!("[{}]", list.iter().map(value).collect::<Vec<_>>().join(", "))
        }
        Value::Object(members) => {
            table(members.iter().map(|(name, it)| (name.as_str(), value(it))))
        }
        // No body that was read has a null: TOML has none.
        Value::Null | Value::Bool(_) | Value::Number(_) => json.to_string(),
    }
}

fn table<'a>(entries: impl Iterator<Item = (&'a str, String)>) -> String {
    let entries: Vec<String> =
        entries.map(|(name, value)| format!("{} = {value}", key(name))).collect();
    if entries.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", entries.join(", ")) }
}
