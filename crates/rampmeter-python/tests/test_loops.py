"""Loops, threads, processes: where a gate is waited at, and what becomes of it there."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import threading
import weakref
from typing import Any

import pytest
from runs import Run, is_free

import rampmeter
from rampmeter import ForkedError, Gate, UsageError

ONE = {"limits": {"a": {"concurrency": 1}}, "tools": {"x": {"limits": ["a"]}}}
THREE = {"limits": {"a": {"concurrency": 3}}, "tools": {"x": {"limits": ["a"]}}}
RATE = {
    "limits": {"r": {"requests": {"rate": "500/s", "kind": "bucket", "burst": 1}}},
    "tools": {"x": {"limits": ["r"]}},
}


def test_loops_of_several_threads_share_one_limit() -> None:
    gate = Gate.from_dict(THREE)
    lock = threading.Lock()
    inside = peak = done = 0

    async def one() -> None:
        nonlocal inside, peak, done
        async with gate.admit("x"):
            with lock:
                inside += 1
                peak = max(peak, inside)
            await asyncio.sleep(0.0005)
            with lock:
                inside -= 1
                done += 1

    async def main() -> None:
        await asyncio.gather(*(one() for _ in range(50)))

    threads = [threading.Thread(target=asyncio.run, args=(main(),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (peak, done) == (3, 200)


def test_threads_wait_beside_loops() -> None:
    gate = Gate.from_dict(RATE)
    done = []

    def thread() -> None:
        for _ in range(5):
            with gate.admit_sync("x"):
                done.append("thread")

    async def main() -> None:
        for _ in range(5):
            async with gate.admit("x"):
                done.append("loop")

    threads = [threading.Thread(target=thread) for _ in range(3)]
    for it in threads:
        it.start()
    asyncio.run(main())
    for it in threads:
        it.join()
    assert sorted(done) == ["loop"] * 5 + ["thread"] * 15


def test_a_thread_that_waits_leaves_the_interpreter_to_others() -> None:
    gate = Gate.from_dict(ONE)
    held = gate.try_admit("x")
    got = threading.Event()

    def wait() -> None:
        with gate.admit_sync("x"):
            got.set()

    thread = threading.Thread(target=wait)
    thread.start()
    # This thread goes on meanwhile, and its release wakes the other.
    assert not got.wait(0.02)
    held.finish()
    assert got.wait(10)
    thread.join()


def test_a_call_that_waits_on_another_loop_is_woken_there() -> None:
    gate = Gate.from_dict(ONE)
    held = gate.try_admit("x")
    waits, admitted = threading.Event(), []

    async def wait() -> None:
        asyncio.get_running_loop().call_soon(waits.set)
        async with gate.admit("x"):
            admitted.append(threading.get_ident())

    thread = threading.Thread(target=asyncio.run, args=(wait(),))
    thread.start()
    assert waits.wait(10)
    held.finish()
    thread.join()
    assert admitted == [thread.ident]


def test_when_a_loop_is_closed_the_others_go_on_keeping_time() -> None:
    gate = Gate.from_dict(RATE)
    gate.try_admit("x").finish()

    async def wait() -> None:
        async with gate.admit("x"):
            pass

    first = asyncio.new_event_loop()
    task = first.create_task(wait())
    first.run_until_complete(asyncio.sleep(0))
    # Its task never ends, and its timer never rings.
    first.close()
    asyncio.run(asyncio.wait_for(wait(), 5))
    task._log_destroy_pending = False  # type: ignore[attr-defined]
    del task
    gc.collect()


def test_what_is_granted_to_a_closed_loop_is_given_to_others() -> None:
    gate = Gate.from_dict(ONE)
    held = gate.try_admit("x")

    async def wait() -> None:
        async with gate.admit("x"):
            raise AssertionError("its loop is closed")

    loop = asyncio.new_event_loop()
    task = loop.create_task(wait())
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    assert not is_free(gate)
    held.finish()
    assert is_free(gate)
    task._log_destroy_pending = False  # type: ignore[attr-defined]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks are newer")
def test_eager_tasks_wait_as_others_do() -> None:
    gate = Gate.from_dict(ONE)
    order: list[int] = []

    async def one(number: int) -> None:
        async with gate.admit("x"):
            order.append(number)
            await asyncio.sleep(0)

    async def main() -> None:
        # Older types know nothing of it.
        newer: Any = asyncio
        asyncio.get_running_loop().set_task_factory(newer.eager_task_factory)
        await asyncio.gather(*(one(number) for number in range(20)))

    asyncio.run(main())
    assert order == list(range(20))


def test_tasks_that_are_written_in_python_wait_as_others_do() -> None:
    gate = Gate.from_dict(ONE)
    order: list[int] = []

    async def one(number: int) -> None:
        async with gate.admit("x"):
            order.append(number)
            await asyncio.sleep(0)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        task: Any = asyncio.tasks._PyTask  # type: ignore[attr-defined]
        loop.set_task_factory(lambda loop, coro, **options: task(coro, loop=loop, **options))
        tasks = [loop.create_task(one(number)) for number in range(20)]
        await asyncio.sleep(0)
        tasks[3].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert tasks[3].cancelled()

    asyncio.run(main())
    assert order == [number for number in range(20) if number != 3]


def test_a_task_that_nobody_keeps_waits_all_the_same() -> None:
    gate = Gate.from_dict(ONE)

    async def main() -> None:
        done = asyncio.Event()

        async def wait() -> None:
            async with gate.admit("x"):
                done.set()

        held = await gate.admit("x")
        asyncio.get_running_loop().create_task(wait())
        await asyncio.sleep(0)
        gc.collect()
        held.finish()
        await asyncio.wait_for(done.wait(), 5)

    asyncio.run(main())


def test_a_gate_goes_with_the_tasks_that_wait_at_it() -> None:
    class Marked(Gate):
        pass

    def waiting() -> list[weakref.ref[Any]]:
        gate = Marked.from_dict(ONE)
        held = gate.try_admit("x")

        async def wait() -> None:
            async with gate.admit("x"):
                pass

        loop = asyncio.new_event_loop()
        task = loop.create_task(wait())
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
        task._log_destroy_pending = False  # type: ignore[attr-defined]
        del held
        return [weakref.ref(loop), weakref.ref(task), weakref.ref(gate)]

    left = waiting()
    gc.collect()
    assert [it() for it in left] == [None, None, None]


def test_a_gate_keeps_no_loop_alive(run: Run) -> None:
    gate = Gate.from_dict(RATE)
    loops: list[weakref.ref[Any]] = []

    async def main() -> None:
        loops.append(weakref.ref(asyncio.get_running_loop()))
        for _ in range(3):
            async with gate.admit("x"):
                pass

    run(main())
    gc.collect()
    assert loops[0]() is None


def test_without_a_loop_waiting_is_an_error_that_names_the_way() -> None:
    gate = Gate.from_dict(ONE)
    held = gate.try_admit("x")
    coroutine = gate.admit("x").__await__()
    with pytest.raises(UsageError, match="no asyncio loop runs here.*admit_sync"):
        next(coroutine)
    held.finish()
    assert is_free(gate)


def test_a_call_is_asked_for_once(run: Run) -> None:
    gate = Gate.from_dict(ONE)

    async def main() -> None:
        call = gate.admit("x")
        async with call:
            with pytest.raises(UsageError, match="ask again"):
                await call
        with pytest.raises(UsageError, match="ask again"):
            async with call:
                pass
        held = await gate.admit("x")
        waiting = gate.admit("x")

        async def wait() -> None:
            await waiting

        first = asyncio.create_task(wait())
        await asyncio.sleep(0)
        with pytest.raises(UsageError, match="ask again"):
            await waiting
        held.finish()
        await first

    run(main())


def test_what_is_never_awaited_is_told() -> None:
    gate = Gate.from_dict(ONE)
    with pytest.warns(RuntimeWarning, match=r"gate.admit\(x\) was never awaited"):
        gate.admit("x")


def test_a_call_that_is_not_admitted_yet_says_so() -> None:
    gate = Gate.from_dict(ONE)
    call = gate.admit("x")
    with pytest.raises(UsageError, match="not admitted yet"):
        call.settle(tokens=1)
    with pytest.raises(UsageError, match="async with"), call:
        pass
    with pytest.warns(RuntimeWarning):
        del call


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing is forked here")
@pytest.mark.filterwarnings("ignore:This process")
def test_a_forked_process_is_told_to_make_a_gate_of_its_own() -> None:
    gate = Gate.from_dict(ONE)
    permit = gate.try_admit("x")
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        # Nothing of the parent's may be waited for, whatever was locked when it forked.
        try:
            errors = []
            for use in (lambda: gate.try_admit("x"), permit.finish, lambda: permit.settle(tokens=1)):
                try:
                    use()
                except ForkedError as error:
                    errors.append("make a gate in the child" in str(error))
            del permit
            gc.collect()
            own = Gate.from_dict(ONE)
            own.try_admit("x").finish()
            assert rampmeter.current_permit() is None
            os.write(write, b"well" if errors == [True] * 3 else b"ill")
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as told:
        assert told.read() == b"well"
    os.waitpid(child, 0)
    # The child gave nothing back of what is this process's.
    assert not is_free(gate)
    permit.finish()
    assert is_free(gate)


def lives(code: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    """Runs a program to its end, with every warning an error."""
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", code]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)


SETUP = f"""
import asyncio, threading, sys, signal, os, time
from rampmeter import Gate
gate = Gate.from_dict({ONE!r})
"""

ENDS = {
    "a permit is held": "held = gate.try_admit('x')",
    "a loop was given up in the middle": """
