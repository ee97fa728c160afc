//! The settings outside any named thing: `[turn]`, `[calls]`, `[run]`, `undeclared`, `max_arguments`.

use std::time::Duration;

use super::field::{Field, is_name};
use super::quantity;
use super::section::Section;
use super::source::{Sink, shown};
use super::tools::ACCESS;
use super::types::{Access, CallsPolicy, RunDefaults, TurnPolicy};
use crate::persist::Durability;

const DEFAULT_DEADLINE: Duration = Duration::from_secs(600);
const DEFAULT_ARGUMENT_BYTES: u64 = 1024 * 1024;
const DEFAULT_PATIENCE: Duration = Duration::from_secs(30);
const DEFAULT_DEPTH: u8 = 8;
const DEFAULT_TURNS: u32 = 16;
const MAX_TURNS: u32 = 100_000;

const RUN_KEYS: [&str; 6] = ["flow", "priority", "labels", "turns_at_once", "state", "durability"];

/// How it is written when what was used is on the disk.
pub(super) const DURABILITIES: [(&str, Durability); 2] = [
    ("interval", Durability::Interval(Durability::DEFAULT_INTERVAL)),
    ("strict", Durability::Strict),
];

pub(super) fn undeclared(root: &Section<'_>, sink: &mut Sink<'_>) -> Access {
    let said = root.get("undeclared").and_then(|field| field.choice(sink, &ACCESS));
    said.unwrap_or(Access::Write)
}

pub(super) fn max_arguments(root: &Section<'_>, sink: &mut Sink<'_>) -> u64 {
    let help = "write max_arguments = \"1MiB\"";
    let field = root.get("max_arguments");
    let said = field.and_then(|field| field.quantity(sink, help, quantity::bytes));
    said.unwrap_or(DEFAULT_ARGUMENT_BYTES)
}

pub(super) fn turn(root: &Section<'_>, sink: &mut Sink<'_>) -> TurnPolicy {
    let help = "write [turn] and below it deadline = \"10m\"";
    let section = root.get("turn").and_then(|field| field.section(sink, &["deadline"], help));
    let deadline = section.and_then(|section| section.get("deadline"));
    let zero = "write how long a whole turn may take";
    let deadline = deadline.and_then(|field| field.duration(sink, zero));
    TurnPolicy { deadline: deadline.unwrap_or(DEFAULT_DEADLINE) }
}

pub(super) fn calls(root: &Section<'_>, sink: &mut Sink<'_>) -> CallsPolicy {
    let mut calls = CallsPolicy { patience: DEFAULT_PATIENCE, max_depth: DEFAULT_DEPTH };
    let help = "write [calls] and below it lines such as patience = \"30s\" or max_depth = 8";
    let keys = ["patience", "max_depth"];
    let section = root.get("calls").and_then(|field| field.section(sink, &keys, help));
    let Some(section) = section else { return calls };
    if let Some(field) = section.get("patience") {
        let zero = "write how long a flow may wait and start nothing before it is put first";
        calls.patience = field.duration(sink, zero).unwrap_or(DEFAULT_PATIENCE);
    }
    if let Some(field) = section.get("max_depth") {
        let help = "write how deep calls may be nested; 0 lets no running call make another";
        let depth = field.whole(sink, &(0..=u64::from(u8::MAX)), help);
        calls.max_depth = depth.and_then(|it| u8::try_from(it).ok()).unwrap_or(DEFAULT_DEPTH);
    }
    calls
}

pub(super) fn run_defaults(root: &Section<'_>, sink: &mut Sink<'_>) -> RunDefaults {
    let mut run = RunDefaults {
        flow: None,
        priority: None,
        labels: vec![],
        turns_at_once: DEFAULT_TURNS,
        state: None,
        durability: Durability::default(),
    };
    let help = "write [run] and below it lines such as flow = \"user\"";
    let section = root.get("run").and_then(|field| field.section(sink, &RUN_KEYS, help));
    let Some(section) = section else { return run };
    run.flow = section.get("flow").and_then(|field| path_to(&field, sink));
    run.priority = section.get("priority").and_then(|field| path_to(&field, sink));
    let help = "write labels = { LABEL = \"FIELD\" }";
    let labels = section.get("labels").and_then(|field| field.table(sink, help));
    for field in labels.iter().flat_map(Section::fields) {
        is_name(field.name, &field.path, &field.name_span, sink);
        let path = path_to(&field, sink);
        run.labels.extend(path.map(|path| (field.name.to_owned(), path)));
    }
    if let Some(field) = section.get("turns_at_once") {
        let help = "write how many turns run at once";
        run.turns_at_once = field.whole_u32(sink, &(1..=MAX_TURNS), help).unwrap_or(DEFAULT_TURNS);
    }
    let help = "write the name of a file, as in state = \"quota.state\"";
    run.state = section.get("state").and_then(|field| field.name_text(sink, help));
    if let Some(field) = section.get("durability") {
        run.durability = field.choice(sink, &DURABILITIES).unwrap_or_default();
    }
    run
}

/// A dotted path to a field of a turn.
fn path_to(field: &Field<'_>, sink: &mut Sink<'_>) -> Option<String> {
    let path = field.name_text(sink, "write the name of a field of the turn")?;
    if path.split('.').any(str::is_empty) {
        let message = format!("`{}`: the path `{}` has an empty part", field.path, shown(&path));
        sink.error(&field.span, message, "write it as in \"user\" or \"metadata.user\"");
        return None;
    }
    Some(path)
}
