"""Ramp metering for the tool calls of AI agents: *may this call start now, and if not, why, when, and who
goes first?*
"""

from __future__ import annotations

from ._errors import (
    ForkedError,
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
from ._native import Event, Events, Permit, Policy, current_permit
from ._native import Flow as flow
from ._snapshot import Instance, KeyState, LimitState, Pressure, Rate, Slots, Snapshot
from ._state import Persisted, Restored

__all__ = [
    "Event",
    "Events",
    "Explanation",
    "ForkedError",
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
    "UnknownLimit",
    "UnknownTool",
    "UsageError",
    "current_permit",
    "flow",
]
