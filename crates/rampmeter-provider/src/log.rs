//! The request log: what came, and what became of it. Results are judged from this alone.

use std::fs::File;
use std::io::{BufWriter, Write};

use serde::{Deserialize, Serialize};

use crate::config::Config;

/// One line. Amounts stand in the order of the configuration's quotas.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
pub struct Entry {
    /// From 0, without gaps.
    pub seq: u64,
    /// Whose doing it is.
    pub who: Who,
    /// The moment by the provider's clock, from its start.
    pub virtual_ns: u64,
    /// The true moment, since the Unix epoch.
    pub unix_ns: u64,
    /// The path that was asked for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// `x-rampmeter-call`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<String>,
    /// `x-rampmeter-flow`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flow: Option<String>,
    /// `x-rampmeter-priority`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<String>,
    /// `x-rampmeter-asked-at`: when the client first wanted it, in nanoseconds of the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_unix_ns: Option<u64>,
    /// What the call is.
    #[serde(default)]
    pub input_tokens: u64,
    /// What it is answered with, if it is.
    #[serde(default)]
    pub output_tokens: u64,
    /// The most that it asked for.
    #[serde(default)]
    pub stated_output_tokens: u64,
    /// The status that it was answered with; 200 is an admitted call.
    pub status: u16,
    /// The quota, or the bound on calls at once, that turned it away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<String>,
    /// What it was told to wait, in real time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ns: Option<u64>,
    /// What was charged to each quota.
    pub charged: Vec<u64>,
    /// What each quota has left after it.
    pub remaining: Vec<u64>,
    /// How many calls were being answered, this one among them.
    pub running: u32,
    /// The line whose charges these are really, where a call is settled at its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settles: Option<u64>,
}

/// Whose doing an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum Who {
    /// A call that came.
    #[default]
    Client,
    /// Somebody else on the key.
    Other,
    /// The end of a call, which is when its charge is put right.
    End,
}

/// The log as it is kept in memory.
#[derive(Debug, Clone, Default)]
pub struct Kept {
    /// The first so many entries.
    pub entries: Vec<Entry>,
    /// Those that came when there was no more room.
    pub missed: u64,
    /// How many calls came.
    pub calls: u64,
    /// How many of them were admitted.
    pub admitted: u64,
    /// How many were turned away by a quota.
    pub throttled: u64,
    /// Whether each line could be written to the file, if there is one.
    pub written: bool,
}

#[derive(Debug)]
pub(crate) struct Log {
    kept: Kept,
    next: u64,
    room: usize,
    file: Option<BufWriter<File>>,
}

impl Log {
    pub(crate) fn open(config: &Config) -> Result<Log, String> {
        let create = |path: &std::path::PathBuf| {
            let said = |error| format!("cannot create the log {}: {error}", path.display());
            File::create(path).map(BufWriter::new).map_err(said)
        };
        let file = config.log_file.as_ref().map(create).transpose()?;
        let kept = Kept { written: true, ..Kept::default() };
        Ok(Log { kept, next: 0, room: config.log_entries, file })
    }

    /// Adds an entry and says which number it has.
    pub(crate) fn add(&mut self, mut entry: Entry) -> u64 {
        entry.seq = self.next;
        self.next += 1;
        if entry.who == Who::Client {
            self.kept.calls += 1;
            self.kept.admitted += u64::from(entry.status == 200);
            self.kept.throttled += u64::from(entry.status == 429);
        }
        if let Some(file) = &mut self.file {
            let line = serde_json::to_writer(&mut *file, &entry).map_err(std::io::Error::from);
            // A call is rare beside a write, and a reader wants to follow.
            let whole = line.and_then(|()| file.write_all(b"\n")).and_then(|()| file.flush());
            self.kept.written &= whole.is_ok();
        }
        let seq = entry.seq;
        if self.kept.entries.len() < self.room {
            self.kept.entries.push(entry);
        } else {
            self.kept.missed += 1;
        }
        seq
    }

    pub(crate) fn kept(&self) -> &Kept {
        &self.kept
    }
}
