//! A Python to make environments with.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Result;

pub(super) type Version = (u32, u32);

#[derive(Debug)]
pub(super) struct Interpreter {
    pub(super) program: PathBuf,
    pub(super) version: Version,
    /// Tells it from others in the name of a folder: `cpython-3.11`.
    pub(super) name: String,
    /// Tells it from others wholly: where it is and how it was built.
    pub(super) identity: String,
}

const QUESTION: &str = r#"
import importlib.util, sys
print(sys.implementation.name)
print(*sys.version_info[:2])
print(getattr(sys, "abiflags", ""))
print(all(importlib.util.find_spec(name) for name in ("venv", "ensurepip")))
print(sys.base_prefix, *sys.version.split())
"#;

impl Interpreter {
    /// The one that is named, or else the first in the path. An error says what to do about it.
    pub(super) fn find(named: Option<&Path>, oldest: Version) -> Result<Self> {
        let usual = Path::new(if cfg!(windows) { "python" } else { "python3" });
        let program = match named {
            // What runs it has folders of its own; a mere name is looked up in the path.
            Some(path) if path.components().count() > 1 => std::path::absolute(path)
                .map_err(|error| format!("cannot find {}: {error}", path.display()))?,
            Some(path) => path.to_owned(),
            None => usual.to_owned(),
        };
        let shown = program.display();
        let told =
            Command::new(&program).args(["-I", "-c", QUESTION]).output().map_err(|error| {
                format!("cannot start {shown}: {error}: install Python {}", or_newer(oldest))
            })?;
        if !told.status.success() {
            let why = String::from_utf8_lossy(&told.stderr);
            let why = why.trim().lines().next_back().unwrap_or_default();
            return Err(format!("{shown} is no Python {}: {why}", or_newer(oldest)));
        }
        Self::read(program, &String::from_utf8_lossy(&told.stdout), oldest)
    }

    /// Reads what a Python answers to [`QUESTION`].
    fn read(program: PathBuf, told: &str, oldest: Version) -> Result<Self> {
        let shown = program.display();
        let lines: Vec<_> = told.lines().map(str::trim).collect();
        let &[implementation, version, flags, can_make_environments, identity] = lines.as_slice()
        else {
            return Err(format!("{shown} is no Python {}: it said {told:?}", or_newer(oldest)));
        };
        let version = self::version(version, ' ')
            .ok_or_else(|| format!("{shown} has no version that can be read: {version:?}"))?;
        let (major, minor) = version;
        if version < oldest {
            let wanted = or_newer(oldest);
            return Err(format!("{shown} is Python {major}.{minor}: install {wanted}"));
        }
        if can_make_environments != "True" {
            return Err(format!(
                "{shown} (Python {major}.{minor}) cannot make environments: install its venv \
                 (python{major}.{minor}-venv on Debian)"
            ));
        }
        let name = format!("{implementation}-{major}.{minor}{flags}");
        Ok(Self { program, version, name, identity: identity.to_owned() })
    }
}

/// Reads `3.11`, or whatever stands between the numbers.
pub(super) fn version(text: &str, between: char) -> Option<Version> {
    let (major, minor) = text.split_once(between)?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

fn or_newer((major, minor): Version) -> String {
    format!("{major}.{minor} or newer")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(told: &str) -> Result<Interpreter> {
        Interpreter::read("python3".into(), told, (3, 10))
    }

    #[test]
    fn a_python_says_which_it_is() {
        let found = read("cpython\n3 13\nt\nTrue\n/usr 3.13.0 (main) [GCC]").unwrap();
        assert_eq!((found.version, found.name.as_str()), ((3, 13), "cpython-3.13t"));
        assert_eq!(found.identity, "/usr 3.13.0 (main) [GCC]");
    }

    #[test]
    fn one_that_is_too_old_is_named_with_the_remedy() {
        let error = read("cpython\n3 9\n\nTrue\n/usr 3.9.1").unwrap_err();
        assert_eq!(error, "python3 is Python 3.9: install 3.10 or newer");
    }

    #[test]
    fn one_without_venv_is_told_from_one_that_is_not_there() {
        let error = read("cpython\n3 11\n\nFalse\n/usr 3.11.2").unwrap_err();
        assert!(error.contains("install its venv (python3.11-venv on Debian)"), "{error}");
        let error = Interpreter::find(Some(Path::new("no-such-python")), (3, 10)).unwrap_err();
        assert!(error.starts_with("cannot start no-such-python"), "{error}");
        assert!(error.ends_with("install Python 3.10 or newer"), "{error}");
    }

    #[test]
    fn what_is_no_python_at_all_is_refused() {
        assert!(read("hello").unwrap_err().contains("python3 is no Python 3.10 or newer: it said"));
    }
}
