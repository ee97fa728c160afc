//! Judge of property 2: what a snapshot says is held and used is the sum over the calls that were
//! admitted, and over no others.

use std::collections::BTreeMap;

use rampmeter_core::{BudgetConfig, BudgetSnapshot, Engine, Instant, Outcome, Outputs, RateKind};
use rampmeter_core::{CallId, Decision, Snapshot};

use super::amounts::{Charge, budgets, charges};
use super::history::{Run, What};
use super::limits::{Windows, nanos};
use super::world::MS;

/// Held or used, for each limit, budget and value; what is nought is left out.
type Sums = BTreeMap<(usize, usize, Option<String>), u64>;

/// Every snapshot agrees with the history.
pub(crate) fn snapshots_count_admitted_calls_only(run: &Run) {
    for (place, event) in run.events.iter().enumerate() {
        let What::Seen(snapshot) = &event.what else { continue };
        let said = sums(snapshot);
        let seed = run.world.seed;
        for (limit, budget) in budgets(run) {
            let config = &run.world.config.limits[limit].budgets[budget];
            for (value, charges) in charges(run, limit, budget, place) {
                let (least, most) = counted(run, (limit, budget), place, &charges);
                let key = (limit, budget, value.map(str::to_owned));
                let used = said.get(&key).copied().unwrap_or(0);
                let right = (least..=most).contains(&used);
                let at = event.at;
                assert!(right, "seed {seed}, at {at}: {key:?} of {config:?}: {used}, not {least}");
            }
        }
        let starts = run.events[..place].iter().filter_map(|it| match it.what {
            What::Started(call, _) => Some(call),
            _ => None,
        });
        let of_nobody = said.keys().find(|(limit, budget, value)| {
            !starts.clone().any(|call| {
                run.value(call, *limit) == value.as_deref()
                    && super::amounts::amount(run, call, *limit, *budget).is_some()
            })
        });
        assert_eq!(of_nobody, None, "seed {seed}, at {}: used by nobody", event.at);
    }
}

/// What must be held or used after `place` events: exactly, or for large windows between two.
fn counted(
    run: &Run,
    (limit, budget): (usize, usize),
    place: usize,
    charges: &[Charge],
) -> (u64, u64) {
    let now = run.events[place].at;
    let taken = || charges.iter().filter(|it| it.taken);
    let exactly = |sum: u64| (sum, sum);
    match run.world.config.limits[limit].budgets[budget] {
        BudgetConfig::Concurrency { .. } => {
            let given: u64 = charges.iter().filter(|it| !it.taken).map(|it| it.amount).sum();
            exactly(taken().map(|it| it.amount).sum::<u64>() - given)
        }
        BudgetConfig::Rate { amount, period, kind, .. } => match kind {
            RateKind::Sliding { transit } => {
                let within = |window: u64| {
                    taken().filter(|it| now - it.at < window).map(|it| it.amount).sum()
                };
                let window = nanos(period) + nanos(transit);
                let grain = if amount <= 1024 { 0 } else { nanos(period).div_ceil(128) };
                (within(window), within(window + grain))
            }
            RateKind::Bucket { .. } => exactly(debt(charges, now, amount, nanos(period))),
            RateKind::Calendar { ends } => {
                let windows = Windows::new(run, limit, budget, ends.as_nanos(), nanos(period));
                let present = windows.after[place];
                exactly(taken().filter(|it| windows.of(it) == present).map(|it| it.amount).sum())
            }
        },
    }
}

/// Units not yet refilled: the worst over all spans that end now.
fn debt(charges: &[Charge], now: u64, amount: u64, period: u64) -> u64 {
    let (mut sum, mut worst) = (0, 0);
    for charge in charges.iter().rev().filter(|it| it.taken && it.amount > 0) {
        sum += i128::from(charge.amount) * i128::from(period);
        let small = u128::from(charge.amount) * u128::from(period)
            < u128::from(200 * MS) * u128::from(amount);
        let early = if small { 2 * MS } else { 0 };
        // A span cannot begin before time does.
        let began = charge.at.saturating_sub(early);
        worst = worst.max(sum - i128::from(now - began) * i128::from(amount));
    }
    u64::try_from((worst + i128::from(period) - 1) / i128::from(period)).unwrap()
}

/// What a snapshot says.
fn sums(snapshot: &Snapshot) -> Sums {
    let mut sums = Sums::new();
    for (limit, it) in snapshot.limits.iter().enumerate() {
        for instance in &it.instances {
            for (budget, it) in instance.budgets.iter().enumerate() {
                let sum = match it {
                    BudgetSnapshot::Concurrency { held, .. } => *held,
                    BudgetSnapshot::Rate { used, .. } => *used,
                };
                if sum > 0 {
                    sums.insert((limit, budget, instance.label.clone()), sum);
                }
            }
        }
    }
    sums
}

/// A second engine that hears only of the calls that were admitted admits them all at the same
/// moments, and has then used the same: the others consumed nothing.
pub(crate) fn a_twin_that_hears_of_admitted_calls_only_agrees(run: &Run) {
    let seed = run.world.seed;
    let mut twin = Engine::new(run.world.config.clone()).unwrap();
    let mut ids: BTreeMap<usize, CallId> = BTreeMap::new();
    let mut out = Outputs::new();
    for event in &run.events {
        let now = Instant::from_nanos(event.at);
        match &event.what {
            What::Started(call, _) => {
                let spec = &run.calls[*call].spec;
                let said = spec.with(Instant::NEVER, |call| twin.try_admit(now, call, &mut out));
                let Decision::Granted(id) = said else {
                    panic!("seed {seed}, at {}: the twin said {said:?} to {spec:?}", event.at);
                };
                ids.insert(*call, id);
            }
            What::Ended(call) => {
                let id = ids.remove(call);
                let done = id.is_some_and(|id| twin.release(now, id, Outcome::Failed, &mut out));
                assert!(done, "seed {seed}, at {}: an end without a start", event.at);
            }
            What::Aligned(align) => {
                let ends = Instant::from_nanos(align.ends);
                twin.align(now, align.limit, align.budget, ends, &mut out);
            }
            What::Seen(snapshot) => {
                let (ours, its) = (sums(snapshot), sums(&twin.snapshot(now)));
                assert_eq!(ours, its, "seed {seed}, at {}: the twin has used less", event.at);
            }
            _ => {}
        }
    }
}
