//! `rampmeter mock-provider`, from its first line to its interrupt.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

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
    /// What it answers to a chat: status line, headers and body, as they come.
    fn chat(&self, max_tokens: u64) -> String {
        let body =
            json!({"messages": [{"role": "user", "content": "hi"}], "max_tokens": max_tokens});
        let (body, host) = (body.to_string(), self.url.strip_prefix("http://").unwrap());
        let mut stream = TcpStream::connect(host).unwrap();
        let head =
            format!("POST /v1/chat/completions HTTP/1.1\r\nHost: {host}\r\nConnection: close");
        write!(stream, "{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
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
    let answer = mock.chat(300);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("x-ratelimit-remaining-tokens: 199\r\n"), "{answer}");
    let answer = mock.chat(300);
    assert!(answer.starts_with("HTTP/1.1 429"), "{answer}");
    assert!(answer.contains("retry-after: "), "{answer}");
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
    assert!(mock.chat(1).starts_with("HTTP/1.1 200"));
    let answer = mock.chat(90);
    assert!(answer.starts_with("HTTP/1.1 429"), "{answer}");
    assert!(answer.contains("RESOURCE_EXHAUSTED"), "{answer}");
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
