//! Where the turns come from: a file of assistant messages, one a line.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use super::fields::Fields;
use crate::args::RunArgs;

/// A line may not be longer: an assistant message is far from it, and memory has a bound.
const MAX_LINE_BYTES: u64 = 64 * 1024 * 1024;

/// The two files of a run.
#[derive(Debug)]
pub(crate) struct Paths {
    pub(crate) turns: PathBuf,
    pub(crate) policy: PathBuf,
}

/// One line, and what its fields say of its calls.
#[derive(Debug, Default)]
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
        if !turns.exists() {
            return Err(format!(
                "there is no {}: give a turns file, or a folder with turns.jsonl and rampmeter.toml",
                turns.display()
            ));
        }
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
        // Read twice, a pipe is empty the second time, and nothing would be compared.
        if args.compare && !turns.is_file() {
            return Err(format!(
                "--compare reads the turns twice, and {} is no regular file: save them in one",
                turns.display()
            ));
        }
        Ok(Paths { turns, policy })
    }
}

/// Reads the lines of a file one by one; empty lines are passed over.
pub(crate) fn lines(
    path: &Path,
    fields: Fields,
) -> Result<impl Iterator<Item = Result<TurnLine, BrokenLine>> + Send + use<>, String> {
    let file = File::open(path).map_err(|error| {
        format!("cannot read {}: {error}; give a file of turns that may be read", path.display())
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
                    let text = text.trim_start_matches('\u{feff}').trim_end();
                    if !text.trim_start().is_empty() {
                        return Some(Ok(fields.read(number, text)));
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
