//! Shares by flow, against what flows are entitled to.

use std::collections::BTreeMap;

use super::super::super::data::{Bar, Cell, Group, Picture};
use super::super::curves::axis;
use super::super::plays::Plays;
use crate::lab::Regime;
use crate::lab::figures::{FlowShare, Unit, shares_by_flow, show};

/// More flows than this that only differ by their number are one row.
const TOLD_APART: usize = 4;

/// Of scenarios in which there is somebody to be compared with; the first seed's.
pub(super) fn picture(plays: &Plays<'_>) -> Option<Picture> {
    let mut groups: Vec<Group> = Vec::new();
    let mut rows = Vec::new();
    let mut without = Vec::new();
    for (regime, entries) in &plays.regimes {
        let shares = shares_by_flow(entries.first()?);
        if shares.is_empty() {
            without.push(regime.as_str());
        }
        rows.extend(shares.iter().map(|share| row(share, *regime)));
        for (name, share, entitled) in together(&shares) {
            let bar = Bar {
                name: regime.to_string(),
                ink: super::ink(*regime),
                value: Some(share),
                other: None,
                tick: Some(entitled),
            };
            match groups.iter_mut().find(|group| group.name == name) {
                Some(group) => group.bars.push(bar),
                None => groups.push(Group { name, bars: vec![bar] }),
            }
        }
    }
    let table = super::table(&["Flow", "Priority", "Regime", "Share", "Entitled to"], rows);
    let axis = axis("share, and entitlement", Unit::Share, false);
    (groups.len() > 1).then(|| {
        let mut picture = super::rows(plays, axis, groups, table);
        if !without.is_empty() {
            let without = without.join(", ");
            picture.caption += &format!(
                " No shares under {without}: two flows never asked there for more at once than there was."
            );
        }
        picture
    })
}

fn row(share: &FlowShare, regime: Regime) -> Vec<Cell> {
    vec![
        Cell::word(share.flow.clone()),
        Cell::word(share.priority.clone()),
        Cell::word(regime.as_str()),
        Cell::figure(show(share.share, Unit::Share)),
        Cell::figure(show(share.entitled, Unit::Share)),
    ]
}

/// Names, shares and entitlements: where many flows are alike, theirs together.
fn together(shares: &[FlowShare]) -> Vec<(String, f64, f64)> {
    let mut alike = BTreeMap::<(&str, &str), Vec<&FlowShare>>::new();
    for share in shares {
        alike.entry((stem(&share.flow), &share.priority)).or_default().push(share);
    }
    let mut rows = Vec::new();
    for ((stem, priority), flows) in alike {
        if flows.len() <= TOLD_APART {
            let one = |it: &&FlowShare| (format!("{}, {priority}", it.flow), it.share, it.entitled);
            rows.extend(flows.iter().map(one));
        } else {
            let name = format!("{} × {stem}, {priority}", flows.len());
            let sum = |of: fn(&&FlowShare) -> f64| flows.iter().map(of).sum();
            rows.push((name, sum(|it| it.share), sum(|it| it.entitled)));
        }
    }
    rows
}

/// A flow's name without its number.
fn stem(flow: &str) -> &str {
    flow.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end_matches('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flows_that_are_alike_are_told_apart_only_if_they_are_few() {
        let share = |flow: String| FlowShare {
            flow,
            priority: "high".to_owned(),
            share: 0.125,
            entitled: 0.1,
        };
        let few: Vec<_> = (0..4).map(|at| share(format!("user-{at}"))).collect();
        assert_eq!(together(&few).len(), 4);
        let mut many: Vec<_> = (0..5).map(|at| share(format!("user-{at}"))).collect();
        many.push(share("batch".to_owned()));
        let rows = together(&many);
        assert_eq!(rows[0].0, "batch, high");
        assert_eq!((rows[1].0.as_str(), rows[1].1), ("5 × user, high", 0.625));
    }
}
