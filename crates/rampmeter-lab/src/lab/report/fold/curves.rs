//! Latency, goodput and memory against concurrency.

use super::super::data::{
    Axis, Cell, Chart, Drawing, Form, Gallery, Ink, Line, Mark, Picture, Shade, Table,
};
use super::plays::{clock_name, spread};
use crate::lab::curves::{Best, Curve, Knee, Memory, OverSeeds, Point, curves, memory};
use crate::lab::figures::{Unit, show};
use crate::lab::{Regime, Study};

/// With less of R² a law says nothing.
const DESCRIBED: f64 = 0.9;

pub(super) fn galleries(study: &Study) -> Vec<Gallery> {
    let curves = curves(study);
    let same = |a: &Curve, b: &Curve| (&a.scenario, a.clock) == (&b.scenario, b.clock);
    let mut galleries: Vec<Gallery> = curves.chunk_by(same).map(against_concurrency).collect();
    let pictures = memories(&memory(study));
    if !pictures.is_empty() {
        let about = "Each dot is a playing: the most bytes held at once against the most calls inside tools.";
        let title = "Memory against calls in flight".to_owned();
        galleries.push(Gallery { title, about: about.to_owned(), pictures });
    }
    galleries
}

fn against_concurrency(curves: &[Curve]) -> Gallery {
    let of = &curves[0];
    let mut pictures = vec![goodput(curves)];
    // The gate first.
    pictures.extend(curves.iter().rev().map(latency));
    Gallery {
        title: of.scenario.clone(),
        about: format!(
            "The limit `{}` is given one size after the other, in {}.",
            of.limit,
            clock_name(of.clock)
        ),
        pictures,
    }
}

fn goodput(curves: &[Curve]) -> Picture {
    let mut lines = Vec::new();
    let mut marks = Vec::new();
    let mut rows = Vec::new();
    for curve in curves {
        let ink = Ink { regime: Some(curve.regime), dash: 0 };
        lines.push(measured(curve.regime.as_str(), curve, ink, |point| point.goodput));
        rows.extend(curve.points.iter().map(|point| goodput_row(curve, point)));
        rows.extend(constants(curve));
        if curve.regime == Regime::Rampmeter {
            lines.extend(all_answers(curve));
            lines.extend(law(curve));
            let at = curve.best_by_search.map(|best| best as f64);
            marks.extend(at.map(|x| Mark {
                x,
                y: None,
                name: format!("best {}", show(x, Unit::Count)),
            }));
        }
    }
    let head = ["Regime", "Size", "Good of asked", "Throughput", "Goodput", "Inside, mean"];
    Picture {
        title: "Goodput".into(),
        caption: curves.iter().map(best).collect::<Vec<_>>().join(" "),
        drawing: Drawing::Chart(Chart {
            x: axis("size of the limit", Unit::Count, true),
            y: axis("good answers in time", Unit::PerSecond, false),
            lines,
            shades: Vec::new(),
            marks,
        }),
        table: Table { head: head.map(str::to_owned).into(), rows },
    }
}

/// Where the most is done, by search and by the law.
fn best(curve: &Curve) -> String {
    let searched = match (curve.best_by_search, curve.search_spread) {
        (Some(best), Some(over)) if over.least < over.most => {
            let [least, most] = [over.least, over.most].map(|it| show(it, Unit::Count));
            format!("best at {best} by search ({least} to {most} over the seeds)")
        }
        (Some(best), _) if is_edge(curve, best) => {
            format!("best at {best} by search, which is the edge of what was tried")
        }
        (Some(best), _) => format!("best at {best} by search"),
        (None, _) => "no best by search".to_owned(),
    };
    let law = match &curve.fit {
        Err(why) => why.clone(),
        Ok(fit) if fit.r2 < DESCRIBED => {
            format!("the law does not describe it (R² {:.2})", fit.r2)
        }
        Ok(fit) if law(curve).is_none() => format!(
            "the law describes only how fast tools answer while calls are inside them (R² {:.2}); goodput does \
             not follow that here, as it hangs on when calls come or how many are turned away",
            fit.r2
        ),
        Ok(fit) => match fit.best() {
            Best::At(_) => format!("at {} by the law", spread(curve.best_by_fit, Unit::Plain)),
            other => format!("by the law {other}"),
        },
    };
    format!("Under {}: {searched}, {law}.", curve.regime)
}

