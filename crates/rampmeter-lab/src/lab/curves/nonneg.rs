//! Linear least squares in up to three unknowns that cannot be negative.
//!
//! With three unknowns the active-set search of Lawson and Hanson ("Solving Least Squares Problems",
//! 1974, ch. 23) has seven sets to look at, so all are looked at: the best of those whose solution is
//! positive is the answer, exactly.

/// One equation: `row · unknowns ≈ value`, and how much it counts.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Equation {
    pub(crate) row: [f64; 3],
    pub(crate) value: f64,
    pub(crate) weight: f64,
}

/// The unknowns, none below 0, with the least sum of weighted squares; all 0 where nothing else is.
pub(crate) fn solve(equations: &[Equation]) -> [f64; 3] {
    let mut best = ([0.0; 3], squares(equations, [0.0; 3]));
    for set in 1..8_usize {
        let free = [set & 1 != 0, set & 2 != 0, set & 4 != 0];
        let (matrix, right) = normal(equations);
        let Some(found) = solve_free(matrix, right, free) else { continue };
        if found.iter().any(|it| *it < 0.0) {
            continue;
        }
        let rest = squares(equations, found);
        if rest < best.1 {
            best = (found, rest);
        }
    }
    best.0
}

fn squares(equations: &[Equation], unknowns: [f64; 3]) -> f64 {
    let one = |it: &Equation| {
        let miss = it.value - dot(it.row, unknowns);
        it.weight * miss * miss
    };
    equations.iter().map(one).sum()
}

pub(crate) fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

/// The normal equations.
pub(super) fn normal(equations: &[Equation]) -> ([[f64; 3]; 3], [f64; 3]) {
    let (mut matrix, mut right) = ([[0.0; 3]; 3], [0.0; 3]);
    for Equation { row, value, weight } in equations {
        for i in 0..3 {
            for j in 0..3 {
                matrix[i][j] += weight * row[i] * row[j];
            }
            right[i] += weight * row[i] * value;
        }
    }
    (matrix, right)
}

/// Solves for the unknowns that are free, the others being 0; nothing where they cannot be told apart.
pub(super) fn solve_free(
    mut matrix: [[f64; 3]; 3],
    mut right: [f64; 3],
    free: [bool; 3],
) -> Option<[f64; 3]> {
    // Columns differ by orders of magnitude (1, n, n²): scaled to a diagonal of 1, they do not.
    let mut scale = [1.0; 3];
    for i in (0..3).filter(|i| free[*i]) {
        if matrix[i][i] <= 0.0 {
            return None;
        }
        scale[i] = 1.0 / matrix[i][i].sqrt();
    }
    for i in 0..3 {
        for j in 0..3 {
            let kept = free[i] && free[j];
            matrix[i][j] = if kept { matrix[i][j] * scale[i] * scale[j] } else { 0.0 };
        }
        right[i] = if free[i] { right[i] * scale[i] } else { 0.0 };
        if !free[i] {
            matrix[i][i] = 1.0;
        }
    }
    let mut found = eliminate(matrix, right)?;
    for (one, scale) in found.iter_mut().zip(scale) {
        *one *= scale;
    }
    Some(found)
}

/// Gaussian elimination with row pivots.
fn eliminate(mut matrix: [[f64; 3]; 3], mut right: [f64; 3]) -> Option<[f64; 3]> {
    for i in 0..3 {
        let pivot = (i..3).max_by(|a, b| matrix[*a][i].abs().total_cmp(&matrix[*b][i].abs()))?;
        matrix.swap(i, pivot);
        right.swap(i, pivot);
        // The diagonal is 1 throughout, so this is the share that is left of it.
        if matrix[i][i].abs() < 1e-12 {
            return None;
        }
        for below in i + 1..3 {
            let times = matrix[below][i] / matrix[i][i];
            let upper = matrix[i];
            for (one, above) in matrix[below].iter_mut().zip(upper) {
                *one -= times * above;
            }
            right[below] -= times * right[i];
        }
    }
    let mut found = [0.0; 3];
    for i in (0..3).rev() {
        let known: f64 = (i + 1..3).map(|j| matrix[i][j] * found[j]).sum();
        found[i] = (right[i] - known) / matrix[i][i];
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(unknowns: [f64; 3]) -> Vec<Equation> {
        let one = |n: f64| {
            let row = [1.0, n - 1.0, n * (n - 1.0)];
            Equation { row, value: dot(row, unknowns), weight: 1.0 }
        };
        (1..=40).map(|n| one(f64::from(n) * 5.0)).collect()
    }

    #[test]
    fn unknowns_that_explain_all_are_found() {
        let found = solve(&lines([0.2, 0.03, 0.0007]));
        for (found, was) in found.iter().zip([0.2, 0.03, 0.0007]) {
            assert!((found - was).abs() < 1e-9 * was.max(1.0), "{found} for {was}");
        }
    }

    #[test]
    fn what_would_be_negative_is_0_and_the_rest_is_no_worse_than_any_other() {
        let equations = lines([0.2, -0.03, 0.0007]);
        let found = solve(&equations);
        assert_eq!(found[1], 0.0);
        let rest = squares(&equations, found);
        // A coarse grid of what is allowed has nothing better.
        for i in 0..20 {
            for j in 0..20 {
                let other = [f64::from(i) * 0.05, f64::from(j) * 0.001, found[2]];
                assert!(squares(&equations, other) >= rest * (1.0 - 1e-9), "{other:?}");
            }
        }
    }

    #[test]
    fn one_equation_is_explained_by_what_can_be_told_from_it() {
        let one = Equation { row: [1.0, 0.0, 0.0], value: 3.0, weight: 1.0 };
        assert_eq!(solve(&[one]), [3.0, 0.0, 0.0]);
        assert_eq!(solve(&[]), [0.0; 3]);
    }
}
