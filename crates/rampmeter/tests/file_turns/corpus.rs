//! The turns: a few written by hand, the rest from a seed. Each flow has a folder of its own, all of
//! them read what is in `shared`, and all add lines to one journal.

use serde_json::{Value, json};

use crate::seed::Rng;

const SEED: u64 = 5;
const FLOWS: u64 = 4;
const TURNS: u64 = 25;

/// Folders and files that are there at the beginning, below each flow's own folder.
pub(crate) const FOLDERS: [&str; 4] = ["d", "d/e", "f", "g"];
pub(crate) const FILES: [&str; 6] = ["p", "d/p", "d/q", "d/e/p", "f/p", "f/q"];
pub(crate) const HAND: &str = "hand";

pub(crate) struct Turn {
    pub(crate) flow: String,
    pub(crate) calls: Vec<Call>,
}

#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) id: String,
    pub(crate) tool: &'static str,
    pub(crate) arguments: Value,
}

impl Turn {
    fn new(flow: &str, number: u64, calls: Vec<(&'static str, Value)>) -> Turn {
        let calls = calls.into_iter().enumerate().map(|(at, (tool, arguments))| Call {
            id: format!("{flow}-{number}-{at}"),
            tool,
            arguments,
        });
        Turn { flow: flow.to_owned(), calls: calls.collect() }
    }

    /// As a model would have written it.
    pub(crate) fn message(&self) -> String {
        let calls = self.calls.iter().map(|call| {
            let function = json!({"name": call.tool, "arguments": call.arguments.to_string()});
            json!({"id": call.id, "type": "function", "function": function})
        });
        json!({"role": "assistant", "tool_calls": calls.collect::<Vec<Value>>()}).to_string()
    }
}

/// All turns, those of one flow in its order.
pub(crate) fn corpus() -> Vec<Turn> {
    let mut turns = by_hand();
    for flow in flows() {
        let rng = &mut Rng::new(SEED ^ turns.len() as u64);
        for number in 0..TURNS {
            let calls = (0..2 + rng.below(5)).map(|_| random(rng, &flow)).collect();
            turns.push(Turn::new(&flow, number, calls));
        }
    }
    turns
}

/// The flows whose turns come from the seed.
pub(crate) fn flows() -> impl Iterator<Item = String> {
    (0..FLOWS).map(|flow| format!("flow{flow}"))
}

fn by_hand() -> Vec<Turn> {
    let at = |path: &str| json!({"path": format!("{HAND}/{path}")});
    let add = |path: &str, text: &str| {
        ("append", json!({"path": format!("{HAND}/{path}"), "text": text}))
    };
    let two = |from: &str, to: &str| json!({"from": format!("{HAND}/{from}"), "to": format!("{HAND}/{to}")});
    let find = |text: &str, path: &str| {
        ("grep", json!({"pattern": text, "path": format!("{HAND}/{path}")}))
    };
    let turns = vec![
        vec![
            ("mkdir", at("new")),
            add("new/a", "one"),
            add("new/a", "two"),
            add("new/b", "three"),
            ("cat", at("new/a")),
            ("cat", at("new/b")),
        ],
        vec![
            ("cp", two("new/a", "new/c")),
            ("mv", two("new/a", "new/d")),
            find("o", "new"),
            ("cat", at("new/a")),
            add("new/a", "four"),
            find("o", "new"),
        ],
        vec![
            ("cat", at("new/b")),
            ("mv", two("new", "old")),
            ("cat", at("new/b")),
            ("cat", at("old/b")),
            add("old/./x/../b", "five"),
            add("new/b", "six"),
            ("cat", at("old//b")),
        ],
        vec![
            ("rm", at("old/b")),
            ("cat", at("old/b")),
            add("old/b", "seven"),
            ("mkdir", at("old/b")),
            ("cat", at("old/b")),
        ],
        vec![
            find("e", "."),
            ("rm", at("old")),
            ("mkdir", at("old")),
            find("e", "."),
            ("cp", two("p", "old/p")),
            ("mkdir", at("old/in")),
            ("mv", two("old", "old/in/old")),
            find("p", "old"),
        ],
        vec![
            add("x", "one"),
            ("cp", two("x", "y")),
            add("x", "two"),
            ("cp", two("x", "z")),
            ("cat", at("y")),
            ("cat", at("z")),
            ("mv", two("y", "x")),
            ("cat", at("x")),
        ],
    ];
    let turns = turns.into_iter().enumerate();
    turns.map(|(number, calls)| Turn::new(HAND, number as u64, calls)).collect()
}

fn random(rng: &mut Rng, flow: &str) -> (&'static str, Value) {
    let text = format!("{} {}", rng.pick(&["apple", "pear", "plum"]), rng.below(1_000));
    match rng.below(100) {
        0..20 => ("cat", json!({"path": file(rng, flow)})),
        20..24 => ("cat", json!({"path": shared(rng)})),
        24..47 => ("append", json!({"path": file(rng, flow), "text": text})),
        47..53 => ("append", json!({"path": "journal", "text": format!("{flow} {text}")})),
        53..63 => ("cp", json!({"from": file(rng, flow), "to": file(rng, flow)})),
        63..71 => ("cp", json!({"from": shared(rng), "to": file(rng, flow)})),
        71..75 => ("mv", json!({"from": file(rng, flow), "to": file(rng, flow)})),
        75..76 => ("mv", json!({"from": folder(rng, flow), "to": folder(rng, flow)})),
        76..88 => ("mkdir", json!({"path": folder(rng, flow)})),
        88..90 => ("rm", json!({"path": file(rng, flow)})),
        90..91 => ("rm", json!({"path": folder(rng, flow)})),
        91..99 => ("grep", json!({"path": folder(rng, flow), "pattern": "pl"})),
        _ => ("grep", json!({"path": flow, "pattern": "apple"})),
    }
}

fn shared(rng: &mut Rng) -> String {
    format!("shared/{}", rng.pick(&FILES))
}

fn file(rng: &mut Rng, flow: &str) -> String {
    let path = rng.pick(&FILES);
    written(rng, flow, path)
}

fn folder(rng: &mut Rng, flow: &str) -> String {
    let path = rng.pick(&FOLDERS);
    written(rng, flow, path)
}

/// One path, written in one way or another.
fn written(rng: &mut Rng, flow: &str, path: &str) -> String {
    match rng.percent(20) {
        true => format!(
            "{}{flow}{}{path}",
            rng.pick(&["./", "", "shared/../"]),
            rng.pick(&["//", "/./"])
        ),
        false => format!("{flow}/{path}"),
    }
}

/// A number from a seed, a run and a call, for what differs from run to run.
pub(crate) fn mixed(run: u64, id: &str) -> u64 {
    let bytes = id.bytes().fold(run, |sum, byte| sum.wrapping_mul(31) ^ u64::from(byte));
    Rng::new(bytes).next()
}
