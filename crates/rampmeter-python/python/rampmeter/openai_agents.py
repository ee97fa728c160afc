"""The OpenAI Agents SDK behind a gate: `limit(gate, tools)` for tools, `limit_agent(gate, agent)` for an
agent with its MCP servers and its handoffs.

Function tools are limited, so agents-as-tools and MCP tools too. What the provider runs (web search, file
search, hosted MCP) never comes by here; shell, computer, patch and custom tools are left as they are.
"""

from __future__ import annotations

import asyncio
import copy
import functools
import inspect
import weakref
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, cast, get_args, get_origin

try:
    from agents import (
        FunctionTool,
        Handoff,
        ModelBehaviorError,
        RunContextWrapper,
        Tool,
        ToolTimeoutError,
        default_tool_error_function,
    )
    from agents.agent import AgentBase
    from agents.tool import (
        _DEFAULT_FAILURE_HANDLED_ATTR,
        _SYNC_FUNCTION_TOOL_MARKER,
        _FailureHandlingFunctionToolInvoker,
        default_tool_timeout_error_message,
        maybe_invoke_function_tool_failure_error_function,
    )
    from agents.tool_context import ToolContext
except ImportError as error:
    raise ImportError(
        'rampmeter.openai_agents needs openai-agents 0.24: pip install "rampmeter[openai-agents]"'
    ) from error

from . import ForkedError, Gate, Permit, RampmeterError, Refused, UsageError
from ._adapter import Refusals, check, check_gate, check_refusals, keys_in_turn

__all__ = ["TESTED", "limit", "limit_agent"]

TESTED = "0.24.0"
"""The release of openai-agents that this was tested with."""

_Text = str | Callable[[RunContextWrapper[Any]], str | None] | None
_Labels = Mapping[str, str] | Callable[[RunContextWrapper[Any]], Mapping[str, str] | None] | None
_TOOLS = tuple(get_origin(kind) or kind for kind in get_args(Tool))
AgentT = TypeVar("AgentT", bound="AgentBase[Any]")


def limit(
    gate: Gate,
    tools: Iterable[Tool],
    *,
    flow: _Text = None,
    priority: _Text = None,
    labels: _Labels = None,
    refusals: Refusals = "message",
) -> list[Tool]:
    """Copies of the function tools that pass the gate before they run; other tools as they are.

    `flow`, `priority` and `labels` are values, or are asked of each call's `ToolContext`. A refused call is
    told to the model, by the tool's own `failure_error_function` if it has one; with `refusals="raise"` it
    ends the run. A tool's `timeout` counts from when it may start. Cancelling the run
    gives its calls up; a sync tool keeps its slot until its thread has ended. Raises `UnknownTool` for a tool
    that the policy does not name.
    """
    limits = _Limits(gate, flow, priority, labels, refusals)
    check("tools", tools, Iterable, "a list of tools, as @function_tool makes them")
    return [limits.on(tool) for tool in tools]


def limit_agent(
    gate: Gate,
    agent: AgentT,
    *,
    flow: _Text = None,
    priority: _Text = None,
    labels: _Labels = None,
    refusals: Refusals = "message",
) -> AgentT:
    """A copy of the agent whose tools, MCP servers' tools and handoffs' agents are limited as by `limit`.

    An agent-as-tool is limited as one call. Its own tools are not: limit that agent before `as_tool()`.
    """
    limits = _Limits(gate, flow, priority, labels, refusals)
    check("agent", agent, AgentBase, "an Agent")
    return _Team(limits).limited(agent)


