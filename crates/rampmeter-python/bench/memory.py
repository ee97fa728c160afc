"""What a waiting call takes beyond its task, with ten thousand of them waiting.

Each figure is of a process of its own, which is this file as a program: nobody's memory is another's.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING

import peers
from rows import PAIR, Row

if TYPE_CHECKING:
    from loops import Loops

ROUNDS = 5
WAITING = 10_000
SECONDS = 3_600

BARE = "a bare task"

ONE_SLOT = """
[limits.host]
concurrency = 1
queue = { size = 20000 }
[limits.api]
requests = { rate = "1000000000/s", kind = "bucket", burst = 1000000000 }
queue = { size = 20000 }
[tools.plain]
limits = ["host", "api"]
queue_timeout = "1h"
"""

ONE_CALL = """
[limits.api]
requests = { rate = "1/h", kind = "bucket", burst = 1 }
queue = { size = 20000 }
[tools.plain]
limits = ["api"]
queue_timeout = "1h"
"""


def memory(loops: Loops, quick: bool) -> Iterator[list[Row]]:
    """Resident memory, and of it what Python's own allocator gave."""
    for how, unit in [
        ("resident", "bytes a waiting call, resident, beyond a bare task"),
        ("traced", "bytes a waiting call, of Python's allocator, beyond a bare task"),
    ]:
        rows = {
            case: Row(case, unit, "asyncio", notes={"waiting": WAITING}) for case in CASES if case != BARE
        }
        for _ in range(1 if quick else ROUNDS):
            bare = _told(BARE, how)
            for case, row in rows.items():
                row.figures.append(_told(case, how) - bare)
                row.notes["bare_task_bytes"] = round(bare)
        yield list(rows.values())


def _told(case: str, how: str) -> float:
    """Bytes a task, as the process says that measures this case."""
    ended = subprocess.run([sys.executable, __file__, case, how], capture_output=True, text=True, check=False)
    if ended.returncode:
        raise SystemExit(f"{case}, {how}: {ended.stderr}")
    return float(json.loads(ended.stdout))


async def _measure(case: str, how: str) -> float:
    one = await CASES[case]()
    # What is made once, with the first, is nobody's in particular.
    tasks = [asyncio.ensure_future(one()) for _ in range(100)]
    await asyncio.sleep(0.01)
    read = _traced if how == "traced" else _resident
    if how == "traced":
        tracemalloc.start()
    before = read()
    tasks += [asyncio.ensure_future(one()) for _ in range(WAITING)]
    for _ in range(20):
        await asyncio.sleep(0)
    after = read()
    if any(task.done() for task in tasks):
        raise SystemExit("a call did not wait")
    return (after - before) / WAITING


def _resident() -> int:
    gc.collect()
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        # The most that it ever was, where the kernel does not tell what it is.
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _traced() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


async def _bare() -> peers.Awaited:
    never = asyncio.get_running_loop().create_future()

    async def one() -> None:
        await never

    return one


async def _semaphore() -> peers.Awaited:
    slots = asyncio.Semaphore(1)
    await slots.acquire()

    async def one() -> None:
        async with slots:
            pass

    return one


async def _pair() -> peers.Awaited:
    slots, rate = asyncio.Semaphore(1), peers.aiolimiter()
    await slots.acquire()

    async def one() -> None:
        async with slots, rate:
            pass

    return one


async def _aiolimiter() -> peers.Awaited:
    rate = peers.aiolimiter(1, SECONDS)

    async def one() -> None:
        async with rate:
            pass

    await one()
    return one


def _spent(make: Callable[[int, int], peers.Awaited]) -> Callable[[], Awaitable[peers.Awaited]]:
    """A rate of one an hour, which is taken."""

    async def made() -> peers.Awaited:
        one = make(1, SECONDS)
        await one()

        async def again() -> None:
            await one()

        return again

    return made


def _gate(policy: str) -> Callable[[], Awaitable[peers.Awaited]]:
    async def made() -> peers.Awaited:
        from ours import Ours

        # Events that nobody has read yet would be taken for what calls need.
        ours = Ours(policy, is_heard=False)
        # It is never ended, so its slot stays taken.
        _KEPT.append((ours, await ours.gate.admit("plain", flow="tenant-7", priority="high")))

        async def one() -> None:
            async with ours.gate.admit("plain", flow="tenant-7", priority="high"):
                pass

        return one

    return made


_KEPT: list[object] = []

CASES: dict[str, Callable[[], Awaitable[peers.Awaited]]] = {
    BARE: _bare,
    PAIR: _pair,
    "gate, waiting for a slot": _gate(ONE_SLOT),
    "gate, waiting for a rate": _gate(ONE_CALL),
    "asyncio.Semaphore alone": _semaphore,
    "aiolimiter alone": _aiolimiter,
    "pyrate-limiter alone": _spent(peers.pyrate_limiter),
    "limits alone, asked again each second": _spent(peers.limits),
    "throttled-py alone": _spent(peers.throttled_py),
}

if __name__ == "__main__":
    print(json.dumps(asyncio.run(_measure(*sys.argv[1:]))), flush=True)
    # Ten thousand calls that wait for an hour need no farewell.
    os._exit(0)
