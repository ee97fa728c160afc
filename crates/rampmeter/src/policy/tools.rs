//! `[tools.NAME]`: what its calls draw on, how urgent they are, and how long they may take.

use std::collections::BTreeMap;
use std::time::Duration;

use super::diagnostic::Severity;
use super::draws::{At, KnownLimits, draws};
use super::fallback::{self, fallbacks, single_flight};
use super::field::Field;
use super::keys::templates;
use super::nearest::did_you_mean;
use super::pattern;
use super::retries::{self, Said};
use super::run::{KnownProviders, run};
use super::section::{Named, Section};
use super::source::{Sink, shown};
use super::spelling::quoted;
use super::state;
use super::types::{Access, OnAbandon, OverrunPolicy, PriorityPolicy, ToolPolicy};

const MAX_TOOLS: usize = 10_000;
const DEFAULT_WAIT: Duration = Duration::from_secs(60);
const DEFAULT_PRIORITY: &str = "normal";

const KEYS: [&str; 15] = [
    "limits",
    "reads",
    "writes",
    "output",
    "access",
    "priority",
    "queue_timeout",
    "timeout",
    "retry",
    "idempotent",
    "fallback",
    "single_flight",
    "grace",
    "on_abandon",
    "run",
];

/// The words of [`Access`].
pub(super) const ACCESS: [(&str, Access); 2] = [("read", Access::Read), ("write", Access::Write)];

/// The words of [`OnAbandon`].
pub(super) const ON_ABANDON: [(&str, OnAbandon); 2] =
    [("hold", OnAbandon::Hold), ("free", OnAbandon::Free)];

/// What a tool may refer to. A part that cannot be told is `None`, and then nothing is missing.
pub(super) struct Known<'a> {
    pub(super) limits: Option<KnownLimits<'a>>,
    pub(super) providers: Option<KnownProviders<'a>>,
    pub(super) priorities: Option<&'a [PriorityPolicy]>,
    pub(super) deadline: Duration,
    pub(super) undeclared: Access,
}

/// All tools, in the order of the file.
pub(super) fn tools(
    root: &Section<'_>,
    known: &Known<'_>,
    sink: &mut Sink<'_>,
) -> Vec<Named<ToolPolicy>> {
    let help = "write [tools.NAME] above the settings of each tool";
    let table = root.get("tools").and_then(|field| field.table(sink, help));
    let Some(table) = table else { return Vec::new() };
    let mut targets = Vec::new();
    let tools = table.named(sink, MAX_TOOLS, |field, sink| tool(field, known, &mut targets, sink));
    refuse_ties(&table, sink);
    let names: Vec<&str> = table.fields().iter().map(|field| field.name).collect();
    fallback::refuse_circles(&targets, &names, sink);
    tools
}

fn tool<'a>(
    field: &Field<'a>,
    known: &Known<'_>,
    targets: &mut Vec<fallback::Target<'a>>,
    sink: &mut Sink<'_>,
) -> Option<ToolPolicy> {
    if field.name.matches('*').count() > 1 {
        let message = format!("`{}` has more than one `*`", field.path);
        sink.error(&field.name_span, message, "keep one, which stands for any text");
    }
    let help = format!("write [{}] and its settings below", field.path);
    let section = field.section(sink, &KEYS, &help)?;
    let priority = priority(&section, known.priorities, sink);
    let at = priority.as_deref().zip(known.priorities);
    let at = at.map(|(priority, priorities)| At { priority, priorities });
    let draws = draws(&section, known.limits.as_ref(), at, sink);
    let access = section.get("access").and_then(|access| access.choice(sink, &ACCESS));
    let queue_timeout = wait(&section, "queue_timeout", known, sink);
    let timeout = wait(&section, "timeout", known, sink);
    let overrun = overrun(&section, sink);
    let run = run(&section, &draws, known.providers.as_ref(), sink);
    let pattern = field.name.to_owned();
    let reads = templates(&section, "reads", sink);
    let writes = templates(&section, "writes", sink);
    let output = state::output(&section, sink);
    let Said { retry, idempotent } = retries::of_tool(&section, sink);
    let may_write = access.unwrap_or(known.undeclared) == Access::Write || !writes.is_empty();
    let fallback = fallbacks(&section, field.name, may_write, targets, sink);
    let single_flight = single_flight(&section, may_write, sink);
    let priority = priority?;
    Some(ToolPolicy {
        pattern,
        draws,
        reads,
        writes,
        output,
        access,
        priority,
        queue_timeout,
        timeout,
        retry,
        idempotent,
        fallback,
        single_flight,
        overrun,
        run,
    })
}

