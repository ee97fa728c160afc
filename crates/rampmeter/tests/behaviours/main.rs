//! What the gate and the executor promise, in virtual time wherever possible.

// These tests are a crate of their own, in which clippy does not see all of it as tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod a_bad_call_is_its_own_error;
mod a_breaker_opens_where_calls_fail;
mod a_calendar_rate_follows_the_time_of_day;
mod a_call_that_comes_again_keeps_its_place;
mod a_failed_call_is_tried_again;
mod a_limit_learns_how_many_it_can_take;
mod a_stopped_turn_frees_everything;
mod a_storm_of_calls_that_do_not_end;
mod a_tool_may_call_tools;
mod a_waiting_call_can_say_why;
mod any_runtime_will_do;
mod conflicting_calls_take_effect_in_the_models_order;
mod dropped_admissions_leave_nothing_behind;
mod each_clock_has_its_own_error;
mod events_tell_what_happened_in_order;
mod interceptors_stand_around_every_call;
mod kept_slots_and_full_queues;
mod keys_are_read_together_and_written_alone;
mod large_and_many_turns;
mod limits_change_while_calls_run;
mod limits_learn_from_their_calls;
mod memory_holds_calls_back;
#[cfg(feature = "prometheus")]
mod metrics_are_a_fold_of_the_events;
mod only_those_who_are_answered_are_woken;
mod pressure_is_told_and_held_back;
mod quotas_survive_restarts;
mod rates_start_calls_at_the_expected_instants;
mod reads_go_side_by_side_and_writes_in_order;
mod refusals_say_why_where_and_when;
mod results_come_back_in_the_models_order;
mod secrets_are_never_shown;
#[cfg(feature = "otel")]
mod spans_for_opentelemetry_are_made_of_events;
mod storms_leave_nothing_held;
mod storms_of_nested_calls_and_changes;
mod support;
mod the_gate_admits_up_to_its_limits;
mod the_same_program_does_the_same_thing_twice;
mod threads_are_told_and_waited_for;
mod tools_share_state_and_lose_nothing;
mod turns_are_pulled_as_fast_as_calls_are_admitted;
mod turns_bring_their_own_tools;
mod waits_are_driven_by_hand;
mod what_stands_in_for_a_failed_call;
mod work_that_goes_on_keeps_its_slot;
