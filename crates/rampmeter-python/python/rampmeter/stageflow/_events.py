"""What becomes of a call, into Stageflow's event sink and under Stageflow's names.

`tool.invoked`, then `tool.started` when it was admitted (with `waited_ms`), then `tool.completed` or
`tool.failed`; or `tool.denied` when it was refused, with the refusal's facts.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid4

from stageflow.events import NoOpEventSink, get_event_sink
from stageflow.tools import (
    ToolCompletedEvent,
    ToolDeniedEvent,
    ToolFailedEvent,
    ToolInvokedEvent,
    ToolStartedEvent,
)
from stageflow.tools.adapters import adapt_context

from .. import Permit, Refused

logger = logging.getLogger("rampmeter.stageflow")


def refusal_facts(refusal: Refused) -> dict[str, Any]:
    """A refusal as plain values; `retry_after_ms` is None unless `retry` is `after`."""
    after = refusal.retry_after
    return {
        "reason": refusal.reason,
        "limit": refusal.limit,
        "retry": refusal.retry,
        "retry_after_ms": None if after is None else after * 1000,
        "waited_ms": refusal.waited * 1000,
    }


class CallEvents:
    """The events of one call. Telling never fails, never waits, and costs next to nothing without a sink."""

    def __init__(self, tool: str, ctx: Any, action_id: UUID | None = None) -> None:
        self._sink = get_event_sink()
        self._silent = isinstance(self._sink, NoOpEventSink)
        self._began = time.perf_counter()
        if self._silent:
            return
        try:
            context = adapt_context(ctx)
        except TypeError:
            context = adapt_context({})
        self._mode: str | None = context.execution_mode
        self._call: dict[str, Any] = {
            "tool_name": tool,
            "action_id": action_id or uuid4(),
            "pipeline_run_id": context.pipeline_run_id,
            "request_id": context.request_id,
        }

    def invoked(self, arguments: Any) -> None:
        if not self._silent:
            given = arguments if isinstance(arguments, Mapping) else {}
            summary = {name: _short(value) for name, value in given.items()}
            event = ToolInvokedEvent(**self._call, payload_summary=summary, behavior=self._mode)
            self._tell("tool.invoked", event.to_dict())

    def started(self, permit: Permit) -> None:
        self._began = time.perf_counter()
        if not self._silent:
            event = ToolStartedEvent(**self._call)
            self._tell("tool.started", event.to_dict() | {"waited_ms": permit.waited * 1000})

    def completed(self, output: Any) -> None:
        if not self._silent:
            artifacts = len(getattr(output, "artifacts", None) or ())
            summary = {"success": True, "has_data": getattr(output, "data", None) is not None}
            event = ToolCompletedEvent(
                **self._call, duration_ms=self._ran_ms(), output_summary=summary, artifacts_count=artifacts
            )
            self._tell("tool.completed", event.to_dict())

    def failed(self, error: BaseException | str) -> None:
        if not self._silent:
            code = "execution_error" if isinstance(error, str) else type(error).__name__
            if isinstance(error, asyncio.CancelledError):
                code = "cancelled"
            event = ToolFailedEvent(
                **self._call, duration_ms=self._ran_ms(), error_code=code, error_message=str(error)
            )
            self._tell("tool.failed", event.to_dict())

    def denied(self, refusal: Refused) -> None:
        if not self._silent:
            event = ToolDeniedEvent(**self._call, reason=refusal.reason, behavior=self._mode)
            self._tell("tool.denied", event.to_dict() | refusal_facts(refusal) | {"message": str(refusal)})

    def _ran_ms(self) -> float:
        return (time.perf_counter() - self._began) * 1000

    def _tell(self, type: str, data: dict[str, Any]) -> None:
        try:
            self._sink.try_emit(type=type, data=data)
        except Exception as error:
            # As Stageflow does: a sink that breaks is no reason to lose a call.
            logger.warning("failed to emit %s: %s", type, error)


def _short(value: Any) -> Any:
    text = value if isinstance(value, str) else str(value)
    return value if len(text) <= 200 else text[:200] + "..."