@dataclass(frozen=True)
class _Limits:
    gate: Gate
    flow: _Text
    priority: _Text
    labels: _Labels
    refusals: Refusals

    def __post_init__(self) -> None:
        check_gate(self.gate)
        check_refusals(self.refusals)

    def on(self, tool: Tool) -> Tool:
        if inspect.isroutine(tool):
            raise TypeError(f"{tool.__name__} is a plain function: make it a tool with @function_tool")
        check("an item of tools", tool, _TOOLS, "a tool, as @function_tool makes one")
        if not isinstance(tool, FunctionTool):
            return tool
        invoker = tool.on_invoke_tool
        if isinstance(invoker, _Invoker) and invoker.limits.gate is self.gate:
            return tool
        self.gate.check_tool(tool.qualified_name)
        limited = copy.copy(tool)
        # The SDK's own clock would count the wait at the gate as well.
        limited.timeout_seconds = None
        limited.on_invoke_tool = _Invoker(limited, self, tool.timeout_seconds)
        return limited

    def terms(self, tool: FunctionTool, run: RunContextWrapper[Any]) -> dict[str, Any]:
        return {
            "writes": keys_in_turn(self.gate, tool.qualified_name, _turn(run)),
            "flow": self.flow(run) if callable(self.flow) else self.flow,
            "priority": self.priority(run) if callable(self.priority) else self.priority,
            "labels": self.labels(run) if callable(self.labels) else self.labels,
        }


def _turn(run: RunContextWrapper[Any]) -> int:
    """What the contexts of a turn's calls share, and those of no other turn.

    The SDK makes the items of `turn_input` anew in each turn, also those of one input of several runs. Where
    it has none it is what the calls of a run share.
    """
    return id(run.turn_input[0] if run.turn_input else run._tool_invocations)


class _Malformed(ModelBehaviorError):
    """The arguments that the model wrote do not fill the keys that the policy declares."""


class _TimedOut(TimeoutError):
    """The tool took longer than its `timeout`; a time-out that the tool itself met is another."""


class _Invoker(_FailureHandlingFunctionToolInvoker):
    """Invokes a tool behind the gate.

    It is an invoker of the SDK's own kind, and keeps that kind's fields: a tool's approval policy looks into
    them for the arguments that the tool would be called with. The gate stands inside of what turns errors
    into messages, so it learns how a call really ended.
    """

    def __init__(self, tool: FunctionTool, limits: _Limits, timeout: float | None) -> None:
        invoker = tool.on_invoke_tool
        # Whoever asks for the signature sees the tool's own, and so gives it the context it declares.
        functools.update_wrapper(self, invoker)
        self.made_by_hand = not isinstance(invoker, _FailureHandlingFunctionToolInvoker)
        if self.made_by_hand:
            self._invoke_tool_impl = invoker
        self._function_tool = tool
        self.limits = limits
        self.timeout = timeout

    def __agents_bind_function_tool__(self, function_tool: FunctionTool) -> _Invoker:
        bound = copy.copy(self)
        bound._function_tool = function_tool
        return bound

    async def __call__(self, ctx: ToolContext[Any], input: str) -> Any:
        tool = cast(FunctionTool, self._function_tool)
        terms = self.limits.terms(tool, ctx)
        try:
            permit = await self._call(tool, terms, input)
            run = self._within(permit, ctx, input)
            # A thread cannot be cancelled: whoever waits for it is let go, its slot is not.
            return await (asyncio.shield(run) if getattr(self, _SYNC_FUNCTION_TOOL_MARKER, False) else run)
        except _TimedOut:
            return await self._too_late(tool, ctx)
        except Exception as error:
            if self._is_raised(error):
                raise
            message = await maybe_invoke_function_tool_failure_error_function(
                function_tool=tool, context=ctx, error=error
            )
            if message is None:
                raise
            if not self.made_by_hand:
                self._on_handled_error(tool, error, input, ctx)
            # The SDK hides what a tool raised; these were written to be read.
            is_ours = isinstance(error, (Refused, _Malformed))
            return str(error) if is_ours and message == default_tool_error_function(ctx, error) else message

    def _call(self, tool: FunctionTool, terms: dict[str, Any], input: str) -> Permit:
        try:
            return self.limits.gate.admit(tool.qualified_name, **terms, arguments=input)
        except ForkedError:
            raise
        except UsageError as error:
            raise _Malformed(str(error)) from error

    def _is_raised(self, error: Exception) -> bool:
        if isinstance(error, Refused):
            return self.limits.refusals == "raise"
        if isinstance(error, _Malformed):
            return False
        return self.made_by_hand or isinstance(error, RampmeterError)

    async def _within(self, permit: Permit, ctx: ToolContext[Any], input: str) -> Any:
        with permit:
            try:
                return await self._timed(ctx, input)
            except ModelBehaviorError:
                # What a model did wrong says nothing of the tool.
                permit.finish("cancelled")
                raise

    async def _timed(self, ctx: ToolContext[Any], input: str) -> Any:
        if self.timeout is None:
            return await self._invoke_tool_impl(ctx, input)
        work = asyncio.ensure_future(self._invoke_tool_impl(ctx, input))
        try:
            return await asyncio.wait_for(work, self.timeout)
        except asyncio.TimeoutError:
            if not work.cancelled():
                raise
            raise _TimedOut from None

    async def _too_late(self, tool: FunctionTool, ctx: ToolContext[Any]) -> Any:
        """What the SDK does of a time-out, since it does not count the time itself."""
        late = ToolTimeoutError(tool.name, cast(float, self.timeout))
        if tool.timeout_behavior == "raise_exception":
            raise late
        if tool.timeout_error_function is None:
            setattr(ctx, _DEFAULT_FAILURE_HANDLED_ATTR, True)
            return default_tool_timeout_error_message(
                tool_name=tool.name, timeout_seconds=late.timeout_seconds
            )
        message = tool.timeout_error_function(ctx, late)
        return await message if inspect.isawaitable(message) else message


