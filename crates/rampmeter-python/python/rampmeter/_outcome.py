"""How a call ended, by what was raised in it."""

from __future__ import annotations

import asyncio
import concurrent.futures
from typing import Any

from ._errors import Refused
from ._native import Permit
from ._types import Outcome

_TIMED_OUT = (TimeoutError, asyncio.TimeoutError, concurrent.futures.TimeoutError)
_CANCELLED = (asyncio.CancelledError, concurrent.futures.CancelledError, GeneratorExit, KeyboardInterrupt)
# Those of httpx, openai and anthropic, by name: none of them is a `TimeoutError`, and none need be installed.
_TIMED_OUT_NAMES = {"TimeoutException", "APITimeoutError"}
# 529 is Anthropic's word for 503.
_NO_ROOM = (429, 503, 529)
REFUSED_HEADER = "x-rampmeter-refused"


def classify(permit: Permit, error: BaseException) -> Outcome:
    """Called at the end of a block in which `error` was raised. What a response of 429 or 503 says of its
    server's limits is told to the call's limits first."""
    if isinstance(error, _CANCELLED):
        return "cancelled"
    if isinstance(error, _TIMED_OUT) or not _TIMED_OUT_NAMES.isdisjoint(
        kind.__name__ for kind in type(error).__mro__
    ):
        return "overloaded"
    if isinstance(error, Refused):
        # A call that this one made was refused: that is no word of this one's server.
        return "failed"
    try:
        no_room = _has_no_room(permit, error)
    except Exception:
        # What looking at a foreign error raises says nothing, and must not hide that error.
        return "failed"
    return "overloaded" if no_room else "failed"


def _has_no_room(permit: Permit, error: BaseException) -> bool:
    """Whether a server said so. Its headers are told, as far as they can be read."""
    response: Any = getattr(error, "response", None)
    status: Any = getattr(error, "status_code", None) or getattr(response, "status_code", None)
    if status not in _NO_ROOM:
        return False
    headers: Any = getattr(response, "headers", None)
    try:
        if headers is not None and REFUSED_HEADER in headers:
            # A response that this package made of a refusal, for a client that knows no other way.
            return False
        permit.throttled(headers=headers)
    except (TypeError, ValueError):
        permit.throttled()
    return True
