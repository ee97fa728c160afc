//! Writes the pictures of `docs/pictures` anew.

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/pictures");
    for (name, picture) in rampmeter_lab::pictures::all() {
        let path = folder.join(name);
        if let Err(error) = std::fs::write(&path, picture) {
            eprintln!("error: {}: {error}", path.display());
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
