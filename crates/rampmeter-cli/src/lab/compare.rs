//! `rampmeter lab compare`: two folders of playings side by side.

use std::path::Path;

use rampmeter_lab::lab::Study;
use rampmeter_lab::lab::report;
use rampmeter_lab::lab::store::{Store, StoreError};
use rampmeter_lab::lab::study::Shelf;

use crate::args::CompareArgs;
use crate::exit::Exit;
use crate::say::{print, say};

pub(super) fn compare(args: &CompareArgs) -> Result<Exit, String> {
    let (before, after) = (study(&args.before)?, study(&args.after)?);
    let printed = print(&report::compare(&before, &after));
    Ok(if printed { Exit::Done } else { Exit::Partly })
}

fn study(folder: &Path) -> Result<Study, String> {
    let store = Store::read_only(folder).map_err(|error| error.to_string())?;
    let Shelf { study, left_out, .. } = Shelf::read(&store).map_err(|error| error.to_string())?;
    for file in &left_out {
        say(format_args!("left out: {}: {}", file.path.display(), file.why));
    }
    match study.entries.is_empty() {
        true => Err(StoreError::Empty(folder.into()).to_string()),
        false => Ok(study),
    }
}
