//! Where the turns come from: a file of assistant messages, one a line.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use rampmeter::Policy;
use serde_json::Value;

use crate::args::RunArgs;

/// A line may not be longer: an assistant message is far from it, and memory has a bound.
const MAX_LINE_BYTES: u64 = 64 * 1024 * 1024;

/// The two files of a run.
#[derive(Debug)]
pub(crate) struct Paths {
    pub(crate) turns: PathBuf,
    pub(crate) policy: PathBuf,
}

/// Which fields of a line say what.
#[derive(Clone, Debug)]
pub(crate) struct Fields {
    flow: Option<String>,
    priority: Option<String>,
    labels: Vec<(String, String)>,
}

/// One line that is JSON.
#[derive(Debug)]
pub(crate) struct TurnLine {
    /// Counted from 1.
    pub(crate) number: u64,
    pub(crate) text: String,
    pub(crate) flow: Option<String>,
    pub(crate) priority: Option<String>,
    pub(crate) labels: Vec<(String, String)>,
}

/// A line that cannot be used.
#[derive(Debug)]
pub(crate) struct BrokenLine {
    pub(crate) number: u64,
    pub(crate) column: usize,
    pub(crate) message: String,
}

impl Paths {
    /// The files that the command line means.
    pub(crate) fn of(args: &RunArgs) -> Result<Paths, String> {
        let turns =
            if args.path.is_dir() { args.path.join("turns.jsonl") } else { args.path.clone() };
        let beside = turns.with_file_name("rampmeter.toml");
        let policy = match &args.policy {
            Some(policy) if policy.is_dir() => policy.join("rampmeter.toml"),
            Some(policy) => policy.clone(),
            None if beside.exists() => beside,
            None => {
                return Err(format!(
                    "there is no {}: give the policy with --policy FILE",
                    beside.display()
                ));
            }
        };
        Ok(Paths { turns, policy })
    }
}

impl Fields {
    /// What the policy's `[run]` says.
    pub(crate) fn of_policy(policy: &Policy) -> Fields {
        let run = policy.run.clone();
        Fields { flow: run.flow, priority: run.priority, labels: run.labels }
    }

    /// What the policy's `[run]` says, overridden by the command line.
    pub(crate) fn of(args: &RunArgs, policy: &Policy) -> Fields {
        let mut fields = Fields::of_policy(policy);
        for (name, field) in &args.labels {
            fields.labels.retain(|(known, _)| known != name);
            fields.labels.push((name.clone(), field.clone()));
        }
        fields.flow = args.flow.clone().or(fields.flow);
        fields.priority = args.priority.clone().or(fields.priority);
        fields
    }

    fn read(&self, number: u64, text: String) -> Result<TurnLine, BrokenLine> {
        let broken = |column, message| BrokenLine { number, column, message };
        let line: Value = serde_json::from_str(&text).map_err(|error| {
            let message = format!("the line is not JSON: {error}; write one message a line");
            broken(error.column(), message)
        })?;
        let value = |path: &String| field(&line, path);
        let labels = self.labels.iter().filter_map(|(name, path)| {
            let value = value(path)?;
            Some((name.clone(), value))
        });
        Ok(TurnLine {
            number,
            flow: self.flow.as_ref().and_then(value),
            priority: self.priority.as_ref().and_then(value),
            labels: labels.collect(),
            text,
        })
    }
}

/// The value at a dotted path, as text; what is absent, null or no plain value is none.
fn field(line: &Value, path: &str) -> Option<String> {
    let at = path.split('.').try_fold(line, |value, key| value.get(key))?;
    match at {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(yes) => Some(yes.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Reads the lines of a file one by one; empty lines are passed over.
pub(crate) fn lines(
    path: &Path,
    fields: Fields,
) -> Result<impl Iterator<Item = Result<TurnLine, BrokenLine>> + Send + use<>, String> {
    let file = File::open(path).map_err(|error| {
        format!("cannot read {}: {error}; give a turns file or a folder with one", path.display())
    })?;
    let mut reader = BufReader::new(file);
    let mut number = 0;
    let mut over = false;
    Ok(std::iter::from_fn(move || {
        while !over {
            number += 1;
            let broken = |message: String| BrokenLine { number, column: 1, message };
            match next_line(&mut reader) {
                Ok(None) => return None,
                Ok(Some(bytes)) if bytes.len() as u64 > MAX_LINE_BYTES => {
                    return Some(Err(broken("the line is longer than 64 MiB; split it".into())));
                }
                Ok(Some(bytes)) => {
                    let text = match String::from_utf8(bytes) {
                        Ok(text) => text,
                        Err(_) => {
                            return Some(Err(broken(
                                "the line is not UTF-8; save the file as UTF-8".into(),
                            )));
                        }
                    };
                    let text = text.trim_start_matches('\u{feff}').trim();
                    if !text.is_empty() {
                        return Some(fields.read(number, text.to_owned()));
                    }
                }
                Err(error) => {
                    over = true;
                    return Some(Err(broken(format!("cannot read on: {error}"))));
                }
            }
        }
        None
    }))
}

/// The next line, cut where it passes the bound; what follows up to its end is skipped.
fn next_line(reader: &mut impl BufRead) -> std::io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    let bounded = reader.by_ref().take(MAX_LINE_BYTES + 1).read_until(b'\n', &mut line)?;
    if bounded == 0 {
        return Ok(None);
    }
    if line.last() != Some(&b'\n') && line.len() as u64 > MAX_LINE_BYTES {
        reader.skip_until(b'\n')?;
    }
    Ok(Some(line))
}
