"""One run of a tool under the gate, which ends in a `ToolOutput` whatever the gate says."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from stageflow.tools.base import ToolOutput
from stageflow.tools.registry import ActionProtocol

from .. import Refused
from ._call import Call, TimedOut
from ._events import CallEvents, refusal_facts


async def run_tool(
    call: Call, action: ActionProtocol, ctx: Any, work: Callable[[], Awaitable[ToolOutput | None]]
) -> ToolOutput | None:
    """Runs a tool when the gate admits it, and tells its events. Asks without a pause: order is kept."""
    events = CallEvents(call.tool, ctx, getattr(action, "id", None))
    events.invoked(action.payload)
    try:
        permit = await call.admit()
    except Refused as refusal:
        events.denied(refusal)
        return ToolOutput(success=False, error=str(refusal), data={"refused": refusal_facts(refusal)})
    except BaseException as error:
        events.failed(error)
        raise
    events.started(permit)
    try:
        output = await call.run(permit, work, _failed)
    except TimedOut as error:
        events.failed(error)
        return ToolOutput(success=False, error=str(error))
    except BaseException as error:
        events.failed(error)
        raise
    if _failed(output):
        events.failed(getattr(output, "error", None) or "the tool said that it failed")
    else:
        events.completed(output)
    return output


def _failed(output: ToolOutput | None) -> bool:
    """Nothing is a failure. Whatever else a tool gives is taken as Stageflow takes it, which is unseen."""
    return output is None or not getattr(output, "success", True)
