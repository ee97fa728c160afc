//! Instances: the state of a limit, once, or once for each value of the label it is `per`.
//!
//! They are bounded in number. One that nobody uses and whose budgets remember nothing is kept
//! for a minute, so that a value that comes and goes is not built again each time, and is then
//! collected when another value needs a place.

use alloc::{boxed::Box, collections::BTreeMap, string::String, vec::Vec};
use core::ops::{Bound, Range};
use core::time::Duration;

use crate::backfill::Ends;
use crate::breaker::Circuit;
use crate::budget::{Budget, Budgets};
use crate::call::{CallId, LimitId};
use crate::config::{Config, LimitConfig};
use crate::cooldown::CoolDown;
use crate::heap::Heap;
use crate::key::{KEY_BUDGETS, KeyNumbers};
use crate::lane::NONE;
use crate::line::Line;
use crate::nest::NestedLanes;
use crate::order::Order;
use crate::queue::Book;
use crate::route::Route;
use crate::slab::Slab;
use crate::time::Instant;

const LINGER: Duration = Duration::from_secs(60);
const COLLECTED_AT_ONCE: usize = 4;

#[derive(Clone, Debug)]
pub(crate) struct Instance {
    pub(crate) limit: u16,
    pub(crate) label: Option<Box<str>>,
    /// Where its budgets are.
    pub(crate) budgets: Range<u32>,
    /// Its slots, if it has one concurrency.
    pub(crate) slots: Option<u32>,
    /// It has nothing but those slots.
    pub(crate) only_slots: bool,
    pub(crate) paused: bool,
    /// A call was throttled here.
    pub(crate) cool: Option<Box<CoolDown>>,
    /// Judges how calls end.
    pub(crate) breaker: Option<Box<Circuit>>,
    /// Made when a lane first waits here.
    pub(crate) order: Option<Box<Order>>,
    /// Lanes that wait here.
    pub(crate) watchers: u32,
    /// Those of them that take nothing of one of its budgets, and so are not in the same way.
    pub(crate) partial: u32,
    /// Those of them whose calls were made by running calls.
    pub(crate) nested: Option<Box<NestedLanes>>,
    /// Waiting calls that draw on this instance, wherever they wait.
    pub(crate) queued: u32,
    /// Up to which mark of pressure they fill its queue: 0 for none, 2 for the severe one.
    pub(crate) filled: u8,
    /// The lengths of its queue at which that stays as it is.
    pub(crate) calm: core::ops::Range<u32>,
    /// They by priority and flow, where that matters.
    pub(crate) book: Option<Box<Book>>,
    /// The claim that binds here, or [`NONE`].
    pub(crate) claim: u32,
    /// Claims, wherever they bind, whose calls wait here.
    pub(crate) claims_of_watchers: Vec<u32>,
    pub(crate) ends: Option<Box<Ends>>,
    /// Who waits for it in which order, if it is a key.
    pub(crate) line: Option<Box<Line>>,
    /// In the engine's list of instances to look at.
    pub(crate) dirty: bool,
    routes: u32,
}

#[derive(Clone, Debug)]
pub(crate) struct Instances {
    pub(crate) budgets: Budgets,
    slab: Slab<Instance>,
    limits: Vec<PerLimit>,
    /// All keys, as if they were the values of one label.
    keys: PerLimit,
    pub(crate) numbers: KeyNumbers,
    /// Who waits is kept account of at every limit.
    pub(crate) keeps_books: bool,
    /// What was in the way at instances that were collected, until it is counted.
    pub(crate) freed: usize,
}

#[derive(Clone, Debug, Default)]
struct PerLimit {
    single: Option<u32>,
    by_value: BTreeMap<Box<str>, u32>,
    /// Instances without a route, by when their budgets remember nothing.
    idle: Heap<Instant>,
    /// Places of budgets whose instances were collected.
    free: Vec<Range<u32>>,
    /// The greatest concurrency of instances that were collected, per budget.
    past_peaks: Vec<u64>,
    paused: bool,
    /// The limit was removed; its number is not used again.
    gone: bool,
}

impl Instances {
    pub(crate) fn new(config: &Config) -> Instances {
        let mut instances = Instances {
            budgets: Budgets::default(),
            slab: Slab::default(),
            limits: Vec::new(),
            keys: PerLimit::default(),
            numbers: KeyNumbers::default(),
            keeps_books: false,
            freed: 0,
        };
        for index in 0..config.limits.len() {
            instances.add(config, u16::try_from(index).unwrap_or(u16::MAX));
        }
        instances
    }

