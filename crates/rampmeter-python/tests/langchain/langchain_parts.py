"""What the tests of `rampmeter.langchain` are made of."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, ToolCall, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode

ASK: Any = {"messages": [("user", "go")]}


class Scripted(BaseChatModel):
    """Asks for its calls in one answer, and says "done" to their results. It keeps nothing between calls,
    so that runs can share it.
    """

    calls: list[ToolCall] = []

    def bind_tools(self, tools: Sequence[Any], **_: Any) -> Scripted:
        return self

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **_: Any,
    ) -> ChatResult:
        ended = any(isinstance(message, ToolMessage) for message in messages)
        answer = AIMessage("done") if ended else AIMessage("", tool_calls=self.calls)
        return ChatResult(generations=[ChatGeneration(message=answer)])

    @property
    def _llm_type(self) -> str:
        return "scripted"


def call(name: str, number: int = 0, **arguments: Any) -> ToolCall:
    return ToolCall(name=name, args=arguments, id=f"{name}-{number}", type="tool_call")


def answers(state: dict[str, Any]) -> list[ToolMessage]:
    """The results of the tools, in the order of the run's messages."""
    return [message for message in state["messages"] if isinstance(message, ToolMessage)]


def graph_of(node: ToolNode) -> Any:
    """A graph that only runs tools."""
    return StateGraph(MessagesState).add_node("tools", node).add_edge(START, "tools").compile()


def asking(*calls: ToolCall) -> Any:
    """What such a graph is given."""
    return {"messages": [AIMessage("", tool_calls=list(calls))]}


class Inside:
    """How many calls are inside of a tool, counted there. `three` is set once three have been."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.three = threading.Event()
        self.now = 0
        self.peak = 0
        self.total = 0

    @contextmanager
    def count(self) -> Iterator[None]:
        with self._lock:
            self.now += 1
            self.total += 1
            self.peak = max(self.peak, self.now)
            if self.now == 3:
                self.three.set()
        try:
            yield
        finally:
            with self._lock:
                self.now -= 1
