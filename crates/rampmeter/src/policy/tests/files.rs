//! Policies on disk, and text that means harm.

use std::fs;
use std::path::{Path, PathBuf};

use crate::policy::{Policy, PolicyErrors};

/// A file of its own for each test, removed at the end.
struct TempFile(PathBuf);

impl TempFile {
    fn new(name: &str, content: &[u8]) -> Self {
        let path = std::env::temp_dir().join(format!("policy-{}-{name}.toml", std::process::id()));
        fs::write(&path, content).expect("the temporary folder takes files");
        Self(path)
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn whole_file_error(result: Result<Policy, PolicyErrors>, fragment: &str) {
    let errors = result.expect_err("an error");
    let error = &errors.diagnostics()[0];
    assert_eq!((error.line, error.column), (0, 0));
    assert!(error.message.contains(fragment), "{errors}");
    assert!(errors.to_string().contains("\nhelp: "), "{errors}");
}

#[test]
fn a_file_is_read_under_its_own_name() {
    let file = TempFile::new("legal", b"[limits.a]\nconcurrency = 1\n");
    let policy = Policy::load(&file.0).expect("a policy");
    assert_eq!(policy.limits.len(), 1);
    assert_eq!(policy.file_name(), file.0.display().to_string());
}

#[test]
fn a_file_that_cannot_be_read_is_an_error_like_any_other() {
    whole_file_error(Policy::load(Path::new("/there/is/no/such/file.toml")), "cannot read");
    whole_file_error(Policy::load(&std::env::temp_dir()), "cannot read");
    let file = TempFile::new("latin", b"# caf\xe9\n");
    whole_file_error(Policy::load(&file.0), "not UTF-8 at byte 5");
    let file = TempFile::new("long", "#".repeat(4 * 1024 * 1024 + 1).as_bytes());
    whole_file_error(Policy::load(&file.0), "longer than 4 MiB");
}

#[test]
fn no_piece_of_a_policy_makes_the_parser_panic() {
    let full = "[limits.\"é\"]\nrequests = [\"30/min\", { rate = \"9/s\" }]\n[tools.\"a*\"]\n\
        limits = { \"é\" = { weight = 1 } }\nrun = { command = [\"x\", \"{y}\"] }\n";
    let boundaries: Vec<usize> = full.char_indices().map(|(at, _)| at).collect();
    for &cut in &boundaries {
        let _ = Policy::parse("cut", &full[..cut]).map_err(|errors| errors.to_string());
        let _ = Policy::parse("rest", &full[cut..]).map_err(|errors| errors.to_string());
        for stray in ["\"", "{", "}", "[", "=", "\u{0}", "é", "-", "0", ".", "*", "\r", "\n"] {
            let text = format!("{}{stray}{}", &full[..cut], &full[cut..]);
            let _ = Policy::parse("stray", &text).map_err(|errors| errors.to_string());
        }
    }
}