    /// Makes room for the limit after the last.
    pub(crate) fn add(&mut self, config: &Config, limit: u16) {
        self.limits.push(PerLimit::default());
        if config.limits[usize::from(limit)].per.is_none() {
            self.limits[usize::from(limit)].single = Some(self.make(config, limit, None));
        }
    }

    /// A limit is no more: nothing finds its instances, and their budgets are always ready.
    pub(crate) fn remove(&mut self, limit: u16, now: Instant) {
        let ids: Vec<u32> = self.of(limit).collect();
        self.limits[usize::from(limit)] = PerLimit { gone: true, ..PerLimit::default() };
        for id in &ids {
            let place = self.slab[*id].budgets.clone();
            self.budgets.of_mut(place).iter_mut().for_each(|budget| *budget = Budget::Gone);
            let instance = &mut self.slab[*id];
            (instance.slots, instance.only_slots, instance.ends) = (None, false, None);
            (instance.paused, instance.book) = (false, None);
            self.remember(*id, now);
        }
    }

    pub(crate) fn is_gone(&self, limit: u16) -> bool {
        self.limits.get(usize::from(limit)).is_none_or(|limit| limit.gone)
    }

    /// An instance gets the budgets that the config now says. If they have moved, returns for
    /// each of them, in order, the old one that it carries on.
    pub(crate) fn reform(
        &mut self,
        config: &Config,
        id: u32,
        now: Instant,
    ) -> Option<Vec<Option<u32>>> {
        let limit = self.slab[id].limit;
        let new = &config.limits[usize::from(limit)];
        let old = self.slab[id].budgets.clone();
        let (place, from) = self.budgets.reform(old.clone(), &new.budgets, &config.priorities, now);
        let (slots, only) = only_slots(&self.budgets, &place);
        self.budgets.adapt(slots, new.adaptive.as_ref());
        let moved = place != old;
        let instance = &mut self.slab[id];
        (instance.budgets, instance.slots, instance.only_slots) = (place, slots, only);
        // Places of another length fit no more.
        let length = new.budgets.len();
        let per_limit = &mut self.limits[usize::from(limit)];
        per_limit.free.retain(|place| place.len() == length);
        if moved {
            per_limit.past_peaks.clear();
        }
        moved.then_some(from)
    }

    /// All instances there are.
    pub(crate) fn ids(&self) -> Vec<u32> {
        self.slab.iter().map(|(id, _)| id).collect()
    }

    /// Pauses or resumes a limit; says whether that changed anything.
    pub(crate) fn set_paused(&mut self, limit: u16, paused: bool) -> bool {
        let per_limit = &mut self.limits[usize::from(limit)];
        let before = core::mem::replace(&mut per_limit.paused, paused);
        let ids: Vec<u32> = self.of(limit).collect();
        for id in ids {
            self.slab[id].paused = paused;
        }
        before != paused
    }

    pub(crate) fn limit_is_paused(&self, limit: u16) -> bool {
        self.limits.get(usize::from(limit)).is_some_and(|limit| limit.paused)
    }

    /// The instance of a limit for this value of its label; `None` if there are as many as
    /// there may be and all are in use.
    pub(crate) fn find(
        &mut self,
        config: &Config,
        limit: u16,
        value: Option<&str>,
        now: Instant,
    ) -> Option<u32> {
        let per_limit = &self.limits[usize::from(limit)];
        let Some(value) = value else { return per_limit.single };
        if let Some(&id) = per_limit.by_value.get(value) {
            return Some(id);
        }
        let most = config.limits[usize::from(limit)].max_instances as usize;
        self.collect(limit, now, most);
        if self.limits[usize::from(limit)].by_value.len() >= most {
            return None;
        }
        let id = self.make(config, limit, Some(value.into()));
        let per_limit = &mut self.limits[usize::from(limit)];
        per_limit.by_value.insert(value.into(), id);
        per_limit.idle.set(id, now);
        Some(id)
    }

    /// An instance, told from others that have had its place.
    pub(crate) fn named(&self, id: u32) -> (u32, u32) {
        let CallId { index, generation } = self.slab.id(id);
        (index, generation)
    }

    /// The instance of a key; `None` if there are `most` and all are in use.
    pub(crate) fn find_key(&mut self, config: &Config, name: &str, now: Instant) -> Option<u32> {
        if let Some(&id) = self.keys.by_value.get(name) {
            return Some(id);
        }
        let most = usize::from(config.max_keys);
        self.collect(LimitId::FIRST_KEY.0, now, most);
        if self.keys.by_value.len() >= most {
            return None;
        }
        let number = self.numbers.take();
        let id = self.make(config, number, Some(name.into()));
        self.numbers.set(number, id);
        self.keys.by_value.insert(name.into(), id);
        self.keys.idle.set(id, now);
        Some(id)
    }

