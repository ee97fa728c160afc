//! Other programs: run and shown, run and read, or run within a time.

use std::io::{BufRead, BufReader, IsTerminal, Read};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use crate::Result;

/// Runs a program, lets its output through line by line, and shows each line to `each` as well. Both
/// outputs share one pipe, so that they stay in order.
pub(crate) fn stream(mut command: Command, mut each: impl FnMut(&str)) -> Result<ExitStatus> {
    let shown = shown(&command);
    if std::io::stdout().is_terminal() {
        command.env("CARGO_TERM_COLOR", "always");
    }
    let piped = std::io::pipe().and_then(|(reader, writer)| {
        command.stdout(writer.try_clone()?).stderr(writer);
        Ok((reader, command.spawn()?))
    });
    let (reader, mut child) = piped.map_err(|error| cannot_start(&command, &error))?;
    // The command holds our ends of the pipe, which would never close otherwise.
    drop(command);
    lines(reader, |line| {
        println!("{line}");
        each(&line);
    });
    child.wait().map_err(|error| format!("lost {shown}: {error}"))
}

/// The trimmed standard output of a program that must succeed.
pub(crate) fn read(command: &mut Command) -> Result<String> {
    let output = command.output().map_err(|error| cannot_start(command, &error))?;
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{} ended with {}: {}", shown(command), output.status, why.trim()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// What a program said on both outputs, and how it ended: `None` if it had to be killed.
pub(crate) struct Ended {
    pub(crate) output: Vec<String>,
    pub(crate) status: Option<ExitStatus>,
}

impl Ended {
    pub(crate) fn is_well(&self) -> bool {
        self.status.is_some_and(|status| status.success())
    }

    /// How it ended, which had so much time.
    pub(crate) fn how(&self, limit: Duration) -> String {
        self.status.map_or_else(|| format!("not done in {limit:?}"), |status| status.to_string())
    }
}

/// Runs a program and kills it if it has not closed its outputs within `limit`.
pub(crate) fn within(command: &mut Command, limit: Duration) -> Result<Ended> {
    let deadline = Instant::now() + limit;
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| cannot_start(command, &error))?;
    let (sender, receiver) = mpsc::channel();
    if let Some(out) = child.stdout.take() {
        forward(out, sender.clone());
    }
    if let Some(err) = child.stderr.take() {
        forward(err, sender);
    }
    let mut output = Vec::new();
    let in_time = loop {
        // A program that never stops talking would never let a wait for its next line time out.
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break false;
        }
        match receiver.recv_timeout(left) {
            Ok(line) => output.push(line),
            Err(RecvTimeoutError::Disconnected) => break true,
            Err(RecvTimeoutError::Timeout) => break false,
        }
    };
    if !in_time {
        child.kill().map_err(|error| format!("cannot stop {}: {error}", shown(command)))?;
    }
    let status = child.wait().map_err(|error| format!("lost {}: {error}", shown(command)))?;
    Ok(Ended { output, status: in_time.then_some(status) })
}

/// A command as a person would type it.
pub(crate) fn shown(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    let name = program.file_name().unwrap_or(program.as_os_str()).to_string_lossy();
    let words = command.get_args().map(|word| word.to_string_lossy());
    std::iter::once(name).chain(words).collect::<Vec<_>>().join(" ")
}

fn cannot_start(command: &Command, error: &std::io::Error) -> String {
    format!("cannot start {}: {error}; is it installed?", shown(command))
}

fn forward(from: impl Read + Send + 'static, to: Sender<String>) {
    // A send fails only after the receiver gave up on the program, and then nobody wants the line.
    thread::spawn(move || lines(from, |line| drop(to.send(line))));
}

/// Reads to the end, also past bytes that are not text: a stopped reader would block the program.
fn lines(from: impl Read, mut each: impl FnMut(String)) {
    let mut from = BufReader::new(from);
    let mut line = Vec::new();
    while matches!(from.read_until(b'\n', &mut line), Ok(read) if read > 0) {
        let text = String::from_utf8_lossy(&line);
        each(text.trim_end_matches(['\n', '\r']).to_owned());
        line.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_outputs_are_shown_and_the_end_is_told() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo one; echo two >&2; exit 3"]);
        let mut seen = Vec::new();
        let status = stream(command, |line| seen.push(line.to_owned())).unwrap();
        assert_eq!(seen, ["one", "two"]);
        assert_eq!(status.code(), Some(3));
    }

    #[test]
    fn a_program_that_never_ends_is_stopped() {
        let ended = within(&mut Command::new("yes"), Duration::ZERO).unwrap();
        assert!(ended.status.is_none());
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let error = read(Command::new("no-such-program").arg("-x")).unwrap_err();
        assert!(error.starts_with("cannot start no-such-program -x: "));
    }
}