class _Team:
    """An agent and those it hands over to, each limited once, however they refer to each other."""

    def __init__(self, limits: _Limits) -> None:
        self._limits = limits
        self._limited: dict[int, tuple[AgentBase[Any], AgentBase[Any]]] = {}

    def limited(self, agent: AgentT) -> AgentT:
        limits, known = self._limits, self._known(agent)
        if known is not None:
            return known
        limited: Any = cast(Any, agent).clone(tools=[limits.on(tool) for tool in agent.tools])
        # By its class, since the SDK clones agents as it runs them.
        limited.__class__ = _with_limited_servers(type(agent), limits)
        self._limited[id(agent)] = self._limited[id(limited)] = (agent, limited)
        limited.handoffs = [self._handoff(handoff) for handoff in limited.handoffs]
        return cast(AgentT, limited)

    def _known(self, agent: AgentT) -> AgentT | None:
        known = self._limited.get(id(agent))
        return None if known is None else cast(AgentT, known[1])

    def _handoff(self, handoff: Any) -> Any:
        if not isinstance(handoff, Handoff):
            return self.limited(handoff)
        handed = copy.copy(handoff)
        if handoff._agent_ref is not None and (target := handoff._agent_ref()) is not None:
            handed._agent_ref = weakref.ref(self.limited(target))

        async def hand_over(run: RunContextWrapper[Any], input: str) -> Any:
            target = await handoff.on_invoke_handoff(run, input)
            # One that was made just now is forgotten again with its run.
            return self._known(target) or _Team(self._limits).limited(target)

        handed.on_invoke_handoff = hand_over
        return handed


def _with_limited_servers(kind: type[Any], limits: _Limits) -> type[Any]:
    """The agent's class; the tools that its MCP servers offer, made anew each turn, are limited."""

    async def get_mcp_tools(self: Any, run_context: RunContextWrapper[Any]) -> list[Tool]:
        tools: list[Tool] = await kind.get_mcp_tools(self, run_context)
        return [limits.on(tool) for tool in tools]

    return type(kind.__name__, (kind,), {"get_mcp_tools": get_mcp_tools, "__module__": kind.__module__})
