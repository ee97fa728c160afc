//! `rampmeter mock-provider`, from its first line to its interrupt.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Stdio};

use reqwest::blocking::{Client, Response};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::harness::Folder;

struct Mock {
    child: Child,
    url: String,
}

fn mock(folder: &Folder, args: &[&str]) -> Mock {
    let mut command = folder.command(&[&["mock-provider"], args].concat());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    Mock { child, url: first.trim_end().to_owned() }
}

impl Mock {
    fn chat(&self, max_tokens: u64) -> Response {
        let body =
            json!({"messages": [{"role": "user", "content": "hi"}], "max_tokens": max_tokens});
        let url = format!("{}/v1/chat/completions", self.url);
        Client::new().post(url).json(&body).send().unwrap()
    }

    /// What it says by its end, and its exit code.
    fn interrupt(mut self) -> (String, Option<i32>) {
        let id = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(id, Signal::INT).unwrap();
        let mut said = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        (said, self.child.wait().unwrap().code())
    }
}

#[test]
fn it_prints_its_address_enforces_what_the_flags_say_and_ends_with_a_count() {
    let folder = Folder::new();
    let args = ["--requests", "2/day", "--tokens", "500/day", "--style", "groq", "--log", "log"];
    let mock = mock(&folder, &args);
    assert!(mock.url.starts_with("http://127.0.0.1:"), "{}", mock.url);
    let response = mock.chat(300);
    assert_eq!(response.status().as_u16(), 200);
    assert_eq!(response.headers()["x-ratelimit-remaining-tokens"], "199");
    let response = mock.chat(300);
    assert_eq!(response.status().as_u16(), 429);
    assert!(response.headers().contains_key("retry-after"));
    let (said, code) = mock.interrupt();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("enforces 500 tokens in any"), "{said}");
    assert!(said.contains("2 calls: 1 admitted, 1 answered 429, 0 failed"), "{said}");
    let lines = folder.lines("log");
    let statuses: Vec<_> = lines.iter().map(|line| line["status"].as_u64().unwrap()).collect();
    assert_eq!(statuses, [200, 429]);
}

#[test]
fn flags_win_over_the_configuration() {
    let folder = Folder::new();
    folder.write("mock.toml", "requests = \"1/day\"\ntokens = \"90/day\"\nstyle = \"gemini\"");
    let mock = mock(&folder, &["--config", "mock.toml", "--requests", "9/day", "--kind", "bucket"]);
    assert_eq!(mock.chat(1).status().as_u16(), 200);
    let response = mock.chat(90);
    assert_eq!(response.status().as_u16(), 429);
    let body: Value = response.json().unwrap();
    assert_eq!(body["error"]["status"], "RESOURCE_EXHAUSTED");
    let (said, _) = mock.interrupt();
    assert!(said.contains("9 requests each 86400s, burst 9"), "{said}");
}

#[test]
fn what_cannot_be_served_is_refused_with_the_remedy() {
    let folder = Folder::new();
    folder.write("bad.toml", "requets = \"1/day\"");
    for (args, part) in [
        (["--requests", "sixty"], "60/min"),
        (["--style", "acme"], "ietf-old"),
        (["--other-user", "150%"], "write 20%"),
        (["--speed", "0"], "speed"),
        (["--config", "bad.toml"], "requets"),
        (["--config", "none.toml"], "none.toml"),
        (["--latency", "fast"], "20ms..80ms"),
        (["--log", "no/such/folder"], "cannot create the log"),
    ] {
        let ran = folder.run(&[&["mock-provider"], args.as_slice()].concat());
        assert_eq!(ran.code, Some(2), "{args:?}");
        ran.complains(&[part]);
    }
}
