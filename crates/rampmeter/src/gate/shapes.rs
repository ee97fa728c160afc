//! Shapes of calls by name: what was found for the last call of this tool, flow, priority, labels
//! and tokens holds for the next one too, so it is found once, as for a handle.
//!
//! A shape is made when its like is asked for the second time within a while, so that names that
//! come once cost nothing here. They are bounded in number; the one given up for another has not
//! been used since the hand last passed it (the "clock" of page replacement). Calls with secret
//! labels have no shape: a secret is not kept. While a shape is kept, so are its instances; a
//! limit that has no place for another instance gets them back (`State::forget_shapes`).

use std::hash::{BuildHasher, Hasher};

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use rampmeter_core::{Instant, LabelId, Prepared, Terms};
use smallvec::SmallVec;

use super::plan::PlannedLabel;
use super::state::{Standing, State, Wanted};
use crate::call::{Call, Costs};

const MOST: usize = 4096;
const RECENT: usize = 1024;

pub(super) struct Shapes {
    /// Places in `shapes`, by hash.
    index: HashTable<u32>,
    shapes: Vec<Shape>,
    hand: usize,
    /// Hashes of what was asked for lately and has no shape yet.
    recent: Vec<u64>,
    hasher: RandomState,
    /// The labels that limits are per. There are few, so that a look through them is quickest.
    labels: Vec<(String, PlannedLabel)>,
    /// The limits' generation for which all this holds.
    generation: Option<u64>,
}

struct Shape {
    hash: u64,
    key: Key,
    prepared: Prepared,
    wanted: Wanted,
    used: bool,
}

struct Key {
    tool: Box<str>,
    flow: Box<str>,
    priority: Option<Box<str>>,
    costs: Costs,
    labels: Vec<(LabelId, Box<str>)>,
}

/// The labels of a call that make a difference.
type Labels<'a> = SmallVec<[(LabelId, &'a str); 2]>;

impl Default for Shapes {
    fn default() -> Shapes {
        Shapes {
            index: HashTable::new(),
            shapes: Vec::new(),
            hand: 0,
            recent: vec![0; RECENT],
            hasher: RandomState::default(),
            labels: Vec::new(),
            generation: None,
        }
    }
}

impl State {
    /// Asks about a call that nobody makes, if there is, or from now on is, a shape for it.
    #[inline]
    pub(super) fn ask_shape(
        &mut self,
        now: Instant,
        call: &Call<'_>,
        wait: bool,
    ) -> Option<Standing> {
        if self.shapes.generation != Some(self.plan.generation) {
            self.forget_shapes();
        }
        let mut labels = Labels::new();
        if !self.shapes.find_labels(call, &mut labels) {
            return None;
        }
        let hash = self.shapes.hash(call, &labels);
        let at = match self.shapes.find(hash, call, &labels) {
            Some(at) => at,
            None => self.make_shape(now, call, &labels, hash)?,
        };
        let shape = self.shapes.shapes.get_mut(at)?;
        shape.used = true;
        let Wanted { info, flow, priority, .. } = shape.wanted;
        let info = self.info_for(info, call);
        let deadline = call.deadline.map_or(Instant::NEVER, |within| now.saturating_add(within));
        let terms = Terms { flow, priority, deadline, parent: None };
        let prepared = &self.shapes.shapes.get(at)?.prepared;
        let (engine, out) = (&mut self.engine, &mut self.out);
        let decision = if wait {
            engine.admit_prepared(now, prepared, &terms, out)
        } else {
            engine.try_admit_prepared(now, prepared, &terms, out)
        };
        Some(self.decided(now, decision, info))
    }

    /// Gives all shapes up, and what they keep. Says whether there were any.
    pub(super) fn forget_shapes(&mut self) -> bool {
        self.shapes.index.clear();
        self.shapes.generation = Some(self.plan.generation);
        let labels = self.plan.labels.iter().map(|(name, label)| (name.clone(), *label));
        self.shapes.labels = labels.collect();
        let shapes = std::mem::take(&mut self.shapes.shapes);
        let any = !shapes.is_empty();
        for shape in shapes {
            self.forget(shape.prepared, &shape.wanted);
        }
        any
    }

