//! The files that a run writes: results in the turns' format, and events.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use rampmeter::{Event, EventValue, Events, TurnReport};
use serde_json::{Map, Value, json};

use super::drive::Listener;
use super::source::{BrokenLine, Paths};
use crate::args::RunArgs;
use crate::say::say;

/// A file of JSON lines. Its first error is reported and kept; the run goes on without it.
pub(crate) struct Lines {
    path: PathBuf,
    file: BufWriter<File>,
    failed: bool,
}

impl Lines {
    fn create(path: &Path) -> Result<Lines, String> {
        let file = File::create(path).map_err(|error| {
            format!(
                "cannot write {}: {error}; name a file that can be written, nothing was run",
                path.display()
            )
        })?;
        Ok(Lines { path: path.into(), file: BufWriter::new(file), failed: false })
    }

    pub(crate) fn write(&mut self, line: &Value) {
        if !self.failed {
            let written = writeln!(self.file, "{line}");
            self.check(written);
        }
    }

    /// Writes all of a file that is no JSON.
    pub(crate) fn write_page(&mut self, page: &str) -> bool {
        let written = self.file.write_all(page.as_bytes());
        self.check(written);
        self.finish()
    }

    /// Writes what is buffered; says whether all of the file is there.
    pub(crate) fn finish(&mut self) -> bool {
        if !self.failed {
            let flushed = self.file.flush();
            self.check(flushed);
        }
        !self.failed
    }

    fn check(&mut self, result: std::io::Result<()>) {
        if let Err(error) = result {
            self.failed = true;
            let path = self.path.display();
            say(format_args!(
                "error: cannot write on to {path}: {error}; the file ends there, make room and \
                 run again"
            ));
        }
    }
}

/// The files that a run was asked to write.
#[derive(Default)]
pub(crate) struct Files {
    pub(crate) out: Option<Lines>,
    pub(crate) events: Option<Lines>,
    pub(crate) bag: Option<Lines>,
    pub(crate) metrics: Option<Lines>,
}

impl Files {
    /// Creates them, before anything runs and without touching what is to be read.
    pub(crate) fn create(
        args: &RunArgs,
        paths: &Paths,
        state: Option<&Path>,
    ) -> Result<Files, String> {
        let mut taken = vec![paths.turns.as_path(), paths.policy.as_path()];
        // The state is kept in files beside it, too, which need not be there yet.
        let kept = state.map(beside).unwrap_or_default();
        if let Some(path) = state {
            refuse_taken(path, &taken)?;
            taken.extend(kept.iter().map(PathBuf::as_path));
        }
        let mut files = Files::default();
        let asked = [
            (&args.out, &mut files.out),
            (&args.events, &mut files.events),
            (&args.bag, &mut files.bag),
            (&args.metrics, &mut files.metrics),
        ];
        for (path, file) in asked {
            let Some(path) = path else { continue };
            refuse_taken(path, &taken)?;
            *file = Some(Lines::create(path)?);
            taken.push(path);
        }
        Ok(files)
    }
}

fn refuse_taken(path: &Path, taken: &[&Path]) -> Result<(), String> {
    if taken.iter().any(|other| same_file(path, other)) {
        let path = path.display();
        return Err(format!("{path} is in use by this run: name another file to write to"));
    }
    Ok(())
}

/// A state file, and the two that are written and locked beside it.
fn beside(state: &Path) -> Vec<PathBuf> {
    let with = |ending: &str| {
        let mut name = state.as_os_str().to_owned();
        name.push(ending);
        PathBuf::from(name)
    };
    ["", ".new", ".lock"].map(with).into()
}

/// Whether both are one file, which need not be there yet; a device may well serve twice.
fn same_file(a: &Path, b: &Path) -> bool {
    let device = a.exists() && !a.is_file();
    !device && matches!((whole(a), whole(b)), (Some(a), Some(b)) if a == b)
}

/// Where a file is or would be.
fn whole(path: &Path) -> Option<PathBuf> {
    if let Ok(path) = path.canonicalize() {
        return Some(path);
    }
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new(".")).canonicalize().ok()?;
    Some(folder.join(path.file_name()?))
}

/// Writes results as they come, and says what is wrong with lines.
pub(crate) struct Results<'a> {
    pub(crate) turns: &'a Path,
    pub(crate) out: Option<Lines>,
}

impl Listener for Results<'_> {
    fn broken(&mut self, line: &BrokenLine) {
        let BrokenLine { number, column, message } = line;
        say(format_args!("error: {message}\n --> {}:{number}:{column}", self.turns.display()));
    }

    fn turn(&mut self, _number: u64, report: &TurnReport) {
        if let Some(out) = &mut self.out {
            for message in report.messages() {
                out.write(&message);
            }
        }
    }
}

/// Writes events until the gate is gone. Returns whether all were written, and how many were
/// missed.
pub(crate) async fn record(mut events: Events, mut file: Lines) -> (bool, u64) {
    while let Some(event) = events.next().await {
        file.write(&line(&event));
    }
    (file.finish(), events.missed())
}

fn line(event: &Event) -> Value {
    let mut line = Map::new();
    for (name, value) in event.fields() {
        let value = match value {
            EventValue::Number(number) => json!(number),
            EventValue::Text(text) => json!(text),
        };
        line.insert(name.into(), value);
    }
    Value::Object(line)
}
