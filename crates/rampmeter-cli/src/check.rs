//! `rampmeter check`: what is wrong with a policy, what it leaves open, what it comes to.

use std::io::Write;
use std::path::Path;

use rampmeter::policy::{Policy, Severity};

use crate::args::CheckArgs;
use crate::exit::Exit;
use crate::say::say;

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

/// The policy at `path`, a file or a folder with one; its errors are printed.
pub(crate) fn load(path: &Path) -> Option<Policy> {
    let inside = path.join("rampmeter.toml");
    let path = if path.is_dir() { &inside } else { path };
    Policy::load(path).map_err(|errors| say(errors.to_string().trim_end())).ok()
}

/// Prints what is legal but worth a remark, from `least` severity on.
pub(crate) fn remark(policy: &Policy, least: Severity) {
    for remark in policy.warnings().iter().filter(|remark| remark.severity <= least) {
        say(remark);
    }
}
