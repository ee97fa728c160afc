"""What is played, as it comes from the lab: one JSON object, read into plain values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

GOLDEN = 0.618_033_988_749_894_9


@dataclass(frozen=True)
class Tool:
    """How a tool behaves."""

    name: str
    usual: int
    server: int | None
    memory: int
    cpu: int
    fails: float
    fails_from: int | None
    hangs: float
    ignores_cancel: int
    races: str | None
    timeout: int | None


@dataclass(frozen=True)
class Server:
    """A server that many tools may share."""

    name: str
    sigma: float
    kappa: float
    full: int | None
    quotas: list[dict[str, int]]


@dataclass(frozen=True)
class Fault:
    """What goes wrong for a while: `at` is `tool`, `server` or `process`, with the index of which."""

    since: int
    until: int
    at: str
    index: int | None
    what: str
    value: float


@dataclass(frozen=True)
class Session:
    """Somebody who asks for one turn after the other."""

    at: int
    turns: list[int]
    think: int
    pulled: bool


@dataclass(frozen=True)
class Turn:
    """What one answer of a model asks for."""

    load: str
    flow: str
    priority: str
    sequence: bool
    calls: list[int]


@dataclass(frozen=True)
class Call:
    """One call, and what chance has to say of it."""

    tool: int
    turn: int
    takes: int
    fail_at: float
    hang_at: float
    fault_at: float
    parent: int | None
    children: list[int]
    arguments: str


@dataclass(frozen=True)
class Script:
    """A scenario with one seed."""

    ends: int
    pipeline: bool
    tools: list[Tool]
    servers: list[Server]
    faults: list[Fault]
    sessions: list[Session]
    turns: list[Turn]
    calls: list[Call]

    @property
    def crashes(self) -> list[Fault]:
        """When the process dies."""
        return [fault for fault in self.faults if fault.what == "crashes"]

    @classmethod
    def read(cls, told: dict[str, Any]) -> Script:
        """The script in what `json.load` made of it."""
        return cls(
            ends=told["ends"],
            pipeline=told["pipeline"],
            tools=[Tool(**tool) for tool in told["tools"]],
            servers=[Server(**server) for server in told["servers"]],
            faults=[_fault(fault) for fault in told["faults"]],
            sessions=[Session(**session) for session in told["sessions"]],
            turns=[Turn(**turn) for turn in told["turns"]],
            calls=[Call(**call) for call in told["calls"]],
        )


def again(drawn: float, attempt: int) -> float:
    """What an attempt after the first has instead of its draw: steps of the golden ratio."""
    if attempt <= 1:
        return drawn
    return (drawn + (attempt - 1) * GOLDEN) % 1.0


def _fault(told: dict[str, Any]) -> Fault:
    at, index = _variant(told["at"])
    what, value = _variant(told["what"])
    return Fault(told["from"], told["until"], at, index, what, 0.0 if value is None else value)


def _variant(told: Any) -> tuple[str, Any]:
    """An enum as serde writes it: its name, or an object of its name and value."""
    if isinstance(told, str):
        return told, None
    [(name, value)] = told.items()
    return name, value
