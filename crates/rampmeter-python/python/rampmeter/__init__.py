"""Ramp metering for the tool calls of AI agents: *may this call start now, and if not, why, when, and who
goes first?*
"""

from __future__ import annotations

from ._errors import ForkedError, PolicyError, RampmeterError, Refused, UnknownTool, UsageError
from ._gate import Gate
from ._native import Permit, Policy, current_permit
from ._native import Flow as flow

__all__ = [
    "ForkedError",
    "Gate",
    "Permit",
    "Policy",
    "PolicyError",
    "RampmeterError",
    "Refused",
    "UnknownTool",
    "UsageError",
    "current_permit",
    "flow",
]
