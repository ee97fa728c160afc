//! What may follow when a call has failed: another attempt, or something that stands in for it.

use rampmeter_core::End;

use super::act::Act;
use super::drive::Drive;
use super::one::Done;
use super::report::{CallError, CallResult};

impl<'a> Drive<'a> {
    /// How an attempt has ended that failed so.
    pub(super) fn after(&mut self, _at: usize, _error: &CallError) -> End {
        End::Failed
    }

    /// Tries what stands in for a call.
    pub(super) fn fall_back(
        &mut self,
        at: usize,
        _fallback: u32,
        results: &mut [CallResult],
    ) -> Option<(usize, Act<'a>)> {
        self.ended(at, Done::without(CallError::Cancelled), results)
    }
}
