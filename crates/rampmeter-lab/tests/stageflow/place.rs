//! The Python that the tests play under.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rampmeter_lab::lab::play::stageflow;

/// The one that the environment names, else the one under the build folder. Its Stageflow is the one
/// that the lab knows.
pub(crate) fn python() -> &'static Path {
    static PYTHON: OnceLock<PathBuf> = OnceLock::new();
    PYTHON.get_or_init(|| {
        let named = std::env::var_os("RAMPMETER_STAGEFLOW_PYTHON").map(PathBuf::from);
        let python = named.unwrap_or_else(|| {
            let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
            let bin = if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" };
            let python = target.join("stageflow-venv").join(bin);
            assert!(python.is_file(), "no stageflow-core: `cargo xtask stageflow` installs it");
            python
        });
        match stageflow::find(&python) {
            Ok(under) => assert!(under.is_known(), "{under} is not the one that the lab knows"),
            Err(error) => panic!("{error}"),
        }
        python
    })
}
