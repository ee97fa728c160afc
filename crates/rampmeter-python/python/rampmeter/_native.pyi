"""The compiled part. Everything public here is exported by `rampmeter` itself.

Durations are seconds, or a `timedelta`. Nothing here starts a thread, but for `Gate.persist`.
"""

from collections.abc import Callable, Coroutine, Generator, Iterable, Mapping, Sequence
from os import PathLike
from types import TracebackType
from typing import Any, NoReturn, final

from typing_extensions import Self, disjoint_base

from ._explanation import Explanation
from ._snapshot import Pressure, Snapshot
from ._state import Persisted, Restored
from ._turn_report import TurnReport
from ._types import Durability, EventKind, Obstacle, Outcome, Seconds

__all__ = [
    "Event",
    "Events",
    "Flow",
    "Gate",
    "Permit",
    "Policy",
    "ThreadWork",
    "Turn",
    "__version__",
    "current_permit",
]

__version__: str

_Headers = Mapping[str, str] | Iterable[tuple[str | bytes, str | bytes]]

@final
class Policy:
    """A policy that was read and is legal. Errors are `PolicyError` and show the line and the remedy."""

    @staticmethod
    def from_file(path: str | PathLike[str]) -> Policy:
        """Reads a policy file."""
    @staticmethod
    def from_toml(text: str, *, name: str = "policy") -> Policy:
        """Reads a policy as text; `name` is what errors call it."""
    @staticmethod
    def from_dict(policy: Mapping[str, Any]) -> Policy:
        """Reads a policy as a dictionary of the shape that a file has."""
    @property
    def warnings(self) -> list[str]:
        """What is odd in it, in words."""
    def tools(self) -> list[str]:
        """The names and patterns of its tools."""
    def effective(self) -> str:
        """The whole policy with its defaults, as `rampmeter check` prints it."""

@disjoint_base
class Gate:
    """One gate for one policy. Make it once and share it: between tasks, loops and threads.

    A process that was forked has to make its own; the one it inherited raises `ForkedError`.
    """

    def __new__(cls, policy: Policy | Mapping[str, Any]) -> Self: ...
    @classmethod
    def from_file(cls, path: str | PathLike[str]) -> Self:
        """A gate for the policy in this file. Raises `PolicyError`, which shows each line that is wrong."""
    @classmethod
    def from_toml(cls, text: str, *, name: str = "policy") -> Self:
        """A gate for the policy in this text; `name` is what errors call it."""
    @classmethod
    def from_dict(cls, policy: Mapping[str, Any]) -> Self:
        """A gate for the policy in this dictionary, of the shape that a file has."""
    @property
    def policy(self) -> Policy:
        """The policy that is enforced now."""
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
        """Asks for one call: `async with gate.admit("tool", …) as permit:`, or `permit = await gate.admit(…)`
        and later `permit.finish()`. It takes its place in the queue when it is first awaited.

        `flow` is whom it is for, `priority` a priority of the policy, `labels` values that limits are `per`,
        `cost` what it should take of each unit (`{"tokens": 900}`), `deadline` by when it must start, in
        seconds or as a `timedelta`, `arguments` those of the call, a dictionary or JSON, which fill the keys
        that the policy declares; `reads` and `writes` are keys by name; `parent` is the running call that
        makes it, if not that in whose block it is made; `id` is for events.

        Raises `Refused` where it is awaited; `UnknownTool`, `UsageError`, `TypeError`, `ValueError` at once.
        Cancelling whoever waits gives its place up, and nothing was consumed.
        """
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
        """`with gate.admit_sync("tool", …) as permit:` blocks this thread, with the GIL released, until the
        call may start. Signals reach it. Takes and raises what `admit` does."""
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
    def _check_call(
        self,
        tool: str,
        *,
        flow: str | None = None,
        priority: str | None = None,
        labels: Mapping[str, str] | None = None,
        cost: Mapping[str, int] | None = None,
        deadline: Seconds | None = None,
    ) -> None:
        """Raises what `admit` would of a call of which this is said, but for its arguments and keys; and
        `UsageError` if there is no such priority."""
    def _runs_in_order(self, tool: str) -> bool:
        """Whether calls of this tool in one turn run one after the other: it may write, and names no key."""
    def _needs_arguments(self, tool: str) -> bool:
        """Whether what its calls read and write follows from their arguments."""
    def events(self, capacity: int = 10_000) -> Events:
        """What happens from now on, up to so many unread events at a time."""
    def counters(self) -> dict[EventKind, int]:
        """How many events of each kind there have been; exact, whatever was missed."""
    def snapshot(self) -> Snapshot:
        """What is held, used and waiting now."""
    def waiting(self, most: int = 100) -> list[Explanation]:
        """Why calls wait: those so many that came first, in the order in which they came."""
    def pressure(self) -> Pressure:
        """How hard pressed the gate is, and by what."""
    async def ready(self) -> None:
        """Waits until the gate takes more work: no queue is filled, and calls are not stopped for want of
        memory. It promises nothing: the call itself may still have to wait. Cancelling it is safe."""
    def apply(self, policy: Policy | Mapping[str, Any]) -> None:
        """Enforces another policy from now on. Limits that keep their names keep what is held and used; no
        running call is touched. Raises `PolicyError`, and changes nothing, if that cannot be."""
    def pause(self, limit: str) -> None:
        """Starts nothing any more that draws on the limit, until `resume`. Raises `UnknownLimit`."""
    def resume(self, limit: str) -> None:
        """Lets a paused limit go on. Raises `UnknownLimit`."""
    def persist(
        self,
        path: str | PathLike[str],
        *,
        durability: Durability = "interval",
        interval: Seconds | None = None,
    ) -> Restored:
        """Keeps what the rates have used in a file, so that a quota survives a restart. Call it before the
        first call is admitted.

        Written is at every `interval` (1 s), or, with `durability="strict"`, before the call is admitted that
        is charged; and when the gate is dropped or the interpreter ends. A thread does that. Raises
        `StateError` if the file is in use or cannot be read or written.
        """
    def save(self) -> None:
        """Writes the state now; it is on the disk when this returns. Raises `StateError`."""
    def __copy__(self) -> Self: ...
    def __deepcopy__(self, _memo: Any) -> Self: ...
    def persisted(self) -> Persisted | None:
        """How the keeping of the state has gone; `None` without `persist`."""

