//! A browser: one that is there, or Debian's, which is installed where that can be done.

use std::path::PathBuf;
use std::process::Command;

use crate::{Result, process};

const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

const MISSING: &str = "no chromium, chromium-browser or google-chrome on PATH: install one of them \
                       (Debian: apt-get install chromium)";

/// The browser's program.
pub(super) fn chromium() -> Result<PathBuf> {
    if let Some(found) = on_path() {
        return Ok(found);
    }
    if process::read(Command::new("id").arg("-u"))? != "0" {
        return Err(MISSING.into());
    }
    println!("no browser: apt-get install chromium");
    for words in ["update", "install -y --no-install-recommends chromium"] {
        let mut apt = Command::new("apt-get");
        apt.args(words.split(' ')).env("DEBIAN_FRONTEND", "noninteractive");
        process::read(&mut apt).map_err(|error| format!("{error}\n{MISSING}"))?;
    }
    on_path().ok_or_else(|| MISSING.into())
}

fn on_path() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let places: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let all = NAMES.iter().flat_map(|name| places.iter().map(move |place| place.join(name)));
    all.into_iter().find(|program| program.is_file())
}
