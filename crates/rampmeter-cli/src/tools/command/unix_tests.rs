//! Commands that really run. What is waited for is a state of the system, never a span of time.

use std::path::Path;
use std::time::Duration;

use super::super::error::ToolError;
use super::CommandTool;

const MIB: u64 = 1 << 20;

/// Short, since a test that ends what ignores SIGTERM waits for it.
const GRACE: Duration = Duration::from_millis(100);

fn tool(command: &[&str], max_output: u64) -> CommandTool {
    tool_with(command, max_output, GRACE)
}

fn tool_with(command: &[&str], max_output: u64, grace: Duration) -> CommandTool {
    let command: Vec<_> = command.iter().map(ToString::to_string).collect();
    CommandTool::new(&command, max_output, grace).unwrap()
}

async fn run(command: &[&str], arguments: &str) -> Result<String, ToolError> {
    tool(command, MIB).run(arguments, ()).await
}

async fn failure(command: &[&str]) -> String {
    match run(command, "{}").await {
        Err(ToolError::Failed(message)) => message,
        other => panic!("{command:?} should have failed: {other:?}"),
    }
}

async fn not_started(command: &[&str], arguments: &str) -> String {
    match run(command, arguments).await {
        Err(ToolError::NotStarted(message)) => message,
        other => panic!("{command:?} should not have started: {other:?}"),
    }
}

/// Waits until a state holds; gives up loudly after so many looks that it never will.
async fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let mut looks = tokio::time::interval(Duration::from_millis(1));
    for _ in 0..30_000 {
        if let Some(found) = look() {
            return found;
        }
        looks.tick().await;
    }
    panic!("never came about: {what}");
}

/// The number that a tool wrote to a file, followed by a newline, once it is there.
fn written(file: &Path) -> Option<i32> {
    std::fs::read_to_string(file).ok()?.strip_suffix('\n')?.parse().ok()
}

/// Whether the group has a member that runs, or that is ours and was not reaped.
#[cfg(target_os = "linux")]
fn group_lives(group: i32) -> bool {
    let ours = i32::try_from(std::process::id()).unwrap();
    std::fs::read_dir("/proc").unwrap().flatten().any(|process| {
        let stat = std::fs::read_to_string(process.path().join("stat")).unwrap_or_default();
        // The name is in brackets and may hold anything; state, parent and group follow.
        let mut fields = stat.rsplit(')').next().unwrap_or("").split_whitespace();
        let state = fields.next().unwrap_or("");
        let mut number = || fields.next().and_then(|n| n.parse::<i32>().ok());
        let (parent, its_group) = (number(), number());
        its_group == Some(group) && (parent == Some(ours) || !matches!(state, "Z" | "X"))
    })
}

#[cfg(not(target_os = "linux"))]
fn group_lives(group: i32) -> bool {
    let group = rustix::process::Pid::from_raw(group).unwrap();
    rustix::process::test_kill_process_group(group).is_ok()
}

#[tokio::test]
async fn the_output_is_returned_as_it_was_written() {
    assert_eq!(run(&["echo", "hi"], "{}").await.unwrap(), "hi\n");
    assert_eq!(run(&["true"], "{}").await.unwrap(), "");
    let bytes = run(&["printf", r"a\377b"], "{}").await.unwrap();
    assert_eq!(bytes, "a\u{fffd}b");
}

#[tokio::test]
async fn a_value_reaches_the_program_as_one_argument_and_no_shell_sees_it() {
    let arguments = r#"{"v": "$(id) `id` ; * | > x \" ' \n é"}"#;
    let output = run(&["printf", "[%s]", "{v}", "--"], arguments).await.unwrap();
    assert_eq!(output, "[$(id) `id` ; * | > x \" ' \n é][--]");
}

#[tokio::test]
async fn the_arguments_come_on_standard_input_as_they_are() {
    let arguments = r#"{ "a": 1.0,  "text": "é\u0000" }"#;
    assert_eq!(run(&["cat"], arguments).await.unwrap(), arguments);
}

