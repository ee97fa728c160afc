//! The plain data of a request.

use serde_json::Value;

use super::super::types::Unit;

/// A request, with placeholders in its texts; [`request_pieces`](crate::policy::request_pieces)
/// splits them.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpPolicy {
    /// How it asks.
    pub method: HttpMethod,
    /// Whom: scheme, host and port are written out, and placeholders come only behind them.
    pub url: String,
    /// Headers, by lower-case name, in the order of the file.
    pub headers: Vec<(String, String)>,
    /// What it sends, if anything.
    pub body: Option<HttpBody>,
    /// Which redirects it follows.
    pub follow: Follow,
    /// Where in a JSON answer it stands what the call took: for each unit, JSON Pointers to add up.
    pub usage: Vec<(Unit, Vec<String>)>,
}

/// The method of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HttpMethod {
    /// GET.
    Get,
    /// POST.
    Post,
    /// PUT.
    Put,
    /// PATCH.
    Patch,
    /// DELETE.
    Delete,
}

impl HttpMethod {
    /// As it stands in a request.
    pub fn as_str(self) -> &'static str {
        match self {
            HttpMethod::Get => "GET",
            HttpMethod::Post => "POST",
            HttpMethod::Put => "PUT",
            HttpMethod::Patch => "PATCH",
            HttpMethod::Delete => "DELETE",
        }
    }
}

/// What a request sends.
#[derive(Clone, Debug, PartialEq)]
pub enum HttpBody {
    /// JSON. Each text in it may hold placeholders; one that is nothing but an argument's
    /// placeholder keeps the argument's type.
    Json(Value),
    /// A text as it is, with placeholders.
    Text(String),
}

/// Which redirects a request follows. None ever leads from https to http.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Follow {
    /// Those to the host and port that were asked.
    #[default]
    SameHost,
    /// All; to another host it takes neither headers nor secrets.
    Any,
    /// None.
    None,
}
