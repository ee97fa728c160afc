"""How turns and their calls end: time-outs, deadlines, cancellation."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import Any

import pytest
from turn_support import Inside, calls, is_free, rounds, run

from rampmeter import Gate, _turn

ONE = """
undeclared = "read"
[limits.one]
concurrency = 1
[tools."*"]
limits = ["one"]
timeout = "20ms"
grace = "10s"
"""

MANY = """
undeclared = "read"
[limits.many]
concurrency = 8
[tools."*"]
limits = ["many"]
"""


async def hang() -> None:
    await asyncio.Event().wait()


def test_a_time_out_cancels_the_task_and_frees_the_slot_when_it_has_ended() -> None:
    gate, log = Gate.from_toml(ONE), []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            log.append("cancelled")
            await rounds(3)
            log.append("cleaned up")

    async def main() -> None:
        (result,) = (await gate.run_turn(calls(("work", {})), [work])).results
        assert (result.status, result.kind) == ("failed", "timed_out")
        assert "as long as its `timeout` allows" in (result.error or "")
        await rounds(1)
        assert log == ["cancelled"] and not is_free(gate, "work"), "it holds its slot while it cleans up"
        await rounds(5)
        assert log == ["cancelled", "cleaned up"] and is_free(gate, "work")

    run(main())


def test_a_task_that_does_not_listen_keeps_its_slot_until_it_ends() -> None:
    gate = Gate.from_toml(ONE)
    inside = Inside()

    async def main() -> None:
        ended = asyncio.Event()

        async def stubborn() -> None:
            with inside:
                while not ended.is_set():
                    with contextlib.suppress(asyncio.CancelledError):
                        await ended.wait()

        (result,) = (await gate.run_turn(calls(("stubborn", {})), [stubborn])).results
        assert result.kind == "timed_out" and inside.now == 1
        assert not is_free(gate, "stubborn")
        ended.set()
        await rounds()
        assert inside.now == 0 and is_free(gate, "stubborn")

    run(main())


def test_a_thread_keeps_its_slot_until_it_has_really_ended() -> None:
    gate = Gate.from_toml(ONE)
    go_on, ended = threading.Event(), threading.Event()

    def blocks() -> str:
        go_on.wait(10)
        ended.set()
        return "late"

    async def main() -> None:
        (result,) = (await gate.run_turn(calls(("blocks", {})), [blocks])).results
        assert result.kind == "timed_out" and not ended.is_set()
        await rounds()
        assert not is_free(gate, "blocks"), "the task has ended, and the thread has not"
        go_on.set()
        async with gate.admit("blocks", deadline=5):
            assert ended.is_set()

    run(main())


def test_a_call_that_no_thread_has_begun_is_never_begun_once_it_is_over() -> None:
    gate = Gate.from_toml(ONE)
    go_on, began = threading.Event(), []

    def blocks() -> None:
        began.append(1)

    async def main() -> None:
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(1) as pool:
            asyncio.get_running_loop().set_default_executor(pool)
            pool.submit(go_on.wait)
            (result,) = (await gate.run_turn(calls(("blocks", {})), [blocks])).results
            assert result.kind == "timed_out"
            await rounds()
            assert is_free(gate, "blocks"), "nothing runs that could hold it"
            go_on.set()
        assert not began

    run(main())


def test_the_deadline_of_the_turn_ends_what_runs_and_what_waits() -> None:
    gate = Gate.from_toml(ONE.replace("20ms", "10s"))

    async def main() -> None:
        report = await gate.run_turn(calls(("hang", {}), ("hang", {})), [hang], deadline=0.1)
        first, second = report.results
        assert (first.status, first.kind) == ("failed", "turn_deadline")
        assert second.ran is None and second.status in ("failed", "refused")
        await rounds()
        assert is_free(gate, "hang")

    run(main())


def test_one_failure_takes_its_siblings_along_only_if_the_turn_is_to_fail_fast() -> None:
    gate, inside = Gate.from_toml(MANY), Inside()

    async def works() -> str:
        with inside:
            await rounds()
        return "done"

    async def fails() -> None:
        await rounds(2)
        raise KeyError("x")

    async def main() -> None:
        asked = calls(("works", {}), ("fails", {}), ("works", {}))
        report = await gate.run_turn(asked, [works, fails])
        assert [it.status for it in report.results] == ["succeeded", "failed", "succeeded"]
        assert report.results[1].error == "KeyError: 'x'"
        raised = report.results[1].exception
        assert isinstance(raised, KeyError) and raised.__traceback__ is not None
        report = await gate.run_turn(asked, [works, fails], fail_fast=True)
        assert [it.status for it in report.results] == ["cancelled", "failed", "cancelled"]
        await rounds()
        assert inside.now == 0 and is_free(gate, "works", 8)

    run(main())


def test_cancelling_a_turn_ends_its_tools_first_and_frees_everything() -> None:
    gate, inside = Gate.from_toml(MANY), Inside()

    async def work() -> None:
        with inside:
            try:
                await asyncio.Event().wait()
            finally:
                await rounds(3)

    async def main() -> None:
        task = asyncio.ensure_future(gate.run_turn(calls(*[("work", {})] * 20), [work]))
        await rounds(5)
        assert inside.now == 8
        task.cancel("enough")
        with pytest.raises(asyncio.CancelledError):
            await task
        assert inside.now == 0 and inside.entered == 8
        assert is_free(gate, "work", 8)

    run(main())


def test_a_second_cancellation_waits_for_nobody() -> None:
    gate = Gate.from_toml(MANY)

    async def main() -> None:
        ended = asyncio.Event()

        async def stubborn() -> None:
            while not ended.is_set():
                with contextlib.suppress(asyncio.CancelledError):
                    await ended.wait()

        task = asyncio.ensure_future(gate.run_turn(calls(("stubborn", {})), [stubborn]))
        await rounds()
        task.cancel()
        await rounds()
        assert not task.done(), "it waits for its tool"
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        ended.set()
        await rounds()

    run(main())


def test_wait_for_gives_a_turn_up_and_the_caller_goes_on() -> None:
    gate = Gate.from_toml(MANY)

    async def main() -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(gate.run_turn(calls(("hang", {})), [hang]), 0.01)
        assert is_free(gate, "hang", 8)

    run(main())


def test_what_nobody_waits_for_is_not_begun_by_a_thread_that_comes_late() -> None:
    class GivenUp:
        def begin(self) -> bool:
            return False

    def never() -> None:
        raise AssertionError("it began")

    work: Any = GivenUp()
    assert _turn._run(never, {}, work) is None


def test_arguments_that_python_cannot_read_keep_no_slot() -> None:
    gate = Gate.from_toml('[limits.l]\nconcurrency = 1\n[tools.a]\nlimits = ["l"]')

    def a(x: int) -> int:
        return x

    asked = calls(("a", {}))
    asked[0]["function"]["arguments"] = f'{{"x":{"1" * 5000}}}'
    # The report has the exception, and so what was there when it was raised.
    report = run(gate.run_turn(asked, [a]))
    assert report.results[0].kind == "failed"
    assert is_free(gate, "a")
