"""What turns leave behind: nothing, whatever becomes of their loop, their process and their callers."""

from __future__ import annotations

import asyncio
import gc
import os
import time
import weakref
from typing import Any

import pytest
from turn_support import Inside, calls, is_free, rounds, run

from rampmeter import ForkedError, Gate

MANY = """
undeclared = "read"
[limits.many]
concurrency = 8
[tools."*"]
limits = ["many"]
"""


async def hang() -> None:
    await asyncio.Event().wait()


class Stop(BaseException):
    pass


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


@pytest.mark.parametrize("woken", [False, True])
def test_a_loop_that_is_closed_over_a_turn_frees_its_slots_when_their_time_is_over(
    caplog: pytest.LogCaptureFixture, woken: bool
) -> None:
    gate = Gate.from_toml(MANY + 'timeout = "10ms"\n')

    async def begin() -> None:
        task = asyncio.ensure_future(gate.run_turn(calls(*[("hang", {})] * 20), [hang]))
        begun.append(task)
        await asyncio.sleep(0)
        if woken:
            time.sleep(0.011)
        await asyncio.sleep(0)

    begun: list[asyncio.Future[Any]] = []
    loop = asyncio.new_event_loop()
    loop.run_until_complete(begin())
    loop.close()
    begun.clear()
    time.sleep(0.011)

    async def elsewhere() -> None:
        async with gate.admit("hang", deadline=5):
            pass

    run(elsewhere())
    gc.collect()
    assert is_free(gate, "hang", 8)
    # asyncio's word on those who close a loop over their tasks.
    assert "Task was destroyed but it is pending!" in caplog.text


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system forks nothing")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_in_a_forked_process_a_turn_is_the_parents() -> None:
    gate = Gate.from_toml(MANY)

    async def main() -> None:
        turn = gate.run_turn(calls(("hang", {})), [hang])
        turn.send(None)
        await rounds()
        if (child := os.fork()) == 0:
            os._exit(sum(not is_forked(try_it) for try_it in tries(turn)))
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 0
        assert not is_free(gate, "hang", 8), "the parent's goes on"
        turn.close()
        await rounds()

    def tries(turn: Any) -> list[Any]:
        cancelled = asyncio.CancelledError()
        return [
            lambda: turn.send(None),
            lambda: turn.throw(cancelled),
            lambda: gate.run_turn([], [hang]),
            lambda: gate.check_tool("hang"),
            lambda: gate.tool("hang")(hang),
        ]

    def is_forked(try_it: Any) -> bool:
        try:
            try_it()
        except ForkedError:
            return True
        return False

    run(main())
    assert is_free(gate, "hang", 8)
