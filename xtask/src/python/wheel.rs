//! The wheel, built by maturin as a release's is.

use std::path::PathBuf;

use super::{PACKAGE, Room, Venv};
use crate::{Result, place, process};

/// As what the native module is compiled.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Profile {
    /// For tests: soon built, and of the same parts as the other tests.
    Dev,
    /// For measurements: what users have.
    Release,
}

/// The built wheel; `None` if it cannot be built, which has been shown.
pub(super) fn build(room: &Room, tools: &Venv, profile: Profile) -> Result<Option<PathBuf>> {
    let profile = match profile {
        Profile::Dev => "dev",
        Profile::Release => "release",
    };
    let out = room.folder.join(format!("wheel-{profile}"));
    // One of another version would stay beside it.
    if out.exists() {
        let cannot = |error| format!("cannot clear {}: {error}", out.display());
        std::fs::remove_dir_all(&out).map_err(cannot)?;
    }
    let mut maturin = tools.module("maturin");
    maturin.current_dir(room.root.join(PACKAGE)).args(["build", "--profile", profile]);
    maturin.arg("--target-dir").arg(place::target(&room.root)).arg("--out").arg(&out);
    maturin.arg("--interpreter").arg(tools.python());
    // It is for this machine, and so needs no look at what other machines have.
    maturin.args(["--compatibility", "linux"]);
    if !process::stream(maturin, |_| {})?.success() {
        return Ok(None);
    }
    match place::files(&out, "whl")?.as_slice() {
        [wheel] => Ok(Some(wheel.clone())),
        others => Err(format!("maturin left {} wheels in {}", others.len(), out.display())),
    }
}
