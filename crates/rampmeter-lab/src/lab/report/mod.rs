//! What a study found, as one HTML file and on the terminal.

pub mod data;
mod fold;
mod page;
mod svg;

pub use data::Report;

impl Report {
    /// One self-contained HTML file: inline style and drawings, no scripts, nothing from the network.
    /// The same report gives the same bytes.
    pub fn html(&self) -> String {
        page::html(self)
    }
}
