"""What goes wrong in a tool, or in the server behind it, at a moment."""

from __future__ import annotations

import math
from collections.abc import Iterator

from script import Fault, Script, again

Place = tuple[str, int]


class Throttled(Exception):
    """What a tool called had no room: 429 or 503, with when to come back if it says so."""

    def __init__(self, status: int, retry_after: int | None) -> None:
        after = "" if retry_after is None else f", retry after {retry_after / 1e9:.3f} s"
        super().__init__(f"{status}{after}")
        self.status = status
        self.retry_after = retry_after


class Failed(Exception):
    """A failure of a tool's own, told apart from the driver's."""


class Faults:
    """All faults of a script but the crashes."""

    def __init__(self, script: Script) -> None:
        self._at: dict[Place, list[Fault]] = {}
        for fault in script.faults:
            if fault.index is not None and fault.what != "crashes":
                self._at.setdefault((fault.at, fault.index), []).append(fault)

    def strike(self, place: Place, now: int, drawn: float, attempt: int) -> None:
        """Raises what strikes a call that comes there now, if anything does."""
        for fault in self._present(place, now):
            if fault.what == "slower" or again(drawn, attempt) >= fault.value:
                continue
            if fault.what == "throttles":
                raise Throttled(429, fault.until - now)
            raise Failed("a fault struck it")

    def slowness(self, place: Place, now: int) -> float:
        """How many times as long everything takes there now."""
        times = 1.0
        for fault in self._present(place, now):
            if fault.what == "slower" and fault.value > 0.0:
                times *= fault.value
        return times

    def done_at(self, place: Place, now: int, work: int) -> int:
        """When so much work that begins now is done: it advances more slowly while a fault lasts."""
        left = float(work)
        while True:
            slower = self.slowness(place, now)
            ends = now + half_up(left * slower)
            change = min((it for it in self.changes(place) if now < it < ends), default=None)
            if change is None:
                return ends
            left -= (change - now) / slower
            now = change

    def changes(self, place: Place) -> Iterator[int]:
        """The moments when a fault begins or ends there."""
        for fault in self._at.get(place, ()):
            yield fault.since
            yield fault.until

    def _present(self, place: Place, now: int) -> Iterator[Fault]:
        return (fault for fault in self._at.get(place, ()) if fault.since <= now < fault.until)


def half_up(number: float) -> int:
    """The nearest whole number, as the lab rounds times: halves go up."""
    return math.floor(number + 0.5)
