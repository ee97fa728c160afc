"""What a response says that its call took."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from typing import Any

from ._native import Permit

Settle = Callable[[Any], "Mapping[str, int] | None"]
"""Of a response's JSON, what the call really took, by unit; `None` if it does not say."""

_MOST = 16 * 1024 * 1024
"""Bytes of a body that are kept; a call with a longer one keeps its estimate."""

_EVENTS = "text/event-stream"
_LAST_EVENTS = frozenset({"message_stop", "response.completed", "response.incomplete"})

_log = logging.getLogger("rampmeter.httpx")


def usage(document: Any) -> dict[str, int] | None:
    """The `usage` of OpenAI's Chat and Responses, of Anthropic's Messages, and of whoever speaks like them.

    Units are `tokens`, `input_tokens` and `output_tokens`. What Anthropic read from its cache is left out, as
    its limits do.
    """
    told = document.get("usage") if isinstance(document, dict) else None
    if not isinstance(told, dict):
        return None
    taken = _count(told, "input_tokens", "prompt_tokens") + _count(told, "cache_creation_input_tokens")
    given = _count(told, "output_tokens", "completion_tokens")
    tokens = _count(told, "total_tokens") or taken + given
    return {"tokens": tokens, "input_tokens": taken, "output_tokens": given} if tokens else None


class Settlement:
    """A response's body as it is read, and what it then says that the call took."""

    def __init__(self, settle: Settle, content_type: str, decode: Callable[[bytes], bytes]) -> None:
        self._settle = settle
        self._read = _last_usage if content_type.startswith(_EVENTS) else json.loads
        self._decode = decode
        self._chunks: list[bytes] = []
        self._room = _MOST

    @classmethod
    def of(
        cls, settle: Settle | None, content_type: str, decode: Callable[[bytes], bytes]
    ) -> Settlement | None:
        """`None` where nothing is to be settled, or the body is neither JSON nor a stream of events."""
        wanted = content_type.startswith((_EVENTS, "application/json"))
        return cls(settle, content_type, decode) if settle and wanted else None

    def add(self, chunk: bytes) -> None:
        self._room -= len(chunk)
        if self._room < 0:
            self._chunks.clear()
        else:
            self._chunks.append(chunk)

    def settle(self, permit: Permit) -> None:
        """Not if the body does not say, or was not read: the call keeps its estimate."""
        try:
            document = self._read(self._decode(b"".join(self._chunks)))
        except Exception:  # Half a body, or one that cannot be decoded.
            return
        try:
            units = self._settle(document) if document else None
            if units:
                permit.settle(**units)
        except Exception:
            # The response is good, whatever is wrong here.
            _log.warning("could not settle a call, so it keeps its estimate", exc_info=True)


def _last_usage(body: bytes) -> dict[str, Any] | None:
    """`{"usage": …}` as it is at the end of a stream of events, if that came to its end and says so."""
    usage: dict[str, Any] = {}
    ended = False
    for line in body.splitlines():
        data = line.removeprefix(b"data:").strip()
        if data == b"[DONE]":
            ended = True
        elif data.startswith(b"{"):
            event = json.loads(data)
            ended = ended or event.get("type") in _LAST_EVENTS
            # Anthropic begins with a message, and the Responses end with one; Chat has it in its last chunk.
            about = event.get("message") or event.get("response") or event
            told = about.get("usage") or {}
            usage.update((name, count) for name, count in told.items() if count is not None)
    return {"usage": usage} if ended and usage else None


def _count(told: Mapping[str, Any], *names: str) -> int:
    counts = (told.get(name) for name in names)
    return next((count for count in counts if isinstance(count, int) and count >= 0), 0)
