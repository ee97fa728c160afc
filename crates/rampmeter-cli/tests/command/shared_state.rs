//! `output`, `[state]` and `--bag FILE`.

use serde_json::{Value, json};

use crate::harness::{Folder, turn};

const POLICY: &str = r#"
undeclared = "read"
[tools.left]
output = "found"
run = { command = ["echo", "{say}"] }
[tools.right]
output = "found"
run = { command = ["echo", "{say}"] }
[tools.alone]
output = "answer"
run = { command = ["echo", "{say}"] }
"#;

fn two_turns() -> String {
    let first = turn(&[
        ("a", "left", r#"{"say": "{\"n\": 1}"}"#),
        ("b", "right", r#"{"say": "two words"}"#),
        ("c", "alone", r#"{"say": "3"}"#),
    ]);
    first + &turn(&[("a", "left", r#"{"say": "4"}"#)])
}

#[test]
fn outputs_are_merged_in_the_models_order_and_the_bag_tells_who_wrote_them() {
    let policy = format!("{POLICY}[state]\nfound = \"append\"\n");
    let folder = Folder::with(&policy, &two_turns());
    let ran = folder.run(&["run", ".", "--json", "--bag", "bag.json"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(ran.summary()["succeeded"], 4);
    let bag: Value = serde_json::from_str(&folder.read("bag.json")).unwrap();
    assert_eq!(bag["keys"]["found"]["value"], json!([{"n": 1}, "two words\n", 4]));
    let answer = &bag["keys"]["answer"];
    let told = ["value", "call", "tool", "turn", "attempt"].map(|key| answer[key].clone());
    assert_eq!(told, [json!(3), json!("c"), json!("alone"), json!(1), json!(1)]);
    let journal = bag["journal"]["entries"].as_array().unwrap();
    assert_eq!(
        (journal.len(), &bag["version"], &bag["journal"]["dropped"]),
        (4, &json!(4), &json!(0))
    );
    let mut told: Vec<_> =
        journal.iter().map(|it| format!("{} {} {}", it["key"], it["call"], it["turn"])).collect();
    told.sort();
    let expected =
        ["\"answer\" \"c\" 1", "\"found\" \"a\" 1", "\"found\" \"a\" 2", "\"found\" \"b\" 1"];
    assert_eq!(told, expected);
    assert!(journal.iter().all(|it| it["operation"] == "set"));
}

#[test]
fn without_a_merge_one_result_is_kept_and_each_other_call_is_told_of_its_conflict() {
    let folder = Folder::with(POLICY, &two_turns());
    let checked = folder.run(&["check", "."]);
    checked.complains(&["warning: tools `left` and `right` have one output, `found`", "[state]"]);
    for args in [vec!["--bag", "bag.json"], vec![]] {
        let ran = folder.run(&[vec!["run", ".", "--json", "--out", "out"], args].concat());
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        let summary = ran.summary();
        assert_eq!((&summary["succeeded"], &summary["failed"]), (&json!(2), &json!(2)));
        let errors = summary["errors"].as_array().unwrap();
        assert!(errors.iter().all(|it| it["kind"] == "conflict"), "{errors:?}");
        assert!(folder.read("out").contains("conflict at state key"));
    }
    let bag: Value = serde_json::from_str(&folder.read("bag.json")).unwrap();
    assert_eq!(bag["keys"].as_object().unwrap().len(), 2);
}

#[test]
fn a_bag_file_is_refused_like_the_other_files_before_anything_runs() {
    let folder = Folder::with(POLICY, &two_turns());
    for (args, part) in [
        (vec!["--bag", "no/such/bag"], "nothing was run"),
        (vec!["--bag", "turns.jsonl"], "is in use by this run"),
        (vec!["--bag", "same", "--out", "same"], "is in use by this run"),
    ] {
        let ran = folder.run(&[vec!["run", "."], args].concat());
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
        ran.complains(&[part]);
    }
    assert_eq!(folder.read("turns.jsonl"), two_turns());
}

#[cfg(target_os = "linux")]
#[test]
fn a_bag_that_cannot_be_written_on_to_is_reported() {
    let folder = Folder::with(POLICY, &two_turns());
    let ran = folder.run(&["run", ".", "--bag", "/dev/full"]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    ran.complains(&["/dev/full"]);
}
