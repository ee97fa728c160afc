"""Tasks to which nobody keeps a reference: whoever may wake them keeps them."""

from __future__ import annotations

import asyncio
import gc
import weakref

from rampmeter import Gate

ONE = {"limits": {"door": {"concurrency": 1}}, "tools": {"enter": {"limits": ["door"]}}}


def test_a_task_that_waits_at_the_gate_is_no_garbage() -> None:
    gate = Gate.from_dict(ONE)

    async def visitor(done: asyncio.Event) -> None:
        async with gate.admit("enter"):
            done.set()

    async def main() -> None:
        done = asyncio.Event()
        permit = await gate.admit("enter")
        task = weakref.ref(asyncio.create_task(visitor(done)))
        await asyncio.sleep(0)
        gc.collect()
        assert task() is not None
        permit.finish()
        await asyncio.wait_for(done.wait(), 5)

    asyncio.run(main())


def test_what_was_asked_for_on_a_loop_that_is_closed_is_given_up() -> None:
    gate = Gate.from_dict(ONE)
    first = gate.try_admit("enter")

    async def visitor() -> None:
        async with gate.admit("enter"):
            raise AssertionError("its loop is closed")

    loop = asyncio.new_event_loop()
    task = loop.create_task(visitor())
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    first.finish()
    gate.try_admit("enter").finish()
    assert not task.done()