held = gate.try_admit('x')
async def wait():
    async with gate.admit('x'): pass
loop = asyncio.new_event_loop()
task = loop.create_task(wait())
task._log_destroy_pending = False
loop.run_until_complete(asyncio.sleep(0))
loop.close()
""",
    "a daemon thread waits": """
held = gate.try_admit('x')
threading.Thread(target=lambda: gate.admit_sync('x'), daemon=True).start()
time.sleep(0.05)
""",
    "a daemon thread runs a loop that waits": """
held = gate.try_admit('x')
async def wait():
    async with gate.admit('x'): pass
threading.Thread(target=lambda: asyncio.run(wait()), daemon=True).start()
time.sleep(0.05)
""",
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_the_interpreter_ends_while(end: str) -> None:
    ended = lives(SETUP + end)
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.skipif(sys.platform == "win32", reason="signals are other ones there")
def test_a_thread_that_waits_can_be_interrupted() -> None:
    ended = lives(
        SETUP
        + """
held = gate.try_admit('x')
threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
try:
    gate.admit_sync('x')
except KeyboardInterrupt:
    held.finish()
    gate.try_admit('x').finish()
    print('given up')
"""
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "given up\n", "")


def test_what_is_granted_on_a_loop_that_is_closed_before_it_tells_is_others() -> None:
    gate = Gate.from_dict(ONE)
    held = gate.try_admit("x")
    loop = asyncio.new_event_loop()

    async def asks() -> asyncio.Task[Any]:
        task = asyncio.ensure_future(gate.admit("x"))
        await asyncio.sleep(0)
        return task

    task = loop.run_until_complete(asks())
    held.finish()
    assert not is_free(gate), "it is granted, and to be told in the loop's next round"
    loop.close()
    assert is_free(gate) and not task.done()
    task._log_destroy_pending = False  # type: ignore[attr-defined]


def test_a_gate_goes_though_a_context_knows_its_last_permit() -> None:
    gate = Gate.from_dict(ONE)
    with gate.try_admit("x") as permit:
        pass
    gone = weakref.ref(gate)
    del gate
    assert gone() is None and not permit.running


@pytest.mark.skipif(sys.platform == "win32", reason="nobody counts switches there")
def test_threads_that_wait_for_a_rate_do_not_all_wake_for_each_call_that_starts() -> None:
    import resource

    gate, count = Gate.from_dict(RATE), 50

    def wait() -> None:
        with gate.admit_sync("x"):
            pass

    before = resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw
    threads = [threading.Thread(target=wait) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # About 5 each; it was 70 when all of them kept the time.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw - before < 30 * count
