//! The policy written out again, with every default filled in.

use std::fmt::Write;

use super::defaults::DURABILITIES;
use super::quantity::{show_bytes, show_duration, show_period};
use super::queue::OVERFLOW;
use super::slots::RULES;
use super::spelling::{key, quoted};
use super::types::{
    Access, AdaptivePolicy, LimitPolicy, QueuePolicy, RateKind, RatePolicy, RunDefaults, RunPolicy,
    ToolPolicy, Unit,
};
use super::{Policy, breaker, http};

/// TOML that reads back as an equal policy.
pub(super) fn effective(policy: &Policy) -> String {
    let mut out = Lines(String::new());
    out.line(format_args!("undeclared = {}", access_text(policy.undeclared)));
    out.line(format_args!("max_arguments = \"{}\"", show_bytes(policy.max_arguments)));
    out.section("turn", "");
    out.line(format_args!("deadline = {}", quoted_duration(policy.turn.deadline)));
    out.section("calls", "");
    out.line(format_args!("patience = {}", quoted_duration(policy.calls.patience)));
    out.line(format_args!("max_depth = {}", policy.calls.max_depth));
    for limit in &policy.limits {
        write_limit(&mut out, limit);
        write_wait_bound(&mut out, limit, policy);
    }
    for label in &policy.labels {
        out.section("labels", &label.name);
        out.line(format_args!("secret = {}", label.secret));
    }
    for tool in &policy.tools {
        write_tool(&mut out, tool, policy);
    }
    out.section("priorities", "");
    for priority in &policy.priorities {
        out.line(format_args!("{} = {}", key(&priority.name), priority.weight));
    }
    if !policy.flows.is_empty() {
        out.section("flows", "");
    }
    for flow in &policy.flows {
        out.line(format_args!("{} = {{ weight = {} }}", key(&flow.name), flow.weight));
    }
    for provider in &policy.providers {
        out.section("providers", &provider.name);
        write_concurrency(&mut out, provider.concurrency);
        write_rates(&mut out, &provider.rates, true);
    }
    write_run_defaults(&mut out, &policy.run);
    out.0
}

struct Lines(String);

impl Lines {
    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a `String` cannot fail.
        let _ = writeln!(self.0, "{line}");
    }

    fn section(&mut self, kind: &str, name: &str) {
        match name {
            "" => self.line(format_args!("\n[{kind}]")),
            name => self.line(format_args!("\n[{kind}.{}]", key(name))),
        }
    }
}

fn write_limit(out: &mut Lines, limit: &LimitPolicy) {
    out.section("limits", &limit.name);
    match limit.concurrency {
        Some(size) => {
            let adaptive = limit.adaptive.map(|AdaptivePolicy { rule, min, max }| {
                let word = RULES.iter().find(|(_, it)| *it == rule).map_or("aimd", |it| it.0);
                format!("adaptive = \"{word}\", min = {min}, max = {max}, ")
            });
            let (adaptive, lend) = (adaptive.unwrap_or_default(), limit.lend);
            out.line(format_args!("concurrency = {{ size = {size}, {adaptive}lend = {lend} }}"));
        }
        None => write_concurrency(out, None),
    }
    write_reserved(out, limit);
    write_rates(out, &limit.rates, false);
    if limit.rates.is_empty() {
        out.line(format_args!("# requests, tokens: unlimited"));
    }
    out.line(format_args!("feedback = {}", limit.feedback));
    if let Some(it) = &limit.breaker {
        out.line(format_args!("breaker = {}", breaker::written(it)));
    }
    if let Some(per) = &limit.per {
        out.line(format_args!("per = {}", quoted(per)));
        out.line(format_args!("instances = {}", limit.instances));
    }
    write_queue(out, &limit.queue);
}

/// What bounds a wait past patience is a step of this length for each call rescued before it.
fn write_wait_bound(out: &mut Lines, limit: &LimitPolicy, policy: &Policy) {
    let here = policy.tools.iter().filter(|it| it.draws.iter().any(|it| it.limit == limit.name));
    let Some(longest) = here.map(|tool| tool.timeout).max() else { return };
    let longest = show_duration(longest);
    out.line(format_args!(
        "# longest timeout here: {longest}; past [calls] patience a flow's oldest call waits at most \
         that long for each call rescued before it and as long for itself, and for rates to refill"
    ));
}

fn write_reserved(out: &mut Lines, limit: &LimitPolicy) {
    let kept = limit.reserved.iter().map(|it| format!("{} = {}", key(&it.priority), it.slots));
    let kept: Vec<String> = kept.collect();
    if !kept.is_empty() {
        out.line(format_args!("reserved = {{ {} }}", kept.join(", ")));
    }
}

fn write_queue(out: &mut Lines, queue: &QueuePolicy) {
    let age = queue.age.map(|age| format!(", age = {}", quoted_duration(age)));
    let per_flow = queue.per_flow.map(|most| format!(", per_flow = {most}"));
    let (age, per_flow) = (age.unwrap_or_default(), per_flow.unwrap_or_default());
    let words = OVERFLOW.iter().find(|(_, overflow)| *overflow == queue.overflow);
    let overflow = words.map_or("refuse", |(word, _)| word);
    let size = queue.size;
    out.line(format_args!("queue = {{ size = {size}{age}{per_flow}, overflow = \"{overflow}\" }}"));
}

fn write_concurrency(out: &mut Lines, concurrency: Option<u64>) {
    match concurrency {
        Some(slots) => out.line(format_args!("concurrency = {slots}")),
        None => out.line(format_args!("# concurrency: unlimited")),
    }
}

