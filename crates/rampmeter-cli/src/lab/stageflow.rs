//! Whether there is a `stageflow-core` to play with.

use std::path::{Path, PathBuf};
use std::process::Command;

use rampmeter_lab::lab::Regime;
use rampmeter_lab::lab::play::stageflow::{self, Under};

use crate::args::LabRunArgs;

/// A Python that has it.
#[derive(Debug)]
pub(super) struct Stageflow {
    python: PathBuf,
    under: Under,
}

/// What was found where it was looked for.
pub(super) enum Found {
    Here(Stageflow),
    /// With what to do about it.
    Missing(String),
    /// Nobody asked for it.
    Unasked,
}

impl Found {
    /// What these arguments ask for; that it is missing is an error where it was named.
    pub(super) fn of(args: &LabRunArgs) -> Result<Found, String> {
        let named = args.regimes.contains(&Regime::Stageflow);
        if !named && !args.regimes.is_empty() {
            return Ok(Found::Unasked);
        }
        let python = args.python.as_deref().unwrap_or(Path::new("python3"));
        match stageflow::find(python) {
            Ok(under) => Ok(Found::Here(Stageflow { python: python.into(), under })),
            Err(why) if named || args.python.is_some() => {
                Err(format!("the regime stageflow cannot be played: {why}"))
            }
            Err(why) => Ok(Found::Missing(why)),
        }
    }

    pub(super) fn here(&self) -> Option<&Stageflow> {
        match self {
            Found::Here(stageflow) => Some(stageflow),
            _ => None,
        }
    }
}

impl Stageflow {
    /// Its process, for one playing.
    pub(super) fn command(&self) -> Command {
        stageflow::command(&self.python)
    }

    /// Its version and its Python's.
    pub(super) fn under(&self) -> &Under {
        &self.under
    }
}
