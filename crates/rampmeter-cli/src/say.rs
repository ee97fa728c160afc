//! What is said on stderr, above the live view if there is one, which nobody has to listen to; and what
//! a command prints on stdout.

use std::fmt::Display;
use std::io::{ErrorKind, Write};
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

/// Prints what a command was asked for on stdout; whether it is written. A reader that has seen enough
/// may close the pipe.
pub(crate) fn print(text: &str) -> bool {
    let mut stdout = std::io::stdout().lock();
    let printed = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    match printed {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            say(format_args!(
                "error: cannot write to standard output: {error}; see where it leads"
            ));
            false
        }
        _ => true,
    }
}
