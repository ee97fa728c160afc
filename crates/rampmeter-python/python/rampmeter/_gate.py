"""The gate, with what is Python of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, overload

from . import _native, _tool, _turn
from ._types import FormatName, Seconds


class Gate(_native.Gate):
    __doc__ = _native.Gate.__doc__

    def run_turn(
        self,
        tool_calls: Any,
        tools: _turn.Tools,
        *,
        flow: str | None = None,
        priority: str | None = None,
        labels: Mapping[str, str] | None = None,
        deadline: Seconds | None = None,
        fail_fast: bool = False,
        format: FormatName | None = None,
    ) -> _native.Turn:
        """Runs the calls of one model's answer; await it for a `TurnReport`: a result a call, in the model's
        order.

        `tool_calls`: an assistant message, a provider's whole response, or the calls alone, as JSON text, as
        plain data or an SDK's objects. `tools`: functions by name, or functions that have one. Async ones run
        as tasks of this loop, others in threads of its default executor. One failure takes no sibling with
        it unless `fail_fast`.

        Raises `FormatError` if the whole cannot be read, `UnknownTool` if the policy does not name a tool.

        Cancel safety: its tools' tasks are cancelled, and waited for; cancelled once more it waits no longer.
        A thread goes on, and keeps its call's slot until it ends.
        """
        functions = _turn.functions(self, tools)
        return _native.Turn(
            self,
            _turn.written(tool_calls, format),
            functions,
            flow=flow,
            priority=priority,
            labels=labels,
            deadline=deadline,
            fail_fast=fail_fast,
            format=format,
        )

    @overload
    def tool(self, function: _tool.F, /) -> _tool.F: ...
    @overload
    def tool(
        self,
        name: str | None = None,
        /,
        *,
        flow: str | None = None,
        priority: str | None = None,
        labels: Mapping[str, str] | None = None,
        cost: Mapping[str, int] | None = None,
        deadline: Seconds | None = None,
    ) -> Callable[[_tool.F], _tool.F]: ...
    def tool(
        self,
        name: Any = None,
        /,
        *,
        flow: str | None = None,
        priority: str | None = None,
        labels: Mapping[str, str] | None = None,
        cost: Mapping[str, int] | None = None,
        deadline: Seconds | None = None,
    ) -> Any:
        """Has a function pass the gate whenever it is called: `@gate.tool`, `@gate.tool("name", flow=...)`.

        Without a name it is the tool that the function is named after. An async function waits on its loop,
        any other blocks its thread. What is wrong with what is said of its calls is raised at once, and so is
        `UnknownTool` if the policy does not name it.
        """
        terms: _tool.Terms = {
            "flow": flow,
            "priority": priority,
            "labels": labels,
            "cost": cost,
            "deadline": deadline,
        }
        if name is None or isinstance(name, str):
            return lambda function: _tool.gated(self, name, function, terms)
        return _tool.gated(self, None, name, terms)
