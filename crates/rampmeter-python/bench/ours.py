"""A gate with a subscriber, as the figures of a real program would have it."""

from __future__ import annotations

from typing import Any

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

    def __init__(self, policy: str = ONE_AND_ONE) -> None:
        self.gate = rampmeter.Gate.from_toml(policy)
        self.policy: str = self.gate.policy.effective()
        events = getattr(self.gate, "events", None)
        self._events: Any = events() if events else None

    @property
    def subscribers(self) -> int:
        return int(self._events is not None)

    def read(self) -> None:
        """Takes the events that have come, in a batch."""
        if self._events is not None:
            self._events.read()
