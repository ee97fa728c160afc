"""What the adapters for frameworks share."""

from __future__ import annotations

import reprlib
from typing import Any, Literal

from . import _native

Refusals = Literal["message", "raise"]
"""How a refusal is told: to the model, as what its call gave; or it is raised."""


def check(name: str, given: object, kind: type[Any] | tuple[type[Any], ...], wanted: str) -> None:
    """Tells what is wrong where it is given, rather than at the first call."""
    if not isinstance(given, kind):
        raise _wrong(name, given, wanted)


def check_gate(gate: object) -> None:
    check("gate", gate, _native.Gate, "a Gate, as Gate.from_toml(policy) makes one")


def check_function(name: str, given: object, wanted: str) -> None:
    """Of one that may be left out."""
    if given is not None and not callable(given):
        raise _wrong(name, given, wanted)


def _wrong(name: str, given: object, wanted: str) -> TypeError:
    # What is given in place of another, such as an agent, can be long.
    return TypeError(f"{name} is {reprlib.repr(given)}; give {wanted}")


def check_refusals(refusals: object) -> None:
    if refusals not in ("message", "raise"):
        raise ValueError(f'refusals is {refusals!r}; give "message" or "raise"')


def keys_in_turn(gate: _native.Gate, tool: str, turn: object) -> list[str]:
    """What a call writes as one of this turn: its tool, if that may write and names no keys. So such calls
    run one after the other, as they come. `turn` is anything that no other turn of the time is told by."""
    return [f"{tool} in turn {turn}"] if gate._runs_in_order(tool) else []
