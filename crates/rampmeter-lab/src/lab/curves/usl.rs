//! The Universal Scalability Law (Gunther: "Guerrilla Capacity Planning", 2007, ch. 5-6), fitted to
//! what was measured.
//!
//! With `n` calls inside, throughput is `X(n) = λn / (1 + σ(n-1) + κn(n-1))`: λ is the throughput of
//! one call at a time, σ what calls queue for, κ what each costs every other. `n / X(n)` is linear in
//! 1, n-1 and n(n-1), which gives a start; from there Levenberg and Marquardt (1963) take the squares
//! of throughput itself to their least. None of the three can be negative: with and without each of σ
//! and κ the fit is made anew, and the best that is legal counts.

use std::fmt;

use super::nonneg::{self, Equation};

/// A law.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Usl {
    /// Calls per second, one at a time.
    pub lambda: f64,
    /// Contention.
    pub sigma: f64,
    /// Coherency.
    pub kappa: f64,
}

/// A law that was fitted.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Fitted {
    /// The law.
    pub law: Usl,
    /// How much of the throughput's variation it explains (R², 1 at most).
    pub r2: f64,
    /// The most calls in flight that it was fitted to.
    pub most: f64,
}

/// The concurrency at which the most is done.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Best {
    /// There.
    At(f64),
    /// Nowhere up to this: more would do more.
    Rising(f64),
    /// Anywhere: more calls in flight change nothing.
    Flat,
}

impl Usl {
    /// Throughput with so many in flight, per second.
    pub fn at(&self, n: f64) -> f64 {
        self.lambda * n / self.slowness(n)
    }

    /// How many times as long a call takes with so many in flight as alone.
    pub fn slowness(&self, n: f64) -> f64 {
        1.0 + self.sigma * (n - 1.0) + self.kappa * n * (n - 1.0)
    }

    /// `√((1-σ)/κ)`; nothing where throughput never falls.
    pub fn best(&self) -> Option<f64> {
        (self.kappa > 0.0).then(|| ((1.0 - self.sigma).max(0.0) / self.kappa).sqrt().max(1.0))
    }

    /// Where power, `X(n)` divided by how long a call takes, is greatest: the knee. It is the root of
    /// `3κn² + (σ-κ)n - (1-σ)`; nothing where each call more costs nothing.
    pub fn knee(&self) -> Option<f64> {
        let (a, b, c) = (3.0 * self.kappa, self.sigma - self.kappa, self.sigma - 1.0);
        if c >= 0.0 {
            return Some(1.0);
        }
        // In this form it holds for κ = 0 as well.
        let below = b + (b * b - 4.0 * a * c).sqrt();
        (below > 0.0).then(|| (-2.0 * c / below).max(1.0))
    }
}

impl Fitted {
    /// The best concurrency within what was measured.
    pub fn best(&self) -> Best {
        let (alone, full) = (self.law.at(1.0), self.law.at(self.most));
        match self.law.best() {
            Some(best) if best <= self.most => Best::At(best),
            _ if (full - alone).abs() <= 0.01 * alone => Best::Flat,
            _ => Best::Rising(self.most),
        }
    }
}

impl fmt::Display for Best {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Best::At(best) => write!(f, "{best:.1}"),
            Best::Rising(most) => write!(f, "no best: still rising at {most:.0} in flight"),
            Best::Flat => f.write_str("no best: more in flight changes nothing"),
        }
    }
}

/// Fits a law to pairs of calls in flight and throughput per second. Pairs without either are left
/// out.
///
/// # Errors
///
/// Says what is missing where fewer than three different concurrencies were measured: any law of
/// three numbers would fit those.
pub fn fit(pairs: &[(f64, f64)]) -> Result<Fitted, String> {
    let there = |it: &&(f64, f64)| it.0 > 0.0 && it.1 > 0.0 && it.0.is_finite() && it.1.is_finite();
    let pairs: Vec<(f64, f64)> = pairs.iter().filter(there).copied().collect();
    let mut sizes: Vec<f64> = pairs.iter().map(|(n, _)| *n).collect();
    sizes.sort_by(f64::total_cmp);
    // Runs of one size differ by their ends; that does not make them two sizes.
    sizes.dedup_by(|later, first| *later < *first * 1.05);
    if sizes.len() < 3 {
        return Err(format!(
            "no law: {} different concurrencies were measured, and it takes 3; sweep more sizes",
            sizes.len()
        ));
    }
    let most = pairs.iter().map(|(n, _)| *n).fold(0.0, f64::max);
    let sets = [[true, false, false], [true, true, false], [true, false, true], [true; 3]];
    let fits = sets.into_iter().filter_map(|free| refine(&pairs, free));
    let best = fits.min_by(|a, b| a.1.total_cmp(&b.1));
    let (terms, squares) = best.ok_or("no law: no throughput was measured")?;
    let law =
        Usl { lambda: 1.0 / terms[0], sigma: terms[1] / terms[0], kappa: terms[2] / terms[0] };
    Ok(Fitted { law, r2: explained(&pairs, squares), most })
}

