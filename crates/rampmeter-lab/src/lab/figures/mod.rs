//! What is measured of a playing: figures by name, and aims that they are held to.
