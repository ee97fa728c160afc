"""What the adapters for frameworks share."""

from __future__ import annotations

from typing import Literal

from . import _native

Refusals = Literal["message", "raise"]
"""How a refusal is told: to the model, as what its call gave; or it is raised."""


def check_refusals(refusals: object) -> None:
    if refusals not in ("message", "raise"):
        raise ValueError(f'refusals is {refusals!r}; give "message" or "raise"')


def keys_in_turn(gate: _native.Gate, tool: str, turn: object) -> list[str]:
    """What a call writes as one of this turn: its tool, if that may write and names no keys. So such calls
    run one after the other, as they come. `turn` is anything that no other turn of the time is told by."""
    return [f"{tool} in turn {turn}"] if gate._runs_in_order(tool) else []
