"""Ramp metering for the tool calls of AI agents: *may this call start now, and if not, why, when, and who
goes first?*
"""

from __future__ import annotations

from ._errors import (
    ForkedError,
    FormatError,
    PolicyError,
    RampmeterError,
    Refused,
    UnknownTool,
    UsageError,
)
from ._gate import Gate
from ._native import Attempt, CallResult, Permit, Policy, Turn, TurnReport, current_permit
from ._native import Flow as flow

__all__ = [
    "Attempt",
    "CallResult",
    "ForkedError",
    "FormatError",
    "Gate",
    "Permit",
    "Policy",
    "PolicyError",
    "RampmeterError",
    "Refused",
    "Turn",
    "TurnReport",
    "UnknownTool",
    "UsageError",
    "current_permit",
    "flow",
]