#[tokio::test]
async fn arguments_larger_than_a_pipe_go_in_while_output_comes_out() {
    let arguments = format!(r#"{{"a": "{}"}}"#, "x".repeat(900_000));
    assert_eq!(run(&["cat"], &arguments).await.unwrap(), arguments);
}

#[tokio::test]
async fn a_child_that_does_not_read_its_input_is_fine() {
    let arguments = format!(r#"{{"a": "{}"}}"#, "x".repeat(900_000));
    assert_eq!(run(&["sh", "-c", "exec <&-; echo hi"], &arguments).await.unwrap(), "hi\n");
    assert_eq!(run(&["true"], &arguments).await.unwrap(), "");
}

#[tokio::test]
async fn the_environment_is_inherited() {
    let path = std::env::var("PATH").unwrap();
    assert_eq!(run(&["sh", "-c", "printf %s \"$PATH\""], "{}").await.unwrap(), path);
}

#[tokio::test]
async fn both_streams_are_read_at_once() {
    let script = "head -c 300000 /dev/zero >&2; head -c 300000 /dev/zero; \
                  head -c 300000 /dev/zero >&2; echo end";
    assert_eq!(run(&["sh", "-c", script], "{}").await.unwrap().len(), 300_004);
}

#[tokio::test]
async fn output_up_to_the_bound_is_returned_and_a_byte_more_fails_the_call() {
    for size in [0, 1, 8191, 8192, 8193, 100_000] {
        let size_text = size.to_string();
        let command = ["head", "-c", &size_text, "/dev/zero"];
        let output = tool(&command, size).run("{}", ()).await.unwrap();
        assert_eq!(output.len() as u64, size);
        if size > 0 {
            let e = tool(&command, size - 1).run("{}", ()).await.unwrap_err().to_string();
            let bound = format!("`head` wrote more than {} bytes to stdout", size - 1);
            assert!(e.contains(&bound) && e.contains("`max_output`"), "{e}");
        }
    }
}

#[tokio::test]
async fn a_child_without_end_is_ended_at_the_bound_of_either_stream() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("group");
    for (redirect, stream) in [("", "stdout"), (">&2", "stderr")] {
        let script = format!("echo $$ > {}; yes {redirect} | cat {redirect}", file.display());
        let e = run(&["sh", "-c", &script], "{}").await.unwrap_err().to_string();
        assert!(e.contains(&format!("more than 1048576 bytes to {stream}")), "{e}");
        let group = written(&file).unwrap();
        until("the group's end", || (!group_lives(group)).then_some(())).await;
    }
}

#[tokio::test]
async fn a_failure_tells_the_exit_code_and_the_end_of_stderr() {
    let e = failure(&["sh", "-c", "echo out; echo why >&2; exit 3"]).await;
    assert_eq!(e, "`sh` failed with exit code 3: why");
    let e = failure(&["sh", "-c", "exit 255"]).await;
    assert_eq!(e, "`sh` failed with exit code 255 and wrote nothing to stderr");

    let script = r"i=0; while [ $i -lt 999 ]; do printf 'ééééé\377'; i=$((i+1)); done >&2; echo last >&2; exit 1";
    let e = failure(&["sh", "-c", script]).await;
    let shown = e.strip_prefix("`sh` failed with exit code 1: ").unwrap();
    assert!(shown.len() <= 2048 && shown.len() > 2000, "{}", shown.len());
    assert!(shown.ends_with("ééééé\u{fffd}last"), "{shown}");

    // The cut falls into the middle of a character, which is then left out.
    let script = r"yes 😀 | tr -d '\n' | head -c 8000 >&2; echo aaaa >&2; exit 1";
    let e = failure(&["sh", "-c", script]).await;
    assert!(e.ends_with("😀aaaa") && !e.contains('\u{fffd}'), "{e}");
}

#[tokio::test]
async fn an_end_by_a_signal_is_told() {
    let e = failure(&["sh", "-c", "echo why >&2; kill -9 $$"]).await;
    assert_eq!(e, "`sh` was ended by signal 9: why");
    let e = failure(&["sh", "-c", "kill -TERM 0; read wait"]).await;
    assert!(e.starts_with("`sh` was ended by signal 15"), "{e}");
}

#[tokio::test]
async fn a_program_that_cannot_start_is_named_with_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    // Another process writes the files: one of ours that forks meanwhile would keep them busy.
    let script = "cd $1; echo '#!/no/such' > orphan; printf x > noexec; echo > plain; chmod +x orphan noexec";
    run(&["sh", "-c", script, "sh", &at("")], "{}").await.unwrap();

    let table = [
        ("no-such-program-anywhere".to_owned(), "install it, or write its full path"),
        (at("gone"), "correct its path"),
        (at("orphan"), "install the interpreter its first line names"),
        (at("plain"), "`chmod +x`"),
        (at(""), "`chmod +x`"),
        (at("noexec"), "`#!` line"),
    ];
    for (program, remedy) in table {
        let e = not_started(&[&program], "{}").await;
        assert!(e.contains(&program) && e.contains(remedy), "{e}");
    }
    let long = format!(r#"{{"a": "{}"}}"#, "x".repeat(3_000_000));
    let e = not_started(&["echo", "{a}"], &long).await;
    assert!(e.starts_with("`echo` ") && e.contains("read them from standard input"), "{e}");
}

#[tokio::test]
async fn bad_arguments_start_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("touched").display().to_string();
    for arguments in ["", "[]", "{}", r#"{"a": null}"#, r#"{"a": "-x"}"#, r#"{"a": "\u0000"}"#] {
        let result = run(&["touch", &file, "{a}"], arguments).await;
        assert!(matches!(result, Err(ToolError::BadArguments(_))), "{arguments}: {result:?}");
    }
    assert!(!Path::new(&file).exists());
}

#[tokio::test]
async fn a_background_process_cannot_hold_a_call_open_and_does_not_outlive_it() {
    let output = run(&["sh", "-c", "sleep 1000 & echo $$; echo hi"], "{}").await.unwrap();
    let (group, rest) = output.split_once('\n').unwrap();
    assert_eq!(rest, "hi\n");
    let group = group.parse().unwrap();
    until("the group's end", || (!group_lives(group)).then_some(())).await;
}

