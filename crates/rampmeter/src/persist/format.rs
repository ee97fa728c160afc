//! What a state file is made of: one line that says what it is, how long and with which checksum,
//! and then the record as JSON.
//!
//! ```text
//! rampmeter-state 1 <bytes of the record> <its SHA-256>
//! {"written_unix_ns":…}
//! ```
//!
//! A file is taken for what it says only if all of that fits; anything else has a [`Flaw`].

use std::fmt;

use sha2::{Digest, Sha256};

use super::record::Record;

const MAGIC: &str = "rampmeter-state";
const VERSION: &str = "1";

/// More than any first line has.
const MOST_HEADER_BYTES: usize = 256;

/// Why a file is not taken for a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// It is something else.
    Foreign,
    /// It is of another version.
    Version(String),
    /// It is shorter or longer than it says.
    Torn,
    /// It is not what was written.
    Checksum,
    /// It is whole, and still says nothing that can be meant.
    Content(String),
}

/// The bytes of a state file.
pub(crate) fn encode(record: &Record) -> Result<Vec<u8>, serde_json::Error> {
    let body = serde_json::to_vec(record)?;
    let header = format!("{MAGIC} {VERSION} {} {}\n", body.len(), checksum(&body));
    Ok([header.into_bytes(), body].concat())
}

/// What a state file says.
pub(crate) fn decode(bytes: &[u8]) -> Result<Record, Flaw> {
    let end = bytes.iter().take(MOST_HEADER_BYTES).position(|byte| *byte == b'\n');
    let Some(end) = end else { return Err(headless(bytes)) };
    let (header, body) = (&bytes[..end], &bytes[end + 1..]);
    let header = std::str::from_utf8(header).map_err(|_| Flaw::Foreign)?;
    let mut words = header.split(' ');
    if words.next() != Some(MAGIC) {
        return Err(Flaw::Foreign);
    }
    match words.next() {
        Some(VERSION) => {}
        version => return Err(Flaw::Version(version.unwrap_or_default().to_owned())),
    }
    let (length, sum) = (words.next(), words.next());
    if length.and_then(|length| length.parse().ok()) != Some(body.len()) || words.next().is_some() {
        return Err(Flaw::Torn);
    }
    if sum != Some(&checksum(body)) {
        return Err(Flaw::Checksum);
    }
    serde_json::from_slice(body).map_err(|error| Flaw::Content(error.to_string()))
}

/// Without a whole first line: a file that was cut off, or none of ours.
fn headless(bytes: &[u8]) -> Flaw {
    let common = bytes.len().min(MAGIC.len());
    if bytes[..common] == MAGIC.as_bytes()[..common] { Flaw::Torn } else { Flaw::Foreign }
}

fn checksum(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Flaw::Foreign => f.write_str("it is no state file"),
            Flaw::Version(version) => {
                write!(f, "it is of version {version:?}, and this program reads version {VERSION}")
            }
            Flaw::Torn => f.write_str("it is torn: its length is not the one that it says"),
            Flaw::Checksum => f.write_str("its checksum is wrong"),
            Flaw::Content(what) => write!(f, "it cannot be understood: {what}"),
        }
    }
}
