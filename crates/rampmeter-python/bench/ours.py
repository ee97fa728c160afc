"""A gate with a subscriber, as the figures of a real program would have it."""

from __future__ import annotations

from rows import Row

import rampmeter

ONE_AND_ONE = """
[limits.host]
concurrency = 64
queue = { size = 20000 }
[limits.api]
requests = { rate = "1000000000/s", kind = "bucket", burst = 1000000000 }
queue = { size = 20000 }
[limits.tenant]
per = "tenant"
concurrency = 64
requests = { rate = "1000000000/s", kind = "bucket", burst = 1000000000 }
[tools.plain]
limits = ["host", "api"]
queue_timeout = "1h"
[tools.labelled]
limits = ["tenant"]
"""


class Ours:
    """A gate and whoever reads its events."""

    def __init__(self, policy: str = ONE_AND_ONE, *, is_heard: bool = True) -> None:
        self.gate = rampmeter.Gate.from_toml(policy)
        self.policy: str = self.gate.policy.effective()
        self._events = self.gate.events(capacity=262_144) if is_heard else None

    def read(self) -> None:
        """Takes the events that have come, as objects of Python's."""
        if self._events is not None:
            self._events.drain()

    def describe(self, row: Row) -> None:
        """What was in force."""
        row.policy = self.policy
        row.subscribers = int(self._events is not None)
        if self._events is not None:
            row.notes["events_missed"] = self._events.missed
