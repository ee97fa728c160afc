"""A counter that loses what is added side by side, and the policies by which calls of a turn add to it."""

from __future__ import annotations

import asyncio
import time

import pytest

from rampmeter import Gate

IN_ORDER = ['[tools."*"]', '[tools."*"]\naccess = "write"']
SIDE_BY_SIDE = ['undeclared = "read"\n[tools."*"]', '[tools."*"]\naccess = "read"']

by_policy = pytest.mark.parametrize(
    ("gate", "in_order"),
    [(Gate.from_toml(policy), policy in IN_ORDER) for policy in IN_ORDER + SIDE_BY_SIDE],
    ids=["undeclared", "write", "undeclared read", "read"],
)


class Counter:
    def __init__(self) -> None:
        self.value = 0
        self.order: list[int] = []

    async def add(self, number: int) -> None:
        seen = self._read(number)
        await asyncio.sleep(0.005)
        self.value = seen + 1

    def add_in_thread(self, number: int) -> None:
        seen = self._read(number)
        time.sleep(0.005)
        self.value = seen + 1

    def _read(self, number: int) -> int:
        self.order.append(number)
        return self.value
