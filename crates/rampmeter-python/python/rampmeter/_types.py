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

EventKind = Literal[
    "tool.invoked",
    "tool.queued",
    "tool.moved",
    "tool.started",
    "tool.completed",
    "tool.failed",
    "tool.refused",
    "tool.cancelled",
    "tool.degraded",
    "tool.abandoned",
    "tool.late",
    "limit.saturated",
    "limit.relieved",
    "limit.resized",
    "limit.paused",
    "limit.resumed",
    "limit.added",
    "limit.removed",
    "limit.cooling",
    "limit.recovered",
    "limit.spent",
    "limit.opened",
    "limit.half_open",
    "limit.closed",
    "gate.normal",
    "gate.elevated",
    "gate.severe",
]
"""What happened."""

Obstacle = Literal["turn", "slots", "rate", "key", "cool_down", "breaker", "claim", "paused"]
"""What is in the way of a waiting call."""

Durability = Literal["interval", "strict"]
"""How much of what was used may be forgotten if the process dies: an interval's, or nothing."""

Level = Literal["normal", "elevated", "severe"]
"""How hard pressed a gate is."""

Breaker = Literal["closed", "open", "half_open"]
"""What a breaker lets through: everything, nothing, or a few calls to try."""

WaitsFor = Literal["turn", "release", "time", "claimant", "resume"]
"""What a waiting call waits for: others go first, somebody must finish, so long, room is kept for a call
that has waited for more, or the limit is paused."""
