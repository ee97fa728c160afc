//! The few figures that curves need, until the real ones are there.

use crate::lab::study::Entry;

pub(crate) struct Figure(String);

impl Figure {
    pub(crate) fn parse(text: &str) -> Result<Figure, String> {
        Ok(Figure(text.to_owned()))
    }

    pub(crate) fn of(&self, entry: &Entry) -> Option<f64> {
        let records = &entry.played.records;
        let good = records.iter().filter(|record| record.status.is_good());
        let mut latencies: Vec<u64> = good.filter_map(|it| Some(it.answered? - it.asked)).collect();
        latencies.sort_unstable();
        let at = |share: f64| {
            let place = (share * latencies.len() as f64).ceil().max(1.0);
            Some(*latencies.get(crate::sim::rng::whole(place - 1.0) as usize)? as f64 / 1e9)
        };
        let answered = records.iter().filter_map(|it| it.answered);
        let seconds = answered.clone().max()? as f64 / 1e9;
        match self.0.as_str() {
            "p50" => at(0.5),
            "p95" => at(0.95),
            "p99" => at(0.99),
            "max" => at(1.0),
            "throughput" => Some(answered.count() as f64 / seconds),
            "goodput" => Some(latencies.len() as f64 / seconds),
            "memory" => Some(entry.played.facts.held_bytes_peak as f64),
            _ => Some(*entry.played.facts.gate_peaks.values().max()? as f64),
        }
    }
}
