//! What a number needs beside it: the machine, the tools, the commit and the command.

use std::path::Path;
use std::process::Command;
use std::thread;

use serde_json::{Value, json};

use super::date;
use crate::{Result, process};

/// What was measured.
pub(super) struct Commit {
    /// `None` before the first commit.
    hash: Option<String>,
    is_dirty: bool,
}

impl Commit {
    pub(super) fn of(root: &Path) -> Result<Self> {
        let git = |args: &[&str]| process::read(Command::new("git").current_dir(root).args(args));
        // Earlier records that are not committed yet do not change what is measured.
        let status = git(&["status", "--porcelain", "--", ".", ":!bench/runs"])?;
        let hash = git(&["rev-parse", "--verify", "HEAD"]).ok();
        Ok(Self { hash, is_dirty: !status.is_empty() })
    }

    pub(super) fn file_stem(&self, date: &str) -> String {
        let short =
            self.hash.as_deref().map_or("uncommitted", |hash| hash.get(..9).unwrap_or(hash));
        format!("{date}-{short}{}", if self.is_dirty { "-dirty" } else { "" })
    }
}

/// The first row of a record.
pub(super) fn facts(root: &Path, commit: &Commit, command: &str) -> Result<Value> {
    Ok(json!({
        "row": "machine",
        "date": date::today()?,
        "cpu": cpu(),
        "cores": thread::available_parallelism().map_or(0, usize::from),
        "memory_bytes": memory_bytes(),
        "kernel": process::read(Command::new("uname").arg("-sr")).ok(),
        "rustc": process::read(Command::new("rustc").current_dir(root).arg("-V"))?,
        "commit": commit.hash,
        "dirty": commit.is_dirty,
        "command": command,
    }))
}

/// The model, or `None` where the kernel does not tell.
fn cpu() -> Option<String> {
    let told = std::fs::read_to_string("/proc/cpuinfo").ok();
    let model = told.as_deref().and_then(|text| field(text, "model name")).map(str::to_owned);
    model.or_else(|| {
        process::read(Command::new("sysctl").args(["-n", "machdep.cpu.brand_string"])).ok()
    })
}

fn memory_bytes() -> Option<u64> {
    if let Ok(text) = std::fs::read_to_string("/proc/meminfo") {
        return kibibytes(field(&text, "MemTotal")?)?.checked_mul(1024);
    }
    process::read(Command::new("sysctl").args(["-n", "hw.memsize"])).ok()?.parse().ok()
}

/// The value of the first line `name : value`.
fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let fields = text.lines().filter_map(|line| line.split_once(':'));
    fields.into_iter().find(|(key, _)| key.trim() == name).map(|(_, value)| value.trim())
}

/// Reads `8053440 kB`, which the kernel counts by 1024.
fn kibibytes(value: &str) -> Option<u64> {
    value.strip_suffix(" kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_s_tables_are_read() {
        let cpu = "processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\nmodel name\t: other\n";
        assert_eq!(field(cpu, "model name"), Some("Some CPU @ 2 GHz"));
        assert_eq!(
            field("MemTotal:  8053440 kB\n", "MemTotal").and_then(kibibytes),
            Some(8_053_440)
        );
        assert_eq!(field(cpu, "MemTotal"), None);
    }

    #[test]
    fn a_record_is_called_after_the_day_and_what_was_measured() {
        let clean = Commit { hash: Some("0123456789abcdef".into()), is_dirty: false };
        let fresh = Commit { hash: None, is_dirty: true };
        assert_eq!(clean.file_stem("2026-01-31"), "2026-01-31-012345678");
        assert_eq!(fresh.file_stem("2026-01-31"), "2026-01-31-uncommitted-dirty");
    }
}
