"""How long things live: gates, tasks, loops, contexts, and the threads that loops run in."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from contextvars import ContextVar
from typing import Any

import pytest
from runs import Run, is_free

from rampmeter import Gate

ONE = {"limits": {"a": {"concurrency": 1}}, "tools": {"x": {"limits": ["a"]}}}
RATE = {
    "limits": {"r": {"requests": {"rate": "500/s", "kind": "bucket", "burst": 1}}},
    "tools": {"x": {"limits": ["r"]}},
}


def new_loop(run: Run) -> asyncio.AbstractEventLoop:
    """A loop of the kind that `run` runs."""
    if run is asyncio.run:
        return asyncio.new_event_loop()
    import uvloop

    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop


def test_what_was_granted_before_a_loop_was_closed_is_given_to_others(run: Run) -> None:
    gate = Gate.from_dict(ONE)
    held = gate.try_admit("x")

    async def wait() -> None:
        async with gate.admit("x"):
            raise AssertionError("its loop is closed")

    loop = new_loop(run)
    task = loop.create_task(wait())
    loop.run_until_complete(asyncio.sleep(0))
    # The loop has yet to tell its task.
    held.finish()
    loop.close()
    assert is_free(gate)
    task._log_destroy_pending = False  # type: ignore[attr-defined]


@pytest.mark.parametrize("debug", [False, True])
def test_a_loop_may_run_in_another_thread_each_time(run: Run, debug: bool) -> None:
    gate = Gate.from_dict(ONE)
    held = gate.try_admit("x")
    loop = new_loop(run)
    loop.set_debug(debug)

    async def wait() -> str:
        async with gate.admit("x"):
            return "admitted"

    async def until(runs: threading.Event) -> str:
        loop.call_soon(runs.set)
        return await asyncio.wait_for(task, 5)

    task = loop.create_task(wait())
    loop.run_until_complete(asyncio.sleep(0))
    runs, answers = threading.Event(), []
    thread = threading.Thread(target=lambda: answers.append(loop.run_until_complete(until(runs))))
    thread.start()
    assert runs.wait(10)
    # Here it ran when the call began to wait; it sleeps there now, and must be woken.
    held.finish()
    thread.join()
    loop.close()
    assert answers == ["admitted"]


def test_tasks_that_nobody_keeps_wait_for_a_time_as_sleepers_do(run: Run) -> None:
    async def main() -> None:
        done = asyncio.Semaphore(0)

        def start() -> None:
            """Nobody but the tasks knows the gate."""
            gate = Gate.from_dict(RATE)

            async def wait() -> None:
                async with gate.admit("x"):
                    done.release()

            for _ in range(5):
                asyncio.get_running_loop().create_task(wait())

        start()
        await asyncio.sleep(0)
        for _ in range(5):
            gc.collect()
            await asyncio.wait_for(done.acquire(), 5)

    run(main())


def test_a_timer_keeps_nothing_alive_of_the_call_that_asked_for_it(run: Run) -> None:
    gate = Gate.from_dict(ONE)
    request: ContextVar[Any] = ContextVar("request")

    class Request:
        pass

    async def serve() -> weakref.ref[Request]:
        request.set(Request())
        with pytest.raises(asyncio.TimeoutError):
            # Its timer rings when the deadline is over.
            await asyncio.wait_for(gate.admit("x", deadline=1000), 0.005)
        return weakref.ref(request.get())

    async def main() -> None:
        held = await gate.admit("x")
        served = await asyncio.create_task(serve())
        await asyncio.sleep(0)
        gc.collect()
        assert served() is None
        held.finish()

    run(main())


@pytest.mark.filterwarnings("ignore:unclosed event loop:ResourceWarning")
def test_a_loop_that_is_never_closed_goes_with_its_tasks_and_timers() -> None:
    def waiting() -> list[weakref.ref[Any]]:
        gate = Gate.from_dict(RATE)
        gate.try_admit("x").finish()

        async def wait() -> None:
            async with gate.admit("x"):
                pass

        loop = asyncio.new_event_loop()
        task = loop.create_task(wait())
        loop.run_until_complete(asyncio.sleep(0))
        task._log_destroy_pending = False  # type: ignore[attr-defined]
        return [weakref.ref(loop), weakref.ref(task), weakref.ref(gate)]

    left = waiting()
    gc.collect()
    assert [it() for it in left] == [None, None, None]
