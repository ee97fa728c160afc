//! The engine's "no" in words.

use std::sync::Arc;
use std::time::Duration;

use rampmeter_core as core;
use rampmeter_core::{Instant, LimitId, Reason};

use super::plan::PlannedTool;
use super::state::State;
use crate::call::Call;
use crate::event::CallInfo;
use crate::policy::Unit;
use crate::refusal::{Refusal, Retry, Why, named_as_key};

impl State {
    pub(super) fn in_words(
        &self,
        now: Instant,
        waited: Duration,
        info: &CallInfo,
        refusal: core::Refusal,
    ) -> Box<Refusal> {
        let limit = refusal.limit.and_then(|limit| self.name_of(limit));
        let detail = match refusal.reason {
            Reason::WouldDeadlock => self.cycle_in_words(info),
            Reason::MissingLabel => limit.as_deref().and_then(|limit| self.lacks(limit)),
            _ => self.cools(&refusal, waited),
        };
        Box::new(Refusal {
            tool: info.tool.clone(),
            reason: refusal.reason,
            limit,
            retry: match refusal.retry {
                core::Retry::At(at) => Retry::After(at.saturating_since(now)),
                core::Retry::OnRelease => Retry::OnRelease,
                core::Retry::OnResume => Retry::OnResume,
                core::Retry::Never => Retry::Never,
            },
            waited,
            detail,
        })
    }

    /// Adds what the call was charged by an estimate, where time alone is in the way and the limit
    /// counts that. Which of the limit's rates it is, the engine does not say.
    pub(super) fn with_estimates(
        &self,
        mut refusal: Box<Refusal>,
        call: &Call<'_>,
        tool: &PlannedTool,
    ) -> Box<Refusal> {
        let by_time =
            matches!(refusal.reason, Reason::QueueTimeout | Reason::Deadline | Reason::WouldWait);
        if !by_time || !matches!(refusal.retry, Retry::After(_)) || refusal.detail.is_some() {
            return refusal;
        }
        let limit = refusal.limit.as_deref().and_then(|limit| self.plan.limit_ids.get(limit));
        let draws = tool.draws.iter().filter(|draw| Some(&draw.limit) == limit);
        let units: Vec<&str> = draws.flat_map(|draw| draw.estimated(call)).map(Unit::key).collect();
        if !units.is_empty() {
            refusal.detail = Some(format!(
                "{}; its {} were estimated: say its cost, or settle what calls took",
                Why(refusal.reason, refusal.waited),
                units.join(" and "),
            ));
        }
        refusal
    }

    /// The name of a limit, or of a key as it is named in the place of one.
    pub(super) fn name_of(&self, limit: LimitId) -> Option<Arc<str>> {
        if limit.is_key() {
            return Some(named_as_key(self.engine.limit_name(limit)));
        }
        self.plan.limit(limit)
    }

    /// Which label a call lacks.
    fn lacks(&self, limit: &str) -> Option<String> {
        let label = self.plan.policy.limits.iter().find(|it| it.name == limit)?.per.as_ref()?;
        Some(format!("it lacks the label `{label}` that the limit is per; say it with labels"))
    }

    /// That a limit cools down, if that is what a call was refused for.
    fn cools(&self, refusal: &core::Refusal, waited: Duration) -> Option<String> {
        let (limit, core::Retry::At(at)) = (refusal.limit?, refusal.retry) else { return None };
        let cools = self.engine.cools_until(limit, at);
        let why = Why(refusal.reason, waited);
        cools.then(|| format!("{why}; the limit cools down after a throttle"))
    }
}
