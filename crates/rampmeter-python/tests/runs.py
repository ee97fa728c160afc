"""What many tests share: what runs a coroutine, and whether a slot is free."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from rampmeter import Gate, Refused

Run = Callable[[Coroutine[Any, Any, Any]], Any]


def is_free(gate: Gate, tool: str = "x", slots: int = 1) -> bool:
    """Whether so many calls of the tool could start now."""
    held = []
    try:
        for _ in range(slots):
            held.append(gate.try_admit(tool))
    except Refused:
        return False
    finally:
        for permit in held:
            permit.finish("cancelled")
    return True