fn is_edge(curve: &Curve, size: u64) -> bool {
    let mut ends = [curve.points.first(), curve.points.last()].into_iter().flatten();
    curve.points.len() > 1 && size > 1 && ends.any(|point| point.size == size)
}

/// What the law's numbers came to.
fn constants(curve: &Curve) -> Option<Vec<Cell>> {
    let fit = curve.fit.as_ref().ok()?;
    Some(vec![
        Cell::word(format!("{}: the law, inside tools", curve.regime)),
        Cell::figure(""),
        Cell::figure(format!("R² {:.3}", fit.r2)),
        Cell::figure(format!("λ {:.2}/s", fit.law.lambda)),
        Cell::figure(format!("σ {:.4}", fit.law.sigma)),
        Cell::figure(format!("κ {:.5}", fit.law.kappa)),
    ])
}

/// All answers, where they are not as good as all good.
fn all_answers(curve: &Curve) -> Option<Line> {
    let ink = Ink { regime: Some(curve.regime), dash: 2 };
    let differs = |point: &Point| match (point.throughput, point.goodput) {
        (Some(all), Some(good)) => all.median > good.median * 1.05,
        _ => false,
    };
    let some = curve.points.iter().any(differs);
    some.then(|| measured("all answers", curve, ink, |point| point.throughput))
}

fn goodput_row(curve: &Curve, point: &Point) -> Vec<Cell> {
    let figure = |over, unit| Cell::figure(spread(over, unit));
    vec![
        Cell::word(curve.regime.as_str()),
        Cell::figure(point.size.to_string()),
        figure(point.good, Unit::Share),
        figure(point.throughput, Unit::PerSecond),
        figure(point.goodput, Unit::PerSecond),
        figure(point.in_flight, Unit::Plain),
    ]
}

/// The law, up to the most calls inside that it was fitted to. It is about what goes on inside the tools:
/// where that is not what answers depend on, it has nothing to say of them.
fn law(curve: &Curve) -> Option<Line> {
    const STEPS: u32 = 48;
    const NEAR: f64 = 0.1;
    let fit = curve.fit.as_ref().ok().filter(|fit| fit.r2 >= DESCRIBED)?;
    let misses = curve.points.iter().filter_map(|point| {
        let (inside, goodput) = (point.in_flight?.median, point.goodput?.median);
        Some((fit.law.at(inside) / goodput - 1.0).abs())
    });
    OverSeeds::of(misses).filter(|misses| misses.median <= NEAR)?;
    let at = |step: u32| fit.most.powf(f64::from(step) / f64::from(STEPS));
    Some(Line {
        name: "the law".into(),
        ink: Ink { regime: None, dash: 1 },
        form: Form::Line,
        points: (0..=STEPS).map(|step| (at(step), fit.law.at(at(step)))).collect(),
        band: Vec::new(),
    })
}

