//! What a legal policy probably does not mean, and what it leaves open.

use std::collections::BTreeSet;

use super::diagnostic::Severity;
use super::section::Named;
use super::shares::LabelRead;
use super::source::{Sink, shown};
use super::spelling::{key, quoted};
use super::types::{
    Access, LimitPolicy, OnAbandon, PriorityPolicy, ProviderPolicy, RunPolicy, ToolPolicy,
};

/// Words that a label of a secret is called by.
const SECRET_WORDS: [&str; 6] = ["key", "apikey", "token", "secret", "password", "credential"];

pub(super) fn limits(
    limits: &[Named<LimitPolicy>],
    tools: &[Named<ToolPolicy>],
    labels: &[Named<LabelRead>],
    sink: &mut Sink<'_>,
) {
    let draws = tools.iter().flat_map(|tool| &tool.value.draws);
    let drawn: BTreeSet<&str> = draws.map(|draw| draw.limit.as_str()).collect();
    for Named { value: limit, span, .. } in limits {
        let name = shown(&limit.name);
        if !drawn.contains(limit.name.as_str()) {
            let message = format!("no tool draws on limit `{name}`");
            let help = format!(
                "add {} to the limits of a tool, or remove it",
                shown(&quoted(&limit.name))
            );
            sink.remark(Severity::Warning, span, message, help);
        }
        if limit.concurrency.is_none() {
            let message = format!("limit `{name}` has no concurrency: running calls are unlimited");
            sink.remark(Severity::Note, span, message, "add concurrency = N to bound them");
        }
        if limit.rates.is_empty() {
            let message = format!("limit `{name}` has no rate: calls over time are unlimited");
            sink.remark(Severity::Note, span, message, "add requests = \"N/min\" to bound them");
        }
        let Some(per) = &limit.per else { continue };
        let said = labels.iter().any(|read| {
            read.value.label.name == *per && (read.value.said || read.value.label.secret)
        });
        if !said && sounds_secret(per) {
            let (per, label) = (shown(per), shown(&key(per)));
            let message = format!("label `{per}` sounds secret, and its values will be shown");
            let help = format!("write [labels.{label}] with secret = true, or false if it is none");
            sink.remark(Severity::Warning, span, message, help);
        }
    }
}

/// Kept slots overlap, so a priority below another must keep more to keep any.
pub(super) fn reserved(
    limits: &[Named<LimitPolicy>],
    priorities: &[PriorityPolicy],
    sink: &mut Sink<'_>,
) {
    for Named { value: limit, span, sound } in limits {
        if !sound {
            continue;
        }
        for kept in &limit.reserved {
            let above = limit.kept_from(&kept.priority, priorities);
            let Some((_, above)) = above.filter(|(_, above)| above.slots >= kept.slots) else {
                continue;
            };
            let message = format!(
                "limit `{}` keeps {} slots for `{}`, and {} are kept for `{}` already",
                shown(&limit.name),
                kept.slots,
                shown(&kept.priority),
                above.slots,
                shown(&above.priority)
            );
            let help = format!(
                "keep more than {} for `{}`, which include those for `{}`, or remove it",
                above.slots,
                shown(&kept.priority),
                shown(&above.priority)
            );
            sink.remark(Severity::Warning, span, message, help);
        }
    }
}

pub(super) fn providers(
    providers: &[Named<ProviderPolicy>],
    tools: &[Named<ToolPolicy>],
    sink: &mut Sink<'_>,
) {
    let asked: BTreeSet<&str> = tools.iter().filter_map(|tool| provider_of(&tool.value)).collect();
    for Named { value: provider, span, .. } in providers {
        let name = shown(&provider.name);
        if !asked.contains(provider.name.as_str()) {
            let message = format!("no tool asks provider `{name}`");
            let name = shown(&quoted(&provider.name));
            let help = format!("write provider = {name} in a tool's `simulate`, or remove it");
            sink.remark(Severity::Warning, span, message, help);
        }
        if provider.rates.is_empty() && provider.concurrency.is_none() {
            let message = format!("provider `{name}` enforces nothing");
            sink.remark(Severity::Note, span, message, "add requests, tokens or concurrency");
        }
    }
}

