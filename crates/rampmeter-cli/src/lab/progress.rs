//! How far a study is, on a terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::say::bars;

const REFRESH: Duration = Duration::from_millis(100);
const TEMPLATE: &str = "{spinner} [{bar:30}] {pos}/{len} {wide_msg} {elapsed} of about {duration}";

/// A bar, which is gone when it is dropped. None is drawn where stderr is no terminal.
pub(super) struct Progress(ProgressBar);

impl Progress {
    pub(super) fn new(jobs: usize) -> Progress {
        let bar = bars().add(ProgressBar::new(u64::try_from(jobs).unwrap_or(u64::MAX)));
        bar.set_style(style(TEMPLATE));
        bar.enable_steady_tick(REFRESH);
        Progress(bar)
    }

    /// This is being played now.
    pub(super) fn begin(&self, what: String) {
        self.0.set_message(what);
    }

    /// One more is done.
    pub(super) fn done(&self) {
        self.0.inc(1);
    }
}

/// Something that nobody knows the end of, counted.
pub(super) struct Counting(ProgressBar, &'static str);

impl Counting {
    pub(super) fn new(what: &'static str) -> Counting {
        let bar = bars().add(ProgressBar::no_length());
        bar.set_style(style("{spinner} {msg} in {elapsed}"));
        bar.enable_steady_tick(REFRESH);
        Counting(bar, what)
    }

    pub(super) fn at(&self, count: usize) {
        self.0.set_message(format!("{count} {}", self.1));
    }
}

impl Drop for Counting {
    fn drop(&mut self) {
        self.0.finish_and_clear();
        bars().remove(&self.0);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
        bars().remove(&self.0);
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
