//! Limits that change while calls run.

use std::time::Duration;

use rampmeter_core::{BreakerState, BudgetConfig, Config, Edit, LimitConfig, LimitId, RateKind};

use super::super::scene::{self, MS, SEC};
use super::super::totals::Count;
use super::super::verdict::{Judge, Verdict, must};
use super::{Job, Player};

/// There are never more limits than this.
const MOST_LIMITS: usize = 10;

impl Player {
    /// One to three changes at one instant, or some that cannot be meant.
    pub(super) fn edit(&mut self) -> Verdict {
        if self.rng.once_in(12) {
            return self.edit_wrongly();
        }
        let many = if self.rng.percent(80) { 1 } else { self.rng.range(2, 3) };
        let mut edits = Vec::new();
        let mut touched = Vec::new();
        for _ in 0..many {
            let alive: Vec<usize> = (0..self.books.limits.len())
                .filter(|it| !self.books.limits[*it].removed && !touched.contains(it))
                .collect();
            if alive.is_empty() {
                break;
            }
            let limit = self.rng.pick(&alive);
            touched.push(limit);
            edits.extend(self.some_edit(limit, alive.len()));
        }
        self.make_edits(&edits)
    }

    fn some_edit(&mut self, limit: usize, alive: usize) -> Option<Edit> {
        let id = LimitId(u16::try_from(limit).unwrap_or(u16::MAX));
        let config = self.books.limits[limit].config.clone();
        let weights = self.books.weights.len();
        let (mix, pace) = (self.scene.mix, self.scene.pace);
        Some(match self.rng.below(14) {
            0..=4 => Edit::Replace(id, self.resized(config)),
            5 | 6 if !self.books.limits[limit].paused => Edit::Pause(id),
            7 => Edit::Resume(id),
            8 if self.books.limits.len() < MOST_LIMITS => {
                let number = self.books.limits.len() as u64;
                Edit::Add(scene::new_limit(&mut self.rng, mix, pace, number, weights))
            }
            9 if alive > 1 && self.rng.percent(40) => Edit::Remove(id),
            10 | 11 if config.adaptive.is_none() => {
                let number = limit as u64;
                let new = scene::new_limit(&mut self.rng, mix, pace, number, weights);
                let max_instances = new.max_instances.max(config.max_instances);
                let breaker = config.breaker;
                let new = LimitConfig { per: config.per, max_instances, breaker, ..new };
                Edit::Replace(id, in_phase(new, &config))
            }
            12 => Edit::Weights((0..weights).map(|_| self.rng.pick(&[1, 2, 5, 16, 64])).collect()),
            13 if self.scene.mix.patience => {
                Edit::Patience(Duration::from_nanos(self.rng.scale(pace, 60 * SEC)))
            }
            _ => Edit::MaxDepth(u8::try_from(self.rng.range(1, 8)).unwrap_or(8)),
        })
    }

    /// The same limit with other figures.
    fn resized(&mut self, mut config: LimitConfig) -> LimitConfig {
        let rng = &mut self.rng;
        for budget in &mut config.budgets {
            match budget {
                BudgetConfig::Concurrency { size, reserved, lend } => {
                    *size = match rng.below(3) {
                        0 => rng.range(1, *size),
                        1 => *size + rng.range(1, *size),
                        _ => rng.range(1, 16),
                    };
                    if let Some(adaptive) = &config.adaptive {
                        *size = (*size).clamp(adaptive.min, adaptive.max);
                    }
                    reserved.iter_mut().for_each(|(_, kept)| *kept = (*kept).min(*size / 2));
                    *lend ^= rng.once_in(10);
                }
                BudgetConfig::Rate { amount, period, kind, .. } => {
                    if rng.percent(50) {
                        *amount = rng.range(1, *amount * 2);
                    }
                    if rng.percent(30) {
                        *period = (*period * u32::try_from(rng.range(1, 8)).unwrap_or(1) / 4)
                            .max(Duration::from_nanos(MS / 10));
                    }
                    if let RateKind::Bucket { burst } = kind {
                        *burst = rng.range(1, *burst * 2);
                    }
                }
            }
        }
        config
    }

    /// What cannot be meant is refused, and nothing has changed.
    fn edit_wrongly(&mut self) -> Verdict {
        self.totals.add(Count::EditsRefused);
        let nowhere = LimitId(u16::try_from(self.books.limits.len()).unwrap_or(u16::MAX));
        let config = self.books.limits[0].config.clone();
        let mut weights = self.books.weights.clone();
        let edit = match self.rng.below(4) {
            0 => Edit::Remove(nowhere),
            1 => Edit::Add(LimitConfig { budgets: vec![BudgetConfig::slots(0)], ..config }),
            2 => Edit::Replace(nowhere, config),
            _ => {
                weights.push(1);
                Edit::Weights(weights)
            }
        };
        let edits = vec![Edit::MaxDepth(0), edit];
        let accepted = self.engine.edit(edits).is_ok();
        must(!accepted, Judge::Input, || "an edit that cannot be meant was accepted".into())?;
        self.snapshot_is_right()
    }

