//! Which build this is.

use std::time::UNIX_EPOCH;

/// A name for this program as it was built: what another build has played may be played otherwise by
/// this one.
pub(super) fn build() -> String {
    let version = env!("CARGO_PKG_VERSION");
    let file = std::env::current_exe().and_then(std::fs::metadata).ok();
    let marks = file.and_then(|file| {
        let built = file.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
        Some(format!("{:x}-{:x}", file.len(), built.as_nanos()))
    });
    format!("rampmeter {version} {}", marks.unwrap_or_default()).trim_end().to_owned()
}
