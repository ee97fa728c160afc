//! Damaged messages, made from one seed: nothing panics, nothing is lost, no sibling is harmed.

use std::collections::HashSet;

use serde_json::Value;

use super::real::real;
use super::{call, message, replies, shapes};
use crate::format::{Format, Message, ParseLimits, parse};

const CASES: usize = 20_000;
const SEED: u64 = 0x9e37_79b9_7f4a_7c15;

/// What damage likes to be made of: the words of all formats and the pitfalls of JSON.
const PIECES: &[&str] = &[
    "null",
    "{}",
    "[]",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\\",
    "\\ud800",
    "\\\"",
    "\"\"",
    "1e999",
    "-",
    "\u{0}",
    "\u{feff}",
    "é",
    "[[[[[[[[",
    "\"id\":",
    "\"id\":\"a\",",
    "\"name\":",
    "\"type\":",
    "\"type\":\"tool_use\",",
    "\"type\":\"custom\",",
    "\"input\":",
    "\"function\":",
    "\"arguments\":",
    "\"arguments\":\"\",",
    "\"role\":\"user\",",
    "\"tool_calls\":",
    "\"content\":",
    "\"choices\":",
    "\"function_call\":{},",
    "\"call_id\":\"a\",",
    "\"type\":\"function_call\",",
    "\"type\":\"custom_tool_call\",",
    "\"status\":\"incomplete\",",
    "\"output\":[],",
    "\"candidates\":[],",
    "\"parts\":",
    "\"functionCall\":",
    "\"functionCall\":{},",
    "\"args\":",
    "\"willContinue\":true,",
    "\"toolUse\":",
    "\"toolUse\":{},",
    "\"toolUseId\":\"a\",",
    "\"jsonrpc\":\"2.0\",",
    "\"method\":\"tools/call\",",
    "\"method\":\"tools/list\",",
    "\"params\":",
    "\"id\":7,",
    "\"result\":{},",
    "\"final_answer\":\"x\",",
    "\"thought\":\"x\",",
    "null,",
    "{},",
];

#[test]
fn no_damage_panics_or_loses_a_call() {
    let seeds = seeds();
    let mut random = Random(SEED);
    let (mut refused, mut malformed, mut intact) = (0, 0, 0);
    for case in 0..CASES {
        let seed = &seeds[random.below(seeds.len())];
        let text = match random.below(3) {
            0 => damage(seed, &mut random),
            _ => twist(seed, &mut random),
        };
        let limits = limits(&mut random);
        let what = || format!("seed {SEED:#x}, case {case}: {text}");
        match parse(&text, &limits) {
            Ok(message) => {
                let asked = limits.format.is_none_or(|asked| asked.accepts(message.format));
                assert!(asked, "{}", what());
                check(&message, &limits, &what);
                assert_eq!(parse(&text, &limits).as_ref(), Ok(&message), "{}", what());
                let bad = message.calls.iter().any(|call| call.arguments.is_err());
                *(if bad { &mut malformed } else { &mut intact }) += 1;
            }
            Err(error) => {
                refused += 1;
                assert!(error.line >= 1 && error.column >= 1 && error.line <= text.len() + 1);
                assert!(error.reason.contains("; ") || error.reason.contains(": "), "{}", what());
            }
        }
    }
    // Were nearly all refused as a whole, the readers of single calls would go untested.
    let counts = [refused, malformed, intact];
    assert!(counts.iter().all(|&count| count > CASES / 20), "{counts:?}");
}

#[test]
fn damage_to_one_call_never_changes_its_siblings() {
    for format in Format::ALL.into_iter().filter(|format| *format != Format::Mcp) {
        harm_the_middle_call(format);
    }
}

