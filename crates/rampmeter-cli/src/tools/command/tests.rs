use super::CommandTool;

fn tool(command: &[&str]) -> Result<CommandTool, String> {
    let command = command.iter().map(ToString::to_string).collect();
    CommandTool::new(command, 1024).map_err(|e| e.to_string())
}

#[test]
fn a_command_that_could_never_run_is_refused_when_it_is_built() {
    let table: [(&[&str], &str); 7] = [
        (&[], "program is missing"),
        (&[""], "program is empty"),
        (&["{program}", "x"], "a model could choose the program"),
        (&["bin/{program}"], "a model could choose the program"),
        (&["r\0g"], "program holds a NUL byte"),
        (&["rg", "ok", "{"], "argument 2 has a `{`"),
        (&["awk", "{print $1}"], "argument 1 has the placeholder `{print $1}`"),
    ];
    for (command, message) in table {
        let e = tool(command).unwrap_err();
        assert!(e.contains(message), "{command:?}: {e}");
    }
    assert!(tool(&["odd{{name}}"]).is_ok_and(|tool| tool.program == "odd{name}"));
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
