"""An `AdvancedToolExecutor` whose handlers run under the gate."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any

from stageflow.protocols import ExecutionContext
from stageflow.tools import (
    AdvancedToolExecutor,
    ApprovalService,
    ToolDefinition,
    ToolExecutorConfig,
    UndoStore,
)
from stageflow.tools.definitions import Action, ToolInput, ToolOutput

from .. import Gate, Refused
from .._adapter import check_gate
from ._call import Call, DescribeCall
from ._events import CallEvents


@dataclass(slots=True)
class _Execution:
    """What a handler is not told of its call."""

    ctx: ExecutionContext
    events: CallEvents
    waited_ms: float = 0.0
    refusal: Refused | None = None


_execution: ContextVar[_Execution] = ContextVar("rampmeter_execution")


class LimitedToolExecutor(AdvancedToolExecutor):
    """An `AdvancedToolExecutor` that asks the gate last, when a call is allowed and approved.

    So nothing is held while somebody thinks about an approval. The policy knows each tool by its
    `action_type`. A refusal or a time-out is a `ToolExecutionError` whose `cause` it is; in the event sink a
    refusal is `tool.denied`. `tool.started` comes when the call was admitted, with `waited_ms`, and no
    `duration_ms` contains the waiting. Undoing passes no gate.
    """

    def __init__(
        self,
        gate: Gate,
        config: ToolExecutorConfig | None = None,
        undo_store: UndoStore | None = None,
        approval_service: ApprovalService | None = None,
        *,
        describe: DescribeCall | None = None,
    ) -> None:
        check_gate(gate)
        super().__init__(config, undo_store, approval_service)
        self._gate = gate
        self._describe = describe

    def register(self, tool: ToolDefinition) -> None:
        """Registers a tool. Raises `UnknownTool` if the policy says nothing of it."""
        self._gate.check_tool(tool.action_type)

        async def handler(tool_input: ToolInput) -> ToolOutput:
            return await self._handle(tool, tool_input)

        super().register(replace(tool, handler=handler))

    async def execute(self, action: Action, ctx: ExecutionContext) -> ToolOutput:
        """Executes an action, as Stageflow does. Cancelling gives its place up, or ends it."""
        tool = self.get_tool(action.type)
        events = CallEvents(tool.name if tool else action.type, ctx, action.id)
        token = _execution.set(_Execution(ctx, events))
        try:
            return await super().execute(action, ctx)
        except asyncio.CancelledError as error:
            # Stageflow tells of errors only.
            if self.config.emit_events:
                events.failed(error)
            raise
        finally:
            _execution.reset(token)

    async def _handle(self, tool: ToolDefinition, tool_input: ToolInput) -> ToolOutput:
        execution = _execution.get()
        call = Call.of(self._gate, tool.action_type, tool_input.payload, execution.ctx, self._describe)
        try:
            permit = await call.admit()
        except Refused as refusal:
            execution.refusal = refusal
            raise
        execution.waited_ms = permit.waited * 1000
        if self.config.emit_events:
            execution.events.started(permit)
        return await call.run(permit, lambda: tool.handler(tool_input), lambda output: not output.success)

    # The executor's own events, where a wait before the handler would make them wrong.

    async def _emit_tool_started(self, *_: Any) -> None:
        """Told when the call was admitted."""

    async def _emit_tool_completed(
        self,
        tool: ToolDefinition,
        tool_input: ToolInput,
        ctx: ExecutionContext,
        output: ToolOutput,
        duration_ms: float,
    ) -> None:
        ran_ms = duration_ms - _execution.get().waited_ms
        await super()._emit_tool_completed(tool, tool_input, ctx, output, ran_ms)

    async def _emit_tool_failed(
        self,
        tool: ToolDefinition,
        tool_input: ToolInput,
        ctx: ExecutionContext,
        error: Exception,
        duration_ms: float,
    ) -> None:
        execution = _execution.get()
        if execution.refusal is None:
            ran_ms = duration_ms - execution.waited_ms
            await super()._emit_tool_failed(tool, tool_input, ctx, error, ran_ms)
        elif self.config.emit_events:
            execution.events.denied(execution.refusal)
