//! What one rate counts, by its definition over the starts so far and what they were corrected to.

use std::collections::VecDeque;

use rampmeter_core::{BudgetConfig, RateKind};

use super::calendar::Calendar;
use super::debt::Debt;

/// So many times what there ever is may be borrowed.
const MOST_WINDOWS: u64 = 64;

/// Up to so many units a sliding window is exact.
const EXACT: u64 = 1_024;

#[derive(Clone, Debug)]
pub(crate) struct Tally {
    amount: u64,
    period: u64,
    pub(crate) capacity: u64,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Sliding(Window),
    Bucket(Debt),
    Calendar(Calendar),
}

/// A charge as it was made, by which it is found again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Charge {
    pub(crate) at: u64,
    pub(crate) amount: u64,
    /// Of a sliding window, how long it was and how much it held.
    pub(crate) length: u64,
    pub(crate) whole: u64,
    /// Of a calendar window, how many were over before it.
    pub(crate) window: u64,
}

/// What was taken within a window, and within one that is longer by what a large one may keep.
#[derive(Clone, Debug)]
struct Window {
    length: u64,
    grain: u64,
    taken: VecDeque<(u64, u64)>,
    /// How many of those are only within the longer window.
    only_longer: usize,
    within: u64,
    within_longer: u64,
}

impl Tally {
    pub(crate) fn new(config: &BudgetConfig) -> Tally {
        let BudgetConfig::Rate { amount, period, kind, .. } = config else {
            return Tally::nothing();
        };
        let period = u64::try_from(period.as_nanos()).unwrap_or(u64::MAX);
        let (kind, capacity) = match kind {
            RateKind::Sliding { transit } => {
                let transit = u64::try_from(transit.as_nanos()).unwrap_or(u64::MAX);
                let grain = if *amount <= EXACT { 0 } else { period.div_ceil(128) };
                (Kind::Sliding(Window::new(period + transit, grain)), *amount)
            }
            RateKind::Bucket { burst } => {
                (Kind::Bucket(Debt::new(*amount, period, *burst)), *burst)
            }
            RateKind::Calendar { ends } => {
                (Kind::Calendar(Calendar::new(ends.as_nanos())), *amount)
            }
        };
        Tally { amount: *amount, period, capacity, kind }
    }

    fn nothing() -> Tally {
        Tally { amount: 0, period: 1, capacity: 0, kind: Kind::Calendar(Calendar::new(u64::MAX)) }
    }

    /// Whether so much may be taken now by the definition, even if large windows are coarse.
    pub(crate) fn has_room(&mut self, amount: u64, now: u64) -> bool {
        self.pass(now);
        let asked = amount.min(self.capacity);
        match &self.kind {
            Kind::Sliding(window) => amount == 0 || window.within_longer + asked <= self.amount,
            Kind::Bucket(debt) => amount == 0 || debt.fits(asked, now),
            Kind::Calendar(it) => amount == 0 || it.used + asked <= self.amount,
        }
    }

    /// Takes so much, and says whether the definition allows it. What is more than there ever is
    /// may be taken when all of it is there; the rest is owed to the time after.
    pub(crate) fn take(&mut self, amount: u64, now: u64) -> bool {
        self.pass(now);
        if amount == 0 {
            match &mut self.kind {
                Kind::Bucket(debt) => _ = debt.take(0, now),
                Kind::Calendar(it) => it.take(0, now),
                Kind::Sliding(_) => {}
            }
            return true;
        }
        let amount = amount.min(self.most());
        let asked = amount.min(self.capacity);
        match &mut self.kind {
            Kind::Sliding(window) => {
                let fits = window.within + asked <= self.amount;
                window.take(amount, self.amount, now);
                fits
            }
            Kind::Bucket(debt) => {
                let fits = debt.clone().take(asked, now);
                debt.take(amount, now);
                fits
            }
            Kind::Calendar(it) => {
                let fits = it.used + asked <= self.amount;
                it.take(amount, now);
                fits
            }
        }
    }

