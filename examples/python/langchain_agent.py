"""Five runs of one LangChain agent at the same time, each with four tool calls in one answer of the model.

Their own `max_concurrency` counts for each run; a gate counts for all. Needs no network:

    pip install "rampmeter[langchain]"
    python examples/python/langchain_agent.py
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from langchain.agents import create_agent
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, ToolCall, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.tools import tool

from rampmeter import Gate
from rampmeter.langchain import GateMiddleware, GateRateLimiter, thread_id

POLICY = """
[limits.search]
concurrency = 3

[limits.provider]
requests = "300/min"

[tools.web_search]
limits = ["search"]
access = "read"

[tools.chat_model]
limits = ["provider"]
"""
RUNS = 5


class Model(BaseChatModel):
    """Stands for a real one: asks for four searches at once, then says that it has read them."""

    def bind_tools(self, tools: Sequence[Any], **_: Any) -> Model:
        return self

    def _generate(
        self, messages: list[BaseMessage], stop: list[str] | None = None, run_manager: Any = None, **_: Any
    ) -> ChatResult:
        results = [message for message in messages if isinstance(message, ToolMessage)]
        if results:
            answer = AIMessage(f"I have read {len(results)} pages.")
        else:
            calls = [
                ToolCall(name="web_search", args={"query": f"part {part}"}, id=str(part)) for part in range(4)
            ]
            answer = AIMessage("", tool_calls=calls)
        return ChatResult(generations=[ChatGeneration(message=answer)])

    @property
    def _llm_type(self) -> str:
        return "example"


class Search:
    """A tool that counts how many calls are inside it."""

    def __init__(self) -> None:
        self.inside = 0
        self.peak = 0
        self.tool = tool("web_search", description="Searches the web.")(self.search)

    async def search(self, query: str) -> str:
        self.inside += 1
        self.peak = max(self.peak, self.inside)
        await asyncio.sleep(0.02)
        self.inside -= 1
        return f"found {query}"


async def five_runs(agent: Any, **settings: Any) -> list[str]:
    """What the agent says in each."""
    configs = [{"configurable": {"thread_id": f"tenant-{run}"}, **settings} for run in range(RUNS)]
    question = {"messages": [("user", "What is new?")]}
    ended = await asyncio.gather(*(agent.ainvoke(question, config) for config in configs))
    return [str(state["messages"][-1].content) for state in ended]


async def main() -> None:
    own = Search()
    await five_runs(create_agent(Model(), [own.tool]), max_concurrency=3)
    print(f"max_concurrency = 3 in each of {RUNS} runs: {own.peak} searches at once")

    gate = Gate.from_toml(POLICY)
    gated = Search()
    agent = create_agent(
        Model(rate_limiter=GateRateLimiter(gate, "chat_model")),
        [gated.tool],
        middleware=[GateMiddleware(gate, flow=thread_id)],
    )
    said = await five_runs(agent)
    print(f"one gate with concurrency = 3 for all:  {gated.peak} searches at once")
    print(f"each run: {said[0]}")

    if gated.peak != 3 or own.peak <= 3 or set(said) != {"I have read 4 pages."}:
        raise SystemExit("that is not what this example is to show")


if __name__ == "__main__":
    asyncio.run(main())
