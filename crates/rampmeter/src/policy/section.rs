//! A table of the file: its keys are either known words or names that the user gives.

use toml_edit::TableLike;

use super::field::{Field, is_name};
use super::nearest::did_you_mean;
use super::source::{Sink, Span, shown};
use super::spelling;

const COOL_DOWN: &str = "write feedback = true in a limit: a throttled call then cools it down";

/// Words that are looked for in the wrong place, and where they belong.
const ELSEWHERE: [(&str, &str); 25] = [
    ("retry", "write it in a tool, as in retry = 3"),
    ("retries", "write retry = 3 in a tool; [retries] at the top bounds those of all tools"),
    ("attempts", "write it in a tool's `retry`, as in retry = { attempts = 3 }"),
    ("backoff", "write it in a tool's `retry`, as in retry = { base = \"200ms\", max = \"10s\" }"),
    ("idempotent", "write it in a tool, as in idempotent = true"),
    ("degrade", "write fallback = [{ cache = \"5m\" }] in a tool"),
    ("cache", "write it in a tool's `fallback`, as in fallback = [{ cache = \"5m\" }]"),
    ("cool_down", COOL_DOWN),
    ("cooldown", COOL_DOWN),
    ("cool-down", COOL_DOWN),
    ("estimate", "write limits = { NAME = { tokens = 900 } }, or leave it out to have it learned"),
    ("state", "write it below [run], as in state = \"quota.state\""),
    ("keys", "write reads = [\"file:{path}\"] or writes = [\"file:{path}\"] in a tool"),
    (
        "max_output",
        "write it beside `command` or `http`, as in run = { http = { … }, max_output = \"64KiB\" }",
    ),
    ("adaptive", "write it with the slots, as in concurrency = { size = 20, adaptive = \"aimd\" }"),
    ("patience", "write it below [calls], as in patience = \"30s\""),
    ("max_depth", "write it below [calls], as in max_depth = 8"),
    ("nesting", "write max_depth = 8 below [calls]"),
    ("reserved", "write it in a limit, as in reserved = { critical = 4 }"),
    ("lend", "write it with the slots, as in concurrency = { size = 8, lend = false }"),
    ("overflow", "write it in the queue, as in queue = { overflow = \"evict\" }"),
    ("per_flow", "write it in the queue, as in queue = { per_flow = 100 }"),
    ("age", "write it in the queue, as in queue = { age = \"60s\" }"),
    ("durability", "write it below [run], as in durability = \"strict\""),
    ("size", "write queue = { size = 100 } or concurrency = 8"),
];

/// A table, under the path that names it in messages.
pub(super) struct Section<'a> {
    pub(super) path: String,
    pub(super) span: Span,
    table: &'a dyn TableLike,
}

/// Something the file gives a name to.
pub(super) struct Named<T> {
    pub(super) value: T,
    pub(super) span: Span,
    /// Whether all of it could be read, so that what follows from it can be said.
    pub(super) sound: bool,
}

impl<'a> Section<'a> {
    pub(super) fn new(table: &'a dyn TableLike, path: String, span: Span) -> Self {
        Self { path, span, table }
    }

    /// The value of a key, if the key is there.
    pub(super) fn get(&self, key: &str) -> Option<Field<'a>> {
        let (key, item) = self.table.get_key_value(key)?;
        Field::new(self.path_of(key.get()), key, item)
    }

    /// All keys with their values, in the order of the file.
    pub(super) fn fields(&self) -> Vec<Field<'a>> {
        let keys = self.table.iter().map(|(key, _)| key);
        keys.filter_map(|key| self.get(key)).collect()
    }

    /// Whatever the keys name, each read by `read`. At most `most` of them.
    pub(super) fn named<T>(
        &self,
        sink: &mut Sink<'_>,
        most: usize,
        mut read: impl FnMut(&Field<'a>, &mut Sink<'_>) -> Option<T>,
    ) -> Vec<Named<T>> {
        let fields = self.fields();
        if let Some(first_over) = fields.get(most) {
            let message = format!("`{}` has {} entries", self.path, fields.len());
            sink.error(&first_over.name_span, message, format!("keep at most {most}"));
        }
        let mut all = Vec::new();
        for field in fields.iter().take(most) {
            let before = sink.errors_seen();
            is_name(field.name, &field.path, &field.name_span, sink);
            let value = read(field, sink);
            let sound = sink.errors_seen() == before;
            let span = field.name_span.clone();
            all.extend(value.map(|value| Named { value, span, sound }));
        }
        all
    }

    /// Reports every key that is not one of `keys`.
    pub(super) fn refuse_unknown(&self, keys: &[&str], sink: &mut Sink<'_>) {
        for field in self.fields() {
            let name = field.name;
            if keys.contains(&name) {
                continue;
            }
            let within = match self.path.as_str() {
                "" => "at the top of the file".to_owned(),
                path => format!("in `{path}`"),
            };
            let message = format!("unknown key `{}` {within}", shown(name));
            let elsewhere = ELSEWHERE.iter().find(|(word, _)| *word == name);
            sink.error_with(&field.name_span, message, || match elsewhere {
                Some((_, help)) => (*help).to_owned(),
                None => did_you_mean(name, keys.iter().copied(), "keys here"),
            });
        }
    }

    fn path_of(&self, key: &str) -> String {
        let key = shown(&spelling::key(key));
        if self.path.is_empty() { key } else { format!("{}.{key}", self.path) }
    }
}
