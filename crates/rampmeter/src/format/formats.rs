//! The formats, by name, and who writes each.

use std::fmt;
use std::str::FromStr;

use serde_json::{Value, json};

use super::{Reply, anthropic, bedrock, gemini, mcp, openai, responses, stageflow};
use crate::policy::nearest_word;

/// How a model's message is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// OpenAI Chat Completions, and the compatibles that speak it.
    OpenAiChat,
    /// OpenAI Responses.
    OpenAiResponses,
    /// Anthropic Messages.
    Anthropic,
    /// Google's Gemini, `generateContent`.
    Gemini,
    /// AWS Bedrock, `Converse`.
    Bedrock,
    /// A `tools/call` request of the Model Context Protocol.
    Mcp,
    /// A batch of them, which some revisions of the protocol have.
    McpBatch,
    /// Stageflow's agents, and the lists that its `parse_and_resolve` takes.
    Stageflow,
}

/// No format has this name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownFormat {
    /// The name that was asked for.
    pub name: String,
}

impl Format {
    /// All formats.
    pub const ALL: [Format; 8] = [
        Format::OpenAiChat,
        Format::OpenAiResponses,
        Format::Anthropic,
        Format::Gemini,
        Format::Bedrock,
        Format::Mcp,
        Format::McpBatch,
        Format::Stageflow,
    ];

    /// Its name, such as `openai-chat`; [`FromStr`] reads it.
    pub fn name(self) -> &'static str {
        match self {
            Self::OpenAiChat => "openai-chat",
            Self::OpenAiResponses => "openai-responses",
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
            Self::Bedrock => "bedrock",
            Self::Mcp => "mcp",
            Self::McpBatch => "mcp-batch",
            Self::Stageflow => "stageflow",
        }
    }

    /// Writes the replies as messages to append after the assistant's, in the order given.
    ///
    /// OpenAI Chat, OpenAI Responses, MCP and Stageflow get one a reply, the others one message
    /// with them all (a batch of MCP: one array); no replies, no messages.
    #[must_use]
    pub fn render(self, replies: &[Reply<'_>]) -> Vec<Value> {
        let one_each = |write: fn(&Reply<'_>) -> Value| replies.iter().map(write).collect();
        match self {
            _ if replies.is_empty() => Vec::new(),
            Self::OpenAiChat => one_each(openai::reply),
            Self::OpenAiResponses => one_each(responses::reply),
            Self::Mcp => one_each(mcp::reply),
            Self::Stageflow => one_each(stageflow::reply),
            Self::Anthropic => vec![anthropic::replies(replies)],
            Self::Gemini => vec![gemini::replies(replies)],
            Self::Bedrock => vec![bedrock::replies(replies)],
            Self::McpBatch => vec![Value::Array(one_each(mcp::reply))],
        }
    }

    /// Writes the `tools` of a request to a model, or of MCP's answer to `tools/list`, from each
    /// tool's name, description and JSON Schema of its arguments; without tools, nothing.
    pub(crate) fn define<'a>(
        self,
        tools: impl Iterator<Item = (&'a str, &'a str, &'a Value)>,
    ) -> Vec<Value> {
        let define = match self {
            Self::OpenAiChat => openai::definition,
            Self::OpenAiResponses => responses::definition,
            Self::Anthropic => anthropic::definition,
            Self::Gemini => gemini::definition,
            Self::Bedrock => bedrock::definition,
            Self::Mcp | Self::McpBatch => mcp::definition,
            Self::Stageflow => stageflow::definition,
        };
        // A tool that says nothing of its arguments takes an object: most APIs refuse `{}`.
        let any_object = json!({"type": "object", "properties": {}});
        let defined = tools.map(|(name, description, schema)| {
            let says_nothing = schema.as_object().is_some_and(serde_json::Map::is_empty);
            define(name, description, if says_nothing { &any_object } else { schema })
        });
        let defined: Vec<Value> = defined.collect();
        match self {
            Self::Gemini if !defined.is_empty() => vec![json!({"functionDeclarations": defined})],
            _ => defined,
        }
    }

    /// Whether a message of format `other` is what is accepted where this one was named.
    pub(super) fn accepts(self, other: Format) -> bool {
        self.family() == other.family()
    }

    /// A batch is in the format of what it holds.
    fn family(self) -> Format {
        if self == Self::McpBatch { Self::Mcp } else { self }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, UnknownFormat> {
        let found = Self::ALL.into_iter().find(|format| format.name() == name);
        found.ok_or_else(|| UnknownFormat { name: name.to_owned() })
    }
}

impl fmt::Display for UnknownFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = Format::ALL.map(Format::name);
        match nearest_word(&self.name, names.into_iter()) {
            Some(nearest) => write!(f, "did you mean {nearest}?")?,
            None => f.write_str("there is no such format;")?,
        }
        write!(f, " write one of {}", names.join(", "))
    }
}

impl std::error::Error for UnknownFormat {}
