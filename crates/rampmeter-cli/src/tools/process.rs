//! One process group per call: fed, read within bounds, and ended as a whole.
//!
//! A group's number may be given to strangers as soon as its leader is reaped and its members are
//! gone. So the end of the leader is *seen* (`waitid` with `WNOWAIT`, at each SIGCHLD), the group is
//! killed while the leader still holds the number, and only then is the leader reaped.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, Command};
use tokio::signal::unix::{Signal as Signals, SignalKind, signal};

use super::error::ToolError;

/// How much of a failed command's standard error its message carries, in bytes.
const STDERR_SHOWN: usize = 2048;

/// Runs `program` to its end and returns its standard output.
pub(super) async fn run(
    program: &str,
    argv: &[String],
    input: &str,
    max_output: u64,
) -> Result<Vec<u8>, ToolError> {
    // Listening starts before the child does, so that its end cannot be missed.
    let mut signals =
        signal(SignalKind::child()).map_err(|e| ToolError::NotStarted(not_started(program, &e)))?;
    let mut group =
        Group::spawn(program, argv).map_err(|e| ToolError::NotStarted(not_started(program, &e)))?;
    let mut stdout = Output::new("stdout", group.0.stdout.take(), max_output);
    let mut stderr = Output::new("stderr", group.0.stderr.take(), max_output);
    let stdin = group.0.stdin.take();

    let mut read = tokio::select! {
        failure = stdout.fill() => Err(failure),
        failure = stderr.fill() => Err(failure),
        never = feed(stdin, input) => match never {},
        () = group.leader_ended(&mut signals) => Ok(()),
    };
    group.kill();
    if read.is_ok() {
        read = stdout.drain().and_then(|()| stderr.drain());
    }
    let status = group.reap().await;
    read.map_err(|e| ToolError::Failed(format!("`{program}` {e}")))?;
    let status = status.map_err(|e| {
        ToolError::Failed(format!("`{program}` ended, but its exit status was lost: {e}"))
    })?;
    if status.success() {
        return Ok(stdout.bytes);
    }
    Err(ToolError::Failed(failed(program, status, &stderr.bytes)))
}

/// The groups that are there now. A program that leaves at once drops nothing, and must end them.
static GROUPS: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());

/// Ends every command that runs, for a program that is about to leave: none can start after it.
pub(crate) fn end_all() {
    let groups = groups();
    for group in groups.iter().filter_map(|id| Pid::from_raw(*id)) {
        let _ = kill_process_group(group, Signal::KILL);
    }
    std::mem::forget(groups);
}

fn groups() -> MutexGuard<'static, BTreeSet<i32>> {
    GROUPS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A child that leads a process group of its own. Dropping it kills the group; the runtime then
/// reaps the child.
struct Group(Child);

impl Group {
    fn spawn(program: &str, argv: &[String]) -> io::Result<Self> {
        let mut groups = groups();
        let group = Command::new(program)
            .args(argv)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .map(Self)?;
        groups.extend(group.id().map(Pid::as_raw_pid));
        Ok(group)
    }

    /// The group's number, until the leader is reaped.
    fn id(&self) -> Option<Pid> {
        self.0.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw)
    }

    /// Waits for the leader to end, without reaping it.
    async fn leader_ended(&self, signals: &mut Signals) {
        let Some(id) = self.id() else { return };
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        loop {
            match waitid(WaitId::Pid(id), options) {
                Ok(None) | Err(Errno::INTR) => {}
                // On any other error nothing is left to wait for, and reaping will tell it.
                Ok(Some(_)) | Err(_) => return,
            }
            if signals.recv().await.is_none() {
                pending::<()>().await;
            }
        }
    }

    /// An error here means that nobody is left to kill.
    fn kill(&mut self) {
        if let Some(id) = self.id() {
            let _ = kill_process_group(id, Signal::KILL);
            // Once the child is reaped, the number may be somebody else's.
            groups().remove(&id.as_raw_pid());
            // The child itself may have moved to another group.
            let _ = self.0.start_kill();
        }
    }

    async fn reap(&mut self) -> io::Result<ExitStatus> {
        self.0.wait().await
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Writes the input and closes the pipe, then waits for good. A child that does not read is fine.
async fn feed(stdin: Option<ChildStdin>, input: &str) -> Infallible {
    if let Some(mut stdin) = stdin {
        let _ = stdin.write_all(input.as_bytes()).await;
        drop(stdin);
    }
    pending().await
}

/// What a child has written to one of its streams, up to a bound.
struct Output<R> {
    name: &'static str,
    pipe: Option<R>,
    bytes: Vec<u8>,
    max: u64,
}

impl<R: AsyncRead + AsFd + Unpin> Output<R> {
    fn new(name: &'static str, pipe: Option<R>, max: u64) -> Self {
        Self { name, pipe, bytes: Vec::new(), max }
    }

    /// Reads along, and returns only if that fails or passes the bound.
    async fn fill(&mut self) -> String {
        while let Some(pipe) = &mut self.pipe {
            let mut chunk = [0; 8192];
            match pipe.read(&mut chunk).await {
                Ok(0) => self.pipe = None,
                Ok(n) => {
                    if let Err(over) = self.add(&chunk[..n]) {
                        return over;
                    }
                }
                Err(e) => return self.unreadable(&e),
            }
        }
        pending().await
    }

    /// Reads what is in the pipe now, and does not wait for more: somebody who left the group may
    /// still hold it open. The kernel is asked, since the runtime may not know yet of the last bytes.
    fn drain(&mut self) -> Result<(), String> {
        while let Some(pipe) = &self.pipe {
            let mut chunk = [0; 8192];
            match rustix::io::read(pipe.as_fd(), &mut chunk) {
                Ok(0) | Err(Errno::AGAIN) => self.pipe = None,
                Ok(n) => self.add(&chunk[..n])?,
                Err(Errno::INTR) => {}
                Err(e) => return Err(self.unreadable(&e.into())),
            }
        }
        Ok(())
    }

    fn add(&mut self, chunk: &[u8]) -> Result<(), String> {
        if (self.bytes.len() as u64).saturating_add(chunk.len() as u64) > self.max {
            return Err(format!(
                "wrote more than {} bytes to {} and was ended: raise `max_output`, or have it \
                 write less",
                self.max, self.name
            ));
        }
        self.bytes.extend_from_slice(chunk);
        Ok(())
    }

    fn unreadable(&self, e: &io::Error) -> String {
        format!("was ended, for its {} could not be read: {e}", self.name)
    }
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
