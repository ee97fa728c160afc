//! When a call started that asked, among those that started with the same input.
//!
//! The buffer tells in which order waiting calls start. One that asks and gets its permit with the
//! answer may have waited meanwhile, within the input: for its turn, or for a claim to look at what
//! it leaves. Then it started before others of the buffer, and the buffer does not say where. So
//! there must be one place at which it, and everybody after it, may start; any will do.

use rampmeter_core::{CallId, Output};

use super::super::books::{Books, CallBook};
use super::super::verdict::Verdict;

impl Books {
    /// How many of the outputs came before the start of a call that asked as `new`, and got `id`
    /// at once: as many as possible. If there is no place for it that is after all of them, where
    /// it will be found wrong.
    pub(crate) fn place_among(&self, outputs: &[Output], id: CallId, new: &CallBook) -> usize {
        let last = outputs.len();
        let starts = (0..last).filter(|at| matches!(outputs[*at], Output::Granted(_)));
        let earlier: Vec<usize> = starts.rev().collect();
        if earlier.is_empty() {
            return last;
        }
        let fits = |at: &usize| self.clone().starts_at(*at, outputs, id, new).is_ok();
        std::iter::once(last).chain(earlier).find(fits).unwrap_or(last)
    }

    fn starts_at(
        &mut self,
        place: usize,
        outputs: &[Output],
        id: CallId,
        new: &CallBook,
    ) -> Verdict {
        for output in &outputs[..place] {
            self.follows(output)?;
        }
        let call = self.enter(id, new.clone());
        self.nobody_is_before(call)?;
        self.start(call)?;
        self.breakers_start(self.call(call).route);
        outputs[place..].iter().try_for_each(|output| self.follows(output))
    }

    /// What an output does to whom it answers.
    fn follows(&mut self, output: &Output) -> Verdict {
        let (Output::Granted(id) | Output::Refused(id, _)) = output else { return Ok(()) };
        let Some(call) = self.find(*id) else { return Ok(()) };
        if let Output::Refused(..) = output {
            self.waits_no_more(call);
            self.leaves_its_tree(call);
            return Ok(());
        }
        self.is_its_turn(call)?;
        self.waits_no_more(call);
        self.start(call)?;
        self.breakers_start(self.call(call).route);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rampmeter_core::{
        Adaptive, AdaptiveRule, BudgetConfig, Call, Config, Decision, Draw, Engine, Flow, Instant,
        LimitConfig, LimitId, Outputs, Priority, ToolId,
    };

    use super::super::super::mix::Mix;
    use super::super::super::scene::{FOREVER, Kind, KindDraw, Scene};
    use super::*;

    /// Two kinds of calls of one limit, which differ in their weight.
    fn books(limit: LimitConfig, weights: [u64; 2]) -> Books {
        let draws = |weight| vec![KindDraw { limit: 0, weight, costs: Vec::new() }];
        let kind = |weight| Kind { tool: 0, draws: draws(weight), nests: false };
        Books::new(&Scene {
            mix: Mix::ALL,
            config: Config { limits: vec![limit], priorities: vec![16, 1], ..Config::default() },
            values: Vec::new(),
            kinds: weights.map(kind).into(),
            flows: vec![Flow { id: 0, weight: 1 }],
            tools: Vec::new(),
            sources: Vec::new(),
            late: 0,
            pace: 1,
        })
    }

    /// Names for two calls.
    fn names() -> [CallId; 2] {
        let limits =
            vec![LimitConfig { budgets: vec![BudgetConfig::slots(2)], ..LimitConfig::default() }];
        let mut engine = Engine::new(Config { limits, ..Config::default() }).unwrap();
        let draws = [Draw { limit: LimitId(0), weight: 1, costs: &[] }];
        let call = Call {
            tool: ToolId(0),
            flow: Flow { id: 0, weight: 1 },
            priority: Priority(0),
            labels: &[],
            draws: &draws,
            keys: &[],
            parent: None,
            deadline: Instant::NEVER,
            queue_timeout: Duration::MAX,
            arrived: Instant::NEVER,
        };
        [(); 2].map(|()| match engine.admit(Instant::EPOCH, &call, &mut Outputs::new()) {
            Decision::Granted(id) => id,
            other => panic!("{other:?}"),
        })
    }

    fn call(variant: u32, priority: u8) -> CallBook {
        CallBook { variant, priority, expires: FOREVER, ..CallBook::NOBODY }
    }

    /// Where the second call is put, and whether all is well there, if the first one waits and both
    /// start with one input.
    fn second_of(mut books: Books, first: CallBook, second: &CallBook) -> (usize, bool) {
        let [waits, asks] = names();
        let waiting = books.enter(waits, first);
        books.starts_to_wait(waiting);
        let outputs = [Output::Granted(waits)];
        let place = books.place_among(&outputs, asks, second);
        (place, books.starts_at(place, &outputs, asks, second).is_ok())
    }

    fn slots(size: u64) -> LimitConfig {
        LimitConfig { budgets: vec![BudgetConfig::slots(size)], ..LimitConfig::default() }
    }

    #[test]
    fn a_call_that_asks_starts_after_all_others_if_it_may() {
        assert_eq!(second_of(books(slots(2), [1, 1]), call(0, 0), &call(1, 0)), (1, true));
        assert_eq!(second_of(books(slots(2), [1, 1]), call(0, 0), &call(0, 0)), (1, true));
    }

    /// Nine of fourteen are for the heavy one, and count as all that it weighs once it has them.
    #[test]
    fn it_starts_before_one_after_which_there_is_no_room_for_it_but_not_the_other_way_round() {
        let learned = || LimitConfig {
            budgets: vec![BudgetConfig::Concurrency {
                size: 14,
                reserved: vec![(Priority(0), 5)],
                lend: true,
            }],
            adaptive: Some(Adaptive { rule: AdaptiveRule::Aimd, min: 2, max: 20 }),
            ..LimitConfig::default()
        };
        assert_eq!(second_of(books(learned(), [15, 1]), call(0, 1), &call(1, 0)), (0, true));
    }

    #[test]
    fn where_there_is_room_for_one_of_both_it_is_found_wrong_wherever_it_started() {
        assert_eq!(second_of(books(slots(1), [1, 1]), call(0, 0), &call(1, 0)), (1, false));
    }

    #[test]
    fn it_never_starts_before_one_that_is_like_it_and_came_earlier() {
        let mut books = books(slots(1), [1, 1]);
        let [waits, asks] = names();
        let waiting = books.enter(waits, call(0, 0));
        books.starts_to_wait(waiting);
        let before = books.starts_at(0, &[Output::Granted(waits)], asks, &call(0, 0));
        assert!(before.is_err_and(|it| it.what.contains("starts at once, though")));
    }
}
