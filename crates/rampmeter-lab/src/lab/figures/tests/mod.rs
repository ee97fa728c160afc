//! Figures of playings made by hand, and beside sums that are done the long way.

mod by_hand;
mod long_way;
mod written;

use super::Figure;
use crate::lab::Entry;

fn figure(text: &str, entry: &Entry) -> Option<f64> {
    Figure::parse(text).unwrap().of(entry)
}
