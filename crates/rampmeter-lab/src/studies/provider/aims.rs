//! What a gate must reach: data, which was there before the first run.

use serde::Deserialize;
use serde_json::Value;

use super::scene::Variation;

const AIMS: &str = include_str!("aims.toml");

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Aims {
    exact: Aim,
    estimated: Aim,
    other_user: Aim,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Aim {
    /// Of the most that the provider could admit in ten windows.
    admitted_at_least: Option<f64>,
    /// Calls turned away, all in all.
    throttled_at_most: Option<u64>,
    /// Calls turned away in any one window.
    throttled_a_window_at_most: Option<u64>,
    /// Calls turned away though an answer since somebody else's bite had been heard.
    throttled_after_a_header_at_most: Option<u64>,
    /// The share of requests turned away after the first window.
    throttled_share_at_most: Option<f64>,
}

pub(super) fn read() -> Result<Aims, String> {
    toml_edit::de::from_str(AIMS).map_err(|error| format!("aims.toml: {error}"))
}

impl Aims {
    /// The aims that a row misses, in words.
    pub(super) fn missed(&self, variation: Variation, row: &Value) -> Vec<String> {
        let aim = match variation {
            Variation::Exact | Variation::Unheard => &self.exact,
            Variation::Estimated | Variation::EstimatedUnheard => &self.estimated,
            Variation::OtherUser | Variation::OtherUserSteady => &self.other_user,
        };
        let figure = |name: &str| row[name].as_f64().unwrap_or(f64::NAN);
        let mut missed = Vec::new();
        let mut must = |holds: bool, said: String| {
            if !holds {
                missed.push(said);
            }
        };
        if let Some(least) = aim.admitted_at_least {
            let share = figure("admitted_of_the_most");
            must(share >= least, format!("admitted {share} of the most, aim {least}"));
        }
        if let Some(most) = aim.throttled_at_most {
            let throttled = figure("throttled");
            must(throttled <= most as f64, format!("{throttled} throttled, aim {most}"));
        }
        if let Some(most) = aim.throttled_a_window_at_most {
            let windows = row["throttled_a_window"].as_array().into_iter().flatten();
            let worst = windows.filter_map(Value::as_u64).max().unwrap_or(0);
            must(worst <= most, format!("{worst} throttled in a window, aim {most}"));
        }
        if let Some(most) = aim.throttled_after_a_header_at_most {
            let after = figure("throttled_after_a_header");
            must(after <= most as f64, format!("{after} throttled after a header, aim {most}"));
        }
        if let Some(most) = aim.throttled_share_at_most {
            let share = figure("throttled_after_the_first_window") / figure("requests");
            must(share <= most, format!("{share:.4} throttled after the first window, aim {most}"));
        }
        let whole = row["answered"] == row["calls"] && row["errors_count"] == 0;
        must(whole, format!("{} of {} calls were answered", row["answered"], row["calls"]));
        let kept = row["breaches"].as_array().is_some_and(Vec::is_empty);
        must(kept, "the provider let its own quotas be exceeded".into());
        missed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_aim_is_missed_by_what_misses_it_and_by_nothing_else() {
        let aims = read().unwrap();
        let row = |share: f64, windows: [u64; 2], answered: u64| {
            json!({"admitted_of_the_most": share, "throttled": windows[0] + windows[1],
                "throttled_a_window": windows, "throttled_after_the_first_window": windows[1],
                "throttled_after_a_header": 0, "requests": 100, "calls": 90, "answered": answered, "errors_count": 0,
                "breaches": []})
        };
        let exact = |row: &Value| aims.missed(Variation::Exact, row).len();
        assert_eq!(exact(&row(0.99, [0, 0], 90)), 0);
        assert_eq!(exact(&row(0.97, [0, 0], 90)), 1);
        assert_eq!(exact(&row(0.99, [1, 0], 90)), 1);
        assert_eq!(exact(&row(0.99, [0, 0], 89)), 1);
        let estimated = |row: &Value| aims.missed(Variation::Estimated, row).len();
        assert_eq!(estimated(&row(0.5, [7, 1], 90)), 0);
        assert_eq!(estimated(&row(0.5, [7, 2], 90)), 1);
        let other = |row: &Value| aims.missed(Variation::OtherUser, row).len();
        assert_eq!(other(&row(0.5, [1, 1], 90)), 0);
        assert_eq!(other(&row(0.5, [1, 2], 90)), 1);
    }
}
