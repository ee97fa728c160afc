//! What a playing was made from, as a fingerprint.

use std::io::{self, Write};

use sha2::{Digest, Sha256};

use super::super::regime::Job;
use super::super::scenario::Scenario;
use super::super::script::Script;

/// Changes when a playing of before is no longer what would be played.
const VERSION: &str = "rampmeter-lab 1";

/// Fingerprints of the playings of one script.
#[derive(Clone, Debug)]
pub struct Print(Sha256);

impl Print {
    /// Those of this script, made from this scenario.
    pub fn of(scenario: &Scenario, script: &Script) -> Print {
        let mut hash = Hash(Sha256::new());
        for part in [VERSION, &scenario.name, &scenario.text] {
            hash.part(part.as_bytes());
        }
        // The script itself, too: a later program may make another one from the same text and seed.
        if serde_json::to_writer(&mut hash, script).is_err() {
            // A script that cannot be written down is like no other.
            hash.part(b"unwritten");
        }
        Print(hash.0)
    }

    /// That of one playing.
    pub fn of_job(&self, job: &Job) -> String {
        let mut hash = Hash(self.0.clone());
        hash.part(format!("{job:?}").as_bytes());
        hex(&hash.0.finalize())
    }
}

/// Bytes as hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

struct Hash(Sha256);

impl Hash {
    /// Its length comes first, so that what ends one part cannot begin the next.
    fn part(&mut self, bytes: &[u8]) {
        self.0.update(u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_le_bytes());
        self.0.update(bytes);
    }
}

impl Write for Hash {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
