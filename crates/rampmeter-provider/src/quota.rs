//! A quota: at most so much of a unit in a period, and which periods are meant.

use std::fmt;
use std::time::Duration;

const MS: u64 = 1_000_000;
/// Of the provider's clock.
pub(crate) const SECOND_NS: u64 = 1_000 * MS;
pub(crate) const DAY_NS: u64 = 86_400 * SECOND_NS;

/// At most `amount` of a unit in a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// What is counted.
    pub unit: Unit,
    /// How much of it a period allows.
    pub amount: u64,
    /// The length of a period by the provider's clock, not 0.
    pub period_ns: u64,
    /// Which periods are meant.
    pub kind: Kind,
}

/// What a quota counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Each request counts 1.
    Requests,
    /// Each request counts its tokens, in and out together.
    Tokens,
    /// Each request counts the tokens it sends.
    InputTokens,
    /// Each request counts the tokens it is answered with.
    OutputTokens,
}

/// Which periods a quota speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A bucket, full at first, into which `amount` flows evenly over each period.
    Bucket {
        /// How much the bucket holds.
        burst: u64,
    },
    /// Any period: what was accepted in `(t - period, t]` counts at `t`.
    Sliding,
    /// Periods aligned to the days of UTC: what was accepted since the last boundary counts.
    Calendar,
}

/// The name of a kind, before it is known how much a bucket holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum KindName {
    /// A bucket that holds the amount of a period, unless it is said otherwise.
    Bucket,
    /// Any period.
    #[default]
    Sliding,
    /// Aligned periods.
    Calendar,
}

impl Quota {
    /// A quota as it is written, such as `60/min` or `6000/2s`.
    pub fn parse(
        unit: Unit,
        rate: &str,
        kind: KindName,
        burst: Option<u64>,
    ) -> Result<Quota, String> {
        let wrong = || format!("`{rate}` is no rate: write it like 60/min, 6000/2s or 14400/day");
        let (amount, period) = rate.split_once('/').ok_or_else(wrong)?;
        let amount: u64 = amount.trim().replace('_', "").parse().map_err(|_| wrong())?;
        let period_ns = period_ns(period.trim()).ok_or_else(wrong)?;
        if kind == KindName::Calendar && !DAY_NS.is_multiple_of(period_ns) {
            return Err(format!("`{rate}`: a whole number of calendar periods must make a day"));
        }
        if burst == Some(0) {
            return Err(format!("`{rate}`: a bucket of burst 0 admits nothing"));
        }
        if burst.is_some() && kind != KindName::Bucket {
            return Err(format!("`{rate}`: only a bucket has a burst: say kind = \"bucket\""));
        }
        let kind = match kind {
            KindName::Bucket => Kind::Bucket { burst: burst.unwrap_or(amount) },
            KindName::Sliding => Kind::Sliding,
            KindName::Calendar => Kind::Calendar,
        };
        Ok(Quota { unit, amount, period_ns, kind })
    }

    /// The most that it can accept at one instant.
    pub fn size(&self) -> u64 {
        match self.kind {
            Kind::Bucket { burst } => burst,
            Kind::Sliding | Kind::Calendar => self.amount,
        }
    }
}

impl KindName {
    /// By its name, as in a configuration.
    pub fn named(name: &str) -> Option<KindName> {
        named(name)
    }
}

impl Unit {
    /// The unit as it is written in a configuration, a log and a message.
    pub fn name(self) -> &'static str {
        match self {
            Unit::Requests => "requests",
            Unit::Tokens => "tokens",
            Unit::InputTokens => "input_tokens",
            Unit::OutputTokens => "output_tokens",
        }
    }
}

impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (amount, unit) = (self.amount, self.unit.name());
        let period = Duration::from_nanos(self.period_ns);
        match self.kind {
            Kind::Sliding => write!(f, "{amount} {unit} in any {period:?}"),
            Kind::Bucket { burst } => write!(f, "{amount} {unit} each {period:?}, burst {burst}"),
            Kind::Calendar => write!(f, "{amount} {unit} in each calendar {period:?}"),
        }
    }
}

/// `s`, `min`, `h` or `day`, or a number of `ms`, `s`, `min`, `m`, `h` or `d`; not 0.
pub(crate) fn period_ns(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = if number.is_empty() { 1 } else { number.parse().ok()? };
    let unit_ns = match unit.trim() {
        "ms" => MS,
        "s" | "sec" | "second" => SECOND_NS,
        "m" | "min" | "minute" => 60 * SECOND_NS,
        "h" | "hour" => 3_600 * SECOND_NS,
        "d" | "day" => DAY_NS,
        _ => return None,
    };
    number.checked_mul(unit_ns).filter(|&period_ns| period_ns > 0)
}

/// A value by its name in a configuration.
pub(crate) fn named<'a, T: serde::Deserialize<'a>>(name: &'a str) -> Option<T> {
    use serde::de::IntoDeserializer;
    use serde::de::value::{Error, StrDeserializer};
    let name: StrDeserializer<'a, Error> = name.into_deserializer();
    T::deserialize(name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(rate: &str, kind: KindName) -> Result<Quota, String> {
        Quota::parse(Unit::Tokens, rate, kind, None)
    }

    #[test]
    fn a_rate_is_an_amount_and_a_period() {
        let quota = parsed("6_000/2s", KindName::Bucket).unwrap();
        assert_eq!((quota.amount, quota.period_ns), (6_000, 2 * SECOND_NS));
        assert_eq!(quota.kind, Kind::Bucket { burst: 6_000 });
        assert_eq!(parsed("1/day", KindName::Sliding).unwrap().period_ns, DAY_NS);
    }

    #[test]
    fn what_is_no_rate_is_refused_with_an_example() {
        for rate in ["60", "x/min", "60/fortnight", "60/0s", "-1/s", "60/"] {
            let error = parsed(rate, KindName::Sliding).unwrap_err();
            assert!(error.contains("60/min"), "{error}");
        }
        assert!(parsed("60/7s", KindName::Calendar).unwrap_err().contains("a day"));
        let burst = Quota::parse(Unit::Requests, "6/s", KindName::Sliding, Some(3));
        assert!(burst.unwrap_err().contains("only a bucket"));
    }
}