/// What an answer says of its costs is worth nothing where no limit counts them.
pub(super) fn usage(
    tools: &[Named<ToolPolicy>],
    limits: &[Named<LimitPolicy>],
    sink: &mut Sink<'_>,
) {
    for Named { value: tool, span, sound } in tools {
        let Some(RunPolicy::Http { http, .. }) = &tool.run else { continue };
        for (unit, _) in http.usage.iter().filter(|_| *sound) {
            let counts = |limit: &LimitPolicy| {
                limit.counts(*unit) && tool.draws.iter().any(|draw| draw.limit == limit.name)
            };
            if !limits.iter().any(|limit| !limit.sound || counts(&limit.value)) {
                let (name, key) = (shown(&tool.pattern), unit.key());
                let message =
                    format!("tool `{name}` tells its {key}, and none of its limits counts them");
                let help =
                    format!("give one of its limits a rate of {key}, or remove them from `usage`");
                sink.remark(Severity::Warning, span, message, help);
            }
        }
    }
}

pub(super) fn tools(tools: &[Named<ToolPolicy>], undeclared: Access, sink: &mut Sink<'_>) {
    for Named { value: tool, span, .. } in tools {
        let name = shown(&tool.pattern);
        let keyless = tool.reads.is_empty() && tool.writes.is_empty();
        if tool.draws.is_empty() && keyless {
            let message = format!("tool `{name}` draws on no limit: nothing holds it back");
            sink.remark(Severity::Warning, span, message, "add limits = [\"NAME\"]");
        }
        if tool.access == Some(Access::Read) && !tool.writes.is_empty() {
            let message = format!("tool `{name}` writes keys and declares that it only reads");
            let help = "write access = \"write\", or name the keys in `reads`";
            sink.remark(Severity::Warning, span, message, help);
        }
        if tool.declared_access().is_none() && undeclared == Access::Write {
            let message =
                format!("tool `{name}` declares no access: its calls of one turn run one by one");
            let help = "write access = \"read\" if it only reads, or name what it reads and writes, \
                        as in writes = [\"file:{path}\"]";
            sink.remark(Severity::Note, span, message, help);
        }
        let reads = tool.access.unwrap_or(undeclared) == Access::Read;
        if tool.retry.is_some() && !tool.idempotent.unwrap_or(reads) {
            let message =
                format!("tool `{name}` is tried again only when a call was refused before it ran");
            let help = "write idempotent = true if doing a call twice does no harm";
            sink.remark(Severity::Note, span, message, help);
        }
        if tool.overrun.on_abandon == OnAbandon::Free && !(tool.draws.is_empty() && keyless) {
            let message = format!(
                "tool `{name}` gives its slots up after the grace: what runs may pass its limits"
            );
            let help = "leave `on_abandon` out to have work that cannot be ended keep its slots";
            sink.remark(Severity::Note, span, message, help);
        }
        if tool.run.is_none() {
            let message = format!("tool `{name}` says no run: the command line cannot run it");
            let help =
                "add run = { command = [...] }, { http = { ... } } or { simulate = { ... } }";
            sink.remark(Severity::Note, span, message, help);
        }
    }
}

fn provider_of(tool: &ToolPolicy) -> Option<&str> {
    match &tool.run {
        Some(RunPolicy::Simulate { provider, .. }) => provider.as_deref(),
        Some(RunPolicy::Command { .. } | RunPolicy::Http { .. }) | None => None,
    }
}

pub(super) fn sounds_secret(label: &str) -> bool {
    let label = label.to_ascii_lowercase();
    let mut words = label.split(|c: char| !c.is_ascii_alphanumeric());
    words.any(|word| SECRET_WORDS.contains(&word.trim_end_matches('s')))
}
