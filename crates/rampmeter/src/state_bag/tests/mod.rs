//! What a bag promises.

mod bounds;
mod conflicts;
mod journal;
mod merges;
mod model;
mod random;
mod threads;

use super::*;
use crate::state_bag::rules::BagRules;

/// A bag and writers of it, in the model's order.
fn bag(rules: BagRules) -> (StateBag, [BagWriter; 3]) {
    let bag = StateBag::new(rules).unwrap();
    let turn = bag.turn(Some(1));
    let writer = |(index, id)| turn.writer(id, "tool", index, 1, None);
    let writers = [(0, "a"), (1, "b"), (2, "c")].map(writer);
    (bag, writers)
}
