//! A quota that outlives the run.

use serde_json::json;

use crate::harness::{Folder, Ran, turn};

/// The quickstart's search, with a quota for the day.
fn policy(run: &str) -> String {
    format!(
        "[run]\nflow = \"user\"\n{run}\n\
         [limits.search_api]\nconcurrency = 2\n\
         requests = {{ rate = \"5/day\", kind = \"calendar\", zone = \"UTC\" }}\n\
         queue = {{ size = 10 }}\n\
         [tools.web_search]\naccess = \"read\"\nlimits = [\"search_api\"]\nqueue_timeout = \"50ms\"\n\
         run = {{ simulate = {{ latency = \"1ms\" }} }}\n"
    )
}

fn folder(run: &str) -> Folder {
    let calls = [("1", "web_search", "{}"), ("2", "web_search", "{}"), ("3", "web_search", "{}")];
    Folder::with(&policy(run), &turn(&calls))
}

/// How many succeeded and were refused, and what the limit had used at the end.
fn counts(ran: &Ran) -> (u64, u64, u64) {
    let summary = ran.summary();
    let count = |pointer: &str| summary.pointer(pointer).unwrap().as_u64().unwrap();
    (count("/succeeded"), count("/refused"), count("/limits/search_api/requests/0/used"))
}

/// It runs at midnight too, when a day's quota is new in between.
fn same_day(test: impl Fn()) {
    let day = || {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        now.as_secs() / 86_400
    };
    loop {
        let before = day();
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(&test));
        match result {
            Err(_) if day() != before => {}
            Err(cause) => std::panic::resume_unwind(cause),
            Ok(()) => return,
        }
    }
}

#[test]
fn the_second_run_has_what_the_first_one_left_of_the_day() {
    same_day(|| {
        for durability in ["interval", "strict"] {
            let folder = folder("");
            let args = ["run", ".", "--json", "--state", "quota.state", "--durability", durability];
            let first = folder.run(&args);
            assert_eq!((first.code, counts(&first)), (Some(0), (3, 0, 3)), "{}", first.stderr);
            let second = folder.run(&args);
            assert_eq!((second.code, counts(&second)), (Some(0), (2, 1, 5)), "{}", second.stderr);
            let third = folder.run(&args);
            assert_eq!(counts(&third), (0, 3, 5), "{durability}");
            assert!(!third.stderr.contains("quota.state"), "nothing to say: {}", third.stderr);
            let without = folder.run(&["run", ".", "--json"]);
            assert_eq!(counts(&without), (3, 0, 3), "a run that keeps nothing begins anew");
        }
    });
}

#[test]
fn the_policy_names_the_file_beside_itself_and_flags_win() {
    same_day(|| {
        let folder = folder("state = \"quota.state\"\ndurability = \"strict\"");
        let outer = folder.path(".").canonicalize().unwrap();
        let elsewhere = Folder::new();
        let place = outer.to_str().unwrap();
        assert_eq!(counts(&elsewhere.run(&["run", place, "--json"])).2, 3);
        assert!(folder.path("quota.state").exists() && !elsewhere.path("quota.state").exists());
        assert_eq!(counts(&folder.run(&["run", ".", "--json"])), (2, 1, 5));
        let other = ["run", ".", "--json", "--state", "other.state"];
        assert_eq!(counts(&folder.run(&other)).2, 3);
        let compared = folder.run(&["run", ".", "--json", "--compare", "--state", "other.state"]);
        let limited = compared.summary()["limited"].clone();
        assert_eq!((&limited["succeeded"], &limited["refused"]), (&json!(2), &json!(1)));
        let free = folder.run(&["run", ".", "--json", "--unlimited"]).summary();
        assert_eq!(free["succeeded"], 3, "limits that are off use nothing up");
    });
}

#[test]
fn a_file_that_is_none_is_warned_of_and_the_run_goes_on() {
    let folder = folder("");
    folder.write("quota.state", "not a state\n");
    let ran = folder.run(&["run", ".", "--json", "--state", "quota.state"]);
    assert_eq!((ran.code, counts(&ran)), (Some(0), (3, 0, 3)), "{}", ran.stderr);
    ran.complains(&["warning: ", "quota.state: it is no state file", "set aside as", ".corrupt-1"]);
    assert_eq!(folder.read("quota.state.corrupt-1"), "not a state\n");
}

#[test]
fn a_file_that_cannot_be_used_is_refused_before_anything_runs() {
    let folder = folder("");
    let run = |args: &[&str]| {
        let ran = folder.run(args);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{}", ran.stderr);
        ran
    };
    run(&["run", ".", "--state", "turns.jsonl"]).complains(&["turns.jsonl is in use by this run"]);
    let missing = run(&["run", ".", "--state", "missing/quota.state"]);
    missing.complains(&["missing/quota.state: cannot", "a folder that exists"]);
    run(&["run", ".", "--compare", "--state", "missing/quota.state"])
        .complains(&["nothing was run"]);
    run(&["run", ".", "--unlimited", "--state", "q"]).complains(&["cannot be used with"]);
    run(&["run", ".", "--durability", "never"]).complains(&["interval", "strict"]);
}