    fn make_edits(&mut self, edits: &[Edit]) -> Verdict {
        self.catch_up()?;
        self.totals.add(Count::Edits);
        let now = self.punctual();
        self.totals.add(Count::Steps);
        self.transcript.tell(|| format!("{} {edits:?}", now.as_nanos()));
        // A kind that was prepared keeps what it was prepared with.
        let kept = std::mem::take(&mut self.prepared);
        kept.into_iter().flatten().for_each(|kind| self.engine.discard(kind));
        let change = match self.engine.edit(edits.to_vec()) {
            Ok(change) => change,
            Err(error) => {
                return must(false, Judge::Input, || format!("{edits:?} was refused: {error}"));
            }
        };
        let added = change.commit(now, &mut self.out);
        let expected = self.books.limits.len();
        let expected: Vec<_> = (expected..expected + added.len())
            .map(|it| LimitId(u16::try_from(it).unwrap_or(u16::MAX)))
            .collect();
        must(added == expected, Judge::Input, || format!("{added:?} were added"))?;
        for edit in edits {
            if let Edit::Remove(limit) = edit {
                let open = self.books.is_any_open(usize::from(limit.0));
                self.to_tell.extend(open.then_some((limit.0, BreakerState::Closed)));
            }
            self.books.change(edit, &self.scene);
            self.takes_part_in(edit);
        }
        self.prepared.resize_with(self.books.variants.len(), || None);
        self.settle(None)?;
        self.snapshot_is_right()?;
        self.books.who_waits_still_fits()?;
        self.books.nobody_is_stuck()
    }

    /// What the simulator itself makes of a change.
    fn takes_part_in(&mut self, edit: &Edit) {
        match edit {
            Edit::Pause(limit) => {
                let after = self.rng.about(self.scene.pace * 20);
                self.later(self.now.saturating_add(after), Job::Resume(limit.0));
            }
            Edit::Resume(_) | Edit::Replace(..) | Edit::Remove(_) => {
                self.last_resume = self.books.clock;
            }
            Edit::Patience(patience) => {
                let nanos = u64::try_from(patience.as_nanos()).unwrap_or(u64::MAX);
                self.patience = self.patience.max(nanos);
            }
            Edit::MaxDepth(depth) => self.max_depth = *depth,
            Edit::Add(_) => self.uses_new_limits(),
            Edit::Weights(_) => {}
        }
    }

    /// Some source asks for calls that draw on a new limit.
    fn uses_new_limits(&mut self) {
        let limits = self.books.limits.iter().map(|limit| limit.config.clone()).collect();
        let config = Config { limits, ..self.scene.config.clone() };
        for _ in 0..2 {
            let rng = &mut self.rng;
            let mut kind = scene::new_kind(rng, self.scene.mix, &config, self.scene.tools.len());
            kind.draws.retain(|draw| !self.books.limits[usize::from(draw.limit)].removed);
            self.scene.kinds.push(kind);
            let number = self.scene.kinds.len() - 1;
            self.books.add_kind(number, &self.scene);
            let source = self.rng.index(self.scene.sources.len());
            self.scene.sources[source].kinds.push(number);
        }
    }

    pub(super) fn resume(&mut self, limit: u16) -> Verdict {
        let Some(book) = self.books.limits.get(usize::from(limit)) else { return Ok(()) };
        if book.removed || !book.paused {
            return Ok(());
        }
        self.make_edits(&[Edit::Resume(LimitId(limit))])
    }

    pub(super) fn resume_all(&mut self) -> Verdict {
        for limit in 0..self.books.limits.len() {
            self.resume(u16::try_from(limit).unwrap_or(u16::MAX))?;
        }
        Ok(())
    }
}

/// Calendar windows of the same length go on as they were.
fn in_phase(mut new: LimitConfig, old: &LimitConfig) -> LimitConfig {
    for budget in &mut new.budgets {
        let BudgetConfig::Rate { period, kind: RateKind::Calendar { ends }, .. } = budget else {
            continue;
        };
        for before in &old.budgets {
            if let BudgetConfig::Rate {
                period: same, kind: RateKind::Calendar { ends: old }, ..
            } = before
                && same == period
            {
                *ends = *old;
            }
        }
    }
    new
}
