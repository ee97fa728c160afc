//! How the command ends. The help of `rampmeter` documents the same numbers.

use std::process::ExitCode;

/// The end of a command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Exit {
    /// All was done. Calls may have failed; the summary counts them.
    Done,
    /// It ran, but part of the input could not be used or part of the output not written.
    Partly,
    /// Nothing ran: the usage, the policy or a file is wrong.
    Refused,
    /// It was interrupted.
    Interrupted,
}

/// The same in words, for the help.
pub(crate) const EXIT_CODES: &str = "Exit codes:
  0    every call has a result; those that failed or were refused are counted in the summary
  1    it ran, but a line of the input could not be used or an output not be written
  2    nothing ran: the usage, the policy or a file is wrong
  130  it was interrupted; what had finished was written";

impl Exit {
    pub(crate) fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Partly => 1,
            Exit::Refused => 2,
            Exit::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}