fn explained(pairs: &[(f64, f64)], squares: f64) -> f64 {
    let mean = pairs.iter().map(|(_, x)| x).sum::<f64>() / pairs.len() as f64;
    let all: f64 = pairs.iter().map(|(_, x)| (x - mean) * (x - mean)).sum();
    // Where throughput is the same throughout there is nothing to explain.
    if all <= 1e-9 * mean * mean { 1.0 } else { 1.0 - squares / all }
}

/// Of `n / X(n)` in 1, n-1 and n(n-1), those that are free: the least squares of throughput.
fn refine(pairs: &[(f64, f64)], free: [bool; 3]) -> Option<([f64; 3], f64)> {
    let mut terms = start(pairs, free)?;
    let mut squares = misses(pairs, terms);
    let mut damping = 1e-3;
    for _ in 0..200 {
        let (mut matrix, right) = nonneg::normal(&slopes(pairs, terms));
        for (i, row) in matrix.iter_mut().enumerate() {
            row[i] *= 1.0 + damping;
        }
        let Some(step) = nonneg::solve_free(matrix, right, free) else { break };
        let next = [terms[0] + step[0], terms[1] + step[1], terms[2] + step[2]];
        let legal = next[0] > 0.0 && next[1] >= 0.0 && next[2] >= 0.0;
        let reached = if legal { misses(pairs, next) } else { f64::INFINITY };
        if reached <= squares {
            let done = squares - reached <= 1e-15 * squares;
            (terms, squares) = (next, reached);
            damping = (damping / 10.0_f64).max(1e-12);
            if done {
                break;
            }
        } else {
            damping *= 10.0;
            if damping > 1e12 {
                break;
            }
        }
    }
    Some((terms, squares))
}

/// The linear fit, each pair counting so that it is the throughput's error that is small.
fn start(pairs: &[(f64, f64)], free: [bool; 3]) -> Option<[f64; 3]> {
    let equation = |&(n, x): &(f64, f64)| {
        let row = columns(n);
        let row = [0, 1, 2].map(|i| if free[i] { row[i] } else { 0.0 });
        Equation { row, value: n / x, weight: (x * x / n).powi(2) }
    };
    let equations: Vec<_> = pairs.iter().map(equation).collect();
    let terms = nonneg::solve(&equations);
    (terms[0] > 0.0).then_some(terms)
}

fn columns(n: f64) -> [f64; 3] {
    [1.0, n - 1.0, n * (n - 1.0)]
}

fn misses(pairs: &[(f64, f64)], terms: [f64; 3]) -> f64 {
    pairs.iter().map(|&(n, x)| (x - n / nonneg::dot(columns(n), terms)).powi(2)).sum()
}

