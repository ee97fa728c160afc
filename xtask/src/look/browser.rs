//! A headless browser, told what to do over a pipe by the DevTools protocol: JSON, a zero byte after
//! each message.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::Result;

/// Only what is on this machine, and nothing from an earlier time.
const FLAGS: &str = "--headless --no-sandbox --disable-gpu --no-first-run --hide-scrollbars \
                     --disable-background-networking --disable-component-update --disable-sync \
                     --disable-quic --disable-default-apps --remote-debugging-pipe";

/// The browser reads from 3 and writes to 4, which a shell makes of its own 0 and 1.
const PIPES: &str = "exec \"$0\" \"$@\" 3<&0 4>&1 0</dev/null 1>/dev/null";

/// Whatever it is asked it answers at once; longer than this, and it hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// A browser with one page. It ends when this is dropped.
pub(super) struct Browser {
    child: Child,
    to: ChildStdin,
    from: Receiver<Value>,
    session: Option<String>,
    last: u64,
    loaded: bool,
    /// What the page said on the console, and what went wrong in it, since it was last taken.
    pub(super) said: Vec<String>,
    /// Addresses that were asked for since they were last taken.
    pub(super) asked: Vec<String>,
}

impl Browser {
    pub(super) fn start(program: &Path, profile: &Path) -> Result<Self> {
        let mut command = Command::new("sh");
        command.args(["-c", PIPES]).arg(program).args(FLAGS.split_whitespace());
        command.arg(format!("--user-data-dir={}", profile.display())).arg("about:blank");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let cannot = |error| format!("cannot start {}: {error}", program.display());
        let mut child = command.spawn().map_err(cannot)?;
        let (Some(to), Some(out)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(format!("cannot talk to {}: it has no pipes", program.display()));
        };
        let (sender, from) = mpsc::channel();
        thread::spawn(move || {
            let mut out = BufReader::new(out);
            let mut message = Vec::new();
            while matches!(out.read_until(0, &mut message), Ok(read) if read > 0) {
                message.pop();
                // A send fails only when nobody listens any more.
                drop(serde_json::from_slice(&message).map(|it| sender.send(it)));
                message.clear();
            }
        });
        let (session, last, loaded) = (None, 0, false);
        let (said, asked) = (Vec::new(), Vec::new());
        let mut browser = Browser { child, to, from, session, last, loaded, said, asked };
        browser.attach()?;
        Ok(browser)
    }

    /// How large the window is.
    pub(super) fn size(&mut self, wide: u32, high: u32) -> Result<()> {
        let narrow = wide < 600;
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            &json!({ "width": wide, "height": high, "mobile": narrow,
                     "deviceScaleFactor": if narrow { 2 } else { 1 } }),
        )?;
        Ok(())
    }

    /// Whether it is a screen, and whether its owner likes it light or dark.
    pub(super) fn media(&mut self, media: &str, scheme: &str) -> Result<()> {
        let feature = json!({ "name": "prefers-color-scheme", "value": scheme });
        let given = json!({ "media": media, "features": [feature] });
        self.ask("Emulation.setEmulatedMedia", &given)?;
        Ok(())
    }

    /// Opens an address and waits until all of it is there.
    pub(super) fn open(&mut self, url: &str) -> Result<()> {
        self.loaded = false;
        self.ask("Page.navigate", &json!({ "url": url }))?;
        while !self.loaded {
            let message = self.next(url)?;
            self.note(&message);
        }
        Ok(())
    }

    /// What an expression comes to in the page.
    pub(super) fn evaluate(&mut self, expression: &str) -> Result<Value> {
        let given = json!({ "expression": expression, "returnByValue": true });
        let answer = self.ask("Runtime.evaluate", &given)?;
        match answer.get("exceptionDetails") {
            Some(wrong) => Err(format!("the checks failed in the page: {wrong}")),
            None => Ok(answer["result"]["value"].clone()),
        }
    }

    /// Writes a picture of what is in the window with the page moved down so far.
    pub(super) fn shoot(&mut self, path: &Path, top: usize) -> Result<()> {
        self.evaluate(&format!("scrollTo({{ top: {top}, behavior: 'instant' }})"))?;
        let answer = self.ask("Page.captureScreenshot", &json!({}))?;
        keep(path, &answer)
    }

    /// Writes the page as it is printed.
    pub(super) fn print(&mut self, path: &Path) -> Result<()> {
        let answer = self.ask("Page.printToPDF", &json!({ "printBackground": false }))?;
        keep(path, &answer)
    }

    fn attach(&mut self) -> Result<()> {
        let target = self.ask("Target.createTarget", &json!({ "url": "about:blank" }))?;
        let given = json!({ "targetId": target["targetId"], "flatten": true });
        let answer = self.ask("Target.attachToTarget", &given)?;
        self.session = answer["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Log", "Network"] {
            self.ask(&format!("{domain}.enable"), &json!({}))?;
        }
        Ok(())
    }

    fn ask(&mut self, method: &str, given: &Value) -> Result<Value> {
        self.last += 1;
        let mut message = json!({ "id": self.last, "method": method, "params": given });
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        let gone = |error| format!("the browser is gone at {method}: {error}");
        self.to.write_all(&bytes).and_then(|()| self.to.flush()).map_err(gone)?;
        loop {
            let mut message = self.next(method)?;
            if message["id"].as_u64() != Some(self.last) {
                self.note(&message);
            } else if let Some(wrong) = message.get("error") {
                return Err(format!("the browser refuses {method}: {wrong}"));
            } else {
                return Ok(message["result"].take());
            }
        }
    }

    fn next(&mut self, what: &str) -> Result<Value> {
        self.from
            .recv_timeout(PATIENCE)
            .map_err(|error| format!("the browser does not answer at {what}: {error}"))
    }

    /// Keeps what a message tells that nobody asked for.
    fn note(&mut self, message: &Value) {
        let given = &message["params"];
        match message["method"].as_str() {
            Some("Page.loadEventFired") => self.loaded = true,
            Some("Runtime.consoleAPICalled") => self.said.push(given["args"].to_string()),
            Some("Runtime.exceptionThrown") => {
                self.said.push(given["exceptionDetails"].to_string());
            }
            Some("Log.entryAdded") => self.said.push(given["entry"]["text"].to_string()),
            Some("Network.requestWillBeSent") => {
                self.asked.extend(given["request"]["url"].as_str().map(str::to_owned));
            }
            _ => {}
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It may be gone already, which is as well.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn keep(path: &Path, answer: &Value) -> Result<()> {
    let data = answer["data"].as_str().unwrap_or_default();
    let bytes = STANDARD.decode(data).map_err(|error| format!("not a picture: {error}"))?;
    std::fs::write(path, bytes).map_err(|error| format!("cannot write {}: {error}", path.display()))
}
