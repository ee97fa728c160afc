//! What each flow holds while there is not enough for all, and what it is entitled to.
//!
//! At every instant a flow demands a slot for each of its calls that are asked for and not answered.
//! While at least two flows demand any and together they demand more slots than there are (the permits
//! of the scenario's semaphore, or the playing's size), those in use, up to that number, are divided:
//! first between priorities by weight, then between the flows of each by weight, to nobody more than it
//! demands, and what one leaves goes to the others (max-min fairness; Bertsekas and Gallager, _Data
//! Networks_, 6.5.2). A flow's entitlement is the sum of that over time; what it held is the time that
//! its runs were open. Of flows that got `x` times their entitlement each, Jain's index is
//! `(Σx)² / (n·Σx²)` (Jain, Chiu, Hawe 1984): 1 if all got alike, `1/n` if one got everything.

use std::collections::BTreeMap;

use super::super::study::Entry;
use super::calls::of_script;
use super::scope::Picked;

/// What one flow held, at one priority.
#[derive(Clone, PartialEq, Debug)]
pub struct FlowShare {
    /// The flow.
    pub flow: String,
    /// Its priority.
    pub priority: String,
    /// Its part of all the slot-seconds that were held while there was not enough for all.
    pub share: f64,
    /// The part that it was entitled to.
    pub entitled: f64,
}

/// By flow, in the order of priorities' and flows' names; empty if there was always enough for all.
pub fn shares_by_flow(entry: &Entry) -> Vec<FlowShare> {
    let ledger = Ledger::of(entry);
    let held: f64 = ledger.flows.iter().map(|flow| flow.held).sum();
    let entitled: f64 = ledger.flows.iter().map(|flow| flow.entitled).sum();
    if held == 0.0 || entitled == 0.0 {
        return Vec::new();
    }
    let share = |flow: &Flow<'_>| FlowShare {
        flow: flow.name.to_owned(),
        priority: flow.priority.to_owned(),
        share: flow.held / held,
        entitled: flow.entitled / entitled,
    };
    ledger.flows.iter().map(share).collect()
}

/// The part of those flows.
pub(super) fn share(entry: &Entry, picked: &Picked) -> Option<f64> {
    let ledger = Ledger::of(entry);
    let all: f64 = ledger.flows.iter().map(|flow| flow.held).sum();
    let picked = ledger.picked(picked)?;
    (all > 0.0).then(|| picked.map(|flow| flow.held).sum::<f64>() / all)
}

/// Jain's index of what those flows got of their entitlement.
pub(super) fn fairness(entry: &Entry, picked: &Picked) -> Option<f64> {
    let ledger = Ledger::of(entry);
    let entitled = ledger.picked(picked)?.filter(|flow| flow.entitled > 0.0);
    let got: Vec<f64> = entitled.map(|flow| flow.held / flow.entitled).collect();
    let sum: f64 = got.iter().sum();
    let squares: f64 = got.iter().map(|got| got * got).sum();
    (squares > 0.0).then(|| sum * sum / (got.len() as f64 * squares))
}

struct Ledger<'a> {
    flows: Vec<Flow<'a>>,
    /// The flow of each turn.
    of_turn: Vec<usize>,
}

/// A flow at one priority.
struct Flow<'a> {
    name: &'a str,
    priority: &'a str,
    /// Which of the priorities that there are, and its weight.
    class: usize,
    class_weight: f64,
    weight: f64,
    demand: f64,
    open: f64,
    held: f64,
    entitled: f64,
}

#[derive(Clone, Copy)]
enum What {
    Demand(f64),
    Open(f64),
}