/// How throughput moves with each term, and what is left to explain.
fn slopes(pairs: &[(f64, f64)], terms: [f64; 3]) -> Vec<Equation> {
    let one = |&(n, x): &(f64, f64)| {
        let below = nonneg::dot(columns(n), terms);
        let row = columns(n).map(|column| -n / (below * below) * column);
        Equation { row, value: x - n / below, weight: 1.0 }
    };
    pairs.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::rng::Rng;

    const SIZES: [f64; 8] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0];
    const LAW: Usl = Usl { lambda: 20.0, sigma: 0.02, kappa: 0.0005 };

    fn exact(law: Usl) -> Vec<(f64, f64)> {
        SIZES.iter().map(|n| (*n, law.at(*n))).collect()
    }

    fn near(found: f64, was: f64, within: f64) {
        assert!((found - was).abs() <= within * was.abs(), "{found} for {was}");
    }

    #[test]
    fn exact_data_give_the_law_back() {
        for law in [
            LAW,
            Usl { lambda: 955.0, sigma: 0.3, kappa: 0.01 },
            Usl { lambda: 0.2, sigma: 0.0, kappa: 0.002 },
        ] {
            let found = fit(&exact(law)).unwrap();
            near(found.law.lambda, law.lambda, 1e-6);
            near(found.law.kappa, law.kappa, 1e-6);
            assert!((found.law.sigma - law.sigma).abs() < 1e-6, "{found:?}");
            near(found.r2, 1.0, 1e-9);
        }
    }

    /// The measurements of a real server that Gunther's law is usually shown on (Schwartz:
    /// "Practical Scalability Analysis with the Universal Scalability Law", 2015), with the
    /// parameters that are published for them.
    #[test]
    fn published_measurements_give_the_published_law() {
        let cisco = [
            (1.0, 955.16),
            (2.0, 1878.91),
            (3.0, 2688.01),
            (4.0, 3548.68),
            (5.0, 4315.54),
            (6.0, 5130.43),
            (7.0, 5931.37),
            (8.0, 6531.08),
            (9.0, 7219.8),
            (10.0, 7867.61),
            (11.0, 8278.71),
            (12.0, 8646.7),
            (13.0, 9047.84),
            (14.0, 9426.55),
            (15.0, 9645.37),
            (16.0, 9897.24),
            (17.0, 10097.6),
            (18.0, 10240.5),
            (19.0, 10532.39),
            (20.0, 10798.52),
            (21.0, 11151.43),
            (22.0, 11518.63),
            (23.0, 11806.0),
            (24.0, 12089.37),
            (25.0, 12075.41),
            (26.0, 12177.29),
            (27.0, 12211.41),
            (28.0, 12158.93),
            (29.0, 12155.27),
            (30.0, 12118.04),
            (31.0, 12140.4),
            (32.0, 12074.39),
        ];
        let found = fit(&cisco).unwrap();
        near(found.law.lambda, 995.6486, 1e-4);
        near(found.law.sigma, 0.026_715_91, 1e-4);
        near(found.law.kappa, 7.690_945e-4, 1e-4);
        assert!(matches!(found.best(), Best::Rising(_)), "its best of 35 is beyond 32: {found:?}");
    }

    #[test]
    fn five_percent_of_noise_moves_the_best_by_less_than_a_fifth() {
        let best = LAW.best().unwrap();
        for seed in 0..200 {
            let mut rng = Rng::new(seed);
            // Three runs of each size, each off by up to 5 %.
            let noisy = |_: u64| exact(LAW).into_iter().collect::<Vec<_>>();
            let mut pairs: Vec<_> = (0..3).flat_map(noisy).collect();
            for (_, x) in &mut pairs {
                *x *= 0.95 + 0.1 * rng.unit();
            }
            let found = fit(&pairs).unwrap();
            let Best::At(at) = found.best() else { panic!("seed {seed}: {found:?}") };
            near(at, best, 0.2);
            assert!(found.r2 > 0.9, "seed {seed}: {found:?}");
        }
    }

    #[test]
    fn no_other_law_nearby_explains_noisy_data_better() {
        let mut rng = Rng::new(7);
        let mut pairs = exact(LAW);
        for (_, x) in &mut pairs {
            *x *= 0.9 + 0.2 * rng.unit();
        }
        let miss = |law: Usl| pairs.iter().map(|(n, x)| (x - law.at(*n)).powi(2)).sum::<f64>();
        let Usl { lambda, sigma, kappa } = fit(&pairs).unwrap().law;
        let least = miss(Usl { lambda, sigma, kappa });
        for i in 0..27 {
            let step = |by: u32| 0.99 + 0.01 * f64::from(i / by % 3);
            let other =
                Usl { lambda: lambda * step(1), sigma: sigma * step(3), kappa: kappa * step(9) };
            assert!(miss(other) >= least * (1.0 - 1e-9), "{other:?}");
        }
    }

    #[test]
    fn without_coherency_throughput_is_said_to_rise_still() {
        let found = fit(&exact(Usl { kappa: 0.0, ..LAW })).unwrap();
        assert_eq!(found.best(), Best::Rising(128.0));
        assert_eq!(found.best().to_string(), "no best: still rising at 128 in flight");
        let linear = fit(&exact(Usl { sigma: 0.0, kappa: 0.0, lambda: 3.0 })).unwrap();
        assert_eq!(linear.best(), Best::Rising(128.0));
    }

    #[test]
    fn a_best_beyond_what_was_measured_is_none() {
        let found = fit(&exact(Usl { kappa: 0.000_01, ..LAW })).unwrap();
        assert_eq!(found.best(), Best::Rising(128.0));
    }

    #[test]
    fn flat_throughput_has_no_best() {
        let flat: Vec<_> = SIZES.iter().map(|n| (*n, 50.0)).collect();
        let found = fit(&flat).unwrap();
        assert_eq!(found.best(), Best::Flat, "{found:?}");
    }

    #[test]
    fn throughput_that_only_falls_is_best_with_one_at_a_time() {
        let falling: Vec<_> = SIZES.iter().map(|n| (*n, 50.0 / n)).collect();
        assert_eq!(fit(&falling).unwrap().best(), Best::At(1.0));
    }

    #[test]
    fn too_few_concurrencies_make_no_law() {
        for pairs in [vec![], vec![(4.0, 9.0); 5], vec![(1.0, 2.0), (4.0, 9.0), (4.1, 9.0)]] {
            let error = fit(&pairs).unwrap_err();
            assert!(error.contains("sweep more sizes"), "{error}");
        }
    }

    #[test]
    fn the_knee_of_a_law_is_where_its_power_is_greatest() {
        for law in [
            LAW,
            Usl { lambda: 955.0, sigma: 0.3, kappa: 0.01 },
            Usl { lambda: 1.0, sigma: 0.0, kappa: 0.002 },
            Usl { lambda: 1.0, sigma: 0.1, kappa: 0.0 },
            Usl { lambda: 1.0, sigma: 1.0, kappa: 0.0 },
        ] {
            let power = |n: f64| law.at(n) / law.slowness(n);
            let searched = (100..20_000).map(|n| f64::from(n) / 100.0);
            let searched = searched.max_by(|a, b| power(*a).total_cmp(&power(*b))).unwrap();
            near(law.knee().unwrap(), searched, 0.001);
        }
        assert_eq!(Usl { lambda: 1.0, sigma: 0.0, kappa: 0.0 }.knee(), None);
    }
}