@final
class Permit(Coroutine[Any, Any, Permit]):
    """One call: asked for when it is first awaited or entered, running until it is finished or dropped.

    Cancelling whoever awaits it gives its place in the queue up; a call that was not admitted has consumed
    nothing. Inside of `with permit:` (or `async with gate.admit(…)`) calls are nested under it; it is around
    one block. At its end the outcome is known by the exception: none is `succeeded`; a cancellation is
    `cancelled`; a time-out, a response of 429 or 503, and whatever follows `throttled()` are `overloaded`;
    anything else is `failed`.
    """

    def __await__(self) -> Generator[Any, Any, Permit]: ...
    def send(self, _value: object) -> Any: ...
    def throw(self, kind: Any, value: Any = None, traceback: TracebackType | None = None) -> NoReturn: ...
    def close(self) -> None: ...
    async def __aenter__(self) -> Permit: ...
    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None: ...
    def explain(self) -> Explanation | None:
        """Why the call waits now; `None` if it does not."""
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
        """Seconds for which the policy lets the tool's calls run. `Gate.run_turn` keeps to it, and
        `Gate.tool` for what is async; in a block of your own, `asyncio.timeout(permit.timeout)` does. `None`
        once it has ended."""
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
class Turn(Coroutine[Any, Any, TurnReport]):
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
    def send(self, _value: object) -> Any: ...
    def throw(self, kind: Any, value: Any = None, traceback: TracebackType | None = None) -> Any: ...
    def close(self) -> None: ...

@final
class ThreadWork:
    """The work of a function that runs in a thread, from when a thread is asked for."""

    def begin(self) -> bool: ...
    def end(self) -> None: ...
    def give_up(self) -> None: ...

@final
class Flow:
    """Within `with`, calls that name no flow, priority or labels of their own have these. A flow within a
    flow adds to it."""

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

@final
class Event:
    """What happened at the gate. What is not known, or means nothing for its kind, is `None`.

    Durations are seconds.
    """

    @property
    def kind(self) -> EventKind: ...
    @property
    def at(self) -> float:
        """When, in seconds since the gate was made."""
    @property
    def seq(self) -> int:
        """Its place among the gate's events, without gaps, from 0."""
    @property
    def tool(self) -> str | None: ...
    @property
    def flow(self) -> str | None: ...
    @property
    def priority(self) -> str | None: ...
    @property
    def id(self) -> str | None:
        """The id that the model gave the call."""
    @property
    def turn(self) -> int | None:
        """The turn that the call belongs to, as its caller numbered it."""
    @property
    def attempt(self) -> int | None:
        """Which attempt at the call this is, from 1."""
    @property
    def place(self) -> int | None:
        """Which of the gate's calls it is: no two have one place at one time."""
    @property
    def limit(self) -> str | None:
        """The limit that it is about, that refused, or where the call waits; a key as `key NAME`."""
    @property
    def reason(self) -> str | None:
        """Why, of a refusal: `queue_full`, `deadline`."""
    @property
    def lane(self) -> int | None:
        """The lane in which the call waits: calls of a lane are alike and move as one."""
    @property
    def obstacle(self) -> Obstacle | None:
        """What is in the way there."""
    @property
    def by(self) -> str | None:
        """What the answer is of, if not of the call's own tool: `cache`, `value`, `flight`, `tool NAME`."""
    @property
    def outcome(self) -> Outcome | None: ...
    @property
    def took(self) -> float | None:
        """How long it waited (`tool.started`, `tool.refused`), ran (ends), or went on after its end."""
    @property
    def lasts(self) -> float | None:
        """How long it will last (`limit.cooling`, `limit.spent`, `limit.opened`)."""
    def as_dict(self) -> dict[str, str | int]:
        """What is known, as a line of the files that `rampmeter run --events` writes and `rampmeter explain`
        reads: `event`, `at_us`, `call`, `took_us`."""

@final
class Events:
    """What happens at the gate from now on: `async for event in events` on a loop, `for event in events` in a
    thread of its own, which blocks. Several may read; each event goes to one of them.

    It ends when it is closed, or when the gate is gone and all has been read. It never slows the gate down:
    what comes while `capacity` events are unread is missed, and counted. Cancelling who waits loses nothing.
    """

    def __aiter__(self) -> Events: ...
    async def __anext__(self) -> Event: ...
    def __iter__(self) -> Events: ...
    def __next__(self) -> Event: ...
    def drain(self) -> list[Event]:
        """All that is there now. Needs no loop."""
    @property
    def missed(self) -> int: ...
    def close(self) -> None:
        """Ends it, also for who waits. What is unread is gone."""
    def __enter__(self) -> Events: ...
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
