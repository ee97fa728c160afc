"""The calls of one turn, side by side under the gate."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from stageflow.tools import ResolvedToolCall, ToolRegistry, UnresolvedToolCall
from stageflow.tools.base import ToolInput, ToolOutput

from .. import Gate
from .._adapter import check_gate
from ._call import Call, DescribeCall
from ._context import as_mapping
from ._tool import run_tool


@dataclass(frozen=True, slots=True)
class TurnResult:
    """What became of one call of a turn."""

    call_id: str
    name: str
    output: ToolOutput
    """With `success=False` whenever the call did not succeed: failed, refused, timed out, unresolved."""
    error: BaseException | None = None
    """What the tool raised, if it raised."""


@dataclass(frozen=True, slots=True)
class _Action:
    """A call in the shape that Stageflow's tools want."""

    id: UUID
    type: str
    payload: dict[str, Any]


async def limit_turn(
    gate: Gate,
    calls: Iterable[ResolvedToolCall | UnresolvedToolCall],
    ctx: Any = None,
    *,
    describe: DescribeCall | None = None,
) -> list[TurnResult]:
    """Runs the calls of a turn that `parse_and_resolve` gave: one result per call, in their order.

    They go side by side as far as the limits let them; calls that conflict run in the order given: over keys
    that the policy declares (`writes = ["file:{path}"]`), and those of a tool that writes and declares none
    (`access = "write"`, or no word of it) among themselves. A call that fails or is refused touches
    no other. `ctx` is a dict, or a context of Stageflow. Cancelling cancels all the calls and waits for
    their ends.

    Raises before anything runs: `UnknownTool` if the policy says nothing of a tool, `UsageError` for a
    context that says what cannot be.
    """
    check_gate(gate)
    turn = list(calls)
    for call in turn:
        if isinstance(call, ResolvedToolCall):
            gate.check_tool(call.name)
    # A context that says what cannot be is no call's fault.
    Call.of(gate, "", None, ctx, None)
    shared = dict(as_mapping(ctx))
    # Each task asks in its first step, and tasks begin in the order in which they are made: so calls take
    # their places in the lines of their keys in the model's order.
    number = uuid4()
    runs = [_run(gate, call, ctx, shared, describe, number) for call in turn]
    ends = await asyncio.gather(*runs, return_exceptions=True)
    return [_result(call, end) for call, end in zip(turn, ends, strict=True)]


def parse_in_order(
    registry: ToolRegistry, call: Any, fields: Mapping[str, Any]
) -> ResolvedToolCall | UnresolvedToolCall:
    """One call as the model wrote it, resolved or with the reason why not.

    Stageflow parses whole turns into two lists, which leaves out how the two were mixed, and raises for a
    call that is no dict.
    """
    try:
        parsed: Any = registry.parse_and_resolve([call], **fields)
    except AttributeError:
        error = f"Failed to parse tool call: it is {type(call).__name__}, not a dict"
        return UnresolvedToolCall(call_id="unknown", name="unknown", arguments={}, error=error, raw=call)
    resolved, unresolved = parsed
    one: ResolvedToolCall | UnresolvedToolCall = [*resolved, *unresolved][0]
    return one


async def _run(
    gate: Gate,
    call: ResolvedToolCall | UnresolvedToolCall,
    ctx: Any,
    shared: dict[str, Any],
    describe: DescribeCall | None,
    turn: UUID,
) -> ToolOutput | None:
    if isinstance(call, UnresolvedToolCall):
        return ToolOutput(success=False, error=call.error)
    action = _Action(uuid4(), call.name, call.arguments)
    asked = Call.of(gate, call.name, call.arguments, ctx, describe).in_turn(turn)
    return await run_tool(asked, action, ctx, lambda: call.tool.execute(ToolInput(action), shared))


def _result(
    call: ResolvedToolCall | UnresolvedToolCall, end: ToolOutput | BaseException | None
) -> TurnResult:
    if isinstance(end, BaseException):
        output = ToolOutput(success=False, error=str(end) or type(end).__name__)
        return TurnResult(call.call_id, call.name, output, end)
    return TurnResult(
        call.call_id, call.name, end or ToolOutput(success=False, error="the tool gave nothing")
    )
