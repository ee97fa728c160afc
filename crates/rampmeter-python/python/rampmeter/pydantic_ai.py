"""Pydantic AI behind a gate: `LimitTools` for all tools of an agent, `LimitedToolset` for one toolset,
`GateLimiter` for model requests and agent runs.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any

try:
    from pydantic_ai import AbstractConcurrencyLimiter, RunContext
    from pydantic_ai.capabilities import AbstractCapability, CapabilityOrdering
    from pydantic_ai.exceptions import (
        ApprovalRequired,
        CallDeferred,
        ConcurrencyLimitExceeded,
        ModelRetry,
        ToolFailed,
    )
    from pydantic_ai.tools import AgentDepsT
    from pydantic_ai.toolsets import AbstractToolset, ToolsetTool, WrapperToolset
    from pydantic_ai.toolsets.function import FunctionToolsetTool
    from pydantic_core import to_jsonable_python
except ImportError as error:
    raise ImportError(
        'rampmeter.pydantic_ai needs pydantic-ai 2.68: pip install "rampmeter[pydantic-ai]"'
    ) from error

from . import ForkedError, Gate, Permit, Refused, UsageError, current_permit
from ._adapter import Refusals, check, check_gate, check_refusals, keys_in_turn

__all__ = ["TESTED", "GateLimiter", "LimitTools", "LimitedToolset"]

TESTED = "2.68.0"
"""The release of pydantic-ai that this was tested with."""


@dataclass
class LimitedToolset(WrapperToolset[AgentDepsT]):
    """A toolset whose tools pass the gate before they run, under the names that it gives them.

    `flow`, `priority` and `labels` are values, or are asked of each call's `RunContext`. A refused call is
    told to the model as a failed tool (`ToolFailed`), at once and without using up the tool's retries; with
    `refusals="raise"`, `Refused` ends the run. A tool's `timeout` counts from when it may start. Cancelling
    the run gives its calls up; a sync tool keeps its slot until its thread has ended. A tool that the policy
    does not name ends the run with `UnknownTool` before the model is asked.
    """

    gate: Gate
    _: KW_ONLY
    flow: str | Callable[[RunContext[AgentDepsT]], str | None] | None = None
    priority: str | Callable[[RunContext[AgentDepsT]], str | None] | None = None
    labels: Mapping[str, str] | Callable[[RunContext[AgentDepsT]], Mapping[str, str] | None] | None = None
    refusals: Refusals = "message"

    def __post_init__(self) -> None:
        check("wrapped", self.wrapped, AbstractToolset, "a toolset, such as FunctionToolset(functions)")
        check_gate(self.gate)
        check_refusals(self.refusals)

    async def get_tools(self, ctx: RunContext[AgentDepsT]) -> dict[str, ToolsetTool[AgentDepsT]]:
        tools = await super().get_tools(ctx)
        for name, tool in tools.items():
            if tool.tool_def.kind != "external":
                self.gate.check_tool(name)
        return tools

    async def call_tool(
        self, name: str, tool_args: dict[str, Any], ctx: RunContext[AgentDepsT], tool: ToolsetTool[AgentDepsT]
    ) -> Any:
        try:
            permit = await self._call(name, tool_args, ctx)
            run = _within(permit, super().call_tool(name, tool_args, ctx, tool))
            # A thread cannot be cancelled: whoever waits for it is let go, its slot is not.
            return await (asyncio.shield(run) if _runs_in_a_thread(tool) else run)
        except Refused as refused:
            if self.refusals == "raise":
                raise
            raise ToolFailed(str(refused)) from refused

    def _call(self, name: str, tool_args: dict[str, Any], ctx: RunContext[AgentDepsT]) -> Permit:
        flow = self.flow(ctx) if callable(self.flow) else self.flow
        priority = self.priority(ctx) if callable(self.priority) else self.priority
        labels = self.labels(ctx) if callable(self.labels) else self.labels
        # A context that was made by hand belongs to no run, and so to no turn.
        turn = f"{ctx.run_step} of run {ctx.run_id}"
        writes = [] if ctx.run_id is None else keys_in_turn(self.gate, name, turn)
        arguments = to_jsonable_python(tool_args, serialize_unknown=True, bytes_mode="base64")
        try:
            return self.gate.admit(
                name, flow=flow, priority=priority, labels=labels, writes=writes, arguments=arguments
            )
        except ForkedError:
            raise
        except UsageError as error:
            # The arguments do not fill the keys that the policy declares: the model may do better.
            raise ModelRetry(str(error)) from error


async def _within(permit: Permit, call: Coroutine[Any, Any, Any]) -> Any:
    with permit:
        try:
            return await call
        except (ModelRetry, ToolFailed) as told:
            # The gate learns from what really happened: a time-out, a 429.
            permit.finish(told.__cause__ or told.__context__ or told)
            raise
        except (ApprovalRequired, CallDeferred):
            permit.finish("cancelled")
            raise


def _runs_in_a_thread(tool: ToolsetTool[Any]) -> bool:
    # What combines toolsets wraps their tools.
    while (source := getattr(tool, "source_tool", None)) is not None:
        tool = source
    return isinstance(tool, FunctionToolsetTool) and not tool.is_async


@dataclass
class LimitTools(AbstractCapability[AgentDepsT]):
    """`Agent(…, capabilities=[LimitTools(gate)])`: whatever tools the agent's runs have are limited as by
    `LimitedToolset`, wherever they come from, within all that other capabilities do around a call."""

    gate: Gate
    _: KW_ONLY
    flow: str | Callable[[RunContext[AgentDepsT]], str | None] | None = None
    priority: str | Callable[[RunContext[AgentDepsT]], str | None] | None = None
    labels: Mapping[str, str] | Callable[[RunContext[AgentDepsT]], Mapping[str, str] | None] | None = None
    refusals: Refusals = "message"

    def __post_init__(self) -> None:
        check_gate(self.gate)
        check_refusals(self.refusals)

    def get_ordering(self) -> CapabilityOrdering:
        return CapabilityOrdering(position="innermost")

    def get_wrapper_toolset(self, toolset: AbstractToolset[AgentDepsT]) -> LimitedToolset[AgentDepsT]:
        return LimitedToolset(
            toolset,
            self.gate,
            flow=self.flow,
            priority=self.priority,
            labels=self.labels,
            refusals=self.refusals,
        )

    @classmethod
    def get_serialization_name(cls) -> str | None:
        return None


class GateLimiter(AbstractConcurrencyLimiter):
    """A limiter for `ConcurrencyLimitedModel(model, limiter)` and `Agent(max_concurrency=limiter)`.

    To the policy, a request or a run is a call of `tool`; without one, of what asks: `model:NAME` or
    `agent:NAME`. A refusal is raised as pydantic-ai's own `ConcurrencyLimitExceeded`, with the `Refused` as
    its cause. What runs inside is nested under the call, and so uses its slots.
    """

    def __init__(self, gate: Gate, tool: str | None = None) -> None:
        check_gate(gate)
        if tool is not None:
            gate.check_tool(tool)
        self._gate = gate
        self._tool = tool
        self._running: dict[Permit, BaseException | None] = {}

    async def acquire(self, source: str) -> None:
        try:
            permit = await self._gate.admit(self._tool or source)
        except Refused as refused:
            raise ConcurrencyLimitExceeded(str(refused)) from refused
        permit.__enter__()
        self._running[permit] = sys.exc_info()[1]

    def release(self) -> None:
        """The interface does not say what ended; where it is not known from the context, as for a stream that
        another task closes, it is the one that has run longest."""
        if not self._running:
            raise UsageError("the limiter was released more often than it was acquired")
        permit = current_permit()
        if permit is None or permit not in self._running:
            permit = next(iter(self._running))
        before = self._running.pop(permit)
        # Nor how it ended; but this is called in the `finally` that the error passes.
        error = sys.exc_info()[1]
        if error is None or error is before:
            permit.__exit__(None, None, None)
        else:
            permit.__exit__(type(error), error, error.__traceback__)
