"""Tool calls of `create_agent` and of `ToolNode`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, TypeAlias, TypedDict, TypeVar

from langchain.agents.middleware import AgentMiddleware, TracePolicy, omit_payload
from langchain_core.messages import AIMessage, ToolCall, ToolMessage
from langgraph.prebuilt.tool_node import AsyncToolCallWrapper, ToolCallRequest, ToolCallWrapper

from .. import Gate, Refused, UnknownTool
from .._adapter import Refusals, check_gate, check_refusals, keys_in_turn
from ._running import Answer, in_thread, run, run_async, to_its_end

T = TypeVar("T")
Said: TypeAlias = T | Callable[[ToolCallRequest], T | None] | None
"""The same for all calls, or asked of each; `None` leaves it to `rampmeter.flow`."""


def thread_id(request: ToolCallRequest) -> str | None:
    """LangGraph's thread as the call's flow: `GateMiddleware(gate, flow=thread_id)`."""
    named = request.runtime.config.get("configurable", {}).get("thread_id")
    return None if named is None else str(named)


class GateMiddleware(AgentMiddleware[Any, Any, Any]):
    """Each tool call of an agent starts when the gate lets it: `create_agent(…, middleware=[…, this])`.

    Put it last: what another middleware tries again then passes the limits again. `flow`, `priority` and
    `labels` are values, or functions of the request; what they leave out is as `rampmeter.flow` says.

    A refused call becomes a `ToolMessage` with `status="error"` that says why and when to come back, with
    the same as data in its `artifact`; with `refusals="raise"` it raises `Refused`. A tool that the policy
    does not name raises `UnknownTool`.

    Cancel safety: a call that is cancelled while it waits has consumed nothing. A tool that is not async
    goes on in its thread when its run is cancelled, and holds its slots until it has ended.
    """

    trace_policy = TracePolicy(process_inputs=omit_payload, process_outputs=omit_payload)

    def __init__(
        self,
        gate: Gate,
        *,
        flow: Said[str] = None,
        priority: Said[str] = None,
        labels: Said[Mapping[str, str]] = None,
        refusals: Refusals = "message",
    ) -> None:
        check_gate(gate)
        check_refusals(refusals)
        self.tools = []
        self._gate = gate
        self._flow = flow
        self._priority = priority
        self._labels = labels
        self._refusals = refusals

    def wrap_tool_call(
        self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Answer]
    ) -> Answer:
        """Blocks this thread until the call may start."""
        if made_up := self._made_up(request):
            return made_up
        try:
            permit = self._gate.admit_sync(request.tool_call["name"], **self._said(request))
            return run(permit, request, handler)
        except Refused as refused:
            return self._turned_away(request, refused)

    def awrap_tool_call(
        self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Awaitable[Answer]]
    ) -> Coroutine[Any, Any, Answer]:
        """Waits until the call may start."""
        # `create_agent` has coroutine functions traced, which takes each call through a thread, also where
        # nothing is traced: the calls of a turn would come to the gate in any order.
        return self._awrap(request, handler)

    async def _awrap(
        self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Awaitable[Answer]]
    ) -> Answer:
        if made_up := self._made_up(request):
            return made_up
        try:
            permit = await self._gate.admit(request.tool_call["name"], **self._said(request))
            running = run_async(permit, request, handler)
            return await (to_its_end(running) if in_thread(request.tool) else running)
        except Refused as refused:
            return self._turned_away(request, refused)

    def _said(self, request: ToolCallRequest) -> _Said:
        return _Said(
            flow=_of(self._flow, request),
            priority=_of(self._priority, request),
            labels=_of(self._labels, request),
            writes=self._writes(request),
            arguments=request.tool_call["args"],
            id=request.tool_call["id"],
        )

    def _writes(self, request: ToolCallRequest) -> list[str]:
        turn = _turn(request)
        return keys_in_turn(self._gate, request.tool_call["name"], turn) if turn else []

    def _made_up(self, request: ToolCallRequest) -> ToolMessage | None:
        """The answer to a tool that neither the agent nor the policy has: the error is the model's."""
        if request.tool is not None:
            return None
        name = request.tool_call["name"]
        try:
            self._gate.check_tool(name)
        except UnknownTool:
            tools = ", ".join(tool.name for tool in request.runtime.tools)
            return _error(request, f"Error: {name} is not a valid tool, try one of [{tools}].")
        return None

    def _turned_away(self, request: ToolCallRequest, refused: Refused) -> ToolMessage:
        if self._refusals == "raise":
            raise refused
        artifact = {
            "reason": refused.reason,
            "limit": refused.limit,
            "retry": refused.retry,
            "retry_after": refused.retry_after,
        }
        return _error(request, f"Error: {refused}", artifact)


class ToolNodeWrappers(TypedDict):
    """Two parameters of `ToolNode`."""

    wrap_tool_call: ToolCallWrapper
    awrap_tool_call: AsyncToolCallWrapper


def tool_node_wrappers(
    gate: Gate,
    *,
    flow: Said[str] = None,
    priority: Said[str] = None,
    labels: Said[Mapping[str, str]] = None,
    refusals: Refusals = "message",
) -> ToolNodeWrappers:
    """`GateMiddleware` for graphs of one's own: `ToolNode(tools, **tool_node_wrappers(gate))`."""
    gated = GateMiddleware(gate, flow=flow, priority=priority, labels=labels, refusals=refusals)
    return {"wrap_tool_call": gated.wrap_tool_call, "awrap_tool_call": gated.awrap_tool_call}


class _Said(TypedDict):
    flow: str | None
    priority: str | None
    labels: Mapping[str, str] | None
    writes: list[str]
    arguments: Mapping[str, Any]
    id: str | None


def _of(said: Said[T], request: ToolCallRequest) -> T | None:
    return said(request) if callable(said) else said


def _turn(request: ToolCallRequest) -> str | None:
    """The turn that the call belongs to; `None` if the state has no message that asks for it.

    Two runs at once can begin with one message, so its identity alone does not tell the turns apart.
    """
    state = request.state
    named = state if isinstance(state, Mapping) else getattr(state, "__dict__", {})
    # A graph's messages need not be called so.
    for messages in [state, *named.values()]:
        for message in reversed(messages) if isinstance(messages, list) else ():
            if isinstance(message, AIMessage) and _asks_for(message, request.tool_call):
                step = request.runtime.execution_info
                return f"{message.id or id(message)} {step.checkpoint_id if step else ''}"
    return None


def _asks_for(message: AIMessage, call: ToolCall) -> bool:
    return any(asked["id"] == call["id"] for asked in message.tool_calls)


def _error(request: ToolCallRequest, text: str, artifact: object = None) -> ToolMessage:
    return ToolMessage(
        text,
        name=request.tool_call["name"],
        tool_call_id=request.tool_call["id"],
        status="error",
        artifact=artifact,
    )
