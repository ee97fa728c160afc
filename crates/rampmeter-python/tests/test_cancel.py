"""Giving up: whatever is cancelled, wherever it is, nothing is lost."""

from __future__ import annotations

import asyncio
import gc
import random
import signal
import sys
import threading
from typing import Any

import pytest
from runs import Run

from rampmeter import Gate, Refused

THREE = {"limits": {"a": {"concurrency": 3}}, "tools": {"x": {"limits": ["a"]}, "y": {"limits": ["a"]}}}
ONE = {"limits": {"a": {"concurrency": 1}}, "tools": {"x": {"limits": ["a"]}}}


def free(gate: Gate, most: int) -> int:
    """How many slots are free, up to so many."""
    permits = []
    for _ in range(most):
        try:
            permits.append(gate.try_admit("x"))
        except Refused:
            break
    for permit in permits:
        permit.finish()
    return len(permits)


def test_a_cancelled_call_leaves_its_place(run: Run) -> None:
    gate = Gate.from_dict(ONE)

    async def wait(admitted: list[str], name: str) -> None:
        async with gate.admit("x"):
            admitted.append(name)

    async def main() -> None:
        admitted: list[str] = []
        held = await gate.admit("x")
        first = asyncio.create_task(wait(admitted, "first"))
        second = asyncio.create_task(wait(admitted, "second"))
        await asyncio.sleep(0)
        first.cancel("enough")
        with pytest.raises(asyncio.CancelledError) as cancelled:
            await first
        if sys.version_info >= (3, 11):
            assert cancelled.value.args == ("enough",)
        held.finish()
        await second
        assert admitted == ["second"]

    run(main())
    assert free(gate, 2) == 1


def test_a_call_that_is_cancelled_at_the_moment_of_its_grant_gives_it_on(run: Run) -> None:
    gate = Gate.from_dict(ONE)

    async def wait() -> None:
        async with gate.admit("x"):
            pass

    async def main() -> None:
        for cancel_first in (False, True):
            held = await gate.admit("x")
            first, second = asyncio.create_task(wait()), asyncio.create_task(wait())
            await asyncio.sleep(0)
            if cancel_first:
                first.cancel()
                held.finish()
            else:
                held.finish()
                first.cancel()
            await asyncio.wait([first, second])
            assert first.cancelled() and second.exception() is None

    run(main())
    assert free(gate, 2) == 1


def test_asyncio_timeout_and_wait_for_end_the_wait(run: Run) -> None:
    gate = Gate.from_dict(ONE)

    async def main() -> None:
        held = await gate.admit("x")
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(gate.admit("x"), 0.005)
        if sys.version_info >= (3, 11):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.005), gate.admit("x"):
                    pass
        held.finish()

    run(main())
    assert free(gate, 2) == 1


@pytest.mark.skipif(sys.version_info < (3, 11), reason="task groups are newer")
def test_a_task_group_that_fails_frees_all_that_waits_in_it(run: Run) -> None:
    gate = Gate.from_dict(ONE)

    async def wait() -> None:
        async with gate.admit("x"):
            await asyncio.sleep(60)

    async def main() -> None:
        with pytest.raises(BaseExceptionGroup):  # noqa: F821
            async with asyncio.TaskGroup() as group:
                for _ in range(20):
                    group.create_task(wait())
                await asyncio.sleep(0)
                raise ValueError("enough")

    run(main())
    assert free(gate, 2) == 1


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, GeneratorExit, asyncio.CancelledError])
def test_what_is_thrown_into_the_wait_gives_it_up(error: type[BaseException]) -> None:
    gate = Gate.from_dict(ONE)

    async def main() -> None:
        held = await gate.admit("x")
        for entered in (False, True):

            async def wait(entered: bool = entered) -> None:
                if entered:
                    async with gate.admit("x"):
                        raise AssertionError("it was not admitted")
                await gate.admit("x")

            coroutine = wait()
            coroutine.send(None)
            if error is GeneratorExit:
                coroutine.close()
            else:
                with pytest.raises(error):
                    coroutine.throw(error())
        held.finish()

    asyncio.run(main())
    assert free(gate, 2) == 1


@pytest.mark.parametrize("when", ["in the block", "at its end"])
def test_an_error_in_the_block_gives_the_slot_back(when: str, run: Run) -> None:
    gate = Gate.from_dict(ONE)

    async def main() -> None:
        with pytest.raises(ValueError):
            async with gate.admit("x"):
                if when == "in the block":
                    raise ValueError
                await asyncio.sleep(0)
                raise ValueError

    run(main())
    assert free(gate, 2) == 1


