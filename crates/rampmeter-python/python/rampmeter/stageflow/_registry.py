"""A registry of tools that are run under the gate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from stageflow.tools import ToolRegistry
from stageflow.tools.base import Tool, ToolOutput
from stageflow.tools.registry import ActionProtocol

from .. import Gate
from .._adapter import check_gate
from ._call import Call, DescribeCall
from ._tool import run_tool
from ._turn import TurnResult, limit_turn, parse_in_order


class LimitedToolRegistry(ToolRegistry):
    """A `ToolRegistry` whose `execute` passes the gate; the policy knows each tool by its `action_type`.

    Around a registry that exists, `LimitedToolRegistry(gate, registry)`, both have the same tools and only
    calls through this one are limited. A call that is refused, or ended for its `_timeout_ms`, gives a
    `ToolOutput` with `success=False`, so that it takes no sibling with it; a refusal's facts are in
    `data["refused"]`. What a tool raises is raised. A tool that is fetched by `get_tool` and run by hand
    passes no gate.
    """

    def __init__(
        self, gate: Gate, tools: ToolRegistry | None = None, *, describe: DescribeCall | None = None
    ) -> None:
        check_gate(gate)
        super().__init__()
        self._gate = gate
        self._inner = ToolRegistry() if tools is None else tools
        # Bound now: `install` puts this registry's own in its place.
        self._run = self._inner.execute
        self._describe = describe
        for tool in self._inner.list_tools():
            gate.check_tool(tool.action_type)

    async def execute(self, action: ActionProtocol, ctx: dict[str, Any]) -> ToolOutput | None:
        """Runs an action when the gate admits it. Cancelling gives its place up, or ends it."""
        if not self.can_execute(action.type):
            return await self._run(action, ctx)
        call = Call.of(self._gate, action.type, action.payload, ctx, self._describe)
        return await run_tool(call, action, ctx, lambda: self._run(action, ctx))

    async def run_turn(self, tool_calls: Sequence[Any], ctx: Any = None, **fields: Any) -> list[TurnResult]:
        """Runs the calls of one turn as the model wrote them: one result per call, in its order.

        `fields` are those of `parse_and_resolve`. A call that cannot be parsed or resolved is a failed
        result at its place.
        """
        calls = [parse_in_order(self, call, fields) for call in tool_calls]
        return await limit_turn(self._gate, calls, ctx, describe=self._describe)

    def register(self, tool: Tool) -> None:
        """Registers a tool. Raises `UnknownTool` if the policy says nothing of it."""
        self._gate.check_tool(tool.action_type)
        self._inner.register(tool)

    def register_factory(self, action_type: str, factory: Callable[..., Tool]) -> None:
        """Registers a tool that is made on demand. Raises `UnknownTool` if the policy says nothing of it."""
        self._gate.check_tool(action_type)
        self._inner.register_factory(action_type, factory)

    def get_tool(self, action_type: str) -> Tool | None:
        return self._inner.get_tool(action_type)

    def can_execute(self, action_type: str) -> bool:
        return self._inner.can_execute(action_type)

    def list_tools(self) -> list[Tool]:
        return self._inner.list_tools()
