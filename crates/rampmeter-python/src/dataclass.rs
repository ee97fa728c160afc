//! Dataclasses of Python's, made of what Rust knows.

/// Makes one of a module's, by its fields: `dataclass!(py, "rampmeter._state", "Restored", { rates: 3 })`.
macro_rules! dataclass {
    ($py:expr, $module:literal, $class:literal, { $($field:ident: $value:expr),* $(,)? }) => {{
        static CLASS: ::pyo3::sync::PyOnceLock<::pyo3::Py<::pyo3::types::PyType>> =
            ::pyo3::sync::PyOnceLock::new();
        let fields = ::pyo3::types::PyDict::new($py);
        $(fields.set_item(::pyo3::intern!($py, stringify!($field)), $value)?;)*
        CLASS.import($py, $module, $class)?.call((), Some(&fields))
    }};
}

pub(crate) use dataclass;
