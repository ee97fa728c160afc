use super::super::read;
use super::*;

const MS: u64 = 1_000_000;

/// Loads as TOML before two tools, one of which calls the other.
fn script(loads: &str, seed: u64) -> Script {
    let text = format!(
        "about = \"x\"\nends = \"1h\"\n{loads}\n[tools.search]\ntakes = {{ exponential = \"50ms\" \
         }}\n[tools.agent]\ntakes = \"1ms\"\ncalls = [{{ tool = \"search\", count = 2 }}]\n\
         [policy.tools.search]\ntimeout = \"3s\"\n"
    );
    Script::of(&read("x.toml", &text).unwrap_or_else(|error| panic!("{error}")), seed)
}

fn load(name: &str, more: &str) -> String {
    format!("[[load]]\nname = \"{name}\"\n{more}\n")
}

fn starts(script: &Script) -> Vec<u64> {
    script.sessions.iter().map(|session| session.at / MS).collect()
}

/// What chance said of a load's calls.
fn draws(script: &Script, load: &str) -> Vec<(u64, f64, f64, f64)> {
    let calls = script.calls.iter().filter(|call| script.turns[call.turn].load == load);
    calls.map(|call| (call.takes, call.fail_at, call.hang_at, call.fault_at)).collect()
}

#[test]
fn the_same_seed_says_the_same_and_another_something_else() {
    let loads = load("a", "arrive = { poisson = \"5/s\" }\nfor = \"10s\"\ncalls = \"search\"");
    assert_eq!(script(&loads, 3), script(&loads, 3));
    assert_ne!(starts(&script(&loads, 3)), starts(&script(&loads, 4)));
    assert_ne!(draws(&script(&loads, 3), "a")[0], draws(&script(&loads, 4), "a")[0]);
}

#[test]
fn what_one_load_asks_for_moves_no_draw_of_another() {
    let poisson = "arrive = { poisson = \"5/s\" }\nfor = \"10s\"\ncalls = \"search\"";
    let (a, b) = (load("a", poisson), load("b", "turns = 3\ncalls = \"agent\""));
    let more = load("b", "turns = 30\ncalls = [\"search\", \"agent\"]");
    let (few, many, other) = (script(&(a.clone() + &b), 3), script(&(more + &a), 3), script(&b, 3));
    assert_eq!(draws(&few, "a"), draws(&many, "a"));
    assert_eq!(draws(&few, "b"), draws(&other, "b"));
    let first_of_a =
        |script: &Script| script.turns.iter().position(|turn| turn.load == "a").unwrap();
    let start = |script: &Script| script.sessions[first_of_a(script)].at;
    assert_eq!(start(&few), start(&many));
}

#[test]
fn one_more_turn_moves_no_draw_of_those_before_it() {
    let turns = |turns: u32| load("a", &format!("turns = {turns}\ncalls = \"agent\""));
    let (few, many) = (draws(&script(&turns(3), 3), "a"), draws(&script(&turns(4), 3), "a"));
    assert_eq!(few, many[..few.len()]);
    assert_eq!(many.len(), few.len() + 3);
}

#[test]
fn no_two_calls_have_the_same_draws() {
    let loads = load("a", "turns = 40\ncalls = [{ tool = \"search\", count = 40 }]")
        + &load("b", "turns = 40\ncalls = [{ tool = \"search\", count = 40 }]");
    let mut all: Vec<_> = script(&loads, 3).calls.iter().map(|it| it.fail_at.to_bits()).collect();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 3_200);
}

#[test]
fn turns_come_as_their_load_says() {
    let cases: [(&str, &[u64]); 5] = [
        ("turns = 3", &[500, 500, 500]),
        ("turns = 3\narrive = { every = \"20ms\" }", &[500, 520, 540]),
        ("for = \"50ms\"\narrive = { every = \"20ms\" }", &[500, 520, 540]),
        ("for = \"40ms\"\narrive = { every = \"20ms\" }", &[500, 520]),
        ("turns = 5\narrive = { burst = 2, every = \"1s\" }", &[500, 500, 1500, 1500, 2500]),
    ];
    for (arrive, expected) in cases {
        let load = load("a", &format!("start = \"500ms\"\ncalls = \"search\"\n{arrive}"));
        assert_eq!(starts(&script(&load, 3)), expected, "{arrive}");
    }
}

