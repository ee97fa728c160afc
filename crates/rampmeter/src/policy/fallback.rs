//! `fallback` and `single_flight` of a tool, and `[cache]`: what is served in the place of a result
//! that there is not.

use std::time::Duration;

use super::field::Field;
use super::nearest::did_you_mean;
use super::pattern;
use super::quantity::{self, show_bytes, show_duration};
use super::section::Section;
use super::source::{Sink, Span, shown};
use super::spelling::quoted;

const MAX_FALLBACKS: usize = 8;
const MAX_ENTRIES: u32 = 1_000_000;

const HELP: &str = "write fallback = [{ cache = \"5m\" }, { tool = \"NAME\" }, { value = \"…\" }]";

const MAY_WRITE: &str = "write access = \"read\" if it only reads, or remove it";

/// What is served when a call fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fallback {
    /// The last good result of the same call.
    Cache {
        /// If it is no older.
        max_age: Duration,
        /// Whether all flows share what is kept.
        shared: bool,
    },
    /// What another tool says to the same arguments.
    Tool(String),
    /// A fixed answer: a text, or JSON.
    Value(String),
}

/// How much is kept of last good results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CachePolicy {
    /// The most results.
    pub entries: u32,
    /// The most bytes of all together.
    pub bytes: u64,
}

impl Default for CachePolicy {
    fn default() -> CachePolicy {
        CachePolicy { entries: 1_000, bytes: 16 * 1024 * 1024 }
    }
}

/// A tool that is named as a fallback, and of which tool.
pub(super) struct Target<'a> {
    pub(super) of: &'a str,
    name: String,
    path: String,
    span: Span,
}

/// The fallbacks of a tool, in their order; the tools among them are looked up later.
pub(super) fn fallbacks<'a>(
    tool: &Section<'a>,
    of: &'a str,
    may_write: bool,
    targets: &mut Vec<Target<'a>>,
    sink: &mut Sink<'_>,
) -> Vec<Fallback> {
    let Some(field) = tool.get("fallback") else { return Vec::new() };
    let Some(list) = field.list(sink, HELP) else { return Vec::new() };
    if list.len() > MAX_FALLBACKS {
        let message = format!("`{}` has {} entries", field.path, list.len());
        sink.error(&field.span, message, format!("keep at most {MAX_FALLBACKS}"));
    }
    let read = list.iter().filter_map(|field| {
        let fallback = fallback(field, may_write, sink)?;
        if let Fallback::Tool(name) = &fallback {
            let (name, path, span) = (name.clone(), field.path.clone(), field.span.clone());
            targets.push(Target { of, name, path, span });
        }
        Some(fallback)
    });
    read.collect()
}

fn fallback(field: &Field<'_>, may_write: bool, sink: &mut Sink<'_>) -> Option<Fallback> {
    let section = field.section(sink, &["cache", "shared", "tool", "value"], HELP)?;
    let kinds = ["cache", "tool", "value"].map(|key| section.get(key));
    if kinds.iter().flatten().count() != 1 {
        let message = format!("`{}` must say one of `cache`, `tool` and `value`", field.path);
        sink.error(&field.span, message, HELP);
        return None;
    }
    let shared = section.get("shared");
    let [cache, tool, value] = kinds;
    if let (Some(shared), None) = (&shared, &cache) {
        let message = format!("`{}` means nothing without `cache`", shared.path);
        sink.error(&shared.name_span, message, "remove it");
    }
    if let Some(cache) = cache {
        if may_write {
            let message = format!("`{}`: what a tool does that may write is not kept", cache.path);
            sink.error(&cache.name_span, message, MAY_WRITE);
        }
        let max_age = cache.duration(sink, "write how old a result may be, as in cache = \"5m\"");
        let shared = shared.and_then(|field| field.flag(sink)).unwrap_or(false);
        return Some(Fallback::Cache { max_age: max_age?, shared });
    }
    if let Some(tool) = tool {
        return tool.name_text(sink, "write tool = \"NAME\"").map(Fallback::Tool);
    }
    let value = value?.json(sink)?;
    Some(Fallback::Value(value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
}

/// `single_flight` of a tool.
pub(super) fn single_flight(tool: &Section<'_>, may_write: bool, sink: &mut Sink<'_>) -> bool {
    let Some(field) = tool.get("single_flight") else { return false };
    let said = field.flag(sink).unwrap_or(false);
    if said && may_write {
        let message = format!("`{}`: calls that may write are not shared", field.path);
        sink.error(&field.name_span, message, MAY_WRITE);
    }
    said
}

/// Every tool that is a fallback is one of `tools`, and none falls back on itself in the end.
pub(super) fn refuse_circles(targets: &[Target<'_>], tools: &[&str], sink: &mut Sink<'_>) {
    let place = |name: &str| pattern::best(tools.iter().copied(), name);
    let mut edges: Vec<(usize, usize)> = Vec::new();
    for Target { of, name, path, span } in targets {
        let Some(to) = place(name) else {
            let message = format!("`{path}`: there is no tool `{}`", shown(name));
            let help = || did_you_mean(name, tools.iter().copied(), "tools");
            sink.error_with(span, message, help);
            continue;
        };
        let Some(from) = tools.iter().position(|tool| tool == of) else { continue };
        if reaches(&edges, to, from) {
            let message = format!(
                "`{path}`: `{}` falls back on `{}`, and that in the end on itself",
                shown(of),
                shown(name)
            );
            sink.error(span, message, "name another tool, or a value");
            continue;
        }
        edges.push((from, to));
    }
}

/// Whether one tool falls back on another in the end.
fn reaches(edges: &[(usize, usize)], from: usize, to: usize) -> bool {
    let (mut open, mut seen) = (vec![from], vec![from]);
    while let Some(at) = open.pop() {
        if at == to {
            return true;
        }
        for (_, next) in edges.iter().filter(|(one, _)| *one == at) {
            if !seen.contains(next) {
                seen.push(*next);
                open.push(*next);
            }
        }
    }
    false
}

/// `[cache]`.
pub(super) fn cache(root: &Section<'_>, sink: &mut Sink<'_>) -> CachePolicy {
    let mut cache = CachePolicy::default();
    let help = "write [cache] and below it lines such as entries = 1000";
    let section = root.get("cache").and_then(|it| it.section(sink, &["entries", "bytes"], help));
    let Some(section) = section else { return cache };
    if let Some(field) = section.get("entries") {
        let help = "write how many results are kept at the most";
        cache.entries = field.whole_u32(sink, &(1..=MAX_ENTRIES), help).unwrap_or(cache.entries);
    }
    if let Some(field) = section.get("bytes") {
        let said = field.quantity(sink, "write it as in \"16MiB\"", quantity::bytes);
        cache.bytes = said.unwrap_or(cache.bytes);
    }
    cache
}

/// A tool's fallbacks as they are written.
pub(super) fn written(fallbacks: &[Fallback]) -> String {
    let one = |fallback: &Fallback| match fallback {
        Fallback::Cache { max_age, shared } => {
            format!("{{ cache = \"{}\", shared = {shared} }}", show_duration(*max_age))
        }
        Fallback::Tool(name) => format!("{{ tool = {} }}", quoted(name)),
        Fallback::Value(text) => format!("{{ value = {} }}", quoted(text)),
    };
    format!("[{}]", fallbacks.iter().map(one).collect::<Vec<_>>().join(", "))
}

/// The lines below `[cache]`.
pub(super) fn lines(cache: &CachePolicy) -> [String; 2] {
    [format!("entries = {}", cache.entries), format!("bytes = \"{}\"", show_bytes(cache.bytes))]
}
