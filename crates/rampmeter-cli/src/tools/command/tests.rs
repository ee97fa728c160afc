use super::CommandTool;

fn tool(command: &[&str]) -> Option<CommandTool> {
    let command: Vec<_> = command.iter().map(ToString::to_string).collect();
    CommandTool::new(&command, 1024, std::time::Duration::from_secs(1))
}

#[test]
fn a_model_can_never_choose_the_program() {
    let table: [&[&str]; 4] = [&[], &["{program}", "x"], &["bin/{program}"], &["rg", "ok", "{"]];
    for command in table {
        assert!(tool(command).is_none(), "{command:?}");
    }
    assert!(tool(&["odd{{name}}"]).is_some_and(|tool| tool.program == "odd{name}"));
}

#[test]
fn a_value_cannot_become_an_option() {
    let arguments =
        r#"{"a": "--exec=rm", "n": -5, "dash": "-", "end": "--", "no": "", "ok": "x-y"}"#;
    let refused: [(&[&str], &str); 9] = [
        (&["rg", "{a}"], "a"),
        (&["rg", "-e", "{a}"], "a"),
        (&["rg", "{n}"], "n"),
        (&["rg", "{dash}"], "dash"),
        // A value could end in an option with the help of what follows it.
        (&["rg", "{a}/file"], "a"),
        (&["rg", "{no}{a}"], "no"),
        (&["rg", "{no}-x"], "no"),
        // A `--` that the model wrote, or that comes later, ends no options.
        (&["rg", "{end}", "{a}"], "end"),
        (&["rg", "{a}", "--"], "a"),
    ];
    for (command, name) in refused {
        let e = tool(command).unwrap().fill(arguments).unwrap_err();
        assert!(e.contains(&format!("`{name}` begins with `-`")), "{command:?}: {e}");
    }
    let allowed: [(&[&str], &[&str]); 5] = [
        (&["rg", "--", "{a}"], &["--", "--exec=rm"]),
        (&["rg", "--", "x", "{dash}", "{n}"], &["--", "x", "-", "-5"]),
        (&["rg", "--regexp={a}"], &["--regexp=--exec=rm"]),
        (&["rg", "-n{n}"], &["-n-5"]),
        (&["rg", "{ok}", "{no}"], &["x-y", ""]),
    ];
    for (command, argv) in allowed {
        assert_eq!(tool(command).unwrap().fill(arguments).unwrap(), argv, "{command:?}");
    }
}
