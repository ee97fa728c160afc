//! The headers of a response, gathered first: what one means may depend on another.

use std::time::{Duration, SystemTime};

use super::draft::{Draft, Key, LONGEST_NAME, Open};
use super::figures::{Field, Figure, count};
use super::items::{Item, items};
use super::moment::Clock;
use super::{DAY, HOUR, LONGEST, MINUTE};

const MOST_HEADERS: usize = 256;
const LONGEST_VALUE: usize = 4096;

/// The headers that speak of limits, and those that explain them.
#[derive(Debug, Default)]
pub(super) struct Headers {
    said: Vec<(String, String)>,
    date: Option<String>,
    resource: Option<String>,
    /// Groq's `requests` are per day and its `tokens` per minute, and it says so nowhere else.
    is_groq: bool,
}

/// A quota's limit and window, said apart from what is left of it.
struct Policy {
    limit: u64,
    window: Option<Duration>,
}

impl Headers {
    /// Keeps a header if it is of use and can be read.
    pub(super) fn add(&mut self, name: &str, value: &[u8]) {
        let name = name.to_ascii_lowercase().replace("rate-limit", "ratelimit");
        let name = name.strip_prefix("x-").unwrap_or(&name);
        self.is_groq |= name.starts_with("groq-");
        let Ok(value) = str::from_utf8(value) else { return };
        let value = value.trim();
        if value.is_empty() || value.len() > LONGEST_VALUE {
            return;
        }
        match name {
            "date" => self.date = Some(value.to_owned()),
            "ratelimit-resource" => self.resource = Some(value.to_owned()),
            _ if self.said.len() < MOST_HEADERS && speaks_of_limits(name) => {
                self.said.push((name.to_owned(), value.to_owned()));
            }
            _ => {}
        }
    }

    /// What they come to.
    pub(super) fn read(&self, now: SystemTime) -> (Clock, Draft) {
        let clock = Clock::new(now, self.date.as_deref());
        let mut draft = Draft::default();
        let mut policies = Vec::new();
        for (name, value) in &self.said {
            match name.as_str() {
                "retry-after" | "ratelimit-retry-after" => draft.delay(clock.delay(value)),
                "retry-after-ms" | "ms-retry-after-ms" => draft.delay(clock.delay_ms(value)),
                "ratelimit" => items(value).for_each(|item| remains(&item, &clock, &mut draft)),
                "ratelimit-policy" => {
                    policies.extend(items(value).filter_map(|item| policy(&item, &mut draft)));
                }
                _ => {
                    if let Some(figure) = Figure::of(name) {
                        policies.extend(read(figure, value, &clock, &mut draft));
                    }
                }
            }
        }
        join(policies, &mut draft);
        self.conventions(&mut draft);
        (clock, draft)
    }

    /// What providers do not say, and is known of them.
    fn conventions(&self, draft: &mut Draft) {
        for quota in draft.quotas() {
            if quota.key.name.is_some() || quota.window.is_some() {
                continue;
            }
            match (quota.key.thing.as_str(), self.resource.as_deref()) {
                ("requests", _) if self.is_groq => quota.window = Some(DAY),
                ("tokens", _) if self.is_groq => quota.window = Some(MINUTE),
                ("", Some(resource)) => {
                    quota.window = match resource {
                        "core" | "graphql" => Some(HOUR),
                        "search" | "code_search" => Some(MINUTE),
                        _ => None,
                    };
                    quota.key.name =
                        Some(resource.to_owned()).filter(|it| it.len() <= LONGEST_NAME);
                }
                _ => {}
            }
        }
    }
}

fn speaks_of_limits(name: &str) -> bool {
    name.contains("retry-after")
        || ["ratelimit", "tokenlimit-", "anthropic-"].iter().any(|start| name.starts_with(start))
}

/// One header with one figure; what a limit says beside it.
fn read(figure: Figure, value: &str, clock: &Clock, draft: &mut Draft) -> Vec<Policy> {
    let Figure { field, thing, window } = figure;
    let key = Key { name: None, thing, window };
    if field == Field::Reset {
        if let Some(delay) = clock.delay(value)
            && let Some(quota) = draft.quota(key)
        {
            quota.reset(Some(delay));
        }
        return Vec::new();
    }
    let mut list = items(value);
    let Some(first) = list.next() else { return Vec::new() };
    // No server lets nothing through: where it says so, it does not enforce the quota.
    let said = count(first.value).filter(|count| field != Field::Limit || *count > 0);
    let Some(said) = said else { return Vec::new() };
    if let Some(quota) = draft.quota(key) {
        quota.count(field, said);
    }
    match field {
        // `RateLimit-Limit: 100, 100;w=60`: the limit, then the policies that there are.
        Field::Limit => std::iter::once(first).chain(list).filter_map(|it| numbered(&it)).collect(),
        _ => Vec::new(),
    }
}

/// An item of `RateLimit`: `"default";r=50;t=30`, or `remaining=50` of an earlier draft.
fn remains(item: &Item<'_>, clock: &Clock, draft: &mut Draft) {
    if let Some((field, value)) = item.value.split_once('=') {
        if let Some(figure) = Figure::of(&format!("ratelimit-{}", field.trim())) {
            // Its limit has no policies beside it, so none are lost.
            let _ = read(figure, value, clock, draft);
        }
        return;
    }
    let Some(quota) = draft.quota(named(item)) else { return };
    if let Some(left) = item.parameter("r").and_then(count) {
        quota.count(Field::Remaining, left);
    }
    quota.reset(item.parameter("t").and_then(|t| clock.delay(t)));
}

/// An item of `RateLimit-Policy`: `"default";q=100;w=60`, or `100;w=60` of an earlier draft, which
/// names no quota.
fn policy(item: &Item<'_>, draft: &mut Draft) -> Option<Policy> {
    let Some(limit) = item.parameter("q").and_then(count).filter(|limit| *limit > 0) else {
        return numbered(item);
    };
    let quota = draft.quota(named(item))?;
    quota.count(Field::Limit, limit);
    quota.window = quota.window.max(window(item));
    if let Some(unit) = item.parameter("qu").filter(|unit| unit.len() <= LONGEST_NAME) {
        quota.unit = Some(unit.to_ascii_lowercase());
    }
    None
}

fn named(item: &Item<'_>) -> Key {
    Key { name: Some(item.value.to_owned()), ..Key::default() }
}

fn numbered(item: &Item<'_>) -> Option<Policy> {
    let limit = count(item.value).filter(|limit| *limit > 0)?;
    Some(Policy { limit, window: window(item) })
}

fn window(item: &Item<'_>) -> Option<Duration> {
    let seconds = count(item.parameter("w")?)?;
    Some(Duration::from_secs(seconds)).filter(|it| !it.is_zero() && *it <= LONGEST)
}

/// A policy without a name belongs to the quota of the same limit; one of another limit is a quota
/// of which nothing else is known.
fn join(policies: Vec<Policy>, draft: &mut Draft) {
    for policy in policies {
        let Some(window) = policy.window else { continue };
        let joins = |it: &&mut Open| {
            it.key == Key::default()
                && it.limit.is_none_or(|limit| limit == policy.limit)
                && it.window.is_none_or(|known| known == window)
        };
        if let Some(quota) = draft.quotas().find(joins) {
            quota.limit = Some(policy.limit);
            quota.window = Some(window);
            continue;
        }
        if let Some(quota) = draft.quota(Key { window: Some(window), ..Key::default() }) {
            quota.count(Field::Limit, policy.limit);
        }
    }
}