fn latency(curve: &Curve) -> Picture {
    type Of = fn(&Point) -> Option<OverSeeds>;
    let of: [(&str, u8, Of); 4] = [
        ("p50", 0, |point| point.p50),
        ("p95", 1, |point| point.p95),
        ("p99", 2, |point| point.p99),
        ("max", 3, |point| point.max),
    ];
    let line = |(name, dash, of): (&str, u8, Of)| {
        measured(name, curve, Ink { regime: Some(curve.regime), dash }, of)
    };
    let row = |point: &Point| {
        let figures = of.map(|(_, _, of)| Cell::figure(spread(of(point), Unit::Time)));
        let good = Cell::figure(spread(point.good, Unit::Share));
        [Cell::figure(point.size.to_string()), good].into_iter().chain(figures).collect()
    };
    let knee = match curve.knee {
        Some(Knee::At(size)) => {
            Some(Mark { x: size as f64, y: None, name: format!("knee at {size}") })
        }
        _ => None,
    };
    let about =
        ["Latency from asked to answered.".to_owned(), about_knee(curve), about_good(curve)];
    Picture {
        title: format!("Latency under {}", curve.regime),
        caption: about.join(" ").trim_end().to_owned(),
        drawing: Drawing::Chart(Chart {
            x: axis("size of the limit", Unit::Count, true),
            y: axis("latency", Unit::Time, true),
            lines: of.into_iter().map(line).collect(),
            shades: not_all_good(curve),
            marks: knee.into_iter().collect(),
        }),
        table: Table {
            head: ["Size", "Good of asked", "p50", "p95", "p99", "max"].map(str::to_owned).into(),
            rows: curve.points.iter().map(row).collect(),
        },
    }
}

fn about_knee(curve: &Curve) -> String {
    match curve.knee {
        Some(Knee::At(size)) => format!(
            "The knee is at {size}: from there on each call more at once costs more than it brings."
        ),
        Some(Knee::Largest(size)) => format!(
            "There is no knee: what a call brings for what it costs is still rising at {size}, the largest size \
             tried."
        ),
        Some(Knee::Smallest(size)) => format!(
            "There is no knee: what a call brings for what it costs only falls from {size} on, the smallest \
             size tried."
        ),
        None => String::new(),
    }
}

/// Of calls that nobody answers there is no latency: where few are answered it looks better than it is.
fn about_good(curve: &Curve) -> String {
    let part: Vec<String> = curve
        .points
        .iter()
        .filter(|point| !all_good(point))
        .map(|point| {
            let good = point.good.map_or(f64::NAN, |good| good.median);
            format!("{} at {}", show(good, Unit::Share), point.size)
        })
        .collect();
    match part.as_slice() {
        [] => String::new(),
        part => format!(
            "Where it is grey, not all that was asked for had a good answer (of all: {}), and the latencies are of \
             those alone that had one: compare goodput, too.",
            part.join(", ")
        ),
    }
}

/// What is shown as 100 % is all.
fn all_good(point: &Point) -> bool {
    point.good.is_none_or(|good| good.least >= 0.9995)
}

/// Around the sizes at which not all were answered, half-way to their neighbours.
fn not_all_good(curve: &Curve) -> Vec<Shade> {
    let sizes: Vec<f64> = curve.points.iter().map(|point| point.size as f64).collect();
    let between = |one: usize, other: usize| (sizes[one] * sizes[other]).sqrt();
    let mut shades: Vec<Shade> = Vec::new();
    for at in (0..sizes.len()).filter(|at| !all_good(&curve.points[*at])) {
        let from = between(at.saturating_sub(1), at);
        let until = between(at, (at + 1).min(sizes.len() - 1));
        match shades.last_mut().filter(|last| last.until >= from) {
            Some(last) => last.until = until,
            None => shades.push(Shade { from, until, name: "not all had a good answer".into() }),
        }
    }
    shades
}

fn measured(name: &str, curve: &Curve, ink: Ink, of: fn(&Point) -> Option<OverSeeds>) -> Line {
    let known = curve.points.iter().filter_map(|point| Some((point.size as f64, of(point)?)));
    let known: Vec<(f64, OverSeeds)> = known.collect();
    let spreads = known.iter().any(|(_, over)| over.least < over.most);
    Line {
        name: name.to_owned(),
        ink,
        form: Form::Dots,
        points: known.iter().map(|(size, over)| (*size, over.median)).collect(),
        band: known
            .iter()
            .filter(|_| spreads)
            .map(|(size, over)| (*size, over.least, over.most))
            .collect(),
    }
}

