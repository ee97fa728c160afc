"""Within a tool: the call that runs it, and the calls that it makes."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from turn_support import calls, is_free, rounds, run

import rampmeter
from rampmeter import Gate

ONE = """
undeclared = "read"
[limits.one]
concurrency = 1
[tools."*"]
limits = ["one"]
timeout = "20ms"
grace = "10s"
"""


def test_nested_calls_run_on_the_slot_of_their_caller() -> None:
    gate = Gate.from_toml(ONE.replace("20ms", "5s"))

    async def outer() -> str:
        permit = rampmeter.current_permit()
        assert permit is not None and permit.running and permit.tool == "outer"
        async with gate.admit("inner"):
            pass
        report = await gate.run_turn(calls(("inner", {}), ("blocks", {})), [inner, blocks])
        return " ".join(result.output or result.error or "" for result in report.results)

    async def inner() -> str:
        return "nested"

    def blocks() -> str:
        with gate.admit_sync("inner"):
            return "in a thread"

    (result,) = run(gate.run_turn(calls(("outer", {})), [outer])).results
    assert result.output == "nested in a thread"


def test_what_a_call_leaves_behind_is_no_part_of_it_any_more() -> None:
    gate = Gate.from_toml(ONE.replace("20ms", "5s"))
    seen: list[Any] = []

    async def main() -> None:
        async def later() -> None:
            await asyncio.sleep(0.005)
            seen.append(rampmeter.current_permit())

        spawned: list[asyncio.Task[None]] = []

        async def spawns() -> None:
            spawned.append(asyncio.ensure_future(later()))

        await gate.run_turn(calls(("spawns", {})), [spawns])
        await spawned[0]
        assert seen == [None]

    run(main())


def test_the_call_of_a_tool_tells_its_limits_and_is_ended_by_its_turn() -> None:
    gate = Gate.from_toml(
        """
        [limits.api]
        concurrency = 2
        tokens = { rate = "100/min", kind = "bucket", burst = 100 }
        [tools.chat]
        limits = { api = { tokens = 60 } }
        """
    )

    async def chat() -> str:
        permit = rampmeter.current_permit()
        assert permit is not None
        with pytest.raises(rampmeter.UsageError, match="ends this call when its tool returns"):
            permit.finish("failed")
        with permit:
            assert rampmeter.current_permit() is permit
        assert permit.running and permit.waited == 0
        return str(permit.settle(tokens=10))

    report = run(gate.run_turn(calls(("chat", {})), [chat]))
    assert report.results[0].output == "True"
    gate.try_admit("chat").finish()
    with pytest.raises(rampmeter.Refused):
        gate.try_admit("chat")


def test_a_thread_can_see_that_nobody_waits_any_more() -> None:
    gate, seen = Gate.from_toml(ONE), list[bool]()
    over, ended = threading.Event(), threading.Event()

    def blocks() -> None:
        call = rampmeter.current_permit()
        assert call is not None
        seen.append(call.running)
        over.wait(10)
        seen.append(call.running)
        ended.set()

    async def main() -> None:
        (result,) = (await gate.run_turn(calls(("blocks", {})), [blocks])).results
        assert result.kind == "timed_out"
        await rounds()
        over.set()

    run(main())
    assert ended.wait(10) and seen == [True, False]
    assert is_free(gate, "blocks")
