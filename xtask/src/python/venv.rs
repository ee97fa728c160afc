//! An environment with what it must have, made once and again when something else is asked for.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::interpreter::Interpreter;
use crate::{Result, place, process};

pub(crate) struct Venv {
    folder: PathBuf,
    python: PathBuf,
}

impl Venv {
    /// An environment of that interpreter with the requirements of these files, which are solved together.
    pub(super) fn with(
        folder: &Path,
        interpreter: &Interpreter,
        files: &[PathBuf],
    ) -> Result<Self> {
        let python = folder.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
        let venv = Self { folder: folder.to_owned(), python };
        let wanted = wanted(interpreter, files)?;
        // Written last, so that what was left half done is done again.
        let stamp = folder.join("installed.txt");
        if venv.python.is_file() && std::fs::read_to_string(&stamp).is_ok_and(|it| it == wanted) {
            return Ok(venv);
        }
        eprintln!("installing into {}", folder.display());
        let mut make = Command::new(&interpreter.program);
        process::read(make.args(["-m", "venv", "--clear"]).arg(folder))?;
        let mut install = venv.pip("install");
        files.iter().for_each(|file| {
            install.arg("--requirement").arg(file);
        });
        let remedy = |error| format!("{error}\nit needs a package index that pip reaches");
        process::read(&mut install).map_err(remedy)?;
        place::write(&stamp, &wanted)?;
        Ok(venv)
    }

    pub(crate) fn python(&self) -> &Path {
        &self.python
    }

    /// Its Python, which sees nothing but what is installed there.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.python);
        command.env_remove("PYTHONPATH").env_remove("PYTHONHOME").env_remove("PYTHONSTARTUP");
        command
    }

    /// A program that is installed there, by the name of its module.
    pub(super) fn module(&self, name: &str) -> Command {
        let mut command = self.command();
        command.args(["-m", name]);
        command
    }

    /// Installs a wheel in place of an earlier one, if it is another. What it needs must be there.
    pub(super) fn install(&self, wheel: &Path) -> Result<()> {
        let cannot = |error| format!("cannot read {}: {error}", wheel.display());
        let bytes = std::fs::read(wheel).map_err(cannot)?;
        let stamp = self.folder.join("installed.whl");
        if std::fs::read(&stamp).is_ok_and(|it| it == bytes) {
            return Ok(());
        }
        // What breaks off half-way is done again.
        drop(std::fs::remove_file(&stamp));
        let mut install = self.pip("install");
        install.args(["--no-index", "--no-deps", "--force-reinstall"]).arg(wheel);
        process::read(&mut install)?;
        process::read(&mut self.pip("check"))?;
        std::fs::write(&stamp, bytes)
            .map_err(|error| format!("cannot write {}: {error}", stamp.display()))
    }

    fn pip(&self, what: &str) -> Command {
        let mut pip = self.module("pip");
        pip.args([what, "--disable-pip-version-check"]);
        if what == "install" {
            pip.args(["--quiet", "--no-input"]);
        }
        pip
    }
}

/// What must be there, as a text that differs when anything else must.
fn wanted(interpreter: &Interpreter, files: &[PathBuf]) -> Result<String> {
    let mut wanted = format!("# {}\n", interpreter.identity);
    for file in files {
        wanted += &place::read(file)?;
        wanted.push('\n');
    }
    Ok(wanted)
}
