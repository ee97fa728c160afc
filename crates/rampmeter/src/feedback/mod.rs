//! What a server says of its limits, in any of the forms in use, as plain data.
//!
//! [`Feedback::read`] takes a response's headers, its body if there is one to speak of, and the
//! time of day. `docs/feedback.md` lists the forms. Three rules hold for all of them:
//!
//! - A delay is never shortened: fractions are rounded up, and of several delays the longest counts.
//! - Of two words on one quota the harder counts: the smaller limit, the fewer left, the later reset.
//! - What cannot be read is as if it were not there. No delay is zero, none exceeds 366 days.
//!
//! A reset or delay written as a bare number is decided by its magnitude; `moment.rs` has the rule.
//!
//! ```
//! # use std::time::{Duration, SystemTime};
//! # use rampmeter::feedback::{Counted, Feedback};
//! let headers = [
//!     ("retry-after", "2"),
//!     ("x-ratelimit-limit-tokens", "18000"),
//!     ("x-ratelimit-remaining-tokens", "0"),
//!     ("x-ratelimit-reset-tokens", "7.66s"),
//! ];
//! let feedback = Feedback::read(headers, None, SystemTime::now());
//! assert_eq!(feedback.delay(), Some(Duration::from_secs(2)));
//! let spent = feedback.spent().ok_or("nothing is spent")?;
//! assert_eq!((&spent.counts, spent.limit), (&Counted::Tokens, Some(18_000)));
//! assert_eq!(spent.resets_in, Some(Duration::from_millis(7660)));
//! assert!(!spent.is_daily());
//! # Ok::<(), &str>(())
//! ```

mod body;
mod draft;
mod figures;
mod headers;
mod items;
mod moment;
#[cfg(test)]
mod tests;

use std::time::{Duration, SystemTime};

use headers::Headers;

/// What one response says of its server's limits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Feedback {
    /// How long the server asks to stay away, in so many words; never zero.
    pub retry_after: Option<Duration>,
    /// What it says of its quotas, in the order of its words; at most 64.
    pub quotas: Vec<Quota>,
}

/// One quota of a server, as far as its response tells. A `limit` or what `remains` is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quota {
    /// What it counts.
    pub counts: Counted,
    /// The server's own name for it: an IETF policy, GitHub's resource, Google's quota id.
    pub name: Option<String>,
    /// How much there is in a window.
    pub limit: Option<u64>,
    /// How much is left of it.
    pub remaining: Option<u64>,
    /// When all of it is there again; never zero. Where a bucket is refilled, some is there sooner.
    pub resets_in: Option<Duration>,
    /// The length of the window, if it is said or known of the provider.
    pub window: Option<Duration>,
}

/// What a quota counts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Counted {
    /// Requests, whatever they cost.
    Requests,
    /// Tokens, in and out.
    Tokens,
    /// Tokens of prompts.
    InputTokens,
    /// Tokens of answers.
    OutputTokens,
    /// Something else, by the server's word for it.
    Other(String),
}

/// The longest that a delay or a window is believed to be.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const MINUTE: Duration = Duration::from_secs(60);

impl Feedback {
    /// Reads a response. `now` is the time of day, by which absolute dates become delays; where the
    /// response's own `Date` differs from it by more than 2 s, the server's clock is believed.
    ///
    /// Bodies matter for errors only; one above 256 KiB is not looked at.
    pub fn read<N: AsRef<str>, V: AsRef<[u8]>>(
        headers: impl IntoIterator<Item = (N, V)>,
        body: Option<&[u8]>,
        now: SystemTime,
    ) -> Feedback {
        let mut said = Headers::default();
        for (name, value) in headers {
            said.add(name.as_ref(), value.as_ref());
        }
        let error = body.and_then(body::error);
        if let Some(error) = &error {
            body::carried_headers(error, &mut said);
        }
        let (clock, mut draft) = said.read(now);
        if let Some(error) = &error {
            body::read(error, &clock, &mut draft);
        }
        draft.finish()
    }

    /// The quota of which nothing is left; of several, the one that comes back last.
    pub fn spent(&self) -> Option<&Quota> {
        let spent = self.quotas.iter().filter(|quota| quota.remaining == Some(0));
        spent.max_by_key(|quota| quota.resets_in.or(quota.window))
    }

    /// How long to stay away after a refusal: what the server asked for, and if it asked for nothing,
    /// until the spent quota is back.
    pub fn delay(&self) -> Option<Duration> {
        self.retry_after.or_else(|| self.spent()?.resets_in)
    }
}

impl Quota {
    /// Whether a spent one is more than a passing throttle: its window is a day or longer, or, where
    /// that is not known, its reset is more than an hour away.
    pub fn is_daily(&self) -> bool {
        match self.window {
            Some(window) => window >= DAY,
            None => self.resets_in.is_some_and(|resets_in| resets_in > HOUR),
        }
    }
}

impl Counted {
    /// By the word of a header, a policy or a metric.
    fn of(word: &str) -> Counted {
        match word {
            "" | "request" | "requests" => Counted::Requests,
            "token" | "tokens" => Counted::Tokens,
            "input-tokens" | "prompt-tokens" => Counted::InputTokens,
            "output-tokens" | "completion-tokens" => Counted::OutputTokens,
            other => Counted::Other(other.to_owned()),
        }
    }
}
