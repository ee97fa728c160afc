//! One figure over several seeds.

use serde::Serialize;

/// The middle of a figure over seeds, and how far it spreads.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct OverSeeds {
    /// The least.
    pub least: f64,
    /// The middle one; of an even number the mean of the two in the middle.
    pub median: f64,
    /// The greatest.
    pub most: f64,
}

impl OverSeeds {
    /// Of these; nothing of none.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<OverSeeds> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let (least, most) = (*values.first()?, *values.last()?);
        let (low, high) = (values[(values.len() - 1) / 2], values[values.len() / 2]);
        Some(OverSeeds { least, median: f64::midpoint(low, high), most })
    }
}
