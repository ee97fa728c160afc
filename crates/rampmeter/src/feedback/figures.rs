//! What the name of a header says its value is: which figure, of what, in which window.
//!
//! `x-ratelimit-remaining-tokens`, `anthropic-ratelimit-tokens-remaining`, `ratelimit-remaining` and
//! `x-ratelimit-remaining-tokens-minute` differ in the order of their words only.

use std::time::Duration;

use super::{DAY, HOUR, MINUTE};

/// The name of a header with a figure in it, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Figure {
    pub(super) field: Field,
    /// What is counted, as the header words it; empty if it does not say.
    pub(super) thing: String,
    /// The window, if the name says it.
    pub(super) window: Option<Duration>,
}

/// Which figure of a quota it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Limit,
    Remaining,
    Used,
    Reset,
}

impl Figure {
    /// By a header's lower-case name, without its `x-`.
    pub(super) fn of(name: &str) -> Option<Figure> {
        let (words, thing) = if let Some(words) = name.strip_prefix("tokenlimit-") {
            (words, Some("tokens"))
        } else {
            let words = name.strip_prefix("ratelimit-");
            let words = words.or_else(|| name.strip_prefix("anthropic-ratelimit-"));
            // Those of a service tier, as in `anthropic-priority-input-tokens-limit`.
            (words.or_else(|| name.strip_prefix("anthropic-"))?, None)
        };
        let mut figure = Figure { field: Field::Limit, thing: String::new(), window: None };
        let mut field = None;
        let mut things: Vec<&str> = thing.into_iter().collect();
        for word in words.split('-') {
            let known = match word {
                "limit" => Some(Field::Limit),
                "remaining" => Some(Field::Remaining),
                "used" => Some(Field::Used),
                "reset" => Some(Field::Reset),
                _ => None,
            };
            match (known, window(word)) {
                (Some(known), _) if field.is_none() => field = Some(known),
                // `reset-after` is Discord's reset, as a delay.
                (None, None) if word == "after" && field == Some(Field::Reset) => {}
                (None, Some(window)) => figure.window = Some(window),
                _ => things.push(word),
            }
        }
        figure.field = field?;
        figure.thing = things.join("-");
        Some(figure)
    }
}

/// The window that a word names.
pub(super) fn window(word: &str) -> Option<Duration> {
    match word {
        "second" => Some(Duration::from_secs(1)),
        "minute" | "min" => Some(MINUTE),
        "hour" => Some(HOUR),
        "day" | "daily" => Some(DAY),
        _ => None,
    }
}

/// A whole number that is not negative; a fraction is cut off, so that what is left is never more.
pub(super) fn count(text: &str) -> Option<u64> {
    let (whole, fraction) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    (digits(whole) && digits(fraction)).then(|| whole.parse().ok()).flatten()
}