fn write_rates(out: &mut Lines, rates: &[RatePolicy], by_provider: bool) {
    for unit in [Unit::Requests].into_iter().chain(Unit::COSTS) {
        let name = unit.key();
        let of_unit = rates.iter().filter(|rate| rate.unit == unit);
        let tables: Vec<String> = of_unit.map(|rate| rate_table(rate, by_provider)).collect();
        match tables.as_slice() {
            [] => {}
            [one] => out.line(format_args!("{name} = {one}")),
            several => out.line(format_args!("{name} = [{}]", several.join(", "))),
        }
    }
}

fn rate_table(rate: &RatePolicy, by_provider: bool) -> String {
    let stated = format!("rate = \"{}/{}\"", rate.amount, show_period(rate.period));
    let kind = match &rate.kind {
        RateKind::Sliding { .. } if by_provider => "\"sliding\"".to_owned(),
        RateKind::Sliding { transit } => {
            format!("\"sliding\", transit = {}", quoted_duration(*transit))
        }
        RateKind::Bucket { burst } => format!("\"bucket\", burst = {burst}"),
        RateKind::Calendar { zone } => format!("\"calendar\", zone = \"{zone}\""),
    };
    format!("{{ {stated}, kind = {kind} }}")
}

fn write_tool(out: &mut Lines, tool: &ToolPolicy, policy: &Policy) {
    out.section("tools", &tool.pattern);
    let draws: Vec<String> = tool
        .draws
        .iter()
        .map(|draw| {
            let costs = draw.costs.iter();
            let costs = costs.map(|(unit, amount)| format!(", {} = {amount}", unit.key()));
            let costs: String = costs.collect();
            format!("{} = {{ weight = {}{costs} }}", key(&draw.limit), draw.weight)
        })
        .collect();
    match draws.as_slice() {
        [] => out.line(format_args!("limits = []")),
        draws => out.line(format_args!("limits = {{ {} }}", draws.join(", "))),
    }
    for (name, keys) in [("reads", &tool.reads), ("writes", &tool.writes)] {
        let keys: Vec<String> = keys.iter().map(|key| quoted(key)).collect();
        if !keys.is_empty() {
            out.line(format_args!("{name} = [{}]", keys.join(", ")));
        }
    }
    for unit in tool.learned(policy) {
        out.line(format_args!("# {}: learned from what calls take", unit.key()));
    }
    match tool.access {
        Some(access) => out.line(format_args!("access = {}", access_text(access))),
        None if tool.declared_access().is_some() => {
            out.line(format_args!("# access: as its keys say"));
        }
        None => {
            let counts_as = access_text(policy.undeclared);
            out.line(format_args!("# access: undeclared, counts as {counts_as}"));
        }
    }
    out.line(format_args!("priority = {}", quoted(&tool.priority)));
    out.line(format_args!("queue_timeout = {}", quoted_duration(tool.queue_timeout)));
    out.line(format_args!("timeout = {}", quoted_duration(tool.timeout)));
    if let Some(run) = &tool.run {
        out.line(format_args!("run = {}", run_table(run, policy)));
    }
}

fn run_table(run: &RunPolicy, policy: &Policy) -> String {
    match run {
        RunPolicy::Command { command, max_output } => {
            let words: Vec<String> = command.iter().map(|word| quoted(word)).collect();
            let (words, most) = (words.join(", "), show_bytes(*max_output));
            format!("{{ command = [{words}], max_output = \"{most}\" }}")
        }
        RunPolicy::Http { http, max_output } => {
            let (http, most) = (http::written(http), show_bytes(*max_output));
            format!("{{ http = {http}, max_output = \"{most}\" }}")
        }
        RunPolicy::Simulate { latency: (low, high), fail, provider, tokens } => {
            let (low, high) = (show_duration(*low), show_duration(*high));
            let mut table = format!("latency = \"{low}..{high}\", fail = {fail:?}");
            if let Some(name) = provider {
                table += &format!(", provider = {}", quoted(name));
                let provider = policy.providers.iter().find(|provider| provider.name == *name);
                if provider.is_some_and(|provider| provider.counts(Unit::Tokens)) {
                    table += &format!(", tokens = {tokens}");
                }
            }
            format!("{{ simulate = {{ {table} }} }}")
        }
    }
}

fn write_run_defaults(out: &mut Lines, run: &RunDefaults) {
    out.section("run", "");
    for (name, path) in [("flow", &run.flow), ("priority", &run.priority)] {
        if let Some(path) = path {
            out.line(format_args!("{name} = {}", quoted(path)));
        }
    }
    let labels = run.labels.iter().map(|(name, path)| format!("{} = {}", key(name), quoted(path)));
    let labels: Vec<String> = labels.collect();
    if !labels.is_empty() {
        out.line(format_args!("labels = {{ {} }}", labels.join(", ")));
    }
    out.line(format_args!("turns_at_once = {}", run.turns_at_once));
    match &run.state {
        None => out.line(format_args!("# state: none, quotas begin anew with each run")),
        Some(state) => out.line(format_args!("state = {}", quoted(state))),
    }
    let words = DURABILITIES.iter().find(|(_, durability)| *durability == run.durability);
    out.line(format_args!("durability = \"{}\"", words.map_or("interval", |(word, _)| word)));
}

fn access_text(access: Access) -> &'static str {
    match access {
        Access::Read => "\"read\"",
        Access::Write => "\"write\"",
    }
}

fn quoted_duration(duration: std::time::Duration) -> String {
    quoted(&show_duration(duration))
}
