//! A configuration as it is written in a file.

use serde::Deserialize;

use crate::config::{Charge, Config, Faults, Latency, OtherUser, Style};
use crate::quota::{KindName, Quota, Unit};

const MS: f64 = 1e6;

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct File {
    requests: Rates,
    tokens: Rates,
    input_tokens: Rates,
    output_tokens: Rates,
    kind: KindName,
    style: Style,
    charge: Charge,
    speed: Option<f64>,
    skew_ms: f64,
    starts_at: Option<String>,
    seed: u64,
    latency: Option<LatencyText>,
    capacity: Option<u32>,
    at_once: Option<u32>,
    busy_status: Option<u16>,
    faults: Option<FaultsTable>,
    other_user: Option<OtherUserTable>,
    port: u16,
}

/// One rate, or several.
#[derive(Deserialize)]
#[serde(untagged)]
enum Rates {
    One(Rate),
    Several(Vec<Rate>),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Rate {
    Text(String),
    Table(RateTable),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RateTable {
    rate: String,
    kind: Option<KindName>,
    burst: Option<u64>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum LatencyText {
    Text(String),
    Lognormal { median: String, sigma: f64 },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FaultsTable {
    share: f64,
    #[serde(default = "unavailable")]
    status: u16,
    retry_after_ms: Option<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OtherUserTable {
    share: f64,
    #[serde(default = "eight")]
    bites: u32,
}

pub(crate) fn read(text: &str) -> Result<Config, String> {
    let file: File = toml_edit::de::from_str(text).map_err(|error| error.to_string())?;
    let mut config = Config {
        style: file.style,
        charge: file.charge,
        speed: file.speed.unwrap_or(1.0),
        skew_ns: nanos(file.skew_ms),
        seed: file.seed,
        capacity: file.capacity,
        at_once: file.at_once,
        port: file.port,
        ..Config::default()
    };
    let units = [
        (Unit::Requests, file.requests),
        (Unit::Tokens, file.tokens),
        (Unit::InputTokens, file.input_tokens),
        (Unit::OutputTokens, file.output_tokens),
    ];
    for (unit, rates) in units {
        for rate in rates.list() {
            config.quotas.push(rate.quota(unit, file.kind)?);
        }
    }
    if let Some(text) = &file.starts_at {
        config.starts_at_ns = Some(moment_of_day(text)?);
    }
    config.latency = match file.latency {
        None => config.latency,
        Some(LatencyText::Text(text)) => Latency::parse(&text)?,
        Some(LatencyText::Lognormal { median, sigma }) => match Latency::parse(&median)? {
            Latency::Fixed(median_ns) => Latency::Lognormal { median_ns, sigma },
            _ => return Err(format!("latency: the median `{median}` must be one duration")),
        },
    };
    config.busy_status = file.busy_status.unwrap_or(config.busy_status);
    if let Some(FaultsTable { share, status, retry_after_ms }) = file.faults {
        let retry_after_ns = retry_after_ms.and_then(|ms| u64::try_from(nanos(ms)).ok());
        config.faults = Faults { share, status, retry_after_ns };
    }
    config.other_user =
        file.other_user.map(|OtherUserTable { share, bites }| OtherUser { share, bites });
    config.check()?;
    Ok(config)
}

/// `23:59:50` as the time since midnight.
fn moment_of_day(text: &str) -> Result<u64, String> {
    let time: jiff::civil::Time = text
        .parse()
        .map_err(|_| format!("starts_at: `{text}` is no time of day: write it like 23:59:50"))?;
    let since = time.duration_since(jiff::civil::Time::midnight());
    Ok(u64::try_from(since.as_nanos()).unwrap_or(0))
}

impl Rates {
    fn list(self) -> Vec<Rate> {
        match self {
            Rates::One(rate) => vec![rate],
            Rates::Several(rates) => rates,
        }
    }
}

impl Default for Rates {
    fn default() -> Rates {
        Rates::Several(Vec::new())
    }
}

impl Rate {
    fn quota(&self, unit: Unit, kind: KindName) -> Result<Quota, String> {
        let (rate, kind, burst) = match self {
            Rate::Text(rate) => (rate, kind, None),
            Rate::Table(table) => (&table.rate, table.kind.unwrap_or(kind), table.burst),
        };
        Quota::parse(unit, rate, kind, burst).map_err(|error| format!("{}: {error}", unit.name()))
    }
}

fn unavailable() -> u16 {
    503
}

fn eight() -> u32 {
    8
}

#[allow(clippy::cast_possible_truncation, reason = "`as` saturates")]
fn nanos(ms: f64) -> i64 {
    (ms * MS) as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quota::{Kind, SECOND_NS};

    #[test]
    fn everything_that_can_be_written_is_read() {
        let config = read(
            r#"
            requests = ["60/min", { rate = "14400/day", kind = "calendar" }]
            tokens = { rate = "6000/min", burst = 900 }
            kind = "bucket"
            style = "ietf-new"
            charge = "settled"
            speed = 60
            skew_ms = -1500
            starts_at = "23:59:50"
            latency = { median = "800ms", sigma = 0.5 }
            faults = { share = 0.02, status = 529, retry_after_ms = 250 }
            other_user = { share = 0.2, bites = 1 }
            "#,
        )
        .unwrap();
        let kinds: Vec<_> = config.quotas.iter().map(|quota| (quota.unit, quota.kind)).collect();
        let bucket = |burst| Kind::Bucket { burst };
        assert_eq!(
            kinds,
            [
                (Unit::Requests, bucket(60)),
                (Unit::Requests, Kind::Calendar),
                (Unit::Tokens, bucket(900))
            ]
        );
        assert_eq!((config.style, config.charge), (Style::IetfNew, Charge::Settled));
        assert_eq!((config.speed, config.skew_ns), (60.0, -1_500_000_000));
        assert_eq!(config.starts_at_ns, Some((86_400 - 10) * SECOND_NS));
        assert!(matches!(config.latency, Latency::Lognormal { median_ns: 800_000_000, .. }));
        assert_eq!(config.faults.retry_after_ns, Some(250_000_000));
        assert_eq!(config.other_user, Some(OtherUser { share: 0.2, bites: 1 }));
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_its_place() {
        let cases = [
            ("request = \"60/min\"", "request"),
            ("requests = \"60\"", "60/min"),
            ("style = \"acme\"", "style"),
            ("speed = 0", "speed"),
            ("starts_at = \"noon\"", "starts_at"),
            ("faults = { share = 2.0 }", "faults"),
            ("faults = { share = 0.5, status = 404 }", "404"),
            ("other_user = { share = 0.5, bites = 0 }", "other_user"),
            ("latency = \"80ms..20ms\"", "shorter one first"),
        ];
        for (text, part) in cases {
            let error = read(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
