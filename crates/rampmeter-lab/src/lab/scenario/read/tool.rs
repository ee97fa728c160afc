//! `[tools.NAME]` and `[servers.NAME]`: how tools behave, and the servers behind them.

use std::time::Duration;

use super::super::types::{ServerSpec, Spread, ToolSpec};
use super::draft::Placed;
use super::field::{Field, Section};
use super::load::{MOST, calls};
use super::sink::Kind;

const TOOL: [&str; 10] = [
    "takes",
    "server",
    "memory",
    "cpu",
    "fails",
    "fails_from",
    "hangs",
    "ignores_cancel",
    "races",
    "calls",
];
const TAKES: &str = "write takes = \"50ms\", { uniform = [\"10ms\", \"90ms\"] }, \
                     { exponential = \"50ms\" }, { median = \"40ms\", p99 = \"200ms\" } or \
                     { pareto = \"10ms\", shape = 1.5 }";

pub(super) fn tool(field: &Field<'_>) -> Option<Placed<ToolSpec>> {
    let help = format!("write [tools.{}] and below it takes = \"50ms\"", field.name);
    let tool = field.table(&help)?.only(&TOOL);
    let share = |key| tool.get(key).map_or(Some(0.0), |share: Field<'_>| share.share());
    let time = |key| tool.get(key).map_or(Some(Duration::ZERO), |it: Field<'_>| it.duration());
    let value = ToolSpec {
        name: field.name.to_owned(),
        takes: takes(&tool.need("takes", TAKES)?)?,
        server: tool.get("server").and_then(|server| server.mention(Kind::Server)),
        memory: tool.get("memory").map_or(Some(0), |memory| memory.bytes())?,
        cpu: time("cpu")?,
        fails: share("fails")?,
        fails_from: tool.get("fails_from").and_then(|from| from.whole(0..=MOST)),
        hangs: share("hangs")?,
        ignores_cancel: time("ignores_cancel")?,
        races: tool.get("races").and_then(|counter| counter.text()),
        calls: tool.get("calls").map(|field| calls(&field)).unwrap_or_default(),
    };
    Some(Placed { value, span: field.key_span.clone() })
}

pub(super) fn server(field: &Field<'_>) -> Option<Placed<ServerSpec>> {
    let help = format!("write [servers.{}] and below it sigma = 0.05", field.name);
    let server = field.table(&help)?.only(&["sigma", "kappa", "full", "quotas"]);
    let number = |key| server.get(key).map_or(Some(0.0), |it: Field<'_>| it.number(0.0));
    let quotas = match server.get("quotas") {
        Some(one) if one.as_text().is_some() => one.rate().into_iter().collect(),
        Some(all) => {
            all.list("write quotas = [\"60/min\"]").iter().filter_map(Field::rate).collect()
        }
        None => Vec::new(),
    };
    let value = ServerSpec {
        name: field.name.to_owned(),
        sigma: number("sigma")?,
        kappa: number("kappa")?,
        full: server.get("full").and_then(|full| full.whole(1..=MOST)),
        quotas,
    };
    Some(Placed { value, span: field.key_span.clone() })
}

fn takes(field: &Field<'_>) -> Option<Spread> {
    if field.as_text().is_some() {
        return Some(Spread::Fixed(field.duration()?));
    }
    let table = field.table(TAKES)?;
    let kinds = ["uniform", "exponential", "median", "pareto"];
    let kind = kinds.into_iter().find(|kind| table.get(kind).is_some());
    let table = table.only(match kind {
        Some("uniform") => &["uniform"],
        Some("exponential") => &["exponential"],
        Some("median") => &["median", "p99"],
        Some("pareto") => &["pareto", "shape"],
        _ => &kinds,
    });
    match kind {
        Some("uniform") => uniform(&table.get("uniform")?),
        Some("exponential") => Some(Spread::Exponential(table.get("exponential")?.period()?)),
        Some("median") => log_normal(&table),
        Some(_) => {
            let shape = table.need("shape", "say how heavy the tail is, as in shape = 1.5")?;
            let least = table.get("pareto")?.period()?;
            Some(Spread::Pareto(least, shape.number(MIN_SHAPE)?))
        }
        None => {
            field.error(format!("`{}` does not say how long", field.path), TAKES);
            None
        }
    }
}

/// With less than this a Pareto distribution has next to no mean, and its tail never ends.
const MIN_SHAPE: f64 = 1.05;

fn uniform(field: &Field<'_>) -> Option<Spread> {
    let help = "write the shortest and the longest, as in uniform = [\"10ms\", \"90ms\"]";
    let ends = field.list(help);
    let [shortest, longest] = ends.as_slice() else {
        if field.is_list() {
            field.error(format!("`{}` is not two durations", field.path), help);
        }
        return None;
    };
    let (shortest, longest) = (shortest.duration()?, longest.duration()?);
    if shortest > longest {
        field.error(format!("`{}` runs backwards", field.path), help);
        return None;
    }
    Some(Spread::Uniform(shortest, longest))
}

fn log_normal(table: &Section<'_>) -> Option<Spread> {
    let help = "say what 99 of 100 stay below, as in p99 = \"200ms\"";
    let (median, p99) = (table.get("median")?.period()?, table.need("p99", help)?);
    let tail = p99.period()?;
    if tail < median {
        p99.error(format!("`{}` is below the median", p99.path), "write a longer duration");
        return None;
    }
    Some(Spread::LogNormal(median, tail))
}
