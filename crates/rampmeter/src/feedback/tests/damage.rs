//! Damaged responses, made from one seed: nothing panics, and no damage makes a figure that no
//! server could mean.

use super::*;

const CASES: usize = 40_000;
const SEED: u64 = 0x9e37_79b9_7f4a_7c15;

/// What damage likes to be made of: the words of all forms and the pitfalls of numbers and dates.
const PIECES: &[&str] = &[
    "-1",
    "0",
    "00",
    ".",
    "1e999",
    "NaN",
    "inf",
    "18446744073709551616",
    "9999999999999999999999",
    "340282366920938463463374607431768211456",
    "1795521630",
    "1795521630000",
    "ms",
    "s",
    "m",
    "h",
    "d",
    ":",
    ",",
    ";",
    "=",
    "\"",
    "\\",
    "\n",
    "\n\n",
    "w=0",
    ";w=18446744073709551615",
    "é",
    "\u{0}",
    "GMT",
    "2026-11-24T12:00:30Z",
    "9999-12-31T23:59:59Z",
    "-009999-01-01T00:00:00Z",
    "x-ratelimit-limit: 0\n",
    "x-ratelimit-remaining: 18446744073709551615\n",
    "x-groq-a: b\n",
    "x-ratelimit-used: 18446744073709551615\n",
    "x-ratelimit-reset: 0\n",
    "retry-after: \n",
    "RateLimit: ;;;=,\"\n",
    "{",
    "}",
    "[",
    "]",
    "null",
    "\"@type\":\"a.RetryInfo\"",
];

#[test]
fn no_damage_panics_or_makes_a_figure_that_cannot_be() {
    let mut random = Random(SEED);
    let (mut empty, mut delays, mut quotas) = (0, 0, 0);
    for case in 0..CASES {
        let (name, seed) = FIXTURES[random.below(FIXTURES.len())];
        let text = damage(seed, &mut random);
        let what = || format!("seed {SEED:#x}, case {case}, {name}: {text}");
        let feedback = read(&text, noon());
        assert_eq!(read(&text, noon()), feedback, "{}", what());
        empty += usize::from(feedback == Feedback::default());
        delays += usize::from(feedback.retry_after.is_some());
        quotas += feedback.quotas.len();
        check(&feedback, &what);
    }
    // Were nearly all of it unreadable, the readers of single figures would go untested.
    assert!(
        empty > CASES / 100 && delays > CASES / 4 && quotas > CASES,
        "{empty} {delays} {quotas}"
    );
}

#[test]
fn noise_of_any_length_is_read_to_its_end() {
    let mut random = Random(SEED);
    for case in 0..2_000 {
        let headers: Vec<(String, Vec<u8>)> = (0..random.below(40))
            .map(|_| {
                let name = NAMES[random.below(NAMES.len())].to_owned();
                (name, (0..random.below(24)).map(|_| noise(&mut random)).collect())
            })
            .collect();
        let what = || format!("seed {SEED:#x}, case {case}: {headers:?}");
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(random.0 >> 28);
        check(&Feedback::read(headers.iter().map(|(n, v)| (n, v)), None, now), &what);
    }
}

#[test]
fn what_a_server_can_make_us_keep_is_bounded() {
    let headers = (0..100_000).map(|i| (format!("x-ratelimit-remaining-u{i}"), "1"));
    assert_eq!(Feedback::read(headers, None, noon()).quotas.len(), 64);
    let long = "x".repeat(10_000);
    assert_eq!(one(&format!("x-ratelimit-remaining-{long}"), "1").quotas, []);
    assert_eq!(one("ratelimit", &format!("\"{long}\";r=1")).quotas, []);
    let policies: String = (1..1_000).map(|i| format!("{i};w={i},")).collect();
    assert!(one("ratelimit-limit", &policies).quotas.len() <= 64);
    let deep = "[".repeat(100_000);
    let feedback = Feedback::read::<&str, &str>([], Some(deep.as_bytes()), noon());
    assert_eq!(feedback, Feedback::default());
}

const NAMES: &[&str] = &[
    "date",
    "retry-after",
    "retry-after-ms",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
    "x-ratelimit-used",
    "x-ratelimit-limit-tokens",
    "x-groq-x",
    "x-ratelimit-remaining-tokens",
    "x-ratelimit-reset-tokens",
    "ratelimit",
    "ratelimit-policy",
    "ratelimit-limit",
    "anthropic-ratelimit-tokens-reset",
    "x-ratelimit-resource",
];

fn check(feedback: &Feedback, what: &dyn Fn() -> String) {
    let year = Duration::from_secs(366 * 24 * 60 * 60);
    let possible = |delay: Duration| !delay.is_zero() && delay <= year;
    assert!(feedback.retry_after.is_none_or(possible), "{}", what());
    assert!(feedback.delay() >= feedback.retry_after, "{}", what());
    assert!(feedback.quotas.len() <= 64, "{}", what());
    for quota in &feedback.quotas {
        let Quota { limit, remaining, resets_in, window, .. } = quota;
        assert!(limit.is_some() || remaining.is_some(), "{}", what());
        assert!(resets_in.is_none_or(possible), "{}", what());
        assert!(window.is_none_or(|window| !window.is_zero()), "{}", what());
        assert!(window.is_none_or(|window| resets_in.is_none_or(|it| it <= window)), "{}", what());
    }
}

/// Flips, cuts, drops, repeats and inserts, once to six times.
fn damage(text: &str, random: &mut Random) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for _ in 0..=random.below(6) {
        let at = random.below(bytes.len() + 1);
        let span = at..(at + 1 + random.below(12)).min(bytes.len());
        match random.below(8) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            1 if random.below(4) == 0 => bytes.truncate(at),
            2 if !span.is_empty() => drop(bytes.drain(span)),
            3 if !span.is_empty() => bytes.extend_from_within(span),
            4 if at < bytes.len() && bytes[at].is_ascii_digit() => bytes[at] = b'9',
            _ => {
                let piece = PIECES[random.below(PIECES.len())];
                // Behind a colon a piece is most likely to be read as a value.
                let ahead = bytes[at..].iter().position(|b| matches!(b, b':' | b'=' | b'\n'));
                let at = if random.below(2) == 0 { at } else { ahead.map_or(at, |by| at + by + 1) };
                bytes.splice(at..at, piece.bytes());
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn noise(random: &mut Random) -> u8 {
    const LIKELY: &[u8] = b"0123456789.:;=,\"-TZms";
    match random.below(8) {
        0 => random.below(256).to_le_bytes()[0],
        _ => LIKELY[random.below(LIKELY.len())],
    }
}

/// Marsaglia's xorshift64.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).unwrap()
    }
}
