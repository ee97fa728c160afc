//! What there is to draw on, and who waits in which lane.

use rampmeter_core::{BudgetConfig, Counts, LabelId, LimitConfig};

use super::super::scene::Scene;
use super::{Books, BreakerBook, BudgetBook, CoolBook, Learned, NONE};

#[derive(Clone, Debug)]
pub(crate) struct LimitBook {
    pub(crate) config: LimitConfig,
    pub(crate) removed: bool,
    pub(crate) paused: bool,
    /// Its instances: this one and so many after it, one for each value of its label.
    pub(crate) first: u32,
    pub(crate) many: u32,
    /// Instances at which somebody waits, as the engine tells.
    pub(crate) saturated: i64,
}

#[derive(Clone, Debug)]
pub(crate) struct InstanceBook {
    pub(crate) limit: u16,
    /// Its budgets, by their places in the books' list.
    pub(crate) budgets: Vec<u32>,
    /// Running calls that draw on it.
    pub(crate) running: u32,
    /// Waiting calls that draw on it.
    pub(crate) queued: u32,
    /// The same by priority and flow.
    pub(crate) queued_by: Vec<u32>,
    /// A call was throttled here.
    pub(crate) cool: Option<CoolBook>,
    pub(crate) breaker: Option<BreakerBook>,
}

/// A kind of call with the values of its labels.
#[derive(Clone, Debug)]
pub(crate) struct Variant {
    pub(crate) kind: usize,
    pub(crate) labels: Vec<(LabelId, usize)>,
    /// How such calls draw now.
    pub(crate) route: u32,
    /// Its first lane; there is one for each priority and flow.
    pub(crate) lanes: u32,
}

#[derive(Clone, Debug)]
pub(crate) struct Route {
    pub(crate) instances: Vec<u32>,
    pub(crate) takes: Vec<Take>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Take {
    pub(crate) budget: u32,
    pub(crate) amount: u64,
}

/// Waiting calls that are alike, in the order in which they came.
#[derive(Clone, Debug)]
pub(crate) struct Lane {
    pub(crate) first: u32,
    pub(crate) last: u32,
    /// Its place among the active lanes.
    pub(crate) place: u32,
}

impl Books {
    pub(crate) fn add_limit(&mut self, config: &LimitConfig, values: &[Vec<String>]) {
        let many = config.per.map_or(1, |label| values[usize::from(label.0)].len());
        let limit = u16::try_from(self.limits.len()).unwrap_or(u16::MAX);
        let first = narrow(self.instances.len());
        for _ in 0..many {
            let budgets = config.budgets.iter().map(|budget| self.add_budget(budget));
            let budgets: Vec<u32> = budgets.collect();
            self.learns(&budgets, config);
            let breaker = config.breaker.map(BreakerBook::new);
            let queued_by = vec![0; self.weights.len() * self.flows()];
            self.instances.push(InstanceBook {
                limit,
                budgets,
                running: 0,
                queued: 0,
                queued_by,
                cool: None,
                breaker,
            });
        }
        let many = narrow(many);
        let config = config.clone();
        let (removed, paused, saturated) = (false, false, 0);
        self.limits.push(LimitBook { config, removed, paused, first, many, saturated });
    }

    fn learns(&mut self, budgets: &[u32], config: &LimitConfig) {
        for budget in budgets {
            if let BudgetBook::Slots(slots) = &mut self.budgets[*budget as usize] {
                slots.learned = config.adaptive.map(Learned::new);
            }
        }
    }

    pub(crate) fn add_budget(&mut self, config: &BudgetConfig) -> u32 {
        self.budgets.push(BudgetBook::new(config, &self.weights));
        narrow(self.budgets.len() - 1)
    }

    /// Adds a kind in all combinations of the labels that its limits are per.
    pub(crate) fn add_kind(&mut self, kind: usize, scene: &Scene) {
        let mut combinations: Vec<Vec<(LabelId, usize)>> = vec![Vec::new()];
        for (label, values) in scene.values.iter().enumerate() {
            let label = LabelId(u16::try_from(label).unwrap_or(0));
            let draws = &scene.kinds[kind].draws;
            let per = |limit: u16| self.limits[usize::from(limit)].config.per;
            if draws.iter().any(|draw| per(draw.limit) == Some(label)) {
                let with = |before: &Vec<_>, value| [before.as_slice(), &[(label, value)]].concat();
                let values = 0..values.len();
                combinations = combinations
                    .iter()
                    .flat_map(|before| values.clone().map(move |value| with(before, value)))
                    .collect();
            }
        }
        for labels in combinations {
            let lanes = narrow(self.lanes.len());
            let none = Lane { first: NONE, last: NONE, place: NONE };
            let many = self.weights.len() * self.flows();
            self.lanes.extend(std::iter::repeat_n(none, many));
            self.variants.push(Variant { kind, labels, route: 0, lanes });
            self.find_route(self.variants.len() - 1, scene);
        }
    }

    /// Finds anew how calls of a variant draw. A limit that is no more is left out.
    pub(crate) fn find_route(&mut self, variant: usize, scene: &Scene) {
        let mut route = Route { instances: Vec::new(), takes: Vec::new() };
        let Variant { kind, labels, .. } = &self.variants[variant];
        for draw in &scene.kinds[*kind].draws {
            let limit = &self.limits[usize::from(draw.limit)];
            if limit.removed {
                continue;
            }
            let value = labels.iter().find(|(label, _)| Some(*label) == limit.config.per);
            let id = limit.first + narrow(value.map_or(0, |(_, value)| *value));
            route.instances.push(id);
            let budgets = &self.instances[id as usize].budgets;
            for (budget, config) in budgets.iter().zip(&limit.config.budgets) {
                let amount = match config {
                    BudgetConfig::Concurrency { .. } => draw.weight,
                    BudgetConfig::Rate { counts: Counts::Calls, .. } => 1,
                    BudgetConfig::Rate { counts: Counts::Unit(unit), .. } => {
                        let of_unit = draw.costs.iter().filter(|cost| cost.unit == *unit);
                        of_unit.map(|cost| cost.amount).sum()
                    }
                };
                route.takes.push(Take { budget: *budget, amount });
            }
        }
        self.routes.push(route);
        self.variants[variant].route = narrow(self.routes.len() - 1);
    }
}

impl Books {
    /// The variants of a kind: the first of them, and how many there are.
    pub(crate) fn variants_of(&self, kind: usize) -> (u32, u32) {
        let first = self.variants.partition_point(|it| it.kind < kind);
        let many = self.variants[first..].partition_point(|it| it.kind == kind);
        (narrow(first), narrow(many))
    }

    /// How long a call of this variant may wait that is ready to wait for `queue_timeout`.
    pub(crate) fn ages_of(&self, variant: u32, queue_timeout: u64) -> u64 {
        let route = &self.routes[self.variants[variant as usize].route as usize];
        let limits = route.instances.iter().map(|id| self.instances[*id as usize].limit);
        let ages = limits.filter_map(|limit| self.limits[usize::from(limit)].config.queue_age);
        let ages = ages.map(|age| u64::try_from(age.as_nanos()).unwrap_or(u64::MAX));
        ages.fold(queue_timeout, u64::min)
    }
}

pub(crate) fn narrow(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
