"""What the transports for `httpx` and for `httpx2` share. It imports neither."""

from __future__ import annotations

import json
import math
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Callable,
    Generator,
    Iterable,
    Iterator,
    Mapping,
)
from contextlib import contextmanager
from datetime import timedelta
from typing import Generic, Literal, Protocol, TypedDict, TypeVar

from ._adapter import check_function, check_gate
from ._errors import Refused, UsageError
from ._gate import Gate
from ._native import Permit
from ._outcome import NO_ROOM, REFUSED_HEADER
from ._types import Outcome
from ._usage import Settle, Settlement

Refusal = Literal["auto", "raise", "respond"]
"""How a refusal is told: raised, or answered by a response of 429; `auto` answers the SDKs that need it."""


class Call(TypedDict, total=False):
    """What the gate is told of a request besides its tool; as `Gate.admit` takes it."""

    flow: str
    priority: str
    labels: Mapping[str, str]
    cost: Mapping[str, int]
    deadline: float | timedelta
    reads: Iterable[str]
    writes: Iterable[str]
    id: str


class _Url(Protocol):
    @property
    def host(self) -> str: ...
    @property
    def path(self) -> str: ...


class _Headers(Protocol):
    @property
    def raw(self) -> list[tuple[bytes, bytes]]: ...
    def __contains__(self, key: object, /) -> bool: ...


class _Request(Protocol):
    @property
    def method(self) -> str: ...
    @property
    def url(self) -> _Url: ...
    @property
    def headers(self) -> _Headers: ...


RequestT = TypeVar("RequestT", bound=_Request)


class Terms(Generic[RequestT]):
    """On which terms the requests of a transport pass the gate."""

    def __init__(
        self,
        gate: Gate,
        tool: str | Callable[[RequestT], str],
        call: Callable[[RequestT], Call] | None,
        settle: Settle | None,
        refusal: Refusal,
    ) -> None:
        check_gate(gate)
        if isinstance(tool, str):
            gate.check_tool(tool)
        elif not callable(tool):
            raise TypeError(f"tool is {tool!r}; name one, or give what finds it of a request")
        check_function("call", call, "a function of the request that gives a dict, such as {'flow': 'me'}")
        check_function("settle", settle, "a function of the response's JSON, such as usage")
        if refusal not in ("auto", "raise", "respond"):
            raise UsageError(f'refusal is "auto", "raise" or "respond", not {refusal!r}')
        self._gate = gate
        self._tool = tool
        self._call = call
        self.settle = settle
        self._refusal = refusal

    async def admit(self, request: RequestT) -> Permit:
        tool, arguments, call = self._ask(request)
        return await self._gate.admit(tool, arguments=arguments, **call)

    def admit_sync(self, request: RequestT) -> Permit:
        tool, arguments, call = self._ask(request)
        return self._gate.admit_sync(tool, arguments=arguments, **call)

    def raises(self, request: RequestT) -> bool:
        """Whether a refusal of this request is raised rather than answered.

        The SDKs that Stainless makes (OpenAI, Anthropic, Groq and others) say so in each request. Most take
        whatever a transport raises for a lost connection, and try again; all obey `x-should-retry`.
        """
        if self._refusal == "auto":
            return "x-stainless-lang" not in request.headers
        return self._refusal == "raise"

    def _ask(self, request: RequestT) -> tuple[str, dict[str, str], Call]:
        tool = self._tool if isinstance(self._tool, str) else self._tool(request)
        # Without the query: some providers take their key there, and keys of calls appear in events.
        arguments = {"method": request.method, "host": request.url.host, "path": request.url.path}
        return tool, arguments, self._call(request) if self._call else {}


def answer(refused: Refused) -> tuple[dict[str, str], bytes]:
    """Headers and body of the response that says what a refusal says."""
    headers = {
        "content-type": "application/json",
        REFUSED_HEADER: refused.reason,
        "x-should-retry": "false",
    }
    if refused.retry_after is not None:
        headers["retry-after"] = str(math.ceil(refused.retry_after))
    error = {"type": "rampmeter_refused", "code": refused.reason, "message": str(refused)}
    return headers, json.dumps({"type": "error", "error": error}).encode()


class Held:
    """A permit that is held until the response's body is closed, and what becomes known until then."""

    def __init__(self, permit: Permit, timeout: type[Exception]) -> None:
        self._permit = permit
        self._timeout = timeout
        self._outcome: Outcome = "cancelled"
        self._settlement: Settlement | None = None

    @contextmanager
    def until_answered(self) -> Generator[None, None, None]:
        """Ends the call if no response comes."""
        try:
            yield
        except BaseException as error:
            self.broke(error)
            self.close()
            raise

    def answered(self, status: int, headers: _Headers, settlement: Settlement | None) -> None:
        self._permit.feedback(headers.raw)
        if status in NO_ROOM:
            self._permit.throttled(headers=headers.raw)
            self._outcome = "overloaded"
        elif status >= 500:
            self._outcome = "failed"
        else:
            # A 404 too: the server has done its work.
            self._outcome = "succeeded"
            self._settlement = settlement if status < 300 else None

    def read(self, chunk: bytes) -> None:
        if self._settlement:
            self._settlement.add(chunk)

    def broke(self, error: BaseException) -> None:
        """Something came in the way of the response, or of its body."""
        if self._outcome in ("overloaded", "failed"):
            return
        if isinstance(error, Exception):
            self._outcome = "overloaded" if isinstance(error, self._timeout) else "failed"
        elif not isinstance(error, GeneratorExit):
            # Who reads no further has had enough: SDKs close a stream of events at its last one.
            self._outcome = "cancelled"

    def close(self) -> None:
        try:
            if self._settlement:
                self._settlement.settle(self._permit)
        finally:
            self._permit.finish(self._outcome)


class _Stream(Protocol):
    def __iter__(self) -> Iterator[bytes]: ...
    def close(self) -> None: ...


class _AsyncStream(Protocol):
    def __aiter__(self) -> AsyncIterator[bytes]: ...
    async def aclose(self) -> None: ...


class Body:
    """A response's body; when it is closed its call has ended."""

    def __init__(self, stream: _Stream, held: Held) -> None:
        self._stream = stream
        self._held = held

    def __iter__(self) -> Iterator[bytes]:
        try:
            for chunk in self._stream:
                self._held.read(chunk)
                yield chunk
        except BaseException as error:
            self._held.broke(error)
            raise

    def close(self) -> None:
        try:
            self._stream.close()
        finally:
            self._held.close()


class AsyncBody:
    """A response's body; when it is closed its call has ended."""

    def __init__(self, stream: _AsyncStream, held: Held) -> None:
        self._stream = stream
        self._held = held

    async def __aiter__(self) -> AsyncIterator[bytes]:
        chunks = self._stream.__aiter__()
        try:
            async for chunk in chunks:
                self._held.read(chunk)
                yield chunk
        except BaseException as error:
            self._held.broke(error)
            raise
        finally:
            if isinstance(chunks, AsyncGenerator):
                await chunks.aclose()

    async def aclose(self) -> None:
        try:
            await self._stream.aclose()
        finally:
            self._held.close()
