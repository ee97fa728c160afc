"""What is so at one moment. All durations are seconds."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from ._types import Breaker, Level


@dataclass(frozen=True)
class Slots:
    """The concurrency of an instance."""

    size: int
    held: int
    peak: int
    """The most that were held at once, with those that were abandoned."""
    abandoned: int
    """Given up by calls whose work goes on: in use, and free for others all the same."""


@dataclass(frozen=True)
class Rate:
    """A rate of an instance."""

    unit: str
    """What it counts: `requests`, `tokens`, `input_tokens`, `output_tokens`."""
    amount: int
    """So many in a period."""
    period: float
    capacity: int
    """The most that can be taken at once."""
    used: int
    """What counts against it now."""


@dataclass(frozen=True)
class Instance:
    """A limit, or one value of the label that it is per."""

    label: str | None
    waiting: int
    """Waiting calls that need it."""
    slots: Slots | None
    rates: tuple[Rate, ...]
    cooling: float | None
    """How much longer nothing starts because a call was throttled; 0 while calls are let out one by one
    after that."""
    breaker: Breaker | None
    probes_in: float | None
    """How long until an open breaker lets a few calls through."""


@dataclass(frozen=True)
class LimitState:
    """A limit with its instances: one if it is per no label, one for each value otherwise."""

    paused: bool
    peak: int
    """The most slots ever held at once in any one instance."""
    instances: tuple[Instance, ...]

    @property
    def waiting(self) -> int:
        """Waiting calls that need it."""
        return sum(instance.waiting for instance in self.instances)


@dataclass(frozen=True)
class KeyState:
    """A key that is held or waited for."""

    written: bool
    """Whether a call writes it."""
    readers: int
    """Calls that read it."""
    waiting: int
    """Calls that wait and name it."""


@dataclass(frozen=True)
class Snapshot:
    """The whole gate."""

    at: float
    """When, by the clock of the gate, as events have it."""
    running: int
    waiting: int
    pressure: Level
    limits: dict[str, LimitState]
    keys: dict[str, KeyState]

    def as_dict(self) -> dict[str, Any]:
        """The same as plain data, for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class FullQueue:
    """A queue that presses the gate."""

    limit: str
    waiting: int
    size: int
    """Calls that may wait."""


@dataclass(frozen=True)
class Pressure:
    """How hard pressed the gate is, and by what. `str()` is a sentence."""

    level: Level
    lasts: float
    """For how long that has been the level."""
    queues: tuple[FullQueue, ...]
    """The queues that press now, the worst first."""
    oldest: float | None
    """How long the call has waited that has waited longest, if any waits."""
    memory: int | None
    """Bytes in use; `None` where the policy does not watch them."""
    memory_stop: int | None
    """Bytes from which on no calls are admitted, if so many are in use."""
    sentence: str

    def __str__(self) -> str:
        return self.sentence
