//! One run: the provider, the policy that fits it, and who calls.

use rampmeter_provider::{Charge, Config, KindName, Latency, OtherUser, Quota, Unit};

use super::limiter::Regime;
use super::workload::{TOOLS, Tool};

/// A minute of the provider takes two seconds.
pub(super) const SPEED: u32 = 30;
pub(super) const MINUTE_MS: u64 = 60_000 / SPEED as u64;
pub(super) const REQUESTS: u64 = 300;
pub(super) const TOKENS: u64 = 90_000;
const REQUESTS_A_DAY: u64 = 14_400;
/// How much later one call may arrive than another, which is what room is left for.
const TRANSIT_MS: u64 = 40;
/// The longest that a call takes, by the provider's clock.
const LONGEST_NS: u64 = 1_000_000_000;
/// By so much later whatever an answer said has been heard, by the provider's clock.
pub(super) const HEARD_NS: u64 = LONGEST_NS + TRANSIT_MS * 1_000_000 * SPEED as u64;
/// How many windows are judged, from the first call on.
pub(super) const WINDOWS: u64 = 10;

/// How the provider counts requests and tokens of a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// In a bucket that holds a minute's worth.
    Bucket,
    /// In any minute.
    Sliding,
    /// In each minute of the clock.
    Calendar,
}

/// What else is so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variation {
    /// Everybody knows what a call will take, and the gate hears what the provider says.
    Exact,
    /// The same, but nobody hears what the provider says.
    Unheard,
    /// Calls take 40 % more or less than a mean that can be learned.
    Estimated,
    /// The same, but nobody hears what the provider says.
    EstimatedUnheard,
    /// Somebody else on the key takes a fifth of every quota, at one moment of each minute.
    OtherUser,
    /// The same, and calls come evenly, a little less than the quota has room for without them.
    OtherUserSteady,
}

/// What a run is made of.
#[derive(Debug, Clone)]
pub(super) struct Scene {
    pub(super) kind: Kind,
    pub(super) variation: Variation,
    pub(super) regime: Regime,
    pub(super) seed: u64,
    pub(super) provider: Config,
    /// The policy of the gate, TOML.
    pub(super) policy: String,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 3] = [Kind::Bucket, Kind::Sliding, Kind::Calendar];

    /// Its name in a row and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Bucket => "bucket",
            Kind::Sliding => "sliding",
            Kind::Calendar => "calendar",
        }
    }
}

impl Variation {
    /// All of them.
    pub const ALL: [Variation; 6] = [
        Variation::Exact,
        Variation::Unheard,
        Variation::Estimated,
        Variation::EstimatedUnheard,
        Variation::OtherUser,
        Variation::OtherUserSteady,
    ];

    /// Its name in a row and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Variation::Exact => "exact",
            Variation::Unheard => "unheard",
            Variation::Estimated => "estimated",
            Variation::EstimatedUnheard => "estimated-unheard",
            Variation::OtherUser => "other-user",
            Variation::OtherUserSteady => "other-user-steady",
        }
    }

    /// Whether what a call will take is learned.
    pub(super) fn is_estimated(self) -> bool {
        matches!(self, Variation::Estimated | Variation::EstimatedUnheard)
    }

    /// Whether the gate hears the provider's headers.
    pub(super) fn is_heard(self) -> bool {
        !matches!(self, Variation::Unheard | Variation::EstimatedUnheard)
    }

    /// Whether there is somebody else on the key.
    pub(super) fn is_shared(self) -> bool {
        matches!(self, Variation::OtherUser | Variation::OtherUserSteady)
    }

    /// The others are compared where all is known.
    pub(super) fn is_for(self, regime: Regime) -> bool {
        self == Variation::Exact || regime == Regime::Rampmeter
    }
}

impl Scene {
    pub(super) fn of(kind: Kind, variation: Variation, regime: Regime, seed: u64) -> Scene {
        let provider = provider(kind, variation, seed);
        let policy = policy(kind, variation.is_estimated());
        Scene { kind, variation, regime, seed, provider, policy }
    }

    /// The length of a window by the provider's clock.
    pub(super) fn window_ns(&self) -> u64 {
        MINUTE_MS * u64::from(SPEED) * 1_000_000
    }
}

fn provider(kind: Kind, variation: Variation, seed: u64) -> Config {
    let minute_ns = 60_000_000_000;
    let its = match kind {
        Kind::Bucket => |amount| rampmeter_provider::Kind::Bucket { burst: amount },
        Kind::Sliding => |_| rampmeter_provider::Kind::Sliding,
        Kind::Calendar => |_| rampmeter_provider::Kind::Calendar,
    };
    let of = |unit, amount| Quota { unit, amount, period_ns: minute_ns, kind: its(amount) };
    let mut quotas = vec![of(Unit::Requests, REQUESTS), of(Unit::Tokens, TOKENS)];
    let a_day = format!("{REQUESTS_A_DAY}/day");
    quotas.extend(Quota::parse(Unit::Requests, &a_day, KindName::Calendar, None));
    let other_user = OtherUser { share: 0.2, bites: 1 };
    Config {
        quotas,
        charge: Charge::Actual,
        speed: f64::from(SPEED),
        seed,
        // 7 to 33 ms of real time.
        latency: Latency::Uniform(200_000_000, LONGEST_NS),
        other_user: variation.is_shared().then_some(other_user),
        ..Config::default()
    }
}

/// What an operator writes who knows the provider's quotas and kinds.
fn policy(kind: Kind, learned: bool) -> String {
    let rate = |amount: u64| {
        let (name, more) = match kind {
            Kind::Bucket => {
                // Late arrivals meet those that started behind them.
                let kept = (amount * TRANSIT_MS * 3 / 2).div_ceil(MINUTE_MS);
                ("bucket", format!(", burst = {}", amount - kept))
            }
            Kind::Sliding => ("sliding", format!(", transit = \"{TRANSIT_MS}ms\"")),
            Kind::Calendar => ("calendar", ", zone = \"UTC\"".to_owned()),
        };
        format!("{{ rate = \"{amount}/{MINUTE_MS}ms\", kind = \"{name}\"{more} }}")
    };
    // A day of the provider is a whole number of those of the policy.
    let day_s = 86_400 / SPEED;
    let a_day = format!("{{ rate = \"{REQUESTS_A_DAY}/{day_s}s\", kind = \"calendar\" }}");
    let (requests, tokens) = (rate(REQUESTS), rate(TOKENS));
    let limits =
        format!("[limits.provider]\nrequests = [{requests}, {a_day}]\ntokens = {tokens}\n");
    let tool = |(name, _, tokens, _): &Tool| {
        let limits = match learned {
            true => "[\"provider\"]".to_owned(),
            false => format!("{{ provider = {{ tokens = {tokens} }} }}"),
        };
        format!("[tools.{name}]\nlimits = {limits}\nqueue_timeout = \"10m\"\n")
    };
    limits + &TOOLS.iter().map(tool).collect::<String>()
}
