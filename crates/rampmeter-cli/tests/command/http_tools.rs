//! Tools that are requests, through the whole command.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;

use super::harness::{Folder, turn};

const SECRET: &str = "sk-live-4f9a1c";

/// Answers each request by its path, on a port of its own, until the process ends.
fn serve(answer: impl Fn(&str) -> String + Send + 'static) -> (u16, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (heard, requests) = mpsc::channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let Some(request) = read(&stream) else { continue };
            let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
            let _ = heard.send(request);
            let _ = stream.write_all(answer(&path).as_bytes());
            if path == "/slow" {
                // Held open until the other side has had enough of it.
                let _ = stream.read(&mut [0; 1]);
            }
        }
    });
    (port, requests)
}

fn read(stream: &TcpStream) -> Option<String> {
    let mut request = String::new();
    let mut lines = BufReader::new(stream);
    while !request.ends_with("\r\n\r\n") {
        if lines.read_line(&mut request).ok()? == 0 {
            return None;
        }
    }
    Some(request)
}

fn answer(status: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nretry-after: 2\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

fn policy(port: u16) -> String {
    format!(
        "[limits.api]\nconcurrency = 4\nrequests = \"1000/s\"\n\
         [tools.ask]\nlimits = [\"api\"]\naccess = \"read\"\ntimeout = \"200ms\"\n\
         [tools.ask.run.http]\nurl = \"http://127.0.0.1:{port}/{{page}}\"\n\
         headers = {{ authorization = \"Bearer ${{RAMPMETER_TEST_KEY}}\" }}\n"
    )
}

fn pages(pages: &[&str]) -> String {
    let arguments: Vec<String> =
        pages.iter().map(|page| format!(r#"{{"page": "{page}"}}"#)).collect();
    let calls: Vec<(&str, &str, &str)> = pages
        .iter()
        .zip(&arguments)
        .map(|(page, arguments)| (*page, "ask", arguments.as_str()))
        .collect();
    turn(&calls)
}

#[test]
fn a_turn_of_requests_is_answered_and_its_secret_appears_nowhere() {
    let (port, requests) = serve(|path| match path {
        "/good" => answer("200 OK", &format!("you sent {SECRET}")),
        "/busy" => answer("429 Too Many Requests", &format!("wait, {SECRET}")),
        "/slow" => "HTTP/1.1 200 OK\r\n\r\n".to_owned(),
        _ => answer("404 Not Found", &format!("no page for {SECRET}")),
    });
    let folder = Folder::with(&policy(port), &pages(&["good", "busy", "gone", "slow"]));
    let args = ["run", "turns.jsonl", "--json", "--out", "out.jsonl", "--events", "events.jsonl"];
    let output = folder.command(&args).env("RAMPMETER_TEST_KEY", SECRET).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let count = |key: &str| summary[key].as_u64().unwrap();
    assert_eq!((count("succeeded"), count("throttled"), count("failed")), (1, 1, 2), "{summary}");

    let results = folder.lines("out.jsonl");
    let content = |index: usize| results[index]["content"].as_str().unwrap();
    assert_eq!(content(0), "you sent ${RAMPMETER_TEST_KEY}");
    assert!(
        content(1).contains("429") && content(1).contains("try again in 2.0s"),
        "{}",
        content(1)
    );
    assert!(content(2).contains("404 Not Found"), "{}", content(2));
    assert!(content(3).contains("200"), "timed out: {}", content(3));
    let all = [output.stdout, output.stderr].concat();
    let all = String::from_utf8_lossy(&all).into_owned();
    for text in [&all, &folder.read("out.jsonl"), &folder.read("events.jsonl")] {
        assert!(!text.contains(SECRET), "{text}");
    }
    let heard: Vec<String> = requests.try_iter().collect();
    assert_eq!(heard.len(), 4);
    assert!(heard.iter().all(|it| it.contains(&format!("authorization: Bearer {SECRET}\r\n"))));
}

/// What a run of two calls, one after the other, comes to before a server that answers so.
fn two_calls(more: &str, answer: &str) -> (serde_json::Value, Vec<serde_json::Value>) {
    let answer = answer.to_owned();
    let (port, _requests) = serve(move |_| answer.clone());
    let policy = format!(
        "[limits.api]\nconcurrency = 1\nrequests = {{ rate = \"1000/day\", kind = \"calendar\" }}\ntokens = \"1000/min\"\n\
         [tools.ask]\nlimits = {{ api = {{ tokens = 100 }} }}\naccess = \"read\"\nqueue_timeout = \"9s\"\n\
         [tools.ask.run.http]\nurl = \"http://127.0.0.1:{port}/{{page}}\"\n{more}\n"
    );
    let folder = Folder::with(&policy, &pages(&["a", "b"]));
    let ran = folder.run(&["run", "turns.jsonl", "--json", "--events", "events.jsonl"]);
    (ran.summary(), folder.lines("events.jsonl"))
}

#[test]
fn what_an_answer_says_of_its_costs_is_what_the_limit_counts() {
    let body = r#"{"usage": {"input_tokens": 250, "output_tokens": 40, "detail": "x"}}"#;
    let usage =
        r#"usage = { tokens = ["/usage/input_tokens", "/usage/output_tokens", "/usage/cached"] }"#;
    let used = |usage: &str, body: &str| {
        let (summary, _) = two_calls(usage, &answer("200 OK", body));
        assert_eq!(summary["succeeded"], 2, "{summary}");
        summary["limits"]["api"]["tokens"][0]["used"].as_u64().unwrap()
    };
    assert_eq!(used(usage, body), 580);
    assert_eq!(used("", body), 200, "without a word it is what was reserved");
    assert_eq!(used(usage, "no JSON"), 200);
    assert_eq!(used(usage, r#"{"usage": {"input_tokens": -1, "output_tokens": "4"}}"#), 200);
}

#[test]
fn a_server_that_has_nothing_left_is_not_asked_again() {
    let spent = "HTTP/1.1 200 OK\r\nx-ratelimit-limit-requests: 1000\r\n\
                 x-ratelimit-remaining-requests: 0\r\nx-ratelimit-reset-requests: 30s\r\n\
                 content-length: 2\r\nconnection: close\r\n\r\nok";
    let throttled = "HTTP/1.1 429 Too Many Requests\r\nretry-after: 30\r\n\
                     content-length: 0\r\nconnection: close\r\n\r\n";
    let day = r#"{"error": {"code": 429, "details": [
        {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [{
            "quotaMetric": "generativelanguage.googleapis.com/generate_requests",
            "quotaId": "GenerateRequestsPerDayPerProject", "quotaValue": "1000"}]},
        {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "30.5s"}]}}"#;
    let gemini = answer("429 Too Many Requests", day).replace("retry-after: 2\r\n", "");
    for (text, first) in [(spent, "succeeded"), (throttled, "throttled"), (&gemini, "throttled")] {
        let (summary, events) = two_calls("", text);
        assert_eq!(
            (&summary[first], &summary["refused"]),
            (&1.into(), &1.into()),
            "{text}: {summary}"
        );
        let kinds: Vec<&str> = events.iter().filter_map(|event| event["event"].as_str()).collect();
        let said = kinds.iter().any(|it| matches!(*it, "limit.spent" | "limit.cooling"));
        assert!(said, "{text}: {kinds:?}");
    }
}

#[test]
fn a_secret_that_is_not_there_is_told_before_anything_runs() {
    let (port, requests) = serve(|_| answer("200 OK", ""));
    let folder = Folder::with(&policy(port), &pages(&["good"]));
    folder.write("out.jsonl", "kept");
    for args in [&["check", "."][..], &["run", ".", "--out", "out.jsonl"][..]] {
        let ran = folder.run(args);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{args:?}");
        ran.complains(&[
            "error: `tools.ask.run.http.headers.authorization` needs the environment variable \
             `RAMPMETER_TEST_KEY`, which is not set",
            "rampmeter.toml",
            "help: set it",
        ]);
    }
    assert_eq!(folder.read("out.jsonl"), "kept");
    assert!(requests.try_recv().is_err());
}

#[test]
fn check_shows_the_request_and_never_its_secret() {
    let folder = Folder::with(&policy(80), "");
    let output =
        folder.command(&["check", "."]).env("RAMPMETER_TEST_KEY", SECRET).output().unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(stdout.contains(r#"url = "http://127.0.0.1:80/{page}""#), "{stdout}");
    assert!(stdout.contains(r#"authorization = "Bearer ${RAMPMETER_TEST_KEY}""#), "{stdout}");
    assert!(!stdout.contains(SECRET) && !String::from_utf8_lossy(&output.stderr).contains(SECRET));
}

#[test]
fn the_example_is_a_policy_that_nothing_is_to_be_said_against() {
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/http");
    let mut check = Folder::new().command(&["check", example]);
    let output = check.current_dir(example).env("EXAMPLE_API_KEY", SECRET).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(!stderr.contains("warning") && !stderr.contains(SECRET), "{stderr}");
}

#[test]
fn a_run_that_is_compared_makes_its_requests_too() {
    let (port, _requests) = serve(|_| answer("200 OK", "fine"));
    let folder = Folder::with(&policy(port), &pages(&["a", "b", "c"]));
    let args = ["run", "turns.jsonl", "--compare", "--json"];
    let output = folder.command(&args).env("RAMPMETER_TEST_KEY", SECRET).output().unwrap();
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    for regime in ["limited", "unlimited"] {
        assert_eq!(summary[regime]["succeeded"], 3, "{summary}");
    }
}
