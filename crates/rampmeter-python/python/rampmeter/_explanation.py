"""Why a call waits."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from ._types import WaitsFor


@dataclass(frozen=True)
class Explanation:
    """Why a call waits, and when it should start. `str()` is a sentence; durations are seconds."""

    tool: str
    flow: str
    priority: str
    id: str | None
    limit: str
    """The limit that holds it; a key as `key NAME`."""
    waits_for: WaitsFor
    """What it waits for there."""
    room_in: float | None
    """How long, if it waits for `time`."""
    kept_for: str | None
    """The tool of the call for which room is kept, if it waits for a `claimant`."""
    waited: float
    ahead: int
    """Calls of its own flow and priority that wait there before it; at a key all that do."""
    waiting: int
    """All calls that wait there."""
    claims: bool
    """Whether nothing later may take what it needs of some limit."""
    rescued: bool
    """Whether it has waited so long that it goes first among those that claim."""
    starts_in: float | None
    """In how long it should start, if calls take as long as those of their tools did so far; `None` while
    too little is known."""
    sentence: str

    def __str__(self) -> str:
        return self.sentence

    def as_dict(self) -> dict[str, Any]:
        """The same as plain data, for JSON."""
        return asdict(self)
