"""Transports for `httpx` that ask a gate before each request: `pip install "rampmeter[httpx]"`.

`httpx.AsyncClient(transport=AsyncTransport(gate, "openai"))`, which most SDKs take as their `http_client`.
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType

try:
    import httpx
except ImportError as error:
    raise ImportError('rampmeter.httpx needs httpx: pip install "rampmeter[httpx]"') from error

from . import _transport
from ._errors import Refused
from ._gate import Gate
from ._transport import Call, Refusal
from ._usage import Settle, Settlement, usage

TESTED = "0.28.1"
"""The version of `httpx` that this is tested with."""

_NO_LIMITS = httpx.Limits()
"""The gate says how many there are at once; a pool of 100 would be a second limit, and one that times out."""

__all__ = ["TESTED", "AsyncTransport", "Call", "Refusal", "Settle", "Transport", "usage"]


class AsyncTransport(httpx.AsyncBaseTransport):
    """Lets a request start when the gate does, and holds its permit until the response's body is closed.

    `tool` names the policy's tool that requests draw on, or finds it: `lambda request: request.url.host`.
    `call` says what else the gate is to know of a request, such as its cost. `settle` reads from a response's
    JSON what it really took: `usage` does, for OpenAI and Anthropic. `transport` sends the requests.

    Errors: `Refused`; an SDK that would take that for a lost connection gets a response of 429 instead
    (`refusal`: "raise" or "respond" for all). `UnknownTool` here if `tool` is a name, else at the request.

    Cancel safety: who gives up waiting has consumed nothing; who gives up later frees the slot.
    """

    def __init__(
        self,
        gate: Gate,
        tool: str | Callable[[httpx.Request], str],
        *,
        call: Callable[[httpx.Request], Call] | None = None,
        settle: Settle | None = None,
        refusal: Refusal = "auto",
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._terms = _transport.Terms(gate, tool, call, settle, refusal)
        self._transport = transport or httpx.AsyncHTTPTransport(limits=_NO_LIMITS)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        try:
            permit = await self._terms.admit(request)
        except Refused as refused:
            if self._terms.raises(request):
                raise
            return _answer(refused)
        held = _transport.Held(permit, httpx.TimeoutException)
        with held.until_answered():
            response = await self._transport.handle_async_request(request)
            assert isinstance(response.stream, httpx.AsyncByteStream)
            held.answered(response.status_code, response.headers, _settlement(self._terms.settle, response))
            return _with(response, _AsyncBody(response.stream, held))

    async def aclose(self) -> None:
        await self._transport.aclose()

    async def __aenter__(self) -> AsyncTransport:
        await self._transport.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        await self._transport.__aexit__(kind, error, traceback)


class Transport(httpx.BaseTransport):
    """`AsyncTransport` for `httpx.Client`: whoever waits blocks its thread."""

    def __init__(
        self,
        gate: Gate,
        tool: str | Callable[[httpx.Request], str],
        *,
        call: Callable[[httpx.Request], Call] | None = None,
        settle: Settle | None = None,
        refusal: Refusal = "auto",
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._terms = _transport.Terms(gate, tool, call, settle, refusal)
        self._transport = transport or httpx.HTTPTransport(limits=_NO_LIMITS)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        try:
            permit = self._terms.admit_sync(request)
        except Refused as refused:
            if self._terms.raises(request):
                raise
            return _answer(refused)
        held = _transport.Held(permit, httpx.TimeoutException)
        with held.until_answered():
            response = self._transport.handle_request(request)
            assert isinstance(response.stream, httpx.SyncByteStream)
            held.answered(response.status_code, response.headers, _settlement(self._terms.settle, response))
            return _with(response, _Body(response.stream, held))

    def close(self) -> None:
        self._transport.close()

    def __enter__(self) -> Transport:
        self._transport.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        self._transport.__exit__(kind, error, traceback)


class _AsyncBody(_transport.AsyncBody, httpx.AsyncByteStream):
    pass


class _Body(_transport.Body, httpx.SyncByteStream):
    pass


def _with(response: httpx.Response, body: _AsyncBody | _Body) -> httpx.Response:
    # Another one, since a client never closes the body of a response that has been read, as a mock's has.
    return httpx.Response(
        response.status_code, headers=response.headers, stream=body, extensions=response.extensions
    )


def _settlement(settle: Settle | None, response: httpx.Response) -> Settlement | None:
    def decode(body: bytes) -> bytes:
        return httpx.Response(200, headers=response.headers, content=body).content

    return Settlement.of(settle, response.headers.get("content-type", ""), decode)


def _answer(refused: Refused) -> httpx.Response:
    headers, body = _transport.answer(refused)
    return httpx.Response(429, headers=headers, content=body, extensions={"rampmeter_refused": refused})
