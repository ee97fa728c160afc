//! Short calls in the gaps that claims leave.

use crate::bench::{Job, Workbench, draw, percentile};
use crate::slots;

const SECONDS: u64 = 200;

/// What one way of claiming did to forty workloads.
#[derive(Default, Debug)]
struct Figures {
    uses: Vec<f64>,
    starts: usize,
    /// Median waits of the kinds that need several limits or several slots.
    claimants: Vec<u64>,
    worst: u64,
}

/// Eight kinds of calls over four limits; a third of them take 50 to 100 ms, a third 0.5 to 1 s,
/// a third 2 to 4 s. Six of each kind are always asked for.
fn mixed(backfill: bool) -> Figures {
    let mut figures = Figures::default();
    for seed in 0..40u64 {
        let state = &mut (seed ^ 0xBF);
        let sizes: Vec<u64> = (0..4).map(|_| [2, 4, 8, 16][draw(state, 4) as usize]).collect();
        let limits = ["L0", "L1", "L2", "L3"].iter().zip(&sizes);
        let mut bench = Workbench::new(limits.map(|(name, size)| (*name, slots(*size))).collect());
        if !backfill {
            bench = bench.without_backfill();
        }
        bench.closed = |job, seed| {
            let (least, most) = [(50, 100), (500, 1_000), (2_000, 4_000)][job.class % 3];
            let state = &mut (seed ^ (job.class as u64) << 32);
            Some(Job { runs_ms: least + draw(state, most - least), ..*job })
        };
        let mut kinds = Vec::new();
        for kind in 0..8usize {
            let many = [1, 1, 2, 2, 3][draw(state, 5) as usize];
            let mut free = vec![0u16, 1, 2, 3];
            let mut draws = [None; 3];
            for place in draws.iter_mut().take(many) {
                let limit = free.remove(draw(state, free.len() as u64) as usize);
                let most = (sizes[usize::from(limit)] / 2).max(1);
                *place = Some((limit, 1 + draw(state, most)));
            }
            let (priority, class) = (draw(state, 4) as u8, kind);
            let job = Job { class, flow: kind as u64, priority, draws, runs_ms: 75 };
            kinds.push(job);
            for _ in 0..6 {
                bench.arrives(0, job);
            }
        }
        bench.run(SECONDS * 1_000);
        for job in &kinds {
            let waits = bench.waits(job.class, 0);
            figures.starts += bench.started(job.class);
            figures.worst = figures.worst.max(percentile(&waits, 100));
            let draws: Vec<_> = job.draws.iter().flatten().collect();
            if draws.len() > 1 || draws[0].1 > 1 {
                figures.claimants.push(percentile(&waits, 50));
            }
        }
        let used =
            |it: &u16| kinds.iter().any(|job| job.draws.iter().flatten().any(|d| d.0 == *it));
        let used = (0..4u16).filter(used);
        figures.uses.extend(used.map(|limit| bench.use_of(limit, sizes[usize::from(limit)])));
    }
    figures.claimants.sort_unstable();
    figures
}

fn mean(figures: &[f64]) -> f64 {
    figures.iter().sum::<f64>() / figures.len() as f64
}

#[test]
fn short_calls_use_the_gaps_that_claims_leave_and_claimants_wait_no_longer() {
    let (with, without) = (mixed(true), mixed(false));
    let middle =
        |figures: &Figures| figures.claimants.iter().sum::<u64>() / figures.claimants.len() as u64;
    for (name, figures) in [("with", &with), ("without", &without)] {
        println!(
            "{name} backfill: use {:.3}, {} starts, claimants' median waits {} ms in the mean, longest wait {} ms",
            mean(&figures.uses),
            figures.starts,
            middle(figures),
            figures.worst
        );
    }
    assert!(mean(&with.uses) > mean(&without.uses));
    assert!(middle(&with) <= middle(&without));
}
