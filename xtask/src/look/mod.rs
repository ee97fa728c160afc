//! `cargo xtask look [FILE]`: a report in a real browser, wide and narrow, in light, in
//! the dark and on paper. It must fit, ask nobody for anything, say nothing on the console and show no drawing without its table.
//! Screenshots and a printed copy stay in `target/look`.

mod browser;
mod checks;
mod find;

use std::path::{Path, PathBuf};

use crate::tally::Tally;
use crate::{Result, place};
use browser::Browser;
use checks::Seen;

/// The page that the lab's own tests leave behind.
const PAGE: &str = "tmp/report.html";

/// A way to look at a page.
struct View {
    name: &'static str,
    wide: u32,
    high: u32,
    scheme: &'static str,
    media: &'static str,
}

const VIEWS: [View; 5] = [
    View { name: "desktop-light", wide: 1280, high: 900, scheme: "light", media: "screen" },
    View { name: "desktop-dark", wide: 1280, high: 900, scheme: "dark", media: "screen" },
    View { name: "phone-light", wide: 375, high: 812, scheme: "light", media: "screen" },
    View { name: "phone-dark", wide: 375, high: 812, scheme: "dark", media: "screen" },
    // A4 without its margins, by somebody who likes it dark, which paper does not.
    View { name: "paper", wide: 720, high: 1040, scheme: "dark", media: "print" },
];

/// Looks at the file, or at the page that the tests made.
pub(crate) fn run(root: &Path, file: Option<&Path>) -> Result<Tally> {
    let page = file.map_or_else(|| place::target(root).join(PAGE), Path::to_owned);
    let page = page.canonicalize().map_err(|error| {
        format!(
            "cannot look at {}: {error}; `cargo test -p rampmeter-lab --test report` makes one",
            page.display()
        )
    })?;
    let out = place::target(root).join("look");
    clear(&out)?;
    let mut browser = Browser::start(&find::chromium()?, &out.join("profile"))?;
    let mut tally = Tally::default();
    for view in &VIEWS {
        look(&mut browser, view, &page, &out, &mut tally)?;
    }
    browser.media("", "light")?;
    browser.print(&out.join("report.pdf"))?;
    println!("screenshots and a printed copy: {}", out.display());
    Ok(tally)
}

fn look(
    browser: &mut Browser,
    view: &View,
    page: &Path,
    out: &Path,
    tally: &mut Tally,
) -> Result<()> {
    let url = format!("file://{}", page.display());
    browser.size(view.wide, view.high)?;
    browser.media(view.media, view.scheme)?;
    browser.open(&url)?;
    let found = browser.evaluate(checks::SCRIPT)?;
    let said = std::mem::take(&mut browser.said);
    let asked = std::mem::take(&mut browser.asked);
    let seen = Seen::read(&found, view.wide, &url, said, asked)?;
    for (what, wrong) in seen.judged() {
        tally.count(wrong.is_empty());
        if wrong.is_empty() {
            println!("look {} {what} ... ok", view.name);
        } else {
            println!("look {} {what} ... FAILED: {}", view.name, wrong.join("; "));
        }
    }
    // So much at once can be read, and it is quicker than to draw what is outside of a window.
    browser.size(view.wide, SLICE)?;
    for (index, top) in (0..seen.high).step_by(SLICE as usize).enumerate() {
        browser.shoot(&out.join(format!("{}-{:02}.png", view.name, index + 1)), top)?;
    }
    Ok(())
}

/// A screenshot shows so much of a page from top to bottom.
const SLICE: u32 = 1_600;

/// An empty folder: what an earlier look left there would be taken for today's.
fn clear(out: &PathBuf) -> Result<()> {
    if out.exists() {
        std::fs::remove_dir_all(out)
            .map_err(|error| format!("cannot clear {}: {error}", out.display()))?;
    }
    std::fs::create_dir_all(out).map_err(|error| format!("cannot make {}: {error}", out.display()))
}