impl<'a> Ledger<'a> {
    fn of(entry: &'a Entry) -> Ledger<'a> {
        let mut ledger = Ledger::empty(entry);
        let slots = entry.played.job.size.unwrap_or(u64::from(entry.scenario.semaphore)) as f64;
        let events = ledger.events(entry);
        let mut division = Division::new(&ledger.flows);
        for (at, (moment, flow, what)) in events.iter().enumerate() {
            let Some(flow) = ledger.flows.get_mut(*flow) else { continue };
            match what {
                What::Demand(more) => flow.demand += more,
                What::Open(more) => flow.open += more,
            }
            let lasts = events.get(at + 1).map_or(0, |(next, ..)| next - moment);
            if lasts > 0 {
                division.add(&mut ledger.flows, slots, lasts as f64 / 1e9);
            }
        }
        ledger
    }

    fn empty(entry: &'a Entry) -> Ledger<'a> {
        let turns = &entry.script.turns;
        let names = turns.iter().map(|turn| (turn.priority.as_str(), turn.flow.as_str()));
        let mut places: BTreeMap<(&str, &str), usize> =
            names.clone().map(|name| (name, 0)).collect();
        let policy = &entry.scenario.policy;
        let mut flows: Vec<Flow<'a>> = Vec::new();
        for ((priority, name), place) in &mut places {
            *place = flows.len();
            let class =
                flows.last().map_or(0, |last| last.class + usize::from(last.priority != *priority));
            let class_weight = policy.priorities.iter().find(|it| it.name == *priority);
            let weight = policy.flows.iter().find(|it| it.name == *name);
            flows.push(Flow {
                name,
                priority,
                class,
                class_weight: class_weight.map_or(1.0, |it| f64::from(it.weight)),
                weight: weight.map_or(1.0, |it| f64::from(it.weight)),
                demand: 0.0,
                open: 0.0,
                held: 0.0,
                entitled: 0.0,
            });
        }
        let of_turn = names.map(|name| places.get(&name).copied().unwrap_or(0)).collect();
        Ledger { flows, of_turn }
    }

    /// Each change of what flows demand and hold, in order of time.
    fn events(&self, entry: &Entry) -> Vec<(u64, usize, What)> {
        let ended = entry.played.facts.ended;
        let mut events = Vec::new();
        for (record, call) in of_script(entry) {
            let Some(flow) = self.of_turn.get(call.turn).copied() else { continue };
            let mut span = |from: u64, to: u64, what: fn(f64) -> What| {
                if from < to {
                    events.push((from, flow, what(1.0)));
                    events.push((to, flow, what(-1.0)));
                }
            };
            span(record.asked, record.answered.unwrap_or(ended), What::Demand);
            for run in &record.runs {
                span(run.started, run.ended, What::Open);
            }
        }
        events.sort_by_key(|(moment, ..)| *moment);
        events
    }

    /// The flows that are meant: nothing where calls of a tool or a server are.
    fn picked(&self, picked: &Picked) -> Option<impl Iterator<Item = &Flow<'a>>> {
        let meant: Vec<bool> = match picked {
            Picked::Tools(_) => return None,
            Picked::All => vec![true; self.flows.len()],
            Picked::Turns(turns) => {
                let mut meant = vec![false; self.flows.len()];
                for (flow, _) in self.of_turn.iter().zip(turns).filter(|(_, picked)| **picked) {
                    meant[*flow] = true;
                }
                meant
            }
        };
        Some(self.flows.iter().zip(meant).filter(|(_, meant)| *meant).map(|(flow, _)| flow))
    }
}

/// Divides slots, in room that is kept from one instant to the next.
struct Division {
    classes: Vec<Part>,
    flows: Vec<Part>,
}

/// Somebody among whom something is divided.
#[derive(Clone, Copy)]
struct Part {
    /// The flow or the class that it is.
    of: usize,
    weight: f64,
    demand: f64,
    given: f64,
}

impl Division {
    fn new(flows: &[Flow<'_>]) -> Division {
        let classes = flows.last().map_or(0, |last| last.class + 1);
        let none = Part { of: 0, weight: 0.0, demand: 0.0, given: 0.0 };
        Division { classes: vec![none; classes], flows: Vec::new() }
    }

    /// Adds what flows hold and are entitled to for so many seconds, if there is not enough for all.
    fn add(&mut self, flows: &mut [Flow<'_>], slots: f64, seconds: f64) {
        let demanding = flows.iter().filter(|flow| flow.demand > 0.0);
        let (count, demand) = demanding.fold((0, 0.0), |(n, sum), flow| (n + 1, sum + flow.demand));
        if count < 2 || demand <= slots {
            return;
        }
        let open: f64 = flows.iter().map(|flow| flow.open).sum();
        for (at, class) in self.classes.iter_mut().enumerate() {
            *class = Part { of: at, weight: 0.0, demand: 0.0, given: 0.0 };
        }
        for flow in &mut *flows {
            flow.held += flow.open * seconds;
            let class = &mut self.classes[flow.class];
            class.weight = flow.class_weight;
            class.demand += flow.demand;
        }
        divide(open.min(slots), &mut self.classes);
        for class in &self.classes {
            let all = flows.iter().enumerate().filter(|(_, flow)| flow.class == class.of);
            let part = |(of, flow): (usize, &Flow<'_>)| Part {
                of,
                weight: flow.weight,
                demand: flow.demand,
                given: 0.0,
            };
            self.flows.clear();
            self.flows.extend(all.filter(|(_, flow)| flow.demand > 0.0).map(part));
            divide(class.given, &mut self.flows);
            for part in &self.flows {
                flows[part.of].entitled += part.given * seconds;
            }
        }
    }
}

/// By weight, to nobody more than it demands; what one leaves goes to the others.
fn divide(what: f64, among: &mut [Part]) {
    let mut left = what;
    // Whoever demands less than its part by weight gets all of it, which makes the others' larger.
    let mut open = among;
    loop {
        let weight: f64 = open.iter().map(|part| part.weight).sum();
        let mut still = 0;
        let level = if weight > 0.0 { left / weight } else { 0.0 };
        for at in 0..open.len() {
            let part = &mut open[at];
            if part.demand <= level * part.weight {
                part.given = part.demand;
                left -= part.demand;
            } else {
                part.given = level * part.weight;
                open.swap(still, at);
                still += 1;
            }
        }
        if still == open.len() || still == 0 {
            return;
        }
        open = &mut open[..still];
    }
}
