"""How turns and their calls end: time-outs, deadlines, cancellation, exceptions of all kinds."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import threading
import weakref
from typing import Any

import pytest
import rampmeter
from rampmeter import Gate
from turn_support import Inside, calls, is_free, rounds, run

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
        report = await gate.run_turn(calls(("hang", {}), ("hang", {})), [hang], deadline=0.02)
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


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("blocks", [False, True])
def test_what_ends_the_program_is_not_swallowed(kind: type[BaseException], blocks: bool) -> None:
    gate, ended = Gate.from_toml(MANY), []

    async def in_task() -> None:
        await rounds(2)
        raise kind("now")

    def in_thread() -> None:
        raise kind("now")

    async def main() -> None:
        asked = calls(("hang", {}), ("ends", {}))
        try:
            await gate.run_turn(asked, {"hang": hang, "ends": in_thread if blocks else in_task})
        finally:
            ended.append(is_free(gate, "hang", 8))

    with pytest.raises(kind, match="now"):
        asyncio.run(main())
    assert ended == [True]


class Stop(BaseException):
    pass


def test_a_base_exception_is_raised_by_the_turn_when_its_other_tools_have_ended() -> None:
    gate, inside = Gate.from_toml(MANY), Inside()

    async def stops() -> None:
        await rounds(2)
        raise Stop("all of it")

    async def other() -> None:
        with inside:
            await asyncio.Event().wait()

    async def main() -> None:
        with pytest.raises(Stop, match="all of it"):
            await gate.run_turn(calls(("other", {}), ("stops", {}), ("other", {})), [stops, other])
        assert (inside.entered, inside.now) == (2, 0)
        assert is_free(gate, "stops", 8)

    run(main())


def test_a_tool_that_cancels_itself_has_failed() -> None:
    async def cancels() -> None:
        raise asyncio.CancelledError

    async def is_cancelled() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await rounds()

    def in_thread() -> None:
        raise StopIteration

    asked = calls(("cancels", {}), ("is_cancelled", {}), ("in_thread", {}))
    report = run(Gate.from_toml(MANY).run_turn(asked, [cancels, is_cancelled, in_thread]))
    assert [result.status for result in report.results] == ["failed"] * 3
    assert report.results[0].error == "CancelledError: the tool was cancelled, and not by its turn"
    assert report.results[2].error == "RuntimeError: the tool raised StopIteration"


class Mute(Exception):
    def __str__(self) -> str:
        raise ValueError("no")


def test_an_exception_that_cannot_even_be_read_has_failed() -> None:
    def mute() -> None:
        raise Mute

    report = run(Gate.from_toml(MANY).run_turn(calls(("mute", {})), [mute]))
    assert "Mute" in (report.results[0].error or "")
    assert isinstance(report.results[0].exception, Mute)


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
    gate = Gate.from_toml(ONE)
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


def test_an_abandoned_turn_gives_everything_up() -> None:
    gate, inside = Gate.from_toml(MANY), Inside()

    async def work() -> None:
        with inside:
            await asyncio.Event().wait()

    async def main() -> None:
        turn = gate.run_turn(calls(*[("work", {})] * 9), [work])
        turn.send(None)
        await rounds()
        assert inside.now == 8 and not is_free(gate, "work")
        del turn
        await rounds()
        assert inside.now == 0 and is_free(gate, "work", 8)
        closed = gate.run_turn(calls(("work", {})), [work])
        closed.send(None)
        await rounds()
        closed.close()
        await rounds()
        assert inside.now == 0 and is_free(gate, "work", 8)

    run(main())


def test_nothing_of_a_turn_is_kept() -> None:
    class Agent:
        async def fails(self) -> None:
            raise ValueError(self)

    gate = Gate.from_toml(MANY)

    async def main() -> weakref.ref[Agent]:
        agent = Agent()
        turn = gate.run_turn(calls(("fails", {})), [agent.fails])
        agent.turn = turn  # type: ignore[attr-defined]
        report = await turn
        assert report.results[0].status == "failed"
        agent.report = report  # type: ignore[attr-defined]
        unused = gate.run_turn([], [agent.fails])
        agent.unused = unused  # type: ignore[attr-defined]
        unused.close()
        return weakref.ref(agent)

    agent = run(main())
    gc.collect()
    assert agent() is None


def test_eager_tasks_may_run_before_they_are_waited_for() -> None:
    factory = getattr(asyncio, "eager_task_factory", None)
    if factory is None:
        pytest.skip("this Python has no eager tasks")
    gate, inside = Gate.from_toml(MANY), Inside()

    async def work(at: int) -> int:
        with inside:
            if at % 2:
                await rounds()
            async with gate.admit("other"):
                return at

    async def stops() -> None:
        raise Stop

    async def main() -> None:
        asyncio.get_running_loop().set_task_factory(factory)
        report = await gate.run_turn(calls(*[("work", {"at": at}) for at in range(20)]), [work])
        assert [result.output for result in report.results] == [str(at) for at in range(20)]
        with pytest.raises(Stop):
            await gate.run_turn(calls(("stops", {})), [stops])
        assert inside.peak <= 8 and is_free(gate, "work", 8)

    run(main())


def test_a_loop_that_makes_no_tasks_is_the_calls_own_error() -> None:
    gate = Gate.from_toml(MANY)

    def factory(loop: Any, coroutine: Any, **_: Any) -> Any:
        if getattr(coroutine, "__name__", "") == "in_task":
            raise OSError("no more tasks")
        return asyncio.Task(coroutine, loop=loop)

    async def main() -> None:
        asyncio.get_running_loop().set_task_factory(factory)
        (result,) = (await gate.run_turn(calls(("hang", {})), [hang])).results
        assert "no more tasks" in (result.error or "") and result.status == "failed"
        assert is_free(gate, "hang", 8)

    run(main())
