"""LangChain and LangGraph: tool calls of agents pass the gate, chat models draw on its rates.

`GateMiddleware` is for `create_agent`, `tool_node_wrappers` for a `ToolNode`, `GateRateLimiter` for the
`rate_limiter` of a chat model. One gate is shared by all runs, threads and loops of the process.
"""

from __future__ import annotations

try:
    from ._models import GateRateLimiter
    from ._tools import GateMiddleware, ToolNodeWrappers, thread_id, tool_node_wrappers
except ImportError as missing:
    raise ImportError(
        'rampmeter.langchain needs langchain 1.x with langgraph: pip install "rampmeter[langchain]"'
    ) from missing

TESTED = "1.5.2"
"""The version of langchain that this was last tested with."""

__all__ = [
    "TESTED",
    "GateMiddleware",
    "GateRateLimiter",
    "ToolNodeWrappers",
    "thread_id",
    "tool_node_wrappers",
]
