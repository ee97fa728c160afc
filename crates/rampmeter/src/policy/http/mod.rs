//! `run = { http = { … } }`: a request to a server, with arguments of the call and secrets of the
//! environment in it.

mod body;
mod headers;
mod types;
mod url;
mod write;

use super::field::Field;
use super::source::Sink;
use super::types::Unit;

pub use types::{Follow, HttpBody, HttpMethod, HttpPolicy};
pub(super) use write::written;

const KEYS: [&str; 6] = ["method", "url", "headers", "body", "follow", "usage"];

const HELP: &str = "write http = { method = \"POST\", url = \"https://HOST/PATH\", \
                    headers = { authorization = \"Bearer ${NAME}\" }, body = { q = \"{argument}\" } }";

const MAX_POINTERS: usize = 16;

const METHODS: [(&str, HttpMethod); 5] = [
    ("GET", HttpMethod::Get),
    ("POST", HttpMethod::Post),
    ("PUT", HttpMethod::Put),
    ("PATCH", HttpMethod::Patch),
    ("DELETE", HttpMethod::Delete),
];

const FOLLOW: [(&str, Follow); 3] =
    [("same-host", Follow::SameHost), ("any", Follow::Any), ("none", Follow::None)];

/// The request that a tool makes.
pub(super) fn read(field: &Field<'_>, sink: &mut Sink<'_>) -> Option<HttpPolicy> {
    let section = field.section(sink, &KEYS, HELP)?;
    let url = match section.get("url") {
        Some(url) => url::read(&url, sink),
        None => {
            sink.error(&section.span, format!("`{}` says no url", section.path), HELP);
            None
        }
    };
    let headers = section.get("headers").map_or(Some(Vec::new()), |it| headers::read(&it, sink));
    let body_field = section.get("body");
    let body = match &body_field {
        None => Some(None),
        Some(field) => body::read(field, sink).map(Some),
    };
    let method = match section.get("method") {
        Some(method) => method.choice(sink, &METHODS),
        None if body_field.is_some() => Some(HttpMethod::Post),
        None => Some(HttpMethod::Get),
    };
    if let (Some(HttpMethod::Get), Some(body)) = (method, &body_field) {
        let message = format!("`{}`: a GET has no body", body.path);
        sink.error(&body.name_span, message, "write method = \"POST\", or put it in the url");
    }
    let follow = section.get("follow");
    let follow = follow.map_or(Some(Follow::default()), |it| it.choice(sink, &FOLLOW));
    let usage = section.get("usage").map_or(Some(Vec::new()), |it| usage(&it, sink));
    let (url, headers) = (url?, headers?);
    headers::remark(field, &url, &headers, sink);
    Some(HttpPolicy { method: method?, url, headers, body: body?, follow: follow?, usage: usage? })
}

/// Where in an answer it stands what the call took: a JSON Pointer for each unit, or several to add.
fn usage(field: &Field<'_>, sink: &mut Sink<'_>) -> Option<Vec<(Unit, Vec<String>)>> {
    let help = "write usage = { tokens = \"/usage/total_tokens\" }, or a list of places to add up";
    let section = field.section(sink, &Unit::COSTS.map(Unit::key), help)?;
    let mut usage = Vec::new();
    for unit in Unit::COSTS {
        let Some(places) = section.get(unit.key()) else { continue };
        usage.push((unit, pointers(&places, help, sink)?));
    }
    Some(usage)
}

fn pointers(field: &Field<'_>, help: &str, sink: &mut Sink<'_>) -> Option<Vec<String>> {
    let places = if field.is_list() { field.list(sink, help)? } else { vec![field.clone()] };
    if places.is_empty() || places.len() > MAX_POINTERS {
        let message = format!("`{}` has {} places", field.path, places.len());
        sink.error(&field.span, message, format!("{help}, of at most {MAX_POINTERS}"));
        return None;
    }
    let mut pointers = Vec::new();
    for place in places {
        let pointer = place.text(sink, help)?;
        let escapes = pointer.split('~').skip(1).all(|it| it.starts_with(['0', '1']));
        if !pointer.starts_with('/') || !escapes {
            let what = if escapes { "it begins without `/`" } else { "`~` is written `~0`" };
            let message = format!("`{}` is no JSON Pointer: {what}", place.path);
            sink.error(&place.span, message, help);
            return None;
        }
        pointers.push(pointer.to_owned());
    }
    Some(pointers)
}
