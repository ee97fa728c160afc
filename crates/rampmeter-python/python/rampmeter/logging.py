"""A gate's events as records of `logging`: `async with rampmeter.logging.bridge(gate):`, or `with`."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterable
from types import TracebackType
from typing import TYPE_CHECKING

from ._gate import Gate

if TYPE_CHECKING:
    from ._native import Event, Events
    from ._types import EventKind

_WARNING: frozenset[EventKind] = frozenset(
    {
        "tool.refused",
        "tool.degraded",
        "tool.abandoned",
        "tool.late",
        "limit.cooling",
        "limit.spent",
        "limit.opened",
        "gate.severe",
    }
)
_DEBUG: frozenset[EventKind] = frozenset(
    {"tool.invoked", "tool.queued", "tool.moved", "tool.started", "tool.completed"}
)

_TOLD = ("flow", "priority", "id", "limit", "obstacle", "reason", "by", "outcome", "took", "lasts")
"""Fields that a message tells, in this order, where they are known."""

_PAUSE_SECONDS = 0.1


def bridge(gate: Gate, logger: str | logging.Logger = "rampmeter", *, capacity: int = 10_000) -> Bridge:
    """Logs what happens at `gate` for as long as the block runs, and at its end what has not been logged yet.

    `async with` reads the events in a task of the running loop, `with` in a daemon thread. Each record has
    its event's `as_dict()` in its attribute `rampmeter`. Warnings: a call that is refused, degraded,
    abandoned or late; a limit that cools down, is spent or opened; a gate that is hard pressed; events that
    were missed. For debugging: calls that wait, start and succeed. The rest is information. `capacity`
    events are kept unread.
    """
    logger = logging.getLogger(logger) if isinstance(logger, str) else logger
    return Bridge(gate, logger, capacity)


class Bridge:
    """What `bridge` makes."""

    def __init__(self, gate: Gate, logger: logging.Logger, capacity: int) -> None:
        self._gate = gate
        self._logger = logger
        self._capacity = capacity

    async def __aenter__(self) -> Bridge:
        self._subscribe()
        self._task = asyncio.get_running_loop().create_task(self._follow())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._task.cancel()
        try:
            await asyncio.wait([self._task])
        finally:
            self._finish()

    def __enter__(self) -> Bridge:
        self._subscribe()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._poll, name="rampmeter-logging", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()
        self._finish()

    def _subscribe(self) -> None:
        self._events: Events = self._gate.events(capacity=self._capacity)
        self._missed = 0

    async def _follow(self) -> None:
        async for event in self._events:
            self._log([event, *self._events.drain()])

    def _poll(self) -> None:
        while not self._over.wait(_PAUSE_SECONDS):
            self._log(self._events.drain())

    def _finish(self) -> None:
        self._log(self._events.drain())
        self._events.close()

    def _log(self, events: Iterable[Event]) -> None:
        for event in events:
            level = _level(event.kind)
            if self._logger.isEnabledFor(level):
                self._logger.log(level, "%s", _text(event), extra={"rampmeter": event.as_dict()})
        missed = self._events.missed
        if missed > self._missed:
            self._logger.warning(
                "%d events were missed; give the bridge more capacity, or the logger quicker handlers",
                missed - self._missed,
                extra={"rampmeter": {"missed": missed}},
            )
            self._missed = missed


def _level(kind: EventKind) -> int:
    if kind in _WARNING:
        return logging.WARNING
    return logging.DEBUG if kind in _DEBUG else logging.INFO


def _text(event: Event) -> str:
    words: list[str] = [event.kind]
    if event.tool:
        words.append(event.tool)
    for name in _TOLD:
        value = getattr(event, name)
        if value is not None and value != "":
            words.append(f"{name}={value:.3f}s" if isinstance(value, float) else f"{name}={value}")
    return " ".join(words)
