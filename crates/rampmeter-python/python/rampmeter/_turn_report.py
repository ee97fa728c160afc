"""What became of a turn. All durations are seconds."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from ._errors import Refused
from ._types import FormatName, Status


@dataclass(frozen=True)
class TurnReport:
    """What became of a turn."""

    results: tuple[CallResult, ...]
    """One for each call, in the model's order."""
    format: FormatName
    """How the turn was written."""
    _messages: str

    def __repr__(self) -> str:
        # The calls of a turn may be many, and each says much.
        count, not_ok = len(self.results), sum(not result.ok for result in self.results)
        calls = "1 call" if count == 1 else f"{count} calls"
        return f"<rampmeter.TurnReport {self.format}: {calls}, {not_ok} not ok>"

    @property
    def ok(self) -> bool:
        """Whether every call has an answer."""
        return all(result.ok for result in self.results)

    def replies(self) -> list[dict[str, Any]]:
        """The messages that answer the model, in the turn's own format."""
        replies: list[dict[str, Any]] = json.loads(self._messages)
        return replies


@dataclass(frozen=True)
class CallResult:
    """What became of one call."""

    id: str
    """The id that the model gave it."""
    name: str
    """The name that the model called."""
    status: Status
    output: str | None
    """What the tool said, as the model reads it."""
    error: str | None
    """Why there is no answer, as the model reads it."""
    kind: str | None
    """One word for that: `failed`, `timed_out`, `throttled`, `arguments`, `malformed`, `unknown_tool`, a
    refusal's reason."""
    exception: Exception | None
    """What the tool raised last, if that is why."""
    refused: Refused | None
    """The limits' word, if they said no."""
    priority: str | None
    """The priority it had, if it was asked for."""
    waited: float | None
    """How long it waited to be admitted; `None` if it never was."""
    ran: float | None
    """How long it ran; `None` if it never did."""
    degraded: str | None
    """What stood in for the tool's own answer: `cache`, `tool NAME`, `value`."""
    shared: bool
    """Whether the answer is that of an identical call that was under way."""
    attempts: tuple[Attempt, ...]
    """What was tried before and failed, in order; empty for most."""
    no_retry: str | None
    """Why it was not tried again, of a call that failed and whose tool has a `retry`."""

    @property
    def ok(self) -> bool:
        """Whether it has an answer."""
        return self.output is not None


@dataclass(frozen=True)
class Attempt:
    """An attempt that failed and was not the last."""

    tool: str
    """The tool that was asked for; another than the call's if it was to stand in for it."""
    error: str
    kind: str
    waited: float | None
    ran: float | None
    again_after: float | None
    """How long after it the next attempt was asked for, if there was one to be."""
