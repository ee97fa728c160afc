"""One call of Stageflow on its way through the gate."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import Any, TypedDict, TypeVar

from stageflow.pipeline.retry import RateLimitError, ServiceUnavailableError

from .. import Gate, Permit
from .._adapter import keys_in_turn
from .._errors import UsageError
from ._context import OPTIONS_KEY, as_mapping, current_stage, find, time_out

T = TypeVar("T")


class CallOptions(TypedDict, total=False):
    """What may be said of a call, as to `Gate.admit`. What is left out comes from `rampmeter.flow`."""

    flow: str
    priority: str
    labels: Mapping[str, str]
    cost: Mapping[str, int]
    reads: Sequence[str]
    writes: Sequence[str]


DescribeCall = Callable[[str, Mapping[str, Any], Mapping[str, Any]], CallOptions]
"""Says it for each call, from the tool's name, the arguments and the context (as a dict)."""


class TimedOut(TimeoutError):
    """The call was ended because the `_timeout_ms` of its context was over."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call that is going to be asked for."""

    gate: Gate
    tool: str
    options: Mapping[str, Any]
    ends: float
    """On the loop's clock."""

    @classmethod
    def of(cls, gate: Gate, tool: str, arguments: Any, ctx: Any, describe: DescribeCall | None) -> Call:
        """Reads the context. Raises `UsageError` for one that says what cannot be."""
        # What a model wrote may be no object; then no key can be filled from it.
        given = arguments if isinstance(arguments, Mapping) else {}
        options = dict(_known(find(ctx, OPTIONS_KEY), f'`ctx.data["{OPTIONS_KEY}"]`'))
        if describe is not None:
            options |= _known(describe(tool, given, as_mapping(ctx)), "what `describe` gave")
        seconds, stage = time_out(ctx), current_stage()
        ends = inf if seconds is None else asyncio.get_running_loop().time() + seconds
        return cls(gate, tool, {**options, "arguments": given}, min(ends, stage.ends if stage else inf))

    def in_turn(self, number: object) -> Call:
        """The same call as one of a turn, where a tool that writes and names no keys is run in order."""
        writes = [*self.options.get("writes", ()), *keys_in_turn(self.gate, self.tool, number)]
        return replace(self, options={**self.options, "writes": writes})

    async def admit(self) -> Permit:
        """Waits until the call may start; cancelling gives its place up. Raises `Refused`."""
        deadline = None if self.ends == inf else max(self._left(), 0.0)
        return await self.gate.admit(self.tool, deadline=deadline, **self.options)

    async def run(self, permit: Permit, work: Callable[[], Awaitable[T]], failed: Callable[[T], bool]) -> T:
        """Runs the admitted call and tells the gate how it ended.

        Raises what the work raises, and `TimedOut`. The slots are free when the work has really ended.
        """
        with permit:
            try:
                output = await (work() if self.ends == inf else self._in_time(work))
            except RateLimitError as error:
                permit.throttled(error.retry_after)
                raise
            except ServiceUnavailableError:
                permit.finish("overloaded")
                raise
            except asyncio.CancelledError:
                if _stage_is_over():
                    permit.finish("overloaded")
                raise
            if failed(output):
                permit.finish("failed")
            return output

    async def _in_time(self, work: Callable[[], Awaitable[T]]) -> T:
        try:
            return await asyncio.wait_for(work(), self._left())
        except TimeoutError as error:
            if self._left() > 0:
                raise
            raise TimedOut(f"{self.tool} was ended: the `_timeout_ms` of its context is over") from error

    def _left(self) -> float:
        return self.ends - asyncio.get_running_loop().time()


def _stage_is_over() -> bool:
    stage = current_stage()
    return stage is not None and stage.is_over(asyncio.get_running_loop().time())


def _known(options: Any, place: str) -> Mapping[str, Any]:
    if options is None:
        return {}
    known = CallOptions.__annotations__
    if not isinstance(options, Mapping):
        raise UsageError(f"{place} is {options!r}: make it a dict of {', '.join(known)}")
    for name in options:
        if name not in known:
            raise UsageError(f"{place} has no `{name}`: what can be said is {', '.join(known)}")
    return options
