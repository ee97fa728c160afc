"""Quotas that survive restarts. All durations are seconds."""

from __future__ import annotations

import atexit
import sys
import weakref
from dataclasses import dataclass

from ._errors import ForkedError
from ._native import Gate


@dataclass(frozen=True)
class Restored:
    """What was found in a state file."""

    age: float | None
    """How long ago it was written; `None` if there was no state."""
    clean: bool
    """Whether the gate that wrote it came to its end; if not, what it used last may be missing."""
    rates: int
    """Rates that carry on."""
    ahead: float | None
    """By how much the file is from the future: the clock was set back since."""
    left_out: tuple[str, ...]
    """What the policy has no place for, and why."""
    set_aside: str | None
    """What was in the place of the state and none, why, and where it is now."""


@dataclass(frozen=True)
class Persisted:
    """How the keeping of a gate's state has gone."""

    path: str
    writes: int
    failures: int
    last_error: str | None


_gates: weakref.WeakSet[Gate] = weakref.WeakSet()


def save_at_exit(gate: Gate) -> None:
    """The interpreter may end without ever dropping the gate, and what it used is not to be forgotten."""
    _gates.add(gate)


@atexit.register
def _save() -> None:
    for gate in list(_gates):
        try:
            gate.save()
        except ForkedError:
            pass
        except Exception as error:
            # It hinders no other gate from being saved.
            sys.excepthook(type(error), error, error.__traceback__)
