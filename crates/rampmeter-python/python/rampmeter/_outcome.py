"""How a call ended, by what was raised in it."""

from __future__ import annotations

import asyncio
import concurrent.futures
from typing import Any, NamedTuple

from ._errors import Refused
from ._native import Permit
from ._types import Outcome

_TIMED_OUT = (TimeoutError, asyncio.TimeoutError, concurrent.futures.TimeoutError)
_CANCELLED = (asyncio.CancelledError, concurrent.futures.CancelledError, GeneratorExit, KeyboardInterrupt)
# Those of httpx, openai and anthropic, by name: none of them is a `TimeoutError`, and none need be installed.
_TIMED_OUT_NAMES = {"TimeoutException", "APITimeoutError"}
# 529 is Anthropic's word for 503.
NO_ROOM = (429, 503, 529)
REFUSED_HEADER = "x-rampmeter-refused"


def classify(permit: Permit, error: BaseException) -> Outcome:
    """Called at the end of a block in which `error` was raised. What a response of 429 or 503 says of its
    server's limits is told to the call's limits first."""
    if isinstance(error, _CANCELLED):
        return "cancelled"
    if timed_out(error):
        return "overloaded"
    if (refusal := no_room(error)) is None:
        return "failed"
    try:
        permit.throttled(headers=refusal.headers)
    except (TypeError, ValueError):
        permit.throttled()
    return "overloaded"


def timed_out(error: BaseException) -> bool:
    """Whether something did not answer in time."""
    return isinstance(error, _TIMED_OUT) or not _TIMED_OUT_NAMES.isdisjoint(
        kind.__name__ for kind in type(error).__mro__
    )


class NoRoom(NamedTuple):
    """A server had no room for a call."""

    status: int
    headers: Any
    """Of its response, if there is one."""


def no_room(error: BaseException) -> NoRoom | None:
    """What the server said, if `error` is its word that it had no room."""
    if isinstance(error, Refused):
        # A call that this one made was refused: that is no word of this one's server.
        return None
    try:
        return _no_room(error)
    except Exception:
        # What looking at a foreign error raises says nothing, and must not hide that error.
        return None


def _no_room(error: BaseException) -> NoRoom | None:
    response: Any = getattr(error, "response", None)
    status: Any = getattr(error, "status_code", None) or getattr(response, "status_code", None)
    if status not in NO_ROOM:
        return None
    headers: Any = getattr(response, "headers", None)
    try:
        if headers is not None and REFUSED_HEADER in headers:
            # A response that this package made of a refusal, for a client that knows no other way.
            return None
    except TypeError:
        # No headers that can be read.
        headers = None
    return NoRoom(status, headers)