#[test]
fn chance_arrivals_come_at_their_rate_and_as_irregularly_as_poisson_says() {
    let arrive = "arrive = { poisson = \"20/s\" }\nfor = \"500s\"\ncalls = \"search\"";
    let starts: Vec<f64> =
        starts(&script(&load("a", arrive), 3)).into_iter().map(|at| at as f64).collect();
    // Their number has the variance of its mean: four standard deviations of 10,000 are 400.
    assert!((9_600..=10_400).contains(&starts.len()), "{}", starts.len());
    let gaps: Vec<_> = starts.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
    let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
    assert!((variance.sqrt() / mean - 1.0).abs() < 0.05, "{variance} {mean}");
}

#[test]
fn users_share_the_turns_and_stay_with_their_flows() {
    let users = "turns = 7\nflows = 2\narrive = { users = 3, think = \"1s\" }\ncalls = \"search\"";
    let script = script(&load("a", users), 3);
    let turns: Vec<_> = script.sessions.iter().map(|session| session.turns.len()).collect();
    assert_eq!(turns, [3, 2, 2]);
    assert!(script.sessions.iter().all(|session| session.think == 1_000 * MS && !session.pulled));
    let flows = |session: &Session| {
        let mut flows: Vec<_> =
            session.turns.iter().map(|turn| script.turns[*turn].flow.as_str()).collect();
        flows.dedup();
        flows
    };
    let flows: Vec<_> = script.sessions.iter().map(flows).collect();
    assert_eq!(flows, [["a-0"], ["a-1"], ["a-0"]]);
}

#[test]
fn a_producer_has_all_its_turns_and_flows_take_turns() {
    let script =
        script(&load("a", "turns = 4\nflows = 3\narrive = \"pulled\"\ncalls = \"search\""), 3);
    let [session] = script.sessions.as_slice() else { panic!("one session") };
    assert!(session.pulled);
    assert_eq!(session.turns, [0, 1, 2, 3]);
    let flows: Vec<_> = script.turns.iter().map(|turn| turn.flow.as_str()).collect();
    assert_eq!(flows, ["a-0", "a-1", "a-2", "a-0"]);
}

#[test]
fn calls_that_tools_make_follow_those_of_their_turn() {
    let asked = "turns = 2\ncalls = [\"agent\", \"search\"]";
    let script = script(&load("a", asked), 3);
    assert_eq!(script.turns[0].calls, [0, 1]);
    assert_eq!(script.calls[0].children, [2, 3]);
    assert_eq!((script.calls[1].children.len(), script.calls[3].parent), (0, Some(0)));
    assert_eq!((script.turns[1].calls.as_slice(), script.calls[6].parent), (&[4, 5][..], Some(4)));
    assert!(script.calls[..4].iter().all(|call| call.turn == 0));
    let timeouts: Vec<_> = script.tools.iter().map(|tool| tool.timeout).collect();
    assert_eq!(timeouts, [Some(3_000 * MS), None]);
}

#[test]
fn arguments_say_which_call_of_which_turn_and_flow_it_is() {
    let asked = "flow = 'a\"b'\nturns = 2\ncalls = [{ tool = \"search\", count = 2, arguments = \
                 '{\"path\": \"{flow}/{turn}/{call}\"}' }]";
    let script = script(&load("a", asked), 3);
    let path = |call: &ScriptCall| {
        let arguments: serde_json::Value = serde_json::from_str(&call.arguments).unwrap();
        arguments["path"].as_str().unwrap().to_owned()
    };
    let paths: Vec<_> = script.calls.iter().map(path).collect();
    assert_eq!(paths, ["a\"b/0/0", "a\"b/0/1", "a\"b/1/0", "a\"b/1/1"]);
}
