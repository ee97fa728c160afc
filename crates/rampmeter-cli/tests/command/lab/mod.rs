//! `rampmeter lab`, as a person runs it.

mod findings;
mod runs;
#[cfg(unix)]
mod stops;
mod store;
mod tunes;
mod wrong;

use std::collections::BTreeMap;
use std::path::Path;

use crate::harness::{Folder, Ran};

/// Far more at once than the server has room for, and a policy that knows it.
const CROWD: &str = r#"
about = "Five answers of twenty searches each, before a server that has room for four."
ends = "2min"
regimes = ["unlimited", "semaphore", "rate-limiter", "rampmeter"]
semaphore = 8
holds = ["peak <= 4", "throttled = 0"]
[[load]]
name = "users"
flows = 3
turns = 5
calls = [{ tool = "search", count = 20 }]
[tools.search]
takes = { uniform = ["40ms", "60ms"] }
server = "api"
[servers.api]
full = 4
[policy]
undeclared = "read"
[policy.limits.api]
concurrency = 4
[policy.tools.search]
limits = ["api"]
"#;

/// A folder with that scenario.
fn crowd() -> Folder {
    let folder = Folder::new();
    folder.write("crowd.toml", CROWD);
    folder
}

/// Runs `rampmeter lab`, with no Python about, and with one seed unless it says otherwise.
fn lab(folder: &Folder, args: &[&str]) -> Ran {
    let seeds: &[&str] = match args {
        ["run", rest @ ..] if !rest.contains(&"--seeds") => &["--seeds", "1"],
        _ => &[],
    };
    let mut command = folder.command(&[&["lab"], args, seeds].concat());
    let ended = command.env("PATH", "").output().unwrap();
    Ran {
        code: ended.status.code(),
        stdout: String::from_utf8(ended.stdout).unwrap(),
        stderr: String::from_utf8(ended.stderr).unwrap(),
    }
}

/// All files of a folder and below it, by their names in it.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            let inside = files(&path).into_iter();
            found.extend(inside.map(|(inside, bytes)| (format!("{name}/{inside}"), bytes)));
        } else {
            found.insert(name, std::fs::read(&path).unwrap());
        }
    }
    found
}
