# /// script
# requires-python = ">=3.11"
# dependencies = ["rampmeter[pydantic-ai]"]
# ///
"""Five runs of one Pydantic AI agent at the same time, each with four tool calls in one answer of the model.

Its own `max_concurrency` counts runs, or model requests; a gate counts the tools of all. Needs no network:

    pip install "rampmeter[pydantic-ai]"
    python examples/python/pydantic_ai_agent.py
"""

from __future__ import annotations

import asyncio
from typing import Any

from pydantic_ai import Agent, limit_model_concurrency
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models.function import FunctionModel

from rampmeter import Gate
from rampmeter.pydantic_ai import GateLimiter, LimitTools

POLICY = """
[limits.search]
concurrency = 3

[limits.provider]
requests = "300/min"

[tools.web_search]
limits = ["search"]
access = "read"

[tools."model:*"]
limits = ["provider"]
"""
RUNS = 5


def answer(messages: list[ModelMessage], _: Any) -> ModelResponse:
    """Stands for a real model: asks for four searches at once, then says that it has read them."""
    if len(messages) > 1:
        return ModelResponse(parts=[TextPart(f"I have read {len(messages[-1].parts)} pages.")])
    return ModelResponse(parts=[ToolCallPart("web_search", {"query": f"part {n}"}) for n in range(4)])


class Search:
    """A tool that counts how many calls are inside it."""

    def __init__(self) -> None:
        self.inside = 0
        self.peak = 0

    async def web_search(self, query: str) -> str:
        """Searches the web."""
        self.inside += 1
        self.peak = max(self.peak, self.inside)
        await asyncio.sleep(0.1)
        self.inside -= 1
        return f"found {query}"


async def runs_of(agent: Agent[None, str]) -> set[str]:
    """What the agent says in them."""
    results = await asyncio.gather(*(agent.run("What is new?") for _ in range(RUNS)))
    return {result.output for result in results}


async def main() -> None:
    own, gated = Search(), Search()
    await runs_of(Agent(FunctionModel(answer), tools=[own.web_search], max_concurrency=3))
    print(f"max_concurrency = 3 for {RUNS} runs:          {own.peak} searches at once")

    gate = Gate.from_toml(POLICY)
    agent = Agent(
        limit_model_concurrency(FunctionModel(answer), GateLimiter(gate)),
        tools=[gated.web_search],
        capabilities=[LimitTools(gate)],
    )
    said = await runs_of(agent)
    print(f"one gate with concurrency = 3 for all: {gated.peak} searches at once")
    print(f"each run: {', '.join(said)}")

    if gated.peak != 3 or own.peak <= 3 or said != {"I have read 4 pages."}:
        raise SystemExit("that is not what this example is to show")


if __name__ == "__main__":
    asyncio.run(main())
