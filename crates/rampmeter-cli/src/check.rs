//! `rampmeter check`: what is wrong with a policy, what it leaves open, what it comes to.

use std::io::Write;
use std::path::Path;

use rampmeter::policy::{Policy, Severity};

use crate::args::CheckArgs;
use crate::exit::Exit;
use crate::say::say;
use crate::tools::{Mistake, from_environment, mistakes};

pub(crate) fn check(args: &CheckArgs) -> Exit {
    match load(&args.policy) {
        Some(policy) => {
            remark(&policy, Severity::Note);
            let stdout = std::io::stdout();
            // A reader that has seen enough may close the pipe.
            let _ = write!(stdout.lock(), "{}", policy.effective());
            Exit::Done
        }
        None => Exit::Refused,
    }
}

/// The policy at `path`, a file or a folder with one, if its tools can be run in this environment;
/// its errors are printed.
pub(crate) fn load(path: &Path) -> Option<Policy> {
    let inside = path.join("rampmeter.toml");
    let path = if path.is_dir() { &inside } else { path };
    let policy = Policy::load(path).map_err(|errors| say(errors.to_string().trim_end())).ok()?;
    let mistakes = mistakes(&policy, &from_environment);
    for Mistake { message, help } in &mistakes {
        say(format_args!("error: {message}\n --> {}\nhelp: {help}", path.display()));
    }
    mistakes.is_empty().then_some(policy)
}

/// Prints what is legal but worth a remark, from `least` severity on.
pub(crate) fn remark(policy: &Policy, least: Severity) {
    for remark in policy.warnings().iter().filter(|remark| remark.severity <= least) {
        say(remark);
    }
}
