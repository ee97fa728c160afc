"""Four runs of one agent of the OpenAI Agents SDK at the same time, each with four tool calls in one answer.

The SDK's own `max_function_tool_concurrency` counts for each run; a gate counts for all. Needs no network:

    pip install "rampmeter[openai-agents]"
    python examples/python/openai_agents_run.py
"""

from __future__ import annotations

import asyncio
from typing import Any

from agents import Agent, RunConfig, Runner, ToolExecutionConfig, function_tool, set_tracing_disabled
from agents.testing import ModelStep, ScriptedModel, assistant_message, function_call

from rampmeter import Gate
from rampmeter.openai_agents import limit_agent

POLICY = """
[limits.search]
concurrency = 3

[tools.web_search]
limits = ["search"]
access = "read"
"""
RUNS = 4


def model() -> ScriptedModel:
    """Stands for a real one: asks each run for four searches at once, then says that it has read them."""
    calls = [function_call("web_search", {"query": f"part {n}"}, call_id=str(n)) for n in range(4)]

    def answer(asked: Any) -> Any:
        read = [item for item in asked.input if item.get("type") == "function_call_output"]
        return [assistant_message(f"I have read {len(read)} pages.")] if read else calls

    return ScriptedModel([ModelStep.respond(answer)] * 2 * RUNS)


class Search:
    """A tool that counts how many calls are inside it."""

    def __init__(self) -> None:
        self.inside = 0
        self.peak = 0
        self.tool = function_tool(self.search, name_override="web_search")

    async def search(self, query: str) -> str:
        """Searches the web."""
        self.inside += 1
        self.peak = max(self.peak, self.inside)
        await asyncio.sleep(0.1)
        self.inside -= 1
        return f"found {query}"

    def agent(self) -> Agent[Any]:
        return Agent(name="researcher", model=model(), tools=[self.tool])


async def runs_of(agent: Agent[Any], config: RunConfig | None = None) -> set[str]:
    """What the agent says in them."""
    results = await asyncio.gather(
        *(Runner.run(agent, "What is new?", run_config=config) for _ in range(RUNS))
    )
    return {result.final_output for result in results}


async def main() -> None:
    set_tracing_disabled(True)
    own, gated = Search(), Search()
    setting = ToolExecutionConfig(max_function_tool_concurrency=3)
    await runs_of(own.agent(), RunConfig(tool_execution=setting))
    print(f"max_function_tool_concurrency = 3 in each of {RUNS} runs: {own.peak} searches at once")

    gate = Gate.from_toml(POLICY)
    said = await runs_of(limit_agent(gate, gated.agent()))
    print(f"one gate with concurrency = 3 for all:                {gated.peak} searches at once")
    print(f"each run: {', '.join(said)}")

    if gated.peak != 3 or own.peak <= 3 or said != {"I have read 4 pages."}:
        raise SystemExit("that is not what this example is to show")


if __name__ == "__main__":
    asyncio.run(main())
