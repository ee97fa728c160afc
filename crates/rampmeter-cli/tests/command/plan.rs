//! `run --plan`: what would wait for what. Nothing runs and nothing is written.

use serde_json::{Value, json};

use crate::harness::{Folder, turn};

const POLICY: &str = r#"
[limits.host]
concurrency = 4
[tools.cat]
limits = ["host"]
reads = ["file:{path|clean}", "file:{path|folders}"]
run = { command = ["touch", "ran"] }
[tools.append]
limits = { host = { weight = 2 } }
reads = ["file:{path|folders}"]
writes = ["file:{path|clean}"]
run = { command = ["touch", "ran"] }
[tools.silent]
run = { command = ["touch", "ran"] }
"#;

fn folder() -> Folder {
    let text = format!(r#"{{"path": "a", "text": "{}"}}"#, "x".repeat(80));
    let first = turn(&[
        ("a", "cat", r#"{"path": "a"}"#),
        ("b", "append", &text),
        ("c", "silent", "{}"),
        ("d", "silent", "{}"),
        ("e", "cta", r#"{"path": "a"}"#),
        ("f", "cat", "7"),
        ("g", "cat", "{}"),
    ]);
    Folder::with(POLICY, &format!("{first}{{}}\n{}", turn(&[("h", "silent", "{}")])))
}

#[test]
fn each_call_has_a_line_that_says_what_it_waits_for_and_nothing_runs() {
    let folder = folder();
    let ran = folder.run(&["run", ".", "--plan"]);
    let expected = "\
turn 1, flow default: 7 calls, 2 to start at once
  #1 cat {\"path\": \"a\"}: starts at once; reads file:a, file:.; limits host
  #2 append {\"path\": \"a\", \"text\": \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…: \
       after #1 (writes file:a, which #1 reads); reads file:.; writes file:a; limits host × 2
  #3 silent {}: starts at once
  #4 silent {}: after #3 (calls of silent write and do not name what)
  #5 cta {\"path\": \"a\"}: error: there is no tool named \"cta\"; did you mean \"cat\"?
  #6 cat: error: tool_calls[5].function.arguments is a number; send one JSON object, {} for none
  #7 cat {}: error: cat was refused: `tools.cat.reads[0]` needs the argument `path`, which the call \
       lacks: add it; trying again will not help
turn 3, flow default: 1 call, 1 to start at once
  #1 silent {}: starts at once
";
    assert_eq!(ran.stdout, expected);
    assert_eq!(ran.code, Some(1), "a line is broken");
    ran.complains(&["turns.jsonl:2:1", "only read: silent\n"]);
    let files = std::fs::read_dir(folder.path(".")).unwrap().count();
    assert_eq!(files, 2, "the policy and the turns");
}

#[test]
fn a_program_gets_one_object_for_each_call_with_all_of_its_arguments() {
    let ran = folder().run(&["run", ".", "--plan", "--json"]);
    let lines: Vec<Value> =
        ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 8);
    let second = json!({
        "turn": 1, "call": 2, "id": "b", "tool": "append", "flow": "default",
        "arguments": {"path": "a", "text": "x".repeat(80)},
        "reads": ["file:."], "writes": ["file:a"], "limits": {"host": {"weight": 2}},
        "after": [{"call": 1, "because": [{"key": "file:a", "earlier": "reads", "later": "writes"}]}],
        "error": null,
    });
    assert_eq!(lines[1], second);
    let because =
        json!({"tool": "silent", "earlier_writes_unnamed": true, "later_writes_unnamed": true});
    assert_eq!(lines[3]["after"], json!([{"call": 3, "because": [because]}]));
    let kinds: Vec<_> = lines[4..7].iter().map(|line| line["error"]["kind"].clone()).collect();
    assert_eq!(kinds, ["unknown_tool", "malformed", "unsupported"]);
    assert_eq!((&lines[7]["turn"], &lines[7]["call"]), (&json!(3), &json!(1)));
}

#[test]
fn what_writes_or_runs_does_not_go_with_a_plan() {
    for other in [["--out", "x"], ["--events", "x"], ["--state", "x"], ["--compare", "--json"]] {
        let folder = folder();
        let ran = folder.run(&[&["run", ".", "--plan"][..], &other[..]].concat());
        assert_eq!(ran.code, Some(2), "{other:?}");
        ran.complains(&["--plan", "cannot be used with"]);
    }
}
