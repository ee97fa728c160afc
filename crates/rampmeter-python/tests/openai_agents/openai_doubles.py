"""What the tests of `rampmeter.openai_agents` share: a model that asks for the calls it is told, and a count
of how many tools run at once. Nothing here talks to a network; the SDK's tracing is off.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

from agents import Agent, Runner, RunResult, Tool, set_tracing_disabled
from agents.testing import ModelCall, ModelStep, ScriptedModel, assistant_message, function_call

from rampmeter import Gate

set_tracing_disabled(True)

Asked = tuple[str, dict[str, Any]]

SEARCH = """
[limits.search]
concurrency = 3
[tools.search]
limits = ["search"]
access = "read"
"""


class Inside:
    """Counts the calls that are inside of a tool at once. They stay until `meet` have met, or a while."""

    def __init__(self, meet: int = 1) -> None:
        self.meet = meet
        self.now = self.peak = self.total = 0
        self._lock = threading.Lock()

    async def stay(self) -> None:
        with self:
            for _ in range(200):
                await asyncio.sleep(0.003)
                if self.peak >= self.meet:
                    break

    def stay_in_thread(self) -> None:
        asyncio.run(self.stay())

    def __enter__(self) -> None:
        with self._lock:
            self.now += 1
            self.total += 1
            self.peak = max(self.peak, self.now)

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self.now -= 1


def asks_for(*calls: Asked) -> ScriptedModel:
    """A model that answers each run with these calls in one turn, and once they are answered with `done`."""
    ids = [f"{name}_{i}" for i, (name, _) in enumerate(calls)]
    asked = [function_call(*call, call_id=id) for call, id in zip(calls, ids, strict=True)]

    def answer(call: ModelCall) -> Any:
        answered = any(
            item.get("type") == "function_call_output" and item.get("call_id") in ids for item in call.input
        )
        return [assistant_message("done")] if answered else asked

    return ScriptedModel([ModelStep.respond(answer) for _ in range(64)])


def agent_with(tools: Sequence[Tool], *calls: Asked, name: str = "agent") -> Agent[Any]:
    return Agent(name=name, tools=list(tools), model=asks_for(*calls))


def answers(result: RunResult) -> list[Any]:
    """What the model was told of each call, in its order."""
    return [item.output for item in result.new_items if item.type == "tool_call_output_item"]


async def run(agent: Agent[Any], **options: Any) -> RunResult:
    return await Runner.run(agent, "go", **options)


def search_gate() -> Gate:
    return Gate.from_toml(SEARCH)