    /// A charge that is about to be made.
    pub(crate) fn charge(&mut self, amount: u64, now: u64) -> Charge {
        self.pass(now);
        let amount = amount.min(self.most());
        let (length, window) = match &self.kind {
            Kind::Sliding(window) => (window.length, 0),
            Kind::Bucket(_) => (0, 0),
            Kind::Calendar(it) => (0, it.window),
        };
        Charge { at: now, amount, length, whole: self.amount, window }
    }

    /// A charge should have been another one: the amount changes where it was charged, and
    /// nowhere else. `by_others` says that it was charged by other figures.
    pub(crate) fn correct(&mut self, charge: &Charge, actual: u64, by_others: bool, now: u64) {
        self.pass(now);
        let actual = actual.min(self.most());
        match &mut self.kind {
            Kind::Sliding(window) => {
                let found = window.put(charge, charge.amount, false, now);
                // By other figures it may have left before. What stays of it stays where it was:
                // by the present ones it would be owed to more windows, or to fewer.
                if found || !by_others {
                    window.put(charge, actual, true, now);
                }
            }
            Kind::Bucket(debt) => debt.correct(charge.at, charge.amount, actual),
            Kind::Calendar(it) => it.correct(charge, actual, self.amount),
        }
        self.pass(now);
    }

    /// The charge as one of the present window, if it may be one: it was made at the very instant
    /// at which a window that had been charged was ended.
    pub(crate) fn perhaps_here(&mut self, charge: &Charge, now: u64) -> Option<Charge> {
        self.pass(now);
        match &self.kind {
            Kind::Calendar(it) if it.shared == Some(charge.at) => {
                Some(Charge { window: it.window, ..*charge })
            }
            _ => None,
        }
    }

    /// A charge that nobody gives back, made at some time, is so much more.
    pub(crate) fn add(&mut self, charge: &Charge, more: u64, now: u64) {
        self.pass(now);
        let more = more.min(self.most());
        match &mut self.kind {
            Kind::Sliding(window) => {
                let charge = Charge { length: window.length, whole: self.amount, ..*charge };
                window.put(&charge, more, true, now);
            }
            Kind::Bucket(debt) if more > 0 => debt.add(charge.at, more, now),
            Kind::Bucket(_) => {}
            Kind::Calendar(it) => it.used += if charge.window == it.window { more } else { 0 },
        }
        self.pass(now);
    }

    /// The same, unless the charge has left a sliding window: by other figures it may have left later.
    pub(crate) fn add_if_there(&mut self, charge: &Charge, more: u64, now: u64) {
        self.pass(now);
        let there = match &self.kind {
            Kind::Sliding(window) => charge.amount == 0 || window.has(charge.at),
            _ => true,
        };
        if there {
            self.add(charge, more, now);
        }
    }

    pub(crate) fn most(&self) -> u64 {
        self.capacity.saturating_mul(MOST_WINDOWS)
    }

    /// The least and the most that may be said to be used.
    pub(crate) fn used(&mut self, now: u64) -> (u64, u64) {
        self.pass(now);
        match &self.kind {
            Kind::Sliding(window) => (window.within, window.within_longer),
            Kind::Bucket(debt) => {
                let [least, most] = debt.units(now);
                (least, most)
            }
            Kind::Calendar(it) => (it.used, it.used),
        }
    }

    /// Whether what was taken may still matter: also how early the last charge was.
    pub(crate) fn remembers(&mut self, now: u64) -> bool {
        let (_, most) = self.used(now);
        match &self.kind {
            Kind::Bucket(debt) => debt.remembers(now),
            _ => most > 0,
        }
    }

    /// The present calendar window ends at `ends`.
    pub(crate) fn align(&mut self, ends: u64, now: u64) {
        self.pass(now);
        if let Kind::Calendar(it) = &mut self.kind {
            it.ends = ends;
        }
    }

    pub(crate) fn is_bucket(&self) -> bool {
        matches!(self.kind, Kind::Bucket(_))
    }

