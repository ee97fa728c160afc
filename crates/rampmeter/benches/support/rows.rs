//! Rows: a case, its figures from every round, their median, and what was in force.

use rampmeter::Policy;
use serde_json::{Value, json};

/// One case over all rounds.
pub(crate) struct Row {
    pub(crate) case: String,
    pub(crate) figures: Vec<f64>,
    /// The policy in force, if it is ours.
    policy: Option<String>,
    more: Vec<(&'static str, Value)>,
}

impl Row {
    /// A case of somebody else's.
    pub(crate) fn of(case: &str) -> Row {
        Row { case: case.into(), figures: Vec::new(), policy: None, more: Vec::new() }
    }

    /// A case of ours, under this policy and with one subscriber.
    pub(crate) fn ours(case: &str, policy: &str) -> Row {
        let policy = Policy::parse("bench.toml", policy).unwrap().effective();
        Row { policy: Some(policy), ..Row::of(case) }
    }

    /// Something else that was found.
    pub(crate) fn note(&mut self, name: &'static str, value: impl Into<Value>) {
        let value = value.into();
        match self.more.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = value,
            None => self.more.push((name, value)),
        }
    }

    pub(crate) fn median(&self) -> f64 {
        let mut sorted = self.figures.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
    }
}

/// Prints the rows, each with its ratio to the first one.
pub(crate) fn print(rows: &[Row], unit: &str) {
    let base = rows.first().map_or(f64::NAN, Row::median);
    for row in rows {
        let mut line = json!({
            "case": row.case,
            "unit": unit,
            "median": rounded(row.median(), 1),
            "least": rounded(row.figures.iter().copied().fold(f64::INFINITY, f64::min), 1),
            "ratio": rounded(row.median() / base, 3),
            "ratio_to": rows[0].case,
            "rounds": row.figures.iter().map(|figure| rounded(*figure, 1)).collect::<Vec<_>>(),
            "subscribers": u32::from(row.policy.is_some()),
        });
        for (name, value) in &row.more {
            line[*name] = value.clone();
        }
        line["policy"] = row.policy.clone().into();
        println!("{line}");
    }
}

pub(crate) fn rounded(figure: f64, places: i32) -> f64 {
    let scale = 10f64.powi(places);
    (figure * scale).round() / scale
}
