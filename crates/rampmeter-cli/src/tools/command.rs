//! A command as a tool.
//!
//! The command is run as it is, never through a shell, so no argument can start another program.
//! What remains is that a value could be taken for an *option* of the program. So an element that
//! begins with a placeholder may not come out beginning with `-`, unless an earlier element is `--`;
//! `--pattern={pattern}` is fine too. The rule knows one program only: in `["env", "--", "rg",
//! "{pattern}"]` the `--` ends the options of `env`, and those of `rg` stay open.
//!
//! The command inherits the environment (secrets in it included) and the working directory. It gets
//! the arguments on its standard input too, as the JSON the model wrote; it need not read them.

use std::time::Duration;

use super::arguments::Arguments;
use super::error::ToolError;
use super::template::Template;

/// A command with placeholders, checked and ready to run.
#[derive(Debug, Clone)]
pub(crate) struct CommandTool {
    program: String,
    elements: Vec<Template>,
    max_output: u64,
    grace: Duration,
}

impl CommandTool {
    /// A tool of a command as a policy has it: the program, then its arguments with their
    /// placeholders; `None` for one that no parsed policy has. `max_output` bounds standard output
    /// and standard error, each in bytes; `grace` is how long it may take to end when it is asked to.
    pub(crate) fn new(command: &[String], max_output: u64, grace: Duration) -> Option<Self> {
        let (program, arguments) = command.split_first()?;
        let program = Template::parse(program)?.literal()?.to_owned();
        let elements = arguments.iter().map(|word| Template::parse(word)).collect::<Option<_>>()?;
        Some(Self { program, elements, max_output, grace })
    }

    /// Runs the command on the arguments, a JSON object, and returns what it wrote to standard
    /// output; bytes that are not UTF-8 become U+FFFD. An exit code other than 0, a signal, or output
    /// above the bound is an error.
    ///
    /// The command runs in a process group of its own. When it ends, whatever it left running in
    /// that group is killed, so that a background process cannot hold the call open.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future asks the whole process group to end (SIGTERM), and kills it if the command
    /// has not ended within the grace. `keep` is dropped when it has. A process that has left the
    /// group (`setsid`) is out of reach.
    pub(crate) async fn run(
        &self,
        arguments: &str,
        keep: impl Send + 'static,
    ) -> Result<String, ToolError> {
        let argv = self.fill(arguments).map_err(ToolError::BadArguments)?;
        let (program, most, grace) = (&self.program, self.max_output, self.grace);
        let output = run_process(program, &argv, arguments, most, grace, keep).await?;
        Ok(String::from_utf8(output)
            .unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned()))
    }

    /// The elements after the program, filled.
    fn fill(&self, arguments: &str) -> Result<Vec<String>, String> {
        let arguments = Arguments::parse(arguments)?;
        let mut options_ended = false;
        let mut argv = Vec::with_capacity(self.elements.len());
        for element in &self.elements {
            let filled = element.fill(&arguments)?;
            if let Some(path) = element.leading_placeholder()
                && !options_ended
                && filled.starts_with('-')
            {
                return Err(format!(
                    "the argument `{path}` begins with `-`, so `{}` could take it for an option: put \
                     \"--\" before `{{{path}}}` in the command, or write \"--option={{{path}}}\"",
                    self.program
                ));
            }
            options_ended |= element.literal() == Some("--");
            argv.push(filled);
        }
        Ok(argv)
    }
}

#[cfg(unix)]
pub(crate) use super::process::end_all;
#[cfg(unix)]
use super::process::run as run_process;

#[cfg(not(unix))]
pub(crate) fn end_all() {}

#[cfg(not(unix))]
async fn run_process(
    program: &str,
    _argv: &[String],
    _input: &str,
    _max_output: u64,
    _grace: Duration,
    _keep: impl Send + 'static,
) -> Result<Vec<u8>, ToolError> {
    Err(ToolError::NotStarted(format!(
        "`{program}` was not started: commands as tools need process groups, which only Unix has"
    )))
}

#[cfg(test)]
mod tests;
#[cfg(test)]
#[cfg(unix)]
mod unix_tests;
