//! The engine's "no" in words.

use std::sync::Arc;
use std::time::Duration;

use rampmeter_core as core;
use rampmeter_core::{Instant, LimitId, Reason};

use super::state::State;
use crate::event::CallInfo;
use crate::refusal::{Refusal, Retry, named_as_key};

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
            _ => self.cools(&refusal),
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
    fn cools(&self, refusal: &core::Refusal) -> Option<String> {
        let (limit, core::Retry::At(at)) = (refusal.limit?, refusal.retry) else { return None };
        let cools = self.engine.cools_until(limit, at);
        cools.then(|| format!("{}; the limit cools down after a throttle", refusal.reason))
    }
}