fn harm_the_middle_call(format: Format) {
    let good = ["first", "last"].map(|id| call(format, id, r#"{"x": 1}"#));
    let mut random = Random(SEED);
    let mut harmed = 0;
    for case in 0..CASES / 4 {
        let middle = damage(&call(format, "middle", r#"{"y": [1, "z"]}"#), &mut random);
        // Damage that breaks the message's own JSON, or makes two calls of one, is not a bad call.
        let alone = format!("[{middle}]");
        if !serde_json::from_str::<Vec<&serde_json::value::RawValue>>(&alone)
            .is_ok_and(|list| list.len() == 1)
        {
            continue;
        }
        let text = message(format, &[&good[0], &middle, &good[1]]);
        let what = || format!("{format}, seed {SEED:#x}, case {case}: {text}");
        let message = parse(&text, &ParseLimits::default())
            .unwrap_or_else(|error| panic!("{error}: {}", what()));
        // What is no call any more, such as a block of another type, is passed over.
        assert!(matches!(message.calls.len(), 2 | 3), "{}", what());
        let (first, last) = (&message.calls[0], &message.calls[message.calls.len() - 1]);
        for (call, id) in [(first, "first"), (last, "last")] {
            assert_eq!((call.id.as_str(), call.name.as_str()), (id, "t"), "{}", what());
            assert_eq!(call.arguments.as_ref().unwrap().as_str(), r#"{"x": 1}"#, "{}", what());
        }
        harmed += usize::from(message.calls[1].arguments.is_err());
    }
    assert!(harmed > 50, "{format}: {harmed}");
}

fn check(message: &Message, limits: &ParseLimits, what: &dyn Fn() -> String) {
    for (index, call) in message.calls.iter().enumerate() {
        assert_eq!(call.index, index, "{}", what());
        assert!(!call.id.is_empty(), "{}", what());
        match &call.arguments {
            Ok(arguments) => {
                assert!(!call.name.is_empty() && index < limits.max_calls, "{}", what());
                assert!(arguments.as_str().starts_with('{'), "{}", what());
                assert!(arguments.len() <= limits.max_arguments.max(2), "{}", what());
                // A reader may refuse (lone surrogates, 1e999), but it must not panic either.
                if let Err(error) = arguments.parse::<Value>() {
                    assert!(!error.reason.is_empty(), "{}", what());
                }
                let _ = arguments.parse::<std::collections::BTreeMap<String, Vec<u8>>>();
            }
            Err(malformed) => {
                assert!(malformed.reason.contains("; "), "{}", what());
                assert!(malformed.reason.len() < 2_000, "{}", what());
            }
        }
    }
    let runs = message.calls.iter().filter(|call| call.arguments.is_ok());
    let runs: Vec<_> = runs.map(|call| (&call.id, call.form)).collect();
    let distinct: HashSet<_> = runs.iter().collect();
    assert_eq!(runs.len(), distinct.len(), "two calls that run share an id: {}", what());
    let rendered = message.format.render(&replies(message));
    let in_one = rendered.first().and_then(|first| match message.format {
        Format::Anthropic | Format::Bedrock => first["content"].as_array(),
        Format::Gemini => first["parts"].as_array(),
        Format::McpBatch => first.as_array(),
        _ => None,
    });
    let answered = in_one.map_or(rendered.len(), Vec::len);
    assert_eq!(answered, message.calls.len(), "{}", what());
}

fn seeds() -> Vec<String> {
    let mut seeds: Vec<String> = HANDMADE.iter().map(ToString::to_string).collect();
    seeds.extend(shapes::messages());
    for file in ["bfcl_v4_parallel.openai.jsonl", "bfcl_v4_live_parallel.anthropic.jsonl"] {
        let text = real(file).unwrap_or_default();
        seeds.extend(text.lines().take(12).map(str::to_owned));
    }
    seeds
}

const HANDMADE: &[&str] = &[
    r#"{"role":"assistant","content":"hello"}"#,
    r#"{"role":"assistant","content":null,"tool_calls":[{"id":"a","type":"function","function":{"name":"t","arguments":"{\"x\":[1,{\"y\":\"\\u00e9\"}]}"}},{"id":"b","type":"function","function":{"name":"u","arguments":""}},{"id":"c","function":{"name":"v","arguments":{"deep":[[[{}]]]}}}]}"#,
    r#"{"id":"r","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","tool_calls":[{"id":"a","type":"function","function":{"name":"t","arguments":"{}"}},{"id":"k","type":"custom","custom":{"name":"sql","input":"x"}}]},"finish_reason":"tool_calls"}],"usage":{"total_tokens":5}}"#,
    r#"{"id":"m","type":"message","role":"assistant","content":[{"type":"text","text":"t"},{"type":"tool_use","id":"a","name":"t","input":{"x":1e30}},{"type":"tool_use","id":"b","name":"u","input":{}}],"stop_reason":"tool_use"}"#,
];

fn limits(random: &mut Random) -> ParseLimits {
    let asked = Format::ALL[random.below(Format::ALL.len())];
    match random.below(8) {
        0 => ParseLimits { max_arguments: 24, max_calls: 2, max_depth: 2, format: None },
        1 => ParseLimits { format: Some(asked), ..ParseLimits::default() },
        _ => ParseLimits::default(),
    }
}

/// Flips, cuts, drops, repeats and inserts, once to four times.
fn damage(text: &str, random: &mut Random) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len() + 1);
        let span = at..(at + 1 + random.below(12)).min(bytes.len());
        match random.below(8) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            1 if random.below(4) == 0 => bytes.truncate(at),
            2 if !span.is_empty() => drop(bytes.drain(span)),
            3 if !span.is_empty() => bytes.extend_from_within(span),
            4 if at < bytes.len() && bytes[at].is_ascii_alphanumeric() => bytes[at] = b'a',
            _ => {
                let piece = PIECES[random.below(PIECES.len())];
                // Behind an opening or a comma a piece is most likely to leave the whole legal.
                let ahead = bytes[at..].iter().position(|b| matches!(b, b'{' | b'[' | b','));
                let at = if random.below(2) == 0 { at } else { ahead.map_or(at, |by| at + by + 1) };
                bytes.splice(at..at, piece.bytes());
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Changes values, so that the text stays JSON and the harm reaches the calls.
fn twist(text: &str, random: &mut Random) -> String {
    let mut message: Value = serde_json::from_str(text).unwrap();
    for _ in 0..=random.below(3) {
        twist_in(&mut message, random);
    }
    message.to_string()
}

fn twist_in(value: &mut Value, random: &mut Random) {
    let here = random.below(6) == 0;
    match value {
        Value::Array(list) if !list.is_empty() => {
            let at = random.below(list.len());
            match random.below(6) {
                0 if here => drop(list.remove(at)),
                1 if here => list.insert(at, junk(random)),
                2 => list.push(list[at].clone()),
                _ => twist_in(&mut list[at], random),
            }
        }
        Value::Object(map) if !here && !map.is_empty() => {
            let key = map.keys().nth(random.below(map.len())).cloned().unwrap();
            match random.below(12) {
                0 => drop(map.remove(&key)),
                1 => drop(map.insert(damage(&key, random), junk(random))),
                _ => twist_in(&mut map[&key], random),
            }
        }
        Value::String(text) if random.below(2) == 0 => *text = damage(text, random),
        _ => *value = junk(random),
    }
}

fn junk(random: &mut Random) -> Value {
    const JUNK: &[&str] = &[
        "null",
        "true",
        "-7",
        "\"\"",
        "\"a\"",
        "\"tool_use\"",
        "[]",
        "[{}]",
        "{}",
        "{\"x\":[[]]}",
    ];
    serde_json::from_str(JUNK[random.below(JUNK.len())]).unwrap()
}

/// Marsaglia's xorshift64.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).unwrap()
    }
}
