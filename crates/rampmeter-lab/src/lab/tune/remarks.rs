//! What else there is to know of what was found.

use super::bench::Bench;
use super::knobs::{Knob, What};
use super::space::is_per_flow;
use super::tuned::{TunedAim, TunedKnob};
use super::{Telling, Trial};

impl Telling<'_> {
    pub(super) fn remarks(
        &self,
        bench: &Bench<'_>,
        knobs: &[TunedKnob],
        aims: &[TunedAim],
    ) -> Vec<String> {
        let (found, options) = (self.found, self.options);
        let mut remarks = options.workload.remarks().to_vec();
        remarks.extend(self.trial.remarks());
        let tuned = self.trial.knobs.knobs.iter().zip(knobs);
        remarks.extend(tuned.filter_map(|(knob, tuned)| unseen(self.trial, knob, tuned)));
        if found.goodput == 0.0 {
            remarks.push(format!(
                "no call comes to a good end in time under any limits; does {} fit the workload?",
                options.file
            ));
        }
        if !found.met.0 && self.trial.keeps_good {
            remarks.push(
                "beside the aims, no fewer calls may come to a good end than under the policy as given; \
                 an aim on `good / asked` takes the place of that"
                    .into(),
            );
        } else if found.met == (true, false) {
            remarks.push(format!(
                "the aims hold on {} seeds and not on all of {} fresh ones; give it more seeds, or aims \
                 with more room",
                found.seeds.len(),
                found.fresh.len()
            ));
        }
        if found.again > 0 {
            remarks.push(format!(
                "what met the aims at first did not on fresh seeds: these joined the search, which was \
                 made {} times more, at last {:.0} % away from each bound",
                found.again,
                100.0 * found.margin
            ));
        }
        if let Some((count, why)) = bench.broken() {
            remarks.push(format!("{count} settings could not be played, such as {why}"));
        }
        if found.cut_short {
            remarks.push(format!(
                "the search was cut short: no more than {} settings were to be tried; let it try more, \
                 others may be better",
                options.most
            ));
        } else if found.met.0 && self.is_nothing_to_gain(bench, knobs, aims) {
            remarks.push("no limit and no aim holds goodput back any more".into());
        }
        remarks
    }

    fn is_nothing_to_gain(
        &self,
        bench: &Bench<'_>,
        knobs: &[TunedKnob],
        aims: &[TunedAim],
    ) -> bool {
        let steps = knobs.iter().filter_map(|knob| knob.up.as_ref()).map(|step| step.gain);
        let costs = aims.iter().filter_map(|aim| aim.relaxed.as_ref()).map(|it| it.gain);
        let all_known = knobs.iter().all(|knob| knob.seen.is_none_or(|seen| knob.found <= seen));
        all_known && !bench.is_spent() && steps.chain(costs).fold(0.0, f64::max) < 0.001
    }
}

/// That a limit allows more than a recording has seen.
fn unseen(trial: &Trial<'_>, knob: &Knob, tuned: &TunedKnob) -> Option<String> {
    let seen = tuned.seen.filter(|seen| tuned.found > *seen)?;
    let of = if is_per_flow(knob, trial.policy()) { " of one flow" } else { "" };
    let most = match knob.what {
        What::Slots => format!("{seen} at once{of}"),
        What::Rate(unit, period) => format!("{seen} {}{of} in {period:?}", unit.key()),
    };
    let name = &knob.name;
    Some(format!("{name}: the recording never had more than {most}: above that nothing is known"))
}