    /// The instance of a limit for this value of its label, if there is one.
    pub(crate) fn look_up(&self, limit: u16, label: Option<&str>) -> Option<u32> {
        let per_limit = self.limits.get(usize::from(limit))?;
        match label {
            None => per_limit.single,
            Some(value) => per_limit.by_value.get(value).copied(),
        }
    }

    /// All keys, by name.
    pub(crate) fn keys(&self) -> impl Iterator<Item = u32> + '_ {
        self.keys.by_value.values().copied()
    }

    /// Whether an instance is still one of its limit's.
    pub(crate) fn finds(&self, id: u32) -> bool {
        let instance = &self.slab[id];
        let per_limit = match LimitId(instance.limit).is_key() {
            true => Some(&self.keys),
            false => self.limits.get(usize::from(instance.limit)),
        };
        let Some(per_limit) = per_limit else { return false };
        match &instance.label {
            None => per_limit.single == Some(id),
            Some(value) => per_limit.by_value.get(value) == Some(&id),
        }
    }

    /// A route over this instance was made.
    pub(crate) fn used(&mut self, id: u32) {
        let instance = &mut self.slab[id];
        instance.routes += 1;
        if instance.label.is_some() {
            per_limit(&mut self.keys, &mut self.limits, instance.limit).idle.remove(id);
        }
    }

    /// A route is gone.
    pub(crate) fn unused(&mut self, route: &Route, now: Instant) {
        for draw in route.draws() {
            self.unused_by_one(draw.instance, now);
        }
    }

    pub(crate) fn unused_by_one(&mut self, id: u32, now: Instant) {
        self.slab[id].routes -= 1;
        self.remember(id, now);
    }

    /// What the budgets of an instance remember has changed other than by a call: if nobody uses
    /// it, it is kept for as long as they do.
    pub(crate) fn remember(&mut self, id: u32, now: Instant) {
        let instance = &self.slab[id];
        if instance.routes > 0 {
            return;
        }
        if !self.finds(id) {
            // Its limit was removed, and now its last call has ended.
            self.slab.remove(id);
            return;
        }
        if instance.label.is_none() {
            return;
        }
        let budgets = self.budgets.of_mut(instance.budgets.clone()).iter_mut();
        let idle = budgets.map(|budget| budget.idle_at(now));
        let idle_at = idle.fold(now, |latest, at| latest.max(at.unwrap_or(Instant::NEVER)));
        let cool = self.slab[id].cool.as_deref().map_or(now, |cool| cool.until);
        let breaker = self.slab[id].breaker.as_deref().map_or(now, Circuit::idle_at);
        let idle_at = idle_at.max(cool).max(breaker);
        let limit = self.slab[id].limit;
        per_limit(&mut self.keys, &mut self.limits, limit).idle.set(id, idle_at);
    }

    /// Takes the mark off an instance, if it still exists.
    pub(crate) fn unmark(&mut self, id: u32) {
        if let Some(instance) = self.slab.get_mut(id) {
            instance.dirty = false;
        }
    }

    /// An instance, if it has not been collected since.
    #[inline]
    pub(crate) fn existing(&self, id: u32) -> Option<&Instance> {
        self.slab.get(id)
    }

    pub(crate) fn existing_mut(&mut self, id: u32) -> Option<&mut Instance> {
        self.slab.get_mut(id)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, id: u32) -> &mut Instance {
        &mut self.slab[id]
    }

    #[inline]
    pub(crate) fn get(&self, id: u32) -> &Instance {
        &self.slab[id]
    }

    /// The instances of a limit, in the order of their labels' values.
    pub(crate) fn of(&self, limit: u16) -> impl Iterator<Item = u32> + '_ {
        let per_limit = &self.limits[usize::from(limit)];
        per_limit.single.into_iter().chain(per_limit.by_value.values().copied())
    }

    /// The same, from after this value on.
    pub(crate) fn of_after<'a>(
        &'a self,
        limit: u16,
        value: &str,
    ) -> impl Iterator<Item = u32> + use<'a> {
        let per_limit = &self.limits[usize::from(limit)];
        let after = (Bound::Excluded(value), Bound::Unbounded);
        per_limit.by_value.range::<str, _>(after).map(|(_, id)| *id)
    }

    pub(crate) fn past_peak(&self, limit: u16, budget: usize) -> u64 {
        self.limits[usize::from(limit)].past_peaks.get(budget).copied().unwrap_or(0)
    }

    fn make(&mut self, config: &Config, limit: u16, label: Option<Box<str>>) -> u32 {
        let is_key = LimitId(limit).is_key();
        let limit_config = config.limits.get(usize::from(limit)).filter(|_| !is_key);
        let per_limit = per_limit(&mut self.keys, &mut self.limits, limit);
        let (place, paused) = (per_limit.free.pop(), per_limit.paused);
        let wanted = limit_config.map_or(KEY_BUDGETS, |limit| &limit.budgets);
        let budgets = self.budgets.make(wanted, place, &config.priorities);
        let (slots, only_slots) = only_slots(&self.budgets, &budgets);
        self.budgets.adapt(slots, limit_config.and_then(|limit| limit.adaptive.as_ref()));
        self.slab.insert(Instance {
            limit,
            label,
            budgets,
            slots,
            only_slots,
            paused,
            cool: None,
            breaker: limit_config
                .and_then(|limit| limit.breaker)
                .map(|it| Box::new(Circuit::new(it, Instant::EPOCH))),
            order: None,
            watchers: 0,
            partial: 0,
            nested: None,
            queued: 0,
            filled: 0,
            calm: 0..0,
            book: limit_config
                .filter(|limit| limit.keeps_a_book() || self.keeps_books)
                .map(|_| Box::default()),
            claim: NONE,
            claims_of_watchers: Vec::new(),
            ends: None,
            line: is_key.then(Box::default),
            dirty: false,
            routes: 0,
        })
    }

    /// Drops instances that have been idle for long, and one that is merely idle if the limit
    /// has `most` of them.
    fn collect(&mut self, limit: u16, now: Instant, most: usize) {
        let is_key = LimitId(limit).is_key();
        let per_limit = per_limit(&mut self.keys, &mut self.limits, limit);
        for _ in 0..COLLECTED_AT_ONCE {
            let Some((idle_at, id)) = per_limit.idle.peek() else { return };
            // Another key is as likely as the same one to come.
            let full = is_key || per_limit.by_value.len() >= most;
            let due = if full { idle_at } else { idle_at.saturating_add(LINGER) };
            if due > now {
                return;
            }
            per_limit.idle.remove(id);
            let Some(gone) = self.slab.remove(id) else { continue };
            self.freed += usize::from(gone.cool.is_some());
            self.freed += usize::from(gone.breaker.is_some_and(|it| !it.is_closed()));
            let budgets = self.budgets.of(gone.budgets.clone());
            per_limit.past_peaks.resize(budgets.len(), 0);
            for (peak, budget) in per_limit.past_peaks.iter_mut().zip(budgets) {
                if let Budget::Concurrency(slots) = budget {
                    *peak = (*peak).max(slots.peak);
                }
            }
            per_limit.free.push(gone.budgets);
            if is_key {
                self.numbers.give(gone.limit);
            }
            if let Some(value) = gone.label {
                per_limit.by_value.remove(&value);
            }
        }
    }
}