def rss() -> int:
    """Resident memory, in bytes."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


@pytest.mark.parametrize("seed", range(2))
def test_ten_thousand_tasks_that_are_cancelled_anywhere_lose_nothing(run: Run, seed: int) -> None:
    gate = Gate.from_dict(THREE)
    chance = random.Random(seed)
    inside = peak = 0

    async def nested() -> None:
        async with gate.admit("y"):
            await asyncio.sleep(0)

    async def one(number: int) -> None:
        nonlocal inside, peak
        async with gate.admit("x", flow=f"flow-{number % 7}", priority=("low", "high")[number % 2]):
            inside += 1
            peak = max(peak, inside)
            try:
                await asyncio.sleep(0)
                if number % 5 == 0:
                    await nested()
                if number % 11 == 0:
                    raise ValueError("of its own")
            finally:
                inside -= 1

    async def round_of(count: int) -> None:
        tasks = [asyncio.create_task(one(number)) for number in range(count)]
        left = list(tasks)
        while left:
            for task in chance.sample(left, min(len(left), 60)):
                task.cancel()
            for _ in range(chance.randrange(4)):
                await asyncio.sleep(0)
            left = [task for task in left if not task.done()]
        await asyncio.gather(*tasks, return_exceptions=True)

    async def main() -> None:
        for _ in range(5):
            await round_of(1000)

    # Twice: what the first has left over for the second is no leak.
    sizes: list[tuple[int, int]] = []
    for _ in range(2):
        run(main())
        gc.collect()
        sizes.append((len(gc.get_objects()), rss()))
    assert peak == 3 and inside == 0
    assert free(gate, 4) == 3
    (objects_before, rss_before), (objects_after, rss_after) = sizes
    assert objects_after <= objects_before + 100
    assert rss_after <= rss_before * 1.1


def test_waits_leave_nothing_behind() -> None:
    """Counted in objects: permits, waits, and whatever they hold."""
    gate = Gate.from_dict(ONE)

    async def one() -> None:
        async with gate.admit("x"):
            await asyncio.sleep(0)

    async def main(count: int) -> None:
        await asyncio.gather(*(one() for _ in range(count)))

    def kinds() -> dict[str, int]:
        gc.collect()
        counted: dict[str, int] = {}
        for it in gc.get_objects():
            kind: Any = type(it)
            if str(kind.__module__).startswith("rampmeter"):
                counted[kind.__name__] = counted.get(kind.__name__, 0) + 1
        return counted

    asyncio.run(main(10))
    before = kinds()
    asyncio.run(main(1000))
    assert kinds() == before


@pytest.mark.parametrize("end", [KeyboardInterrupt, SystemExit])
def test_what_ends_the_program_ends_no_call_that_is_told_with_it(end: type[BaseException]) -> None:
    gate = Gate.from_dict(THREE)
    admitted: list[int] = []

    async def wait(number: int) -> None:
        async with gate.admit("x"):
            admitted.append(number)
            if number == 1:
                raise end

    loop = asyncio.new_event_loop()
    held = [gate.try_admit("x") for _ in range(3)]
    tasks = [loop.create_task(wait(number)) for number in range(6)]
    loop.run_until_complete(asyncio.sleep(0))
    # Three are told in one.
    for permit in held:
        permit.finish()
    with pytest.raises(end):
        loop.run_until_complete(asyncio.wait(tasks))
    # The program goes on with its loop all the same.
    loop.run_until_complete(asyncio.wait(tasks))
    loop.close()
    assert sorted(admitted) == list(range(6))
    assert [type(task.exception()) for task in tasks].count(end) == 1
    assert free(gate, 4) == 3


def test_what_a_signal_raises_while_a_call_is_granted_loses_neither() -> None:
    """The loop's own method is the first Python that runs then, and where the signal is handled."""
    gate = Gate.from_dict(ONE)

    class Told(Exception):
        pass

    class Loop(asyncio.SelectorEventLoop):
        signals = 0

        def call_soon_threadsafe(self, *arguments: Any, **options: Any) -> Any:  # type: ignore[override]
            if self.signals:
                self.signals -= 1
                signal.raise_signal(signal.SIGINT)
            return super().call_soon_threadsafe(*arguments, **options)

    def handle(*_: object) -> None:
        raise Told

    async def wait() -> str:
        loop.call_soon(waits.set)
        async with gate.admit("x"):
            return "admitted"

    held = gate.try_admit("x")
    loop, waits = Loop(), threading.Event()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    answer = asyncio.run_coroutine_threadsafe(wait(), loop)
    assert waits.wait(10)
    before = signal.signal(signal.SIGINT, handle)
    try:
        loop.signals = 1
        with pytest.raises(Told):
            held.finish()
            for _ in range(1000):
                pass
    finally:
        signal.signal(signal.SIGINT, before)
    assert answer.result(10) == "admitted"
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()
