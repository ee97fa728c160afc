//! What a run comes to, counted from the provider's log alone.

use rampmeter_provider::judge::{Asked, Verdict, Waits, judge, room, soonest_ns};
use rampmeter_provider::{Entry, Quota, Who};
use serde_json::{Map, Value, json};

use super::limiter::Regime;
use super::play::Played;
use super::scene::{HEARD_NS, Kind, SPEED, Scene, WINDOWS};

pub(super) fn row(scene: &Scene, played: &Played) -> Value {
    let quotas = &scene.provider.quotas;
    let entries = &played.kept.entries;
    let verdict = judge(quotas, played.phase_ns, entries);
    let windows = Windows::of(scene, entries, played.phase_ns);
    let used = windows.used(quotas.len());
    let room: Vec<_> = quotas
        .iter()
        .map(|quota| room(quota, played.phase_ns, windows.from_ns, windows.until_ns()))
        .collect();
    // The quota that is used most is the one in the way: no more could have been admitted than it
    // has room for.
    let share = used.iter().zip(&room).map(|(used, room)| *used as f64 / (*room).max(1) as f64);
    let share = share.fold(0.0, f64::max);
    let soonest_ns = soonest(quotas, played, entries);
    let throttled = windows.throttled();
    json!({
        "row": "provider",
        "kind": scene.kind.name(),
        "variation": scene.variation.name(),
        "regime": scene.regime.name(),
        "seed": scene.seed,
        "speed": SPEED,
        "window_real_ms": windows.length_ns / u64::from(SPEED) / 1_000_000,
        "quotas": quotas.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "calls": played.jobs.len(),
        "tokens_of_calls": played.jobs.iter().map(|job| job.tokens).sum::<u64>(),
        "answered": verdict.admitted,
        "requests": verdict.calls,
        "throttled": verdict.throttled(),
        "throttled_by": verdict.throttled,
        "throttled_a_window": throttled,
        "throttled_after_a_header": after_a_header(entries),
        "throttled_after_the_first_window": throttled.iter().skip(1).sum::<u64>(),
        "admitted_of_the_most": rounded(share, 4),
        "used_in_ten_windows": used,
        "room_in_ten_windows": room,
        "tokens_a_window": windows.tokens(),
        "used": verdict.used,
        "used_by_others": verdict.used_by_others,
        "finished_s": rounded(real_s(verdict.span_ns), 3),
        "soonest_s": soonest_ns.map(|ns| rounded(real_s(ns), 3)),
        "waits_ms": waits(&verdict),
        "breaches": verdict.breaches,
        "log_missed": played.kept.missed,
        "errors": played.errors.iter().take(3).collect::<Vec<_>>(),
        "errors_count": played.errors.len(),
        "policy": (scene.regime == Regime::Rampmeter).then_some(&scene.policy),
    })
}

/// Calls that were turned away though by then an answer that was given since somebody else's last
/// bite had been heard.
fn after_a_header(entries: &[Entry]) -> u64 {
    let (mut count, mut first_since) = (0, Some(0));
    for entry in entries {
        let now_ns = entry.virtual_ns;
        match entry.who {
            Who::Other if entry.charged.iter().any(|amount| *amount > 0) => first_since = None,
            Who::Client => {
                let first_ns = *first_since.get_or_insert(now_ns);
                let heard = now_ns > first_ns.saturating_add(HEARD_NS);
                count += u64::from(heard && entry.status == 429);
            }
            Who::Other | Who::End => {}
        }
    }
    count
}

/// The log, by windows from the first call on; those of a calendar are its own.
struct Windows<'a> {
    entries: &'a [Entry],
    from_ns: u64,
    length_ns: u64,
}

impl<'a> Windows<'a> {
    fn of(scene: &Scene, entries: &'a [Entry], phase_ns: u64) -> Windows<'a> {
        let calls = entries.iter().filter(|entry| entry.who == Who::Client);
        let (length_ns, first_ns) = (scene.window_ns(), calls.map(|it| it.virtual_ns).min());
        let first_ns = first_ns.unwrap_or(0);
        let from_ns = match scene.kind {
            Kind::Bucket | Kind::Sliding => first_ns,
            Kind::Calendar => first_ns.saturating_sub((first_ns + phase_ns) % length_ns),
        };
        Windows { entries, from_ns, length_ns }
    }

    fn until_ns(&self) -> u64 {
        self.from_ns + WINDOWS * self.length_ns
    }

    /// Everything of a window that came from clients, or that somebody else took.
    fn window(&self, at: u64) -> impl Iterator<Item = &'a Entry> {
        let from_ns = self.from_ns + at * self.length_ns;
        let until_ns = from_ns + self.length_ns;
        self.entries.iter().filter(move |it| (from_ns..until_ns).contains(&it.virtual_ns))
    }

    fn used(&self, quotas: usize) -> Vec<u64> {
        let admitted = || (0..WINDOWS).flat_map(|at| self.window(at)).filter(|it| it.status == 200);
        (0..quotas).map(|quota| admitted().map(|it| it.charged[quota]).sum()).collect()
    }

    fn tokens(&self) -> Vec<u64> {
        let admitted = |at| self.window(at).filter(|it| it.status == 200);
        (0..WINDOWS).map(|at| admitted(at).map(|it| it.charged[1]).sum()).collect()
    }

    /// The last figure is of all windows after those that are judged.
    fn throttled(&self) -> Vec<u64> {
        let turned_away = |it: &&Entry| it.status == 429;
        let count = |at| self.window(at).filter(turned_away).count() as u64;
        let mut counts: Vec<_> = (0..WINDOWS).map(count).collect();
        let later = self.entries.iter().filter(|it| it.virtual_ns >= self.until_ns());
        counts.push(later.filter(turned_away).count() as u64);
        counts
    }
}

/// When the last call could have been admitted, had each been as soon as it was asked for and there
/// was room, in the order in which they were; from the first call on.
fn soonest(quotas: &[Quota], played: &Played, entries: &[Entry]) -> Option<u64> {
    let first = entries.iter().find(|entry| entry.who == Who::Client)?;
    let admitted = entries.iter().filter(|entry| entry.status == 200 && entry.who != Who::End);
    let asked = |entry: &Entry| {
        // What somebody else took came when it came.
        let came_ns = entry.asked_unix_ns.map_or(entry.virtual_ns, |asked_unix_ns| {
            let after_ns = asked_unix_ns.saturating_sub(first.unix_ns) * u64::from(SPEED);
            (first.virtual_ns + after_ns).min(entry.virtual_ns)
        });
        Asked { from_ns: came_ns, takes: entry.charged.clone() }
    };
    let calls: Vec<_> = admitted.map(asked).collect();
    let soonest_ns = soonest_ns(quotas, played.phase_ns, &calls)?;
    Some(soonest_ns.saturating_sub(first.virtual_ns))
}

fn waits(verdict: &Verdict) -> Value {
    let ms = |ns: u64| rounded(ns as f64 / 1e6, 1);
    let one = |waits: &Waits| {
        json!({"calls": waits.calls, "p50": ms(waits.p50_ns), "p95": ms(waits.p95_ns),
            "max": ms(waits.max_ns)})
    };
    let waits = verdict.waits.iter().map(|(name, waits)| (name.clone(), one(waits)));
    waits.collect::<Map<_, _>>().into()
}

/// Real seconds of the provider's time.
fn real_s(own_ns: u64) -> f64 {
    own_ns as f64 / f64::from(SPEED) / 1e9
}

fn rounded(figure: f64, places: i32) -> f64 {
    let scale = 10f64.powi(places);
    (figure * scale).round() / scale
}
