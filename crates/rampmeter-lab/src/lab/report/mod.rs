//! What a study found, as one HTML file and on the terminal.
