"""The compiled part. Everything public here is exported by `rampmeter` itself.

Durations are seconds, or a `timedelta`. Nothing here starts a thread.
"""

from collections.abc import Generator, Iterable, Mapping
from datetime import timedelta
from os import PathLike
from types import TracebackType
from typing import Any, final

from typing_extensions import Self

from ._types import Outcome

_Seconds = float | timedelta
_Headers = Mapping[str, str] | Iterable[tuple[str | bytes, str | bytes]]

@final
class Policy:
    """A policy that was read and is legal. Errors are `PolicyError` and show the line and the remedy."""

    @staticmethod
    def from_file(path: str | PathLike[str]) -> Policy: ...
    @staticmethod
    def from_toml(text: str, *, name: str = "policy") -> Policy: ...
    @staticmethod
    def from_dict(policy: Mapping[str, Any]) -> Policy: ...
    @property
    def warnings(self) -> list[str]:
        """What is odd in it, in words."""
    def tools(self) -> list[str]:
        """The names and patterns of its tools."""
    def effective(self) -> str:
        """The whole policy with its defaults, as `rampmeter check` prints it."""

class Gate:
    """One gate for one policy. Make it once and share it: between tasks, loops and threads.

    A process that was forked has to make its own; the one it inherited raises `ForkedError`.
    """

    def __new__(cls, policy: Policy | Mapping[str, Any]) -> Self: ...
    @classmethod
    def from_file(cls, path: str | PathLike[str]) -> Self: ...
    @classmethod
    def from_toml(cls, text: str, *, name: str = "policy") -> Self: ...
    @classmethod
    def from_dict(cls, policy: Mapping[str, Any]) -> Self: ...
    @property
    def policy(self) -> Policy: ...
    def admit(
        self,
        tool: str,
        *,
        flow: str | None = None,
        priority: str | None = None,
        labels: Mapping[str, str] | None = None,
        cost: Mapping[str, int] | None = None,
        deadline: _Seconds | None = None,
        arguments: Mapping[str, Any] | str | None = None,
        reads: Iterable[str] | None = None,
        writes: Iterable[str] | None = None,
        parent: Permit | None = None,
        id: str | None = None,
    ) -> Permit:
        """Asks for one call. Use it with `async with`, or await it for a permit."""
    def admit_sync(
        self,
        tool: str,
        *,
        flow: str | None = None,
        priority: str | None = None,
        labels: Mapping[str, str] | None = None,
        cost: Mapping[str, int] | None = None,
        deadline: _Seconds | None = None,
        arguments: Mapping[str, Any] | str | None = None,
        reads: Iterable[str] | None = None,
        writes: Iterable[str] | None = None,
        parent: Permit | None = None,
        id: str | None = None,
    ) -> Permit:
        """Blocks this thread, with the GIL released, until the call may start: `with gate.admit_sync(…)`."""
    def try_admit(
        self,
        tool: str,
        *,
        flow: str | None = None,
        priority: str | None = None,
        labels: Mapping[str, str] | None = None,
        cost: Mapping[str, int] | None = None,
        arguments: Mapping[str, Any] | str | None = None,
        reads: Iterable[str] | None = None,
        writes: Iterable[str] | None = None,
        parent: Permit | None = None,
        id: str | None = None,
    ) -> Permit:
        """Admits the call now or raises `Refused` (`reason == "would_wait"`)."""
    def check_tool(self, tool: str) -> None:
        """Raises `UnknownTool` if the policy says nothing of this tool."""

@final
class Permit:
    """One call: asked for when it is first awaited or entered, running until it is finished or dropped.

    Cancelling whoever awaits it gives its place in the queue up; a call that was not admitted has consumed
    nothing. Inside of `with permit:` (or `async with gate.admit(…)`) calls are nested under it; it is around
    one block. At its end
    the outcome is known by the exception: none is `succeeded`; a cancellation is `cancelled`; a time-out, a
    response of 429 or 503, and whatever follows `throttled()` are `overloaded`; anything else is `failed`.
    """

    def __await__(self) -> Generator[Any, Any, Permit]: ...
    async def __aenter__(self) -> Permit: ...
    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None: ...
    def __enter__(self) -> Permit: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None: ...
    @property
    def tool(self) -> str: ...
    @property
    def waited(self) -> float:
        """Seconds."""
    @property
    def timeout(self) -> float | None:
        """Seconds for which the policy lets the tool's calls run. Whoever runs the call keeps to it:
        `Gate.tool` and `Gate.run_turn` do."""
    @property
    def running(self) -> bool: ...
    def settle(self, **units: int) -> bool:
        """The call took so much: `settle(tokens=812)`. Only the first time counts; says whether it did."""
    def throttled(self, retry_after: _Seconds | None = None, *, headers: _Headers | None = None) -> bool:
        """The server had no room for the call, and named this delay if it named one, itself or in the
        response's headers. Says whether the call still runs."""
    def feedback(self, headers: _Headers) -> bool:
        """What the response's headers say of the server's quotas. Says whether the call still runs."""
    def finish(self, outcome: Outcome | BaseException | None = None) -> None:
        """The call has ended, in this way or by this error; without either as at the end of a block in
        which nothing was raised. A second time does nothing."""

@final
class Flow:
    """Within `with`, calls that name no flow, priority or labels of their own have these. A flow within a flow
    adds to it."""

    def __new__(
        cls, flow: str | None = None, *, priority: str | None = None, labels: Mapping[str, str] | None = None
    ) -> Flow: ...
    def __enter__(self) -> Flow: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None: ...

def current_permit() -> Permit | None:
    """The running call in whose `with` block the caller is, of whichever gate; tasks and
    `asyncio.to_thread` inherit it."""
