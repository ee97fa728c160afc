//! What a request sends.

use rampmeter::policy::HttpBody;
use serde_json::Value;

use super::super::arguments::Arguments;
use super::secrets::Lookup;
use super::text::Text;

/// A body with placeholders.
#[derive(Debug)]
pub(super) enum Body {
    Json(Json),
    Text(Text),
}

#[derive(Debug)]
pub(super) enum Json {
    /// JSON without placeholders, as it is sent.
    Fixed(String),
    Text(Text),
    List(Vec<Json>),
    /// Members, their names as they are sent.
    Object(Vec<(String, Json)>),
}

impl Body {
    pub(super) fn new(body: &HttpBody, lookup: &mut Lookup<'_>) -> Body {
        match body {
            HttpBody::Json(value) => Body::Json(Json::new(value, lookup)),
            HttpBody::Text(text) => Body::Text(Text::new(text, "body", lookup)),
        }
    }

    pub(super) fn fill(&self, arguments: &Arguments<'_>) -> Result<String, String> {
        match self {
            Body::Text(text) => text.fill(arguments, as_it_is),
            Body::Json(json) => {
                let mut out = String::new();
                json.write(arguments, &mut out)?;
                Ok(out)
            }
        }
    }

    /// Whether a secret stands in it.
    pub(super) fn has_secret(&self) -> bool {
        match self {
            Body::Text(text) => text.secrets().next().is_some(),
            Body::Json(json) => json.has_secret(),
        }
    }
}

impl Json {
    fn new(value: &Value, lookup: &mut Lookup<'_>) -> Json {
        match value {
            Value::String(text) => Json::Text(Text::new(text, "body", lookup)),
            Value::Array(list) => Json::List(list.iter().map(|it| Json::new(it, lookup)).collect()),
            Value::Object(members) => {
                let members =
                    members.iter().map(|(name, it)| (quoted(name), Json::new(it, lookup)));
                Json::Object(members.collect())
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => Json::Fixed(value.to_string()),
        }
    }

    fn write(&self, arguments: &Arguments<'_>, out: &mut String) -> Result<(), String> {
        match self {
            Json::Fixed(json) => out.push_str(json),
            Json::Text(text) => match text.sole_argument() {
                Some(path) => out.push_str(&arguments.json(path)?),
                None => out.push_str(&quoted(&text.fill(arguments, as_it_is)?)),
            },
            Json::List(list) => {
                out.push('[');
                for (index, element) in list.iter().enumerate() {
                    out.push_str(if index == 0 { "" } else { "," });
                    element.write(arguments, out)?;
                }
                out.push(']');
            }
            Json::Object(members) => {
                out.push('{');
                for (index, (name, value)) in members.iter().enumerate() {
                    out.push_str(if index == 0 { "" } else { "," });
                    out.push_str(name);
                    out.push(':');
                    value.write(arguments, out)?;
                }
                out.push('}');
            }
        }
        Ok(())
    }

    fn has_secret(&self) -> bool {
        match self {
            Json::Fixed(_) => false,
            Json::Text(text) => text.secrets().next().is_some(),
            Json::List(list) => list.iter().any(Json::has_secret),
            Json::Object(members) => members.iter().any(|(_, value)| value.has_secret()),
        }
    }
}

fn as_it_is(value: &str, _argument: Option<&str>) -> Result<String, String> {
    Ok(value.to_owned())
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}
