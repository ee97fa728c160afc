//! Whatever is named is there.

use std::collections::BTreeSet;

use super::super::super::figures::words::near;
use super::super::Scenario;
use super::super::types::Load;
use super::sink::{Kind, Mention, Sink};

/// Of so many flows of a load the names are looked at for the nearest.
const LOOKED_AT: u32 = 100;

/// All that was mentioned.
pub(super) fn all(scenario: &Scenario, sink: &Sink<'_>) {
    let Scenario { tools, servers, loads, policy, .. } = scenario;
    let tools = tools.iter().map(|tool| tool.name.as_str()).collect();
    let servers = servers.iter().map(|server| server.name.as_str()).collect();
    let limits = policy.limits.iter().map(|limit| limit.name.as_str()).collect();
    let priorities = policy.priorities.iter().map(|it| it.name.as_str()).collect();
    for mention in sink.mentions() {
        match mention.kind {
            Kind::Tool => is_among(&tools, "tool", &mention, sink),
            Kind::Server => is_among(&servers, "server", &mention, sink),
            Kind::Limit => is_among(&limits, "limit", &mention, sink),
            Kind::Priority => is_among(&priorities, "priority", &mention, sink),
            Kind::Flow => is_flow(loads, &mention, sink),
        }
    }
}

fn is_among(names: &BTreeSet<&str>, what: &str, mention: &Mention, sink: &Sink<'_>) {
    let name = mention.name.as_str();
    if !names.contains(name) {
        sink.error_with(&mention.span, format!("there is no {what} `{name}`"), || {
            near(name, &names.iter().copied().collect::<Vec<_>>())
        });
    }
}

fn is_flow(loads: &[Load], mention: &Mention, sink: &Sink<'_>) {
    let name = mention.name.as_str();
    if loads.iter().any(|load| load.has_flow(name)) {
        return;
    }
    sink.error_with(&mention.span, format!("there is no flow `{name}`"), || {
        let of_load = |load: &Load| {
            (0..load.flows.min(LOOKED_AT) as usize).map(|at| load.flow(at)).collect::<Vec<_>>()
        };
        let names: Vec<String> = loads.iter().flat_map(of_load).collect();
        near(name, &names.iter().map(String::as_str).collect::<Vec<_>>())
    });
}
