//! From a scenario and a seed to the script that every regime is given.

/// Arguments with what is theirs filled in.
pub(super) fn filled(arguments: &str, turn: usize, call: usize, flow: &str) -> String {
    // Within a text of JSON, since that is where a flow's name stands.
    let flow = serde_json::Value::from(flow).to_string();
    let flow = flow.trim_matches('"');
    let filled = arguments.replace("{turn}", &turn.to_string());
    filled.replace("{call}", &call.to_string()).replace("{flow}", flow)
}
