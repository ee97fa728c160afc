"""What the tests of turns share: what a model would have written, tools that count themselves."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from typing import Any, TypeVar

from runs import is_free as is_free

T = TypeVar("T")


def calls(*asked: tuple[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """The `tool_calls` of OpenAI's Chat Completions, with the ids `c0`, `c1`, …"""
    return [
        {"id": f"c{at}", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
        for at, (name, arguments) in enumerate(asked)
    ]


def run(main: Coroutine[Any, Any, T]) -> T:
    """Runs it, and sees to it that nothing of it goes on."""

    async def watched() -> T:
        answer = await main
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left, left
        return answer

    return asyncio.run(watched())


class Inside:
    """How many are inside at once, counted by those who are."""

    def __init__(self) -> None:
        self.now = self.peak = self.entered = 0

    def __enter__(self) -> None:
        self.now += 1
        self.entered += 1
        self.peak = max(self.peak, self.now)

    def __exit__(self, *_: object) -> None:
        self.now -= 1


async def rounds(count: int = 5) -> None:
    """Lets the loop go round."""
    for _ in range(count):
        await asyncio.sleep(0)
