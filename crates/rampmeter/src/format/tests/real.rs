//! Real turns, where they are at hand: what was read must be what an independent reader sees.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{ids, read, replies};
use crate::format::{Format, Message};

#[test]
fn ids_of_real_openai_turns_come_back_in_order() {
    let Some(text) = real("bfcl_v4_parallel.openai.jsonl") else { return };
    let mut count = (0, 0);
    for line in text.lines() {
        let (oracle, message) = (oracle(line), read(line));
        assert_eq!(message.format, Format::OpenAiChat);
        let calls = oracle["tool_calls"].as_array().unwrap();
        let asked = calls.iter().map(|call| {
            let function = &call["function"];
            let arguments = serde_json::from_str(function["arguments"].as_str().unwrap()).unwrap();
            (call["id"].clone(), function["name"].clone(), arguments)
        });
        assert_eq!(seen(&message), asked.collect::<Vec<_>>());
        let rendered = message.format.render(&replies(&message));
        let answered: Vec<_> =
            rendered.iter().map(|m| m["tool_call_id"].as_str().unwrap()).collect();
        assert_eq!(answered, ids(&message));
        count = (count.0 + 1, count.1 + answered.len());
    }
    assert_eq!(count, (200, 540));
}

#[test]
fn ids_of_real_anthropic_turns_come_back_in_order() {
    let Some(text) = real("bfcl_v4_live_parallel.anthropic.jsonl") else { return };
    let mut count = (0, 0);
    for line in text.lines() {
        let (oracle, message) = (oracle(line), read(line));
        assert_eq!(message.format, Format::Anthropic);
        let blocks = oracle["content"].as_array().unwrap();
        let asked = blocks.iter().map(|b| (b["id"].clone(), b["name"].clone(), b["input"].clone()));
        assert_eq!(seen(&message), asked.collect::<Vec<_>>());
        let rendered = message.format.render(&replies(&message));
        assert_eq!(rendered.len(), 1);
        let results = rendered[0]["content"].as_array().unwrap();
        let answered: Vec<_> = results.iter().map(|r| r["tool_use_id"].as_str().unwrap()).collect();
        assert_eq!(answered, ids(&message));
        count = (count.0 + 1, count.1 + answered.len());
    }
    assert_eq!(count, (16, 39));
}

/// The text of a file of real turns, or `None`, said aloud, where the folder is absent.
pub(super) fn real(file: &str) -> Option<String> {
    let named = std::env::var_os("RAMPMETER_TURNS_DIR").map(PathBuf::from);
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let is_named = named.is_some();
    let folder = named.unwrap_or(beside);
    if !folder.is_dir() {
        assert!(!is_named, "RAMPMETER_TURNS_DIR names no folder: {}", folder.display());
        // Written past the test harness, which would keep the words of a passing test to itself.
        let skipped = "SKIPPED: no folder of real turns; set RAMPMETER_TURNS_DIR to have";
        let _ = writeln!(std::io::stderr(), "{skipped} {file} tested");
        return None;
    }
    let path = folder.join(file);
    Some(std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display())))
}

fn oracle(line: &str) -> Value {
    serde_json::from_str(line).unwrap()
}

fn seen(message: &Message) -> Vec<(Value, Value, Value)> {
    let see = |call: &crate::format::Asked| {
        let arguments = call.arguments.as_ref().unwrap().parse().unwrap();
        (call.id.as_str().into(), call.name.as_str().into(), arguments)
    };
    message.calls.iter().map(see).collect()
}