    #[inline(never)]
    fn make_shape(
        &mut self,
        now: Instant,
        call: &Call<'_>,
        labels: &Labels<'_>,
        hash: u64,
    ) -> Option<usize> {
        let place = usize::try_from(hash).unwrap_or_default() % RECENT;
        if std::mem::replace(&mut self.shapes.recent[place], hash) != hash {
            return None;
        }
        // What is learned may be another amount the next time.
        if self.plan.tool(call.tool).learns(call) {
            return None;
        }
        let plain =
            Call { id: "", turn: None, attempt: 1, arrived: None, deadline: None, ..call.clone() };
        let (prepared, wanted, _) = self.prepare(now, &plain).ok()?;
        let shape = Shape { hash, key: Key::of(call, labels), prepared, wanted, used: true };
        let (at, gone) = self.shapes.insert(shape);
        if let Some(gone) = gone {
            self.forget(gone.prepared, &gone.wanted);
        }
        Some(at)
    }
}

impl Shapes {
    /// Adds the labels that some limit is per; `false` if one is secret.
    #[inline]
    fn find_labels<'a>(&self, call: &Call<'a>, labels: &mut Labels<'a>) -> bool {
        let (first, rest) = call.labels.parts();
        first.into_iter().all(|label| self.add(labels, label))
            && rest.iter().all(|label| self.add(labels, *label))
    }

    /// Adds a label if it makes a difference; says whether it may be kept.
    #[inline]
    fn add<'a>(&self, labels: &mut Labels<'a>, (name, value): (&'a str, &'a str)) -> bool {
        match self.labels.iter().find(|(known, _)| known == name) {
            Some((_, label)) if label.secret => return false,
            Some((_, label)) => labels.push((label.id, value)),
            None => {}
        }
        true
    }

    #[inline]
    fn hash(&self, call: &Call<'_>, labels: &Labels<'_>) -> u64 {
        // Not all of it, nor where one text ends and the next begins: what is found is compared.
        let mut hasher = self.hasher.build_hasher();
        hasher.write(call.tool.as_bytes());
        hasher.write(call.flow.as_bytes());
        labels.iter().for_each(|(_, value)| hasher.write(value.as_bytes()));
        hasher.finish()
    }

    #[inline]
    fn find(&self, hash: u64, call: &Call<'_>, labels: &Labels<'_>) -> Option<usize> {
        let is = |at: &u32| {
            self.shapes.get(*at as usize).is_some_and(|shape| shape.key.is(call, labels))
        };
        self.index.find(hash, is).map(|at| *at as usize)
    }

    /// Takes a shape in; its place, and the one that had to go for it.
    fn insert(&mut self, shape: Shape) -> (usize, Option<Shape>) {
        let hash = shape.hash;
        let (at, gone) = if self.shapes.len() < MOST {
            self.shapes.push(shape);
            (self.shapes.len() - 1, None)
        } else {
            let at = self.victim();
            (at, Some(std::mem::replace(&mut self.shapes[at], shape)))
        };
        let number = u32::try_from(at).unwrap_or(u32::MAX);
        if let Some(gone) = &gone
            && let Ok(entry) = self.index.find_entry(gone.hash, |other| *other == number)
        {
            entry.remove();
        }
        let shapes = &self.shapes;
        self.index.insert_unique(hash, number, |at| shapes[*at as usize].hash);
        (at, gone)
    }

    /// The next shape that has not been used since the hand last passed it.
    fn victim(&mut self) -> usize {
        loop {
            let at = self.hand;
            self.hand = (self.hand + 1) % self.shapes.len();
            if !std::mem::take(&mut self.shapes[at].used) {
                return at;
            }
        }
    }
}

impl Key {
    fn of(call: &Call<'_>, labels: &Labels<'_>) -> Key {
        Key {
            tool: call.tool.into(),
            flow: call.flow.into(),
            priority: call.priority.map(Into::into),
            costs: call.costs,
            labels: labels.iter().map(|(id, value)| (*id, (*value).into())).collect(),
        }
    }

    #[inline]
    fn is(&self, call: &Call<'_>, labels: &Labels<'_>) -> bool {
        let alike = *self.tool == *call.tool
            && *self.flow == *call.flow
            && self.priority.as_deref() == call.priority
            && self.costs == call.costs
            && self.labels.len() == labels.len();
        if !alike {
            return false;
        }
        for ((id, value), other) in self.labels.iter().zip(labels.as_slice()) {
            if (*id, &**value) != *other {
                return false;
            }
        }
        true
    }
}
