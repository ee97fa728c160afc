"""Ramp metering for the tool calls of AI agents: *may this call start now, and if not, why, when, and who
goes first?*

>>> import asyncio
>>> import rampmeter
>>> gate = rampmeter.Gate.from_dict({
...     "limits": {"search_api": {"concurrency": 1}},
...     "tools": {"web_search": {"limits": ["search_api"]}},
... })
>>> async def search(query: str) -> str:
...     async with gate.admit("web_search", flow="tenant-7", priority="high"):
...         return f"nothing found for {query}"
>>> asyncio.run(search("ramps"))
'nothing found for ramps'

What cannot start says why, and when to come back:

>>> held = gate.try_admit("web_search")
>>> try:
...     gate.try_admit("web_search")
... except rampmeter.Refused as no:
...     no.reason, no.limit, no.retry
('would_wait', 'search_api', 'on_release')
>>> held.finish()
"""

from __future__ import annotations

from ._errors import (
    ArgumentsError,
    ForkedError,
    FormatError,
    PolicyError,
    RampmeterError,
    Refused,
    StateError,
    UnknownLimit,
    UnknownTool,
    UsageError,
)
from ._explanation import Explanation
from ._gate import Gate
from ._native import (
    Event,
    Events,
    Permit,
    Policy,
    Turn,
    __version__,
    current_permit,
)
from ._native import Flow as flow
from ._snapshot import Instance, KeyState, LimitState, Pressure, Rate, Slots, Snapshot
from ._state import Persisted, Restored
from ._turn_report import Attempt, CallResult, TurnReport

__all__ = [
    "ArgumentsError",
    "Attempt",
    "CallResult",
    "Event",
    "Events",
    "Explanation",
    "ForkedError",
    "FormatError",
    "Gate",
    "Instance",
    "KeyState",
    "LimitState",
    "Permit",
    "Persisted",
    "Policy",
    "PolicyError",
    "Pressure",
    "RampmeterError",
    "Rate",
    "Refused",
    "Restored",
    "Slots",
    "Snapshot",
    "StateError",
    "Turn",
    "TurnReport",
    "UnknownLimit",
    "UnknownTool",
    "UsageError",
    "__version__",
    "current_permit",
    "flow",
]
