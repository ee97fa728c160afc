"""Words that appear in signatures."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

Seconds = float | timedelta
"""A duration."""

Outcome = Literal["succeeded", "failed", "overloaded", "cancelled"]
"""How a call ended."""

Retry = Literal["after", "on_release", "on_resume", "never"]
"""When asking again could be answered otherwise."""

Status = Literal["succeeded", "failed", "refused", "throttled", "cancelled"]
"""How a call of a turn ended. `throttled`: what the tool called had no room for it."""

FormatName = Literal[
    "openai-chat", "openai-responses", "anthropic", "gemini", "bedrock", "mcp", "mcp-batch", "stageflow"
]
"""How a model's answer is written."""