impl Instance {
    /// Nobody waits here, and nobody keeps account of who runs.
    #[inline]
    pub(crate) fn is_quiet(&self) -> bool {
        self.watchers == 0 && self.ends.is_none()
    }
}

fn per_limit<'a>(
    keys: &'a mut PerLimit,
    limits: &'a mut [PerLimit],
    limit: u16,
) -> &'a mut PerLimit {
    if LimitId(limit).is_key() { keys } else { &mut limits[usize::from(limit)] }
}

/// The slots of budgets that have one concurrency, and whether there is nothing else.
fn only_slots(budgets: &Budgets, place: &Range<u32>) -> (Option<u32>, bool) {
    let slots = place.clone().filter(|budget| budgets.slots(*budget).is_some());
    let slots: Vec<u32> = slots.collect();
    match slots.as_slice() {
        [one] => (Some(*one), place.len() == 1),
        _ => (None, false),
    }
}

impl LimitConfig {
    /// Whether it matters how many wait of each flow.
    pub(crate) fn keeps_a_book(&self) -> bool {
        self.queue_per_flow.is_some() || self.overflow == crate::config::Overflow::Evict
    }
}

/// The value of an instance's label, for people.
pub(crate) fn label_of(instance: &Instance) -> Option<String> {
    instance.label.as_deref().map(String::from)
}
