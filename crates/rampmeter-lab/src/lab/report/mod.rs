//! What a study found, as one HTML file and on the terminal.

pub mod data;
mod page;
mod show;
mod svg;

pub use data::Report;
pub use show::{Unit, show};

impl Report {
    /// One self-contained HTML file: inline style and drawings, no scripts, nothing from the network.
    /// The same report gives the same bytes.
    pub fn html(&self) -> String {
        page::html(self)
    }
}