/// `setsid` is not on every Unix.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_process_that_left_the_group_cannot_hold_a_call_open_either() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("left").display().to_string();
    let script = "setsid sh -c 'echo $$ > $0; exec sleep 1000' \"$1\" & \
                  until [ -s \"$1\" ]; do :; done; echo hi";
    let output = run(&["sh", "-c", script, "sh", &file], "{}").await.unwrap();
    assert_eq!(output, "hi\n");
    let left = written(Path::new(&file)).unwrap();
    assert!(group_lives(left), "this test should have left one behind");
    let left = rustix::process::Pid::from_raw(left).unwrap();
    rustix::process::kill_process(left, rustix::process::Signal::KILL).unwrap();
}

#[tokio::test]
async fn a_program_that_moves_to_another_group_is_ended_all_the_same() {
    let script = "import os\nos.setpgid(0, os.getpgid(os.getppid()))\nwhile True: print('x' * 999)";
    let e = run(&["python3", "-c", script], "{}").await.unwrap_err().to_string();
    assert!(e.contains("more than 1048576 bytes"), "{e}");
}

#[tokio::test]
async fn nothing_written_before_the_end_is_lost() {
    // The end may be seen before the runtime has heard of the last bytes in the pipe.
    for _ in 0..100 {
        let output = run(&["sh", "-c", "sleep 1000 & head -c 60000 /dev/zero"], "{}").await;
        assert_eq!(output.unwrap().len(), 60_000);
    }
}

#[tokio::test]
async fn a_cancelled_call_leaves_no_process_of_its_group() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("group");
    let scripts = [
        "sleep 1000",
        "sleep 1000 & sleep 1000 & wait",
        "trap '' TERM INT HUP; sh -c 'trap \"\" TERM; while :; do sleep 1000; done'",
        "exec >&- 2>&- <&-; sleep 1000",
        "kill -STOP $$",
        "yes | cat > /dev/null",
    ];
    for script in scripts {
        let _ = std::fs::remove_file(&file);
        let script = format!("echo $$ > {}; {script}", file.display());
        let tool = tool(&["sh", "-c", &script], MIB);
        let group = tokio::select! {
            ended = tool.run("{}", ()) => panic!("`{script}` should run on: {ended:?}"),
            group = until("the tool's start", || written(&file)) => group,
        };
        until(&script, || (!group_lives(group)).then_some(())).await;
    }
}

#[tokio::test]
async fn a_cancelled_call_is_asked_to_end_and_what_it_keeps_is_kept_until_it_has() {
    let folder = tempfile::tempdir().unwrap();
    let (file, bye) = (folder.path().join("group"), folder.path().join("bye"));
    let paths = [&file, &bye].map(|path| path.display().to_string());
    let says_bye = "echo bye; echo bye >&2; echo bye > $1; exit";
    // One does not hear and is killed; the other says good-bye, also to its output, and has time.
    for (trap, hears, grace) in [("", false, GRACE), (says_bye, true, GRACE * 10_000)] {
        let _ = std::fs::remove_file(&file);
        let script = format!("trap '{trap}' TERM; echo $$ > $0; sleep 1000 & wait");
        let command = ["sh", "-c", &script, &paths[0], &paths[1]];
        let tool = tool_with(&command, MIB, grace);
        let (keep, kept) = tokio::sync::oneshot::channel::<()>();
        let group = tokio::select! {
            ended = tool.run("{}", keep) => panic!("it should run on: {ended:?}"),
            group = until("the tool's start", || written(&file)) => group,
        };
        assert!(kept.await.is_err(), "it is dropped");
        assert!(!Path::new(&format!("/proc/{group}")).exists(), "it has ended before: {trap}");
        assert_eq!(bye.exists(), hears, "{trap}");
        until(&script, || (!group_lives(group)).then_some(())).await;
    }
}

#[tokio::test]
async fn a_call_that_is_dropped_before_it_is_polled_starts_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("touched").display().to_string();
    let tool = tool(&["touch", &file], MIB);
    drop(tool.run("{}", ()));
    tokio::task::yield_now().await;
    assert!(!Path::new(&file).exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_calls_at_once_each_get_their_own_answer() {
    let tool = tool(&["sh", "-c", "cat; exit \"$1\"", "sh", "{code}"], MIB);
    let mut calls = tokio::task::JoinSet::new();
    for call in 0..100 {
        let tool = tool.clone();
        let code = call % 3;
        calls.spawn(async move {
            let arguments = format!(r#"{{"code": {code}, "call": {call}}}"#);
            let result = tool.run(&arguments, ()).await;
            assert_eq!(result.is_ok(), code == 0, "{result:?}");
            if let Ok(output) = result {
                assert_eq!(output, arguments);
            }
        });
    }
    assert_eq!(calls.join_all().await.len(), 100);
}