fn memories(all: &[Memory]) -> Vec<Picture> {
    let mut all: Vec<&Memory> = all.iter().collect();
    all.sort_by(|a, b| {
        let key = |it: &Memory| (it.job.scenario.clone(), it.job.clock, it.job.regime);
        key(a).cmp(&key(b)).then(a.in_flight.total_cmp(&b.in_flight))
    });
    let same =
        |a: &&Memory, b: &&Memory| (&a.job.scenario, a.job.clock) == (&b.job.scenario, b.job.clock);
    // One or two dots are no picture.
    let differ = |of: &&[&Memory]| {
        let mut inside: Vec<f64> = of.iter().map(|it| it.in_flight).collect();
        inside.sort_by(f64::total_cmp);
        inside.dedup();
        inside.len() > 2
    };
    all.chunk_by(same).filter(differ).map(of_memory).collect()
}

fn of_memory(all: &[&Memory]) -> Picture {
    let line = |of: &[&Memory]| Line {
        name: of[0].job.regime.to_string(),
        ink: Ink { regime: Some(of[0].job.regime), dash: 0 },
        form: Form::Scatter,
        points: of.iter().map(|it| (it.in_flight, it.bytes)).collect(),
        band: Vec::new(),
    };
    let row = |it: &&Memory| {
        vec![
            Cell::word(it.job.regime.as_str()),
            Cell::figure(it.job.size.map_or_else(|| "–".to_owned(), |size| size.to_string())),
            Cell::figure(show(it.in_flight, Unit::Count)),
            Cell::figure(show(it.bytes, Unit::Bytes)),
        ]
    };
    let (least, most) = (
        all.iter().min_by(|a, b| a.bytes.total_cmp(&b.bytes)),
        all.iter().max_by(|a, b| a.bytes.total_cmp(&b.bytes)),
    );
    let told = |it: Option<&&Memory>| {
        it.map_or_else(String::new, |it| {
            let (bytes, calls) = (show(it.bytes, Unit::Bytes), show(it.in_flight, Unit::Count));
            format!("{bytes} with {calls} inside ({})", it.job.regime)
        })
    };
    Picture {
        title: all[0].job.scenario.clone(),
        caption: format!(
            "In {}: from {} to {}.",
            clock_name(all[0].job.clock),
            told(least),
            told(most)
        ),
        drawing: Drawing::Chart(Chart {
            x: axis("most calls inside tools", Unit::Count, false),
            y: axis("memory", Unit::Bytes, false),
            lines: all.chunk_by(|a, b| a.job.regime == b.job.regime).map(line).collect(),
            shades: Vec::new(),
            marks: Vec::new(),
        }),
        table: Table {
            head: ["Regime", "Size", "Inside", "Memory"].map(str::to_owned).into(),
            rows: all.iter().map(row).collect(),
        },
    }
}

pub(super) fn axis(name: &str, unit: Unit, log: bool) -> Axis {
    Axis { name: name.to_owned(), unit, log, most: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(size: u64) -> Point {
        Point {
            size,
            seeds: 1,
            good: None,
            p50: None,
            p95: None,
            p99: None,
            max: None,
            throughput: None,
            goodput: None,
            in_flight: None,
            stay: None,
            memory: None,
        }
    }

    #[test]
    fn a_knee_at_the_largest_size_is_not_said_to_have_been_passed() {
        let curve = |knee| Curve {
            scenario: "curves/known".into(),
            limit: "api".into(),
            regime: Regime::Rampmeter,
            clock: crate::lab::Clock::Virtual,
            points: vec![point(4), point(8), point(16)],
            knee: Some(knee),
            fit: Err(String::new()),
            best_by_fit: None,
            fitted_seeds: (0, 1),
            best_by_search: None,
            search_spread: None,
        };
        assert!(latency(&curve(Knee::At(8))).caption.contains("The knee is at 8: from there on"));
        let caption = latency(&curve(Knee::Largest(16))).caption;
        assert!(!caption.contains("from there on"), "{caption}");
        assert!(caption.contains("16, the largest size tried"), "{caption}");
    }
}
