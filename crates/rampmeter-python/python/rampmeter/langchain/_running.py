"""A tool's call under its permit, and what the limits learn of its end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Any

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import ToolMessage
from langchain_core.tools import BaseTool, StructuredTool, Tool
from langchain_core.tracers.context import register_configure_hook
from langgraph.errors import GraphBubbleUp
from langgraph.prebuilt.tool_node import ToolCallRequest, ToolInvocationError
from langgraph.types import Command
from pydantic import ValidationError

from .. import Permit

Answer = ToolMessage | Command[Any]


def run(permit: Permit, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Answer]) -> Answer:
    """Calls the tool within its permit, and ends that."""
    with permit, _Ear(permit) as ear:
        answer = handler(request)
        ear.hear(answer)
        return answer


async def run_async(
    permit: Permit, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Awaitable[Answer]]
) -> Answer:
    """`run` for an async handler. Cancel safety: the permit ends, as cancelled."""
    with permit, _Ear(permit) as ear:
        answer = await handler(request)
        ear.hear(answer)
        return answer


def in_thread(tool: BaseTool | None) -> bool:
    """Whether LangChain runs it in a thread when an async agent calls it."""
    return getattr(type(tool), "_arun", None) in _IN_THREAD and getattr(tool, "coroutine", None) is None


async def to_its_end(running: Coroutine[Any, Any, Answer]) -> Answer:
    """A thread cannot be cancelled: who waits for it may go, its permit is held until it has ended."""
    task = asyncio.create_task(running)
    _outliving.add(task)
    task.add_done_callback(_outliving.discard)
    return await asyncio.shield(task)


_IN_THREAD = (BaseTool._arun, StructuredTool._arun, Tool._arun)

_outliving: set[asyncio.Task[Answer]] = set()
"""Loops hold their tasks weakly."""


_SAY_NOTHING = (GraphBubbleUp, ToolInvocationError, ValidationError)
"""Of the tool's server: it waits for a human and then runs anew, or hands over to another graph, or the
model's arguments were no good and it has not run."""


class _Ear(BaseCallbackHandler):
    """Hears what the tool raised, also where the framework makes a message of it.

    Of the tools that end within a call the last is the call's own.
    """

    run_inline = True

    def __init__(self, permit: Permit) -> None:
        self._permit = permit
        self._error: BaseException | None = None
        self._token: Token[_Ear | None] | None = None

    def on_tool_end(self, output: Any, **_: Any) -> None:
        self._error = None

    def on_tool_error(self, error: BaseException, **_: Any) -> None:
        self._error = error

    def hear(self, answer: Answer) -> None:
        """An answer that was made of an error ends the permit as the error would have."""
        if isinstance(answer, ToolMessage) and answer.status == "error":
            says_nothing = isinstance(self._error, _SAY_NOTHING)
            self._permit.finish("cancelled" if says_nothing else self._error or "failed")

    def __enter__(self) -> _Ear:
        self._token = _ear.set(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._token is not None:
            _ear.reset(self._token)
        if isinstance(error, _SAY_NOTHING):
            self._permit.finish("cancelled")


_ear: ContextVar[_Ear | None] = ContextVar("rampmeter_langchain_ear", default=None)
register_configure_hook(_ear, inheritable=False)
