//! What is said on stderr, above the live view if there is one. That nobody listens is no reason to
//! stop.

use std::fmt::Display;
use std::io::Write;
use std::sync::LazyLock;

use indicatif::MultiProgress;

static BARS: LazyLock<MultiProgress> = LazyLock::new(MultiProgress::new);

/// The live view's lines; none are drawn where stderr is no terminal.
pub(crate) fn bars() -> &'static MultiProgress {
    &BARS
}

/// Says something, on lines of its own.
pub(crate) fn say(text: impl Display) {
    BARS.suspend(|| {
        let _ = writeln!(std::io::stderr().lock(), "{text}");
    });
}
