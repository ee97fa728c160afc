"""Chat models: each request draws on an entry of the policy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

from langchain_core.rate_limiters import BaseRateLimiter

from .. import Gate, Permit, Refused
from .._adapter import check_gate


class _Whose(TypedDict):
    flow: str | None
    priority: str | None
    labels: Mapping[str, str] | None


class GateRateLimiter(BaseRateLimiter):
    """The `rate_limiter` of a chat model: a request starts when the policy's entry `tool` lets it.

    It is told of no request's end, so it keeps to rates only: slots are free again once the request has
    started, and nothing is learned. `flow`, `priority` and `labels` are those of `rampmeter.flow` unless
    they are given. An entry that the policy lacks raises `UnknownTool` here, not at the first request.
    """

    def __init__(
        self,
        gate: Gate,
        tool: str,
        *,
        flow: str | None = None,
        priority: str | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> None:
        check_gate(gate)
        gate.check_tool(tool)
        self._gate = gate
        self._tool = tool
        self._whose = _Whose(flow=flow, priority=priority, labels=labels)

    def acquire(self, *, blocking: bool = True) -> bool:
        """Blocks this thread until a request may start; raises `Refused`.

        With `blocking=False` it says at once whether one may; `Refused` is raised where waiting never helps.
        """
        if not blocking:
            return self._try()
        _started(self._gate.admit_sync(self._tool, **self._whose))
        return True

    async def aacquire(self, *, blocking: bool = True) -> bool:
        """Waits until a request may start; otherwise as `acquire`.

        Cancel safety: a request that is cancelled while it waits has consumed nothing.
        """
        if not blocking:
            return self._try()
        _started(await self._gate.admit(self._tool, **self._whose))
        return True

    def _try(self) -> bool:
        try:
            _started(self._gate.try_admit(self._tool, **self._whose))
        except Refused as refused:
            if refused.retry == "never":
                raise
            return False
        return True


def _started(permit: Permit) -> None:
    # Nobody tells how the request ends, and a cancelled call is the one from which no limit learns.
    permit.finish("cancelled")
