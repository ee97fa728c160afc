"""The bridge from a gate's events to `logging`."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections import deque
from typing import Any

import pytest

import rampmeter.logging
from rampmeter import Gate


@dataclasses.dataclass
class Event:
    """An event as the gate tells it."""

    kind: str
    at: float = 0.0
    seq: int = 0
    tool: str | None = None
    flow: str | None = None
    priority: str | None = None
    id: str | None = None
    limit: str | None = None
    obstacle: str | None = None
    reason: str | None = None
    by: str | None = None
    outcome: str | None = None
    took: float | None = None
    lasts: float | None = None

    def as_dict(self) -> dict[str, Any]:
        return {"event": self.kind, "seq": self.seq}


class Told:
    """A gate and its events at once, that tell what they are given."""

    def __init__(self) -> None:
        self.missed = 0
        self.closed = False
        self._events: deque[Event] = deque()
        self._come = asyncio.Event()

    def events(self, *, capacity: int) -> Told:
        return self

    def tell(self, *events: Event) -> None:
        self._events.extend(events)
        self._come.set()

    def drain(self) -> list[Event]:
        events = list(self._events)
        self._events.clear()
        return events

    def close(self) -> None:
        self.closed = True

    def __aiter__(self) -> Told:
        return self

    async def __anext__(self) -> Event:
        while not self._events:
            self._come.clear()
            await self._come.wait()
        return self._events.popleft()


class Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []
        self.logger = logging.Logger("kept")
        self.logger.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    def messages(self) -> list[str]:
        return [record.getMessage() for record in self.records]


def bridge(told: Any, logger: logging.Logger) -> rampmeter.logging.Bridge:
    return rampmeter.logging.bridge(told, logger)


REFUSED = Event(
    "tool.refused",
    tool="search",
    flow="tenant-7",
    priority="normal",
    limit="provider",
    reason="queue_full",
    took=0.25,
)


def test_events_become_records_while_the_block_runs() -> None:
    async def main() -> list[str]:
        kept, told = Kept(), Told()
        async with bridge(told, kept.logger):
            told.tell(REFUSED, Event("limit.cooling", limit="provider", lasts=2.0))
            while len(kept.records) < 2:
                await asyncio.sleep(0)
            assert not told.closed
        assert told.closed
        return kept.messages()

    assert asyncio.run(main()) == [
        "tool.refused search flow=tenant-7 priority=normal limit=provider reason=queue_full took=0.250s",
        "limit.cooling limit=provider lasts=2.000s",
    ]


def test_what_came_last_is_logged_when_the_block_ends() -> None:
    async def main() -> list[str]:
        kept, told = Kept(), Told()
        with pytest.raises(ZeroDivisionError):
            async with bridge(told, kept.logger):
                told.tell(Event("limit.paused", limit="provider"))
                raise ZeroDivisionError
        return kept.messages()

    assert asyncio.run(main()) == ["limit.paused limit=provider"]


def test_a_thread_does_the_same_without_a_loop() -> None:
    kept, told = Kept(), Told()
    with bridge(told, kept.logger):
        told.tell(REFUSED)
    assert len(kept.records) == 1
    assert told.closed


def test_a_record_has_its_event_as_a_dictionary() -> None:
    kept, told = Kept(), Told()
    with bridge(told, kept.logger):
        told.tell(REFUSED)
    assert vars(kept.records[0])["rampmeter"] == REFUSED.as_dict()


@pytest.mark.parametrize(
    ("kind", "level"),
    [
        ("tool.invoked", logging.DEBUG),
        ("tool.started", logging.DEBUG),
        ("tool.completed", logging.DEBUG),
        ("tool.failed", logging.INFO),
        ("tool.cancelled", logging.INFO),
        ("tool.refused", logging.WARNING),
        ("tool.abandoned", logging.WARNING),
        ("limit.saturated", logging.INFO),
        ("limit.cooling", logging.WARNING),
        ("limit.opened", logging.WARNING),
        ("limit.recovered", logging.INFO),
        ("gate.severe", logging.WARNING),
    ],
)
def test_a_level_says_how_much_an_event_matters(kind: str, level: int) -> None:
    kept, told = Kept(), Told()
    with bridge(told, kept.logger):
        told.tell(Event(kind))
    assert kept.records[0].levelno == level


def test_a_level_that_is_off_costs_no_dictionary() -> None:
    class Costly(Event):
        def as_dict(self) -> dict[str, Any]:
            raise AssertionError

    kept, told = Kept(), Told()
    kept.logger.setLevel(logging.WARNING)
    with bridge(told, kept.logger):
        told.tell(Costly("tool.started"))
    assert kept.records == []


def test_missed_events_are_a_warning_once() -> None:
    async def main() -> list[logging.LogRecord]:
        kept, told = Kept(), Told()
        async with bridge(told, kept.logger):
            told.missed = 3
            for expected in (2, 3):
                told.tell(Event("limit.paused"))
                while len(kept.records) < expected:
                    await asyncio.sleep(0)
        return kept.records

    first, missed, second = asyncio.run(main())
    assert missed.getMessage().startswith("3 events were missed")
    assert missed.levelno == logging.WARNING
    assert vars(first)["rampmeter"] == vars(second)["rampmeter"] == {"event": "limit.paused", "seq": 0}


def test_a_gate_s_calls_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    gate = Gate.from_dict({"tools": {"search": {"limits": []}}})

    async def main() -> None:
        async with rampmeter.logging.bridge(gate), gate.admit("search", flow="tenant-7"):
            pass

    with caplog.at_level(logging.DEBUG, logger="rampmeter"):
        asyncio.run(main())
        with rampmeter.logging.bridge(gate), gate.admit_sync("search"):
            pass
    kinds = [vars(record)["rampmeter"]["event"] for record in caplog.records if record.name == "rampmeter"]
    assert kinds == ["tool.invoked", "tool.started", "tool.completed"] * 2
