"""The compiled part. Everything public here is exported by `rampmeter` itself.

Durations are seconds, or a `timedelta`. Nothing here starts a thread.
"""

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from os import PathLike
from types import TracebackType
from typing import Any, final

from typing_extensions import Self

from ._errors import Refused
from ._types import FormatName, Outcome, Seconds, Status

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
        deadline: Seconds | None = None,
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
        deadline: Seconds | None = None,
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
    def _needs_arguments(self, tool: str) -> bool:
        """Whether what its calls read and write follows from their arguments."""

@final
class Permit:
    """One call: asked for when it is first awaited or entered, running until it is finished or dropped.

    Cancelling whoever awaits it gives its place in the queue up; a call that was not admitted has consumed
    nothing. Inside of `with permit:` (and of `async with gate.admit(…)`) calls are nested under it. At its
    end the outcome is known by the exception: none is `succeeded`; a cancellation is `cancelled`; a time-out,
    a response of 429 or 503, and whatever follows `throttled()` are `overloaded`; anything else is `failed`.
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
    def running(self) -> bool: ...
    def settle(self, **units: int) -> bool:
        """The call took so much: `settle(tokens=812)`. Only the first time counts; says whether it did."""
    def throttled(self, retry_after: Seconds | None = None, *, headers: _Headers | None = None) -> bool:
        """The server had no room for the call, and named this delay if it named one, itself or in the
        response's headers. Says whether the call still runs."""
    def feedback(self, headers: _Headers) -> bool:
        """What the response's headers say of the server's quotas. Says whether the call still runs."""
    def finish(self, outcome: Outcome | BaseException | None = None) -> None:
        """The call has ended, in this way or by this error; without either as at the end of a block in
        which nothing was raised. A second time does nothing."""

@final
class Turn:
    """The calls of one model's answer, run when it is awaited."""

    def __new__(
        cls,
        gate: Gate,
        calls: str,
        functions: Sequence[tuple[str, Callable[..., Any], bool]],
        *,
        flow: str | None = None,
        priority: str | None = None,
        labels: Mapping[str, str] | None = None,
        deadline: Seconds | None = None,
        fail_fast: bool = False,
        format: str | None = None,
    ) -> Turn: ...
    def __await__(self) -> Generator[Any, Any, TurnReport]: ...
    def __iter__(self) -> Generator[Any, Any, TurnReport]: ...
    def send(self, value: Any, /) -> Any: ...
    def throw(self, kind: Any, value: Any = None, traceback: Any = None) -> Any: ...
    def close(self) -> None: ...

@final
class TurnReport:
    """What became of a turn."""

    @property
    def results(self) -> tuple[CallResult, ...]:
        """One for each call, in the model's order."""
    @property
    def format(self) -> FormatName:
        """How the turn was written."""
    @property
    def ok(self) -> bool:
        """Whether every call has an answer."""
    def replies(self) -> list[dict[str, Any]]:
        """The messages that answer the model, in the turn's own format."""

@final
class CallResult:
    """What became of one call. Durations are seconds."""

    @property
    def id(self) -> str:
        """The id that the model gave it."""
    @property
    def name(self) -> str:
        """The name that the model called."""
    @property
    def ok(self) -> bool:
        """Whether it has an answer."""
    @property
    def status(self) -> Status: ...
    @property
    def output(self) -> str | None:
        """What the tool said, as the model reads it."""
    @property
    def error(self) -> str | None:
        """Why there is no answer, as the model reads it."""
    @property
    def kind(self) -> str | None:
        """One word for that: `failed`, `timed_out`, `throttled`, `arguments`, `malformed`, `unknown_tool`, a
        refusal's reason."""
    @property
    def exception(self) -> Exception | None:
        """What the tool raised last, if that is why."""
    @property
    def refused(self) -> Refused | None:
        """The limits' word, if they said no."""
    @property
    def priority(self) -> str | None:
        """The priority it had, if it was asked for."""
    @property
    def waited(self) -> float | None:
        """How long it waited to be admitted; `None` if it never was."""
    @property
    def ran(self) -> float | None:
        """How long it ran; `None` if it never did."""
    @property
    def degraded(self) -> str | None:
        """What stood in for the tool's own answer: `cache`, `tool NAME`, `value`."""
    @property
    def shared(self) -> bool:
        """Whether the answer is that of an identical call that was under way."""
    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """What was tried before and failed, in order; empty for most."""
    @property
    def no_retry(self) -> str | None:
        """Why it was not tried again, of a call that failed and whose tool has a `retry`."""

@final
class Attempt:
    """An attempt that failed and was not the last. Durations are seconds."""

    @property
    def tool(self) -> str:
        """The tool that was asked for; another than the call's if it was to stand in for it."""
    @property
    def error(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def waited(self) -> float | None: ...
    @property
    def ran(self) -> float | None: ...
    @property
    def again_after(self) -> float | None:
        """How long after it the next attempt was asked for, if there was one to be."""

@final
class ThreadWork:
    """The work of a function that runs in a thread, from when a thread is asked for."""

    def begin(self) -> bool: ...
    def end(self) -> None: ...
    def give_up(self) -> None: ...

@final
class Flow:
    """Within `with`, calls that name no flow, priority or labels of their own have these."""

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