fn priority(
    tool: &Section<'_>,
    known: Option<&[PriorityPolicy]>,
    sink: &mut Sink<'_>,
) -> Option<String> {
    let field = tool.get("priority");
    let name = match &field {
        Some(field) => field.text(sink, "write priority = \"NAME\"")?,
        None => DEFAULT_PRIORITY,
    };
    // Without a list to compare with, the section itself was wrong, and that was said.
    let names = known?.iter().map(|priority| priority.name.as_str());
    if names.clone().any(|known| known == name) {
        return Some(name.to_owned());
    }
    match &field {
        Some(field) => {
            let message = format!("`{}`: there is no priority `{}`", field.path, shown(name));
            sink.error_with(&field.span, message, || did_you_mean(name, names, "priorities"));
        }
        None => {
            let message = format!("`{}` says no priority, and there is no `normal`", tool.path);
            sink.error_with(&tool.span, message, || {
                let names: Vec<String> = names.map(|name| shown(&quoted(name))).collect();
                format!("write priority = {}", names.join(" or "))
            });
        }
    }
    None
}

fn wait(tool: &Section<'_>, key: &str, known: &Known<'_>, sink: &mut Sink<'_>) -> Duration {
    let Some(field) = tool.get(key) else { return DEFAULT_WAIT };
    let zero = match key {
        "timeout" => "write how long a call may run, as in timeout = \"10s\"",
        _ => "write how long a call may wait; to let none wait, give a limit queue = { size = 0 }",
    };
    let wait = field.duration(sink, zero).unwrap_or(DEFAULT_WAIT);
    if wait > known.deadline {
        let message = format!("`{}` is longer than the deadline of the whole turn", field.path);
        let help = "raise `turn.deadline`, or write less here: the turn ends first";
        sink.remark(Severity::Warning, &field.span, message, help);
    }
    wait
}

fn overrun(tool: &Section<'_>, sink: &mut Sink<'_>) -> OverrunPolicy {
    let zero = "write how long work may take to end, as in grace = \"2s\"";
    let grace = tool.get("grace").and_then(|grace| grace.duration(sink, zero));
    let on_abandon = tool.get("on_abandon").and_then(|field| field.choice(sink, &ON_ABANDON));
    let default = OverrunPolicy::default();
    OverrunPolicy {
        grace: grace.unwrap_or(default.grace),
        on_abandon: on_abandon.unwrap_or(default.on_abandon),
    }
}

/// Of two patterns with one literal prefix neither is more exact, so they may not share a name.
fn refuse_ties(tools: &Section<'_>, sink: &mut Sink<'_>) {
    let mut by_prefix: BTreeMap<&str, Vec<(&str, &str)>> = BTreeMap::new();
    for field in tools.fields().into_iter().take(MAX_TOOLS) {
        let Some((prefix, suffix)) = field.name.split_once('*') else { continue };
        if suffix.contains('*') {
            continue;
        }
        let alike = by_prefix.entry(prefix).or_default();
        if let Some((_, other)) = alike.iter().find(|(other, _)| pattern::tie(suffix, other)) {
            let message =
                format!("`{}` ties with `{}`: names can fit both", field.path, shown(other));
            let help = "make one prefix longer, or keep one of the two";
            sink.error(&field.name_span, message, help);
        }
        alike.push((suffix, field.name));
    }
}
