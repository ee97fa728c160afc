//! `rampmeter lab play`: one playing in a process of its own.

use rampmeter_lab::lab::play::serve;

use crate::exit::Exit;

pub(super) fn play() -> Result<Exit, String> {
    serve(std::io::stdin().lock(), std::io::stdout())
        .map(|()| Exit::Done)
        .map_err(|error| format!("{error}; `rampmeter lab run --real` starts this by itself"))
}