    /// The same rate with other figures: what was used stays used.
    pub(crate) fn carry_on(&mut self, config: &BudgetConfig, now: u64) {
        let (least, most) = self.used(now);
        let mut new = Tally::new(config);
        new.pass(now);
        match (&mut new.kind, &self.kind) {
            // What has left the old window does not come back into a longer one.
            (Kind::Sliding(new), Kind::Sliding(old)) => {
                let grain = new.grain.max(old.grain);
                let length = new.length;
                *new = Window { length, grain, ..old.clone() };
            }
            (Kind::Bucket(debt), Kind::Bucket(_)) => {
                *debt = debt.clone().with_owed([least, most], now);
            }
            (Kind::Calendar(it), Kind::Calendar(old)) => {
                let ends = if new.period == self.period { old.ends } else { it.ends };
                *it = old.clone();
                it.ends = ends;
                it.free = old.used.min(self.amount + old.free).saturating_sub(new.amount);
            }
            _ => {}
        }
        *self = new;
        self.pass(now);
    }

    /// From when on all of it may be taken, if nothing else is.
    pub(crate) fn refilled(&self, now: u64) -> u64 {
        match &self.kind {
            Kind::Sliding(window) => {
                let last = window.taken.back().map_or(now, |(at, _)| now.max(*at));
                last + window.length + window.grain
            }
            Kind::Bucket(debt) => now.saturating_add(debt.full_in(now)),
            Kind::Calendar(it) => {
                let later = (it.used - it.free).saturating_sub(1) / self.amount.max(1);
                it.ends.max(now + self.period).saturating_add(later.saturating_mul(self.period))
            }
        }
    }

    /// Lets time pass: what has left the windows is forgotten.
    fn pass(&mut self, now: u64) {
        match &mut self.kind {
            Kind::Sliding(window) => window.pass(now),
            Kind::Bucket(_) => {}
            Kind::Calendar(it) => it.pass(now, self.period, self.amount),
        }
    }
}

impl Window {
    fn has(&self, at: u64) -> bool {
        self.taken.iter().any(|(taken, _)| *taken == at)
    }

    fn new(length: u64, grain: u64) -> Window {
        let taken = VecDeque::new();
        Window { length, grain, taken, only_longer: 0, within: 0, within_longer: 0 }
    }

    /// What is more than a whole window counts as if it were taken a window later.
    fn take(&mut self, mut amount: u64, whole: u64, now: u64) {
        let mut at = now;
        while amount > 0 {
            let part = amount.min(whole.max(1));
            let place = self.taken.partition_point(|(other, _)| *other <= at);
            self.taken.insert(place, (at, part));
            self.within += part;
            self.within_longer += part;
            amount -= part;
            at += self.length;
        }
    }

    /// Puts a charge where it was made, or takes it from there; says whether all of it was found.
    /// What has left stays left.
    fn put(&mut self, charge: &Charge, mut amount: u64, add: bool, now: u64) -> bool {
        let (mut at, mut found) = (charge.at, amount > 0);
        while amount > 0 {
            let part = amount.min(charge.whole.max(1));
            found &= self.put_part(at, part, add, now);
            amount -= part;
            at += charge.length;
        }
        found
    }

    fn put_part(&mut self, at: u64, part: u64, add: bool, now: u64) -> bool {
        let age = now.saturating_sub(at);
        let only_longer = age >= self.length;
        if age >= self.length + self.grain {
            return false;
        }
        if add {
            let place = self.taken.partition_point(|(other, _)| *other <= at);
            self.taken.insert(place, (at, part));
            self.within_longer += part;
            self.within += if only_longer { 0 } else { part };
            self.only_longer += usize::from(only_longer);
        } else if let Some(place) = self.taken.iter().position(|it| *it == (at, part)) {
            self.taken.remove(place);
            self.within_longer -= part;
            self.within -= if only_longer { 0 } else { part };
            self.only_longer -= usize::from(only_longer);
        } else {
            return false;
        }
        true
    }

    fn pass(&mut self, now: u64) {
        while let Some((at, amount)) = self.taken.get(self.only_longer) {
            if now.saturating_sub(*at) < self.length {
                break;
            }
            self.within -= amount;
            self.only_longer += 1;
        }
        while let Some((at, amount)) = self.taken.front() {
            if now.saturating_sub(*at) < self.length + self.grain {
                break;
            }
            self.within_longer -= amount;
            self.only_longer -= 1;
            self.taken.pop_front();
        }
    }
}
