"""What the tests of `rampmeter.pydantic_ai` share: a model that asks for the calls it is told, and a count of
how many tools run at once. Nothing here talks to a network.
"""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from pydantic_ai import AgentRunResult
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
)
from pydantic_ai.models.function import AgentInfo, FunctionModel

from rampmeter import Gate

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


def asks_for(*calls: Asked) -> FunctionModel:
    """A model that answers each run with these calls at once, and once they are answered with `done`."""

    def answer(messages: list[ModelMessage], _: AgentInfo) -> ModelResponse:
        if len(messages) > 1:
            return ModelResponse(parts=[TextPart("done")])
        return ModelResponse(parts=[ToolCallPart(name, given) for name, given in calls])

    return FunctionModel(answer)


def returns(result: AgentRunResult[Any]) -> list[ToolReturnPart]:
    """What the model was told of each call, in its order."""
    requests = [message for message in result.all_messages() if isinstance(message, ModelRequest)]
    return [part for request in requests for part in request.parts if isinstance(part, ToolReturnPart)]


def answers(result: AgentRunResult[Any]) -> list[Any]:
    return [part.content for part in returns(result)]


def search_gate() -> Gate:
    return Gate.from_toml(SEARCH)
