//! `rampmeter run --plan`: what each call of each turn would wait for, and why. Nothing runs.

use std::io::{self, BufWriter, Write};
use std::sync::Arc;

use rampmeter::policy::{DrawPolicy, Policy};
use rampmeter::runtime::TokioRuntime;
use rampmeter::{Because, KeyAccess, PlannedCall};
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::drive::{Listener, request};
use super::fields::Fields;
use super::output::Results;
use super::source::{self, Paths};
use super::table::short;
use super::{Regime, prepare, remarks};
use crate::args::RunArgs;
use crate::exit::Exit;

const ARGUMENTS_CHARS: usize = 60;

/// Prints the plan of every turn: one line a call, or with `--json` one object.
pub(crate) fn print(
    args: &RunArgs,
    paths: &Paths,
    policy: &Policy,
    fields: Fields,
) -> Result<Exit, String> {
    remarks::before(args, policy, &fields);
    let (executor, _) = prepare(policy, Regime::Limited, &(Arc::new(TokioRuntime::new()) as _), 0)?;
    let mut out = BufWriter::new(io::stdout().lock());
    let mut exit = Exit::Done;
    for line in source::lines(&paths.turns, fields)? {
        let (line, request) = match line.and_then(|line| request(&executor, line)) {
            Ok(turn) => turn,
            Err(broken) => {
                Results { turns: &paths.turns, out: None }.broken(&broken);
                exit = Exit::Partly;
                continue;
            }
        };
        let calls = executor.plan(&request).calls;
        let flow = line.flow.as_deref().unwrap_or(rampmeter::DEFAULT_FLOW);
        let written = match args.json {
            true => objects(&mut out, line.number, flow, &calls),
            false => lines(&mut out, line.number, flow, &calls),
        };
        // A reader that has seen enough may close the pipe.
        if written.is_err() {
            return Ok(exit);
        }
    }
    let _ = out.flush();
    Ok(exit)
}

fn lines(out: &mut impl Write, turn: u64, flow: &str, calls: &[PlannedCall]) -> io::Result<()> {
    let at_once = calls.iter().filter(|call| call.after.as_ref().is_ok_and(Vec::is_empty)).count();
    let all = calls.len();
    let calls_of = if all == 1 { "call" } else { "calls" };
    let flow = short(flow, ARGUMENTS_CHARS);
    writeln!(out, "turn {turn}, flow {flow}: {all} {calls_of}, {at_once} to start at once")?;
    for (place, call) in calls.iter().enumerate() {
        let arguments = call.arguments.as_ref();
        let arguments = arguments.map(|it| format!(" {}", short(it.as_str(), ARGUMENTS_CHARS)));
        let arguments = arguments.unwrap_or_default();
        let name = short(&call.name, ARGUMENTS_CHARS);
        let text = match &call.after {
            Err(error) => format!("error: {error}"),
            Ok(after) => {
                let after: Vec<String> = after.iter().map(ToString::to_string).collect();
                let starts = match after.as_slice() {
                    [] => "starts at once".to_owned(),
                    after => format!("after {}", after.join(", ")),
                };
                [starts, keys(call), limits(call)].concat()
            }
        };
        let text = text.replace(char::is_control, " ");
        writeln!(out, "  #{} {name}{arguments}: {text}", place + 1)?;
    }
    Ok(())
}

fn keys(call: &PlannedCall) -> String {
    let named = |access: KeyAccess, does: &str| {
        let keys = names(call, access);
        if keys.is_empty() { String::new() } else { format!("; {does} {}", keys.join(", ")) }
    };
    named(KeyAccess::Shared, "reads") + &named(KeyAccess::Exclusive, "writes")
}

fn limits(call: &PlannedCall) -> String {
    let limits = call.draws.iter().map(|draw| match draw.weight {
        1 => draw.limit.clone(),
        weight => format!("{} × {weight}", draw.limit),
    });
    let limits: Vec<String> = limits.collect();
    if limits.is_empty() { String::new() } else { format!("; limits {}", limits.join(", ")) }
}

fn names(call: &PlannedCall, access: KeyAccess) -> Vec<&str> {
    let keys = call.keys.iter().filter(|(_, it)| *it == access);
    keys.map(|(key, _)| key.as_str()).collect()
}

/// What `--json` says of one call.
#[derive(Serialize)]
struct Line<'a> {
    turn: u64,
    /// Its place in the turn, from 1, as the lines without `--json` count.
    call: usize,
    id: &'a str,
    tool: &'a str,
    flow: &'a str,
    arguments: Option<&'a RawValue>,
    reads: Vec<&'a str>,
    writes: Vec<&'a str>,
    limits: Map<String, Value>,
    after: Vec<Value>,
    error: Option<Value>,
}

fn objects(out: &mut impl Write, turn: u64, flow: &str, calls: &[PlannedCall]) -> io::Result<()> {
    for (place, call) in calls.iter().enumerate() {
        let arguments = call.arguments.as_ref();
        let line = Line {
            turn,
            call: place + 1,
            id: &call.id,
            tool: &call.name,
            flow,
            arguments: arguments.and_then(|it| serde_json::from_str(it.as_str()).ok()),
            reads: names(call, KeyAccess::Shared),
            writes: names(call, KeyAccess::Exclusive),
            limits: call.draws.iter().map(|draw| (draw.limit.clone(), drawn(draw))).collect(),
            after: call.after.iter().flatten().map(after).collect(),
            error: call
                .after
                .as_ref()
                .err()
                .map(|error| json!({"kind": error.kind(), "message": error.to_string()})),
        };
        serde_json::to_writer(&mut *out, &line)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

fn drawn(draw: &DrawPolicy) -> Value {
    let costs = draw.costs.iter().map(|(unit, amount)| (unit.key().to_owned(), json!(amount)));
    let weight = ("weight".to_owned(), json!(draw.weight));
    [weight].into_iter().chain(costs).collect()
}

fn after(after: &rampmeter::After) -> Value {
    let because = after.because.iter().map(|because| match because {
        Because::Key { key, earlier, later } => {
            json!({"key": key, "earlier": does(*earlier), "later": does(*later)})
        }
        Because::Tool { tool, earlier, later } => {
            let unnamed = |access: &KeyAccess| *access == KeyAccess::Exclusive;
            json!({"tool": tool, "earlier_writes_unnamed": unnamed(earlier),
                "later_writes_unnamed": unnamed(later)})
        }
    });
    json!({"call": after.call + 1, "because": because.collect::<Vec<Value>>()})
}

fn does(access: KeyAccess) -> &'static str {
    match access {
        KeyAccess::Shared => "reads",
        KeyAccess::Exclusive => "writes",
    }
}
