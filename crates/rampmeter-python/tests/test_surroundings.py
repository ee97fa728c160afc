"""What surrounds a call: blocks within blocks, in whatever order they are left."""

from __future__ import annotations

import asyncio
import contextvars
import gc
from collections.abc import AsyncGenerator, Generator
from typing import Any

import pytest
from runs import Run

import rampmeter
from rampmeter import Gate, Refused, UsageError

ONE = {"limits": {"a": {"concurrency": 1}}, "tools": {"x": {"limits": ["a"]}}}


def test_a_permit_is_around_one_block() -> None:
    gate = Gate.from_dict(ONE)
    with gate.try_admit("x") as permit:
        with pytest.raises(UsageError, match="around a block already"), permit:
            pass
        assert rampmeter.current_permit() is permit
    # It hung where it was looked for what surrounded it: itself.
    assert rampmeter.current_permit() is None
    gate.try_admit("x").finish()


def test_a_permit_that_async_with_gave_is_around_one_block(run: Run) -> None:
    gate = Gate.from_dict(ONE)

    async def main() -> None:
        async with gate.admit("x") as permit:
            with pytest.raises(UsageError, match="around a block already"), permit:
                pass
        async with gate.admit("x"):
            assert rampmeter.current_permit() is not permit

    run(main())


def test_a_call_that_somebody_else_tries_to_enter_surrounds_nobody(run: Run) -> None:
    gate = Gate.from_dict(ONE)

    async def main() -> None:
        held = await gate.admit("x")
        call = gate.admit("x")

        async def wait() -> None:
            permit = await call
            assert rampmeter.current_permit() is None
            permit.finish()

        task = asyncio.create_task(wait())
        await asyncio.sleep(0)
        with pytest.raises(UsageError, match="ask again"):
            async with call:
                pass
        held.finish()
        await task

    run(main())


PER_LABEL = {
    "limits": {"a": {"concurrency": 1, "per": "key"}},
    "tools": {"x": {"limits": ["a"]}},
}


def key_here(gate: Gate) -> str | None:
    """The value of the label `key` that a call made here has."""
    for key in ("one", "two"):
        held = contextvars.Context().run(gate.try_admit, "x", labels={"key": key})
        try:
            gate.try_admit("x").finish()
        except Refused as refused:
            if refused.reason == "would_wait":
                return key
        finally:
            held.finish()
    return None


def test_a_flow_within_a_flow_adds_to_it() -> None:
    gate = Gate.from_dict(PER_LABEL)
    with rampmeter.flow("tenant", labels={"key": "one"}):
        with rampmeter.flow(priority="high"), rampmeter.flow("session", labels={"other": "two"}):
            assert key_here(gate) == "one"
        with rampmeter.flow(labels={"key": "two"}):
            assert key_here(gate) == "two"
        assert key_here(gate) == "one"
    assert key_here(gate) is None


def test_a_flow_within_a_call_of_another_gate_adds_to_what_is_around_that() -> None:
    gate, other = Gate.from_dict(PER_LABEL), Gate.from_dict(ONE)
    with rampmeter.flow("tenant", labels={"key": "one"}), other.try_admit("x"), rampmeter.flow("session"):
        assert key_here(gate) == "one"


def test_flows_of_generators_that_take_turns_end_with_their_blocks() -> None:
    gate = Gate.from_dict(PER_LABEL)

    def lines(key: str) -> Generator[None, None, None]:
        with rampmeter.flow(key, labels={"key": key}):
            yield

    def main() -> None:
        first, second = lines("one"), lines("two")
        next(first), next(second)
        first.close()
        assert key_here(gate) == "two"
        second.close()
        # The first was what the second was entered in, and came back for ever.
        assert key_here(gate) is None

    contextvars.Context().run(main)


def test_a_flow_that_is_left_in_another_context_changes_nothing_there(run: Run) -> None:
    gate = Gate.from_dict(PER_LABEL)

    async def lines() -> AsyncGenerator[None, None]:
        with rampmeter.flow("one", labels={"key": "one"}):
            yield

    async def main() -> None:
        generator = lines()

        async def first() -> None:
            await generator.__anext__()

        await asyncio.create_task(first())
        with rampmeter.flow("two", labels={"key": "two"}):
            await generator.aclose()
            assert key_here(gate) == "two"

    run(main())


def test_a_task_that_outlives_its_flow_keeps_it(run: Run) -> None:
    gate = Gate.from_dict(PER_LABEL)

    async def main() -> None:
        go = asyncio.Event()

        async def later() -> str | None:
            await go.wait()
            return key_here(gate)

        with rampmeter.flow("tenant", labels={"key": "one"}), rampmeter.flow(priority="high"):
            task = asyncio.create_task(later())
            await asyncio.sleep(0)
        go.set()
        assert await task == "one"

    run(main())


@pytest.mark.parametrize("kind", ["flows", "calls"])
def test_what_each_leaves_to_the_next_does_not_pile_up(kind: str, run: Run) -> None:
    """A job that has its successor done in its own block, for ever."""
    policy = {"limits": {"a": {"concurrency": 9}}, "tools": {"x": {"limits": ["a"]}}}
    gates = [Gate.from_dict(policy) for _ in range(2)]
    last: asyncio.Future[int]

    tasks: set[asyncio.Task[None]] = set()

    async def job(number: int, before: asyncio.Event) -> None:
        block: Any = rampmeter.flow(str(number)) if kind == "flows" else await gates[number % 2].admit("x")
        with block:
            before.set()
            if number < 300:
                mine = asyncio.Event()
                task = asyncio.create_task(job(number + 1, mine))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
                await mine.wait()
                return
            await asyncio.sleep(0)
        gc.collect()
        kinds = (rampmeter.flow, rampmeter.Permit)
        last.set_result(sum(isinstance(it, kinds) for it in gc.get_objects()))

    async def main() -> None:
        nonlocal last
        last = asyncio.get_running_loop().create_future()
        await job(0, asyncio.Event())
        assert await last < 20

    run(main())


def test_a_long_chain_of_blocks_can_be_dropped() -> None:
    gate = Gate.from_dict({"tools": {"x": {}}})

    def enter(count: int) -> None:
        for number in range(count):
            rampmeter.flow(str(number)).__enter__()

    context = contextvars.Context()
    context.run(enter, 50_000)
    context.run(gate.try_admit, "x").finish()
    # The end of one within the end of another, and so on, is more than a stack holds.
    del context
    gate.try_admit("x").finish()


def test_a_row_of_calls_of_which_two_run_at_a_time_is_not_deep() -> None:
    gate = Gate.from_dict({"limits": {"a": {"concurrency": 3}}, "tools": {"x": {"limits": ["a"]}}})
    links: list[asyncio.Task[None]] = []

    async def link(number: int, begun: asyncio.Event) -> None:
        async with gate.admit("x"):
            begun.set()
            if number < 20:
                next_begun = asyncio.Event()
                links.append(asyncio.create_task(link(number + 1, next_begun)))
                await next_begun.wait()

    async def main() -> None:
        await asyncio.wait_for(link(0, asyncio.Event()), 10)
        for it in links:
            await it

    asyncio.run(main())
    assert len(links) == 20
