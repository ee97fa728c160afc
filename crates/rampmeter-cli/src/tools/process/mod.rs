//! One process group per call: fed, read within bounds, and ended as a whole.
//!
//! Each has a task of its own, so that it is ended in order also when its call is given up.

mod group;
mod output;

use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use rustix::io::Errno;
use tokio::io::AsyncWriteExt;
use tokio::process::{ChildStderr, ChildStdin, ChildStdout};
use tokio::signal::unix::{Signal as Signals, SignalKind, signal};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::error::ToolError;
use group::Group;
pub(crate) use group::end_all;
use output::Output;

/// How much of a failed command's standard error its message carries, in bytes.
const STDERR_SHOWN: usize = 2048;

/// How long what was killed may take to let go of its pipes. One who has left the group may never.
const LETS_GO_WITHIN: Duration = Duration::from_secs(1);

/// Runs `program` to its end and returns its standard output. `keep` is dropped when the program has
/// ended, however it does.
///
/// # Cancel safety
/// Dropping the future asks the whole group to end (SIGTERM), and kills it when nine tenths of
/// `grace` are over, so that it has ended by then.
pub(super) async fn run(
    program: &str,
    argv: &[String],
    input: &str,
    max_output: u64,
    grace: Duration,
    keep: impl Send + 'static,
) -> Result<Vec<u8>, ToolError> {
    let mut program = Program::start(program, argv, max_output)?;
    let (input, (mut answer, answered)) = (input.to_owned(), oneshot::channel());
    tokio::spawn(async move {
        let result = tokio::select! {
            result = program.run(&input) => Some(result),
            () = answer.closed() => None,
        };
        if result.is_none() {
            program.end(grace / 10 * 9).await;
        }
        drop(keep);
        if let Some(result) = result {
            // Whoever asked may have gone just now.
            let _ = answer.send(result);
        }
    });
    let lost = || ToolError::Failed("the command was lost: its task has ended before it".into());
    answered.await.unwrap_or_else(|_| Err(lost()))
}

/// A program that runs. Dropped, it is killed at once.
struct Program {
    name: String,
    group: Group,
    signals: Signals,
    stdin: Option<ChildStdin>,
    stdout: Output<ChildStdout>,
    stderr: Output<ChildStderr>,
}

impl Program {
    fn start(program: &str, argv: &[String], max_output: u64) -> Result<Program, ToolError> {
        let wrong = |error| ToolError::NotStarted(not_started(program, &error));
        // Listening starts before the child does, so that its end cannot be missed.
        let signals = signal(SignalKind::child()).map_err(wrong)?;
        let mut group = Group::spawn(program, argv).map_err(wrong)?;
        Ok(Program {
            name: program.to_owned(),
            signals,
            stdin: group.0.stdin.take(),
            stdout: Output::new("stdout", group.0.stdout.take(), max_output),
            stderr: Output::new("stderr", group.0.stderr.take(), max_output),
            group,
        })
    }

    async fn run(&mut self, input: &str) -> Result<Vec<u8>, ToolError> {
        let mut read = tokio::select! {
            failure = self.stdout.fill() => Err(failure),
            failure = self.stderr.fill() => Err(failure),
            never = feed(self.stdin.take(), input) => match never {},
            () = self.group.leader_ended(&mut self.signals) => Ok(()),
        };
        self.group.kill();
        if read.is_ok() {
            read = self.stdout.drain().and_then(|()| self.stderr.drain());
        }
        let status = self.group.reap().await;
        let name = &self.name;
        read.map_err(|e| ToolError::Failed(format!("`{name}` {e}")))?;
        let status = status.map_err(|e| {
            ToolError::Failed(format!("`{name}` ended, but its exit status was lost: {e}"))
        })?;
        if status.success() {
            return Ok(std::mem::take(&mut self.stdout.bytes));
        }
        Err(ToolError::Failed(failed(name, status, &self.stderr.bytes)))
    }

    /// Asks it to end, and kills what has not ended in time. What it still writes is read, so that
    /// it does not fail at its last words.
    async fn end(&mut self, within: Duration) {
        self.stdin = None;
        self.group.terminate();
        let Program { group, signals, stdout, stderr, .. } = self;
        let by_itself = async {
            tokio::select! {
                () = group.leader_ended(signals) => {}
                never = discard(stdout, stderr) => match never {},
            }
        };
        let _ = timeout(within, by_itself).await;
        self.group.kill();
        let _ = self.group.reap().await;
        let gone = async {
            self.stdout.discard().await;
            self.stderr.discard().await;
        };
        let _ = timeout(LETS_GO_WITHIN, gone).await;
    }
}

async fn discard(stdout: &mut Output<ChildStdout>, stderr: &mut Output<ChildStderr>) -> Infallible {
    tokio::join!(stdout.discard(), stderr.discard());
    pending().await
}

/// Writes the input and closes the pipe, then waits for good. A child that does not read is fine.
async fn feed(stdin: Option<ChildStdin>, input: &str) -> Infallible {
    if let Some(mut stdin) = stdin {
        let _ = stdin.write_all(input.as_bytes()).await;
        drop(stdin);
    }
    pending().await
}

/// Why the program did not start, and the remedy.
fn not_started(program: &str, e: &io::Error) -> String {
    let remedy = match Errno::from_io_error(e) {
        Some(Errno::NOENT) if program.contains('/') => {
            "correct its path in `command`, or install the interpreter its first line names"
        }
        Some(Errno::NOENT) => "install it, or write its full path in `command`",
        Some(Errno::ACCESS) => "make it executable (`chmod +x`), or name its interpreter first",
        Some(Errno::NOEXEC) => "name its interpreter first, or give it a `#!` line",
        Some(Errno::TOOBIG) => {
            "the arguments are too long for a command line: have it read them from standard input"
        }
        Some(Errno::AGAIN | Errno::MFILE | Errno::NFILE | Errno::NOMEM) => {
            "the machine has no room for another process: give the tool a lower `concurrency`"
        }
        _ => "try the command by hand",
    };
    format!("`{program}` could not be started ({e}): {remedy}")
}

fn failed(program: &str, status: ExitStatus, stderr: &[u8]) -> String {
    let how = match (status.code(), status.signal()) {
        (Some(code), _) => format!("failed with exit code {code}"),
        (None, Some(signal)) => format!("was ended by signal {signal}"),
        (None, None) => format!("failed ({status})"),
    };
    match tail(stderr).trim() {
        "" => format!("`{program}` {how} and wrote nothing to stderr"),
        text => format!("`{program}` {how}: {text}"),
    }
}

/// The end of some bytes as text of at most [`STDERR_SHOWN`] bytes.
fn tail(bytes: &[u8]) -> String {
    // Four bytes more than are shown, so that a character cut in two is not shown as two others.
    let end = &bytes[bytes.len().saturating_sub(STDERR_SHOWN + 4)..];
    let mut text = String::from_utf8_lossy(end).into_owned();
    let from = text.ceil_char_boundary(text.len().saturating_sub(STDERR_SHOWN));
    text.drain(..from);
    text
}
