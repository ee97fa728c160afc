"""Words that appear in signatures."""

from __future__ import annotations

from typing import Literal

Outcome = Literal["succeeded", "failed", "overloaded", "cancelled"]
"""How a call ended."""

Retry = Literal["after", "on_release", "on_resume", "never"]
"""When asking again could be answered otherwise."""
