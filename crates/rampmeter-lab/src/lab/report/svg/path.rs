//! Paths, in as few bytes as they need.

use std::fmt::Write;

/// A place to a tenth of a unit, which is finer than can be seen.
pub(super) fn near(value: f64) -> f64 {
    let value = (value * 10.0).round() / 10.0;
    // A negative nothing would be written with its sign.
    value + 0.0
}

/// Straight from point to point.
pub(super) fn straight(points: &[(f64, f64)]) -> String {
    let mut path = String::new();
    for (index, &(x, y)) in points.iter().enumerate() {
        let _ = write!(path, "{}{} {}", if index == 0 { 'M' } else { 'L' }, near(x), near(y));
    }
    path
}

/// From point to point where each height lasts until the next point.
pub(super) fn steps(points: &[(f64, f64)], until: f64) -> String {
    let Some(&(first, height)) = points.first() else { return String::new() };
    let (mut x, mut y) = (near(first), near(height));
    let mut path = format!("M{x} {y}");
    for &(next, height) in &points[1..] {
        let height = near(height);
        // What does not rise or fall needs no word.
        if height != y {
            let _ = write!(path, "H{}V{height}", near(next));
            (x, y) = (near(next), height);
        }
    }
    if near(until) > x {
        let _ = write!(path, "H{}", near(until));
    }
    path
}

/// The same, filled down to a height.
pub(super) fn filled_steps(points: &[(f64, f64)], until: f64, floor: f64) -> String {
    match points.first() {
        None => String::new(),
        Some(&(first, _)) => {
            format!("{}V{}H{}Z", steps(points, until), near(floor), near(first))
        }
    }
}

/// What is between two lines above the same places.
pub(super) fn between(band: &[(f64, f64, f64)]) -> String {
    let mut around: Vec<(f64, f64)> = band.iter().map(|&(x, least, _)| (x, least)).collect();
    around.extend(band.iter().rev().map(|&(x, _, most)| (x, most)));
    if around.is_empty() { String::new() } else { straight(&around) + "Z" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_lasts_until_the_next_that_differs() {
        let points = [(0.0, 10.0), (1.0, 10.02), (2.0, 5.0)];
        assert_eq!(steps(&points, 4.0), "M0 10H2V5H4");
        assert_eq!(filled_steps(&points, 4.0, 20.0), "M0 10H2V5H4V20H0Z");
        assert_eq!(steps(&[], 4.0), "");
    }

    #[test]
    fn a_band_goes_there_and_back() {
        assert_eq!(between(&[(0.0, 2.0, 1.0), (1.0, 4.0, 3.0)]), "M0 2L1 4L1 3L0 1Z");
    }

    #[test]
    fn nothing_is_not_negative() {
        assert_eq!(straight(&[(-0.01, 0.04)]), "M0 0");
    }
}
