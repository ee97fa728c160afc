//! Headers of a response, in whatever form Python has them.

use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyString;

/// Headers as pairs, from a mapping or from pairs. A mapping that has several values for a name, as
/// that of httpx, gives them by `multi_items`.
pub(crate) fn header_pairs(headers: &Bound<'_, PyAny>) -> PyResult<Vec<(String, Vec<u8>)>> {
    let py = headers.py();
    let pairs = if let Ok(items) = headers.getattr(intern!(py, "multi_items")) {
        items.call0()?
    } else if let Ok(items) = headers.getattr(intern!(py, "items")) {
        items.call0()?
    } else {
        headers.clone()
    };
    let wrong = || {
        let message =
            "headers are a mapping of names to values, or pairs of them, as texts or bytes";
        PyTypeError::new_err(message)
    };
    let mut all = Vec::new();
    for pair in pairs.try_iter().map_err(|_| wrong())? {
        let (name, value) =
            pair?.extract::<(Bound<'_, PyAny>, Bound<'_, PyAny>)>().map_err(|_| wrong())?;
        let name = String::from_utf8_lossy(&bytes(&name).ok_or_else(wrong)?).into_owned();
        all.push((name, bytes(&value).ok_or_else(wrong)?));
    }
    Ok(all)
}

fn bytes(word: &Bound<'_, PyAny>) -> Option<Vec<u8>> {
    match word.cast::<PyString>() {
        Ok(text) => Some(text.to_str().ok()?.as_bytes().to_vec()),
        Err(_) => word.extract::<&[u8]>().ok().map(<[u8]>::to_vec),
    }
}
