//! A sweep that is played, beside the law of the server behind it.

#![cfg(feature = "lab")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

use std::sync::Arc;

use rampmeter_lab::lab::curves::{Knee, Usl, curves};
use rampmeter_lab::lab::play::play;
use rampmeter_lab::lab::scenario::{built_in, read};
use rampmeter_lab::lab::{Clock, Entry, Job, Regime, Script, Study};

#[test]
fn the_law_of_a_server_is_found_through_either_regime() {
    let texts = built_in();
    let (name, text) = texts.iter().find(|(name, _)| *name == "curves/knee").unwrap();
    let mut scenario = read(&format!("{name}.toml"), text).unwrap_or_else(|it| panic!("{it}"));
    scenario.loads[0].turns = Some(400);
    let server = &scenario.servers[0];
    let law = Usl { lambda: 20.0, sigma: server.sigma, kappa: server.kappa };
    let scenario = Arc::new(scenario);
    let mut study = Study::default();
    for regime in [Regime::Semaphore, Regime::Rampmeter] {
        for size in [1, 2, 4, 6, 8, 10, 12, 16, 20, 24, 32, 48] {
            for seed in [1, 2, 3] {
                let (clock, size) = (Clock::Virtual, Some(size));
                let job = Job { scenario: scenario.name.clone(), regime, seed, clock, size };
                let script = Arc::new(Script::of(&scenario, seed));
                let played = play(&scenario, &script, &job);
                study.entries.push(Entry { scenario: scenario.clone(), script, played });
            }
        }
    }
    let curves = curves(&study);
    assert_eq!(curves.len(), 2);
    for curve in curves {
        let fitted = curve.fit.unwrap();
        // Three seeds of 400 exponential draws have a mean that is 3 % off, and what is left at
        // the end runs with fewer inside.
        let near = |found: f64, was: f64| (found / was - 1.0).abs() < 0.1;
        assert!(near(fitted.law.lambda, law.lambda), "{fitted:?}");
        assert!(near(fitted.law.at(22.0), law.at(22.0)), "{fitted:?}");
        assert!(fitted.r2 > 0.98, "{fitted:?}");
        let best = curve.best_by_fit.unwrap();
        assert!(near(best.median, law.best().unwrap()), "{best:?} for {:?}", law.best());
        assert_eq!(curve.fitted_seeds, (3, 3));
        assert!(matches!(curve.best_by_search, Some(20 | 24)), "{:?}", curve.best_by_search);
        assert!(
            matches!(curve.knee, Some(Knee::At(8..=10))),
            "{:?} for {:?}",
            curve.knee,
            law.knee()
        );
    }
}
