//! What is read of whole responses, of single forms, and of damage.

mod damage;
mod fixtures;
mod forms;

use std::time::{Duration, SystemTime};

use super::{Counted, Feedback, Quota};

/// Noon, 24 November 2026: the `Date` of the fixtures.
const NOON_S: u64 = 1_795_521_600;

const FIXTURES: [(&str, &str); 12] = [
    ("openai", include_str!("../../../tests/fixtures/feedback/openai.http")),
    ("azure", include_str!("../../../tests/fixtures/feedback/azure.http")),
    ("groq", include_str!("../../../tests/fixtures/feedback/groq.http")),
    ("anthropic", include_str!("../../../tests/fixtures/feedback/anthropic.http")),
    ("gemini", include_str!("../../../tests/fixtures/feedback/gemini.http")),
    ("github", include_str!("../../../tests/fixtures/feedback/github.http")),
    ("ietf-old", include_str!("../../../tests/fixtures/feedback/ietf-old.http")),
    ("ietf-07", include_str!("../../../tests/fixtures/feedback/ietf-07.http")),
    ("ietf-new", include_str!("../../../tests/fixtures/feedback/ietf-new.http")),
    ("openrouter", include_str!("../../../tests/fixtures/feedback/openrouter.http")),
    ("cerebras", include_str!("../../../tests/fixtures/feedback/cerebras.http")),
    ("discord", include_str!("../../../tests/fixtures/feedback/discord.http")),
];

fn noon() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(NOON_S)
}

/// Reads a response as it stands in a file: a status line, headers, an empty line, a body.
fn read(response: &str, now: SystemTime) -> Feedback {
    let (head, body) = response.split_once("\n\n").unwrap_or((response, ""));
    let headers = head.lines().filter_map(|line| line.split_once(':'));
    Feedback::read(headers, Some(body.as_bytes()), now)
}

fn one(name: &str, value: &str) -> Feedback {
    Feedback::read([(name, value)], None, noon())
}

fn quota(counts: Counted, figures: [Option<u64>; 2], times_ms: [Option<u64>; 2]) -> Quota {
    let [limit, remaining] = figures;
    let [resets_in, window] = times_ms.map(|ms| ms.map(Duration::from_millis));
    Quota { counts, name: None, limit, remaining, resets_in, window }
}
