"""One admission and release while nobody waits, and what Python itself takes for as much."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterator
from functools import partial

import peers
from loops import Loops
from ours import Ours
from rows import PAIR, Row

Work = Callable[[int], Awaitable[None]]
Contestant = tuple[str, Work, "Ours | None"]

CALLS = 5_000
ROUNDS = 31
#: Events are read after so many calls.
BATCH = 500


def floor(loops: Loops, quick: bool) -> Iterator[list[Row]]:
    """What no gate that is awaited can go below."""
    works = {
        "async with on a class that does nothing": _nothing,
        "a future made, set and awaited": _future,
        "a task made and awaited": _task,
    }
    yield from _measure(loops, quick, "ns each", lambda: [(case, work, None) for case, work in works.items()])


def uncontended(loops: Loops, quick: bool) -> Iterator[list[Row]]:
    """One limit of concurrency and one rate; each peer does what it can of that."""
    unit = "ns per admission and release, nobody waits"
    yield from _measure(loops, quick, unit, _contestants)


def _contestants() -> list[Contestant]:
    plain, labelled, read, unheard = Ours(), Ours(), Ours(), Ours(is_heard=False)
    return [
        (PAIR, _pair(), None),
        ("gate by name", _plain(plain), plain),
        ("gate by name, one label", _labelled(labelled), labelled),
        ("gate by name, each event made an object", _plain(read, is_read=True), read),
        ("gate by name, no subscriber", _plain(unheard), unheard),
        ("asyncio.Semaphore alone", _entered(asyncio.Semaphore(64)), None),
        ("aiolimiter alone", _entered(peers.aiolimiter()), None),
        ("pyrate-limiter alone", _awaited(peers.pyrate_limiter()), None),
        ("limits alone, fixed window", _awaited(peers.limits()), None),
        ("throttled-py alone, token bucket", _awaited(peers.throttled_py()), None),
    ]


def _measure(
    loops: Loops, quick: bool, unit: str, contestants: Callable[[], list[Contestant]]
) -> Iterator[list[Row]]:
    # A limiter of the peers belongs to one loop.
    under = {kind: contestants() for kind in loops.kinds}
    notes = {"calls_a_round": CALLS, "share_that_waited": 0}
    rows = {kind: [Row(case, unit, kind, notes=dict(notes)) for case, *_ in it] for kind, it in under.items()}
    for round_ in range(3 if quick else ROUNDS + 1):
        for kind, those in under.items():
            for row, (_, work, ours) in zip(rows[kind], those, strict=True):
                took = loops.time(kind, partial(work, CALLS))
                # What their subscribers make of the events is theirs, but for the row that says so.
                if ours:
                    ours.read()
                # The first round warms up.
                if round_:
                    row.figures.append(took / CALLS)
    for kind, those in under.items():
        for row, (_, _, ours) in zip(rows[kind], those, strict=True):
            if ours:
                ours.describe(row)
        yield rows[kind]


def _plain(ours: Ours, *, is_read: bool = False) -> Work:
    async def work(calls: int) -> None:
        admit = ours.gate.admit
        for _ in range(calls // BATCH):
            for _ in range(BATCH):
                async with admit("plain", flow="tenant-7", priority="high"):
                    pass
            if is_read:
                ours.read()

    return work


def _labelled(ours: Ours) -> Work:
    async def work(calls: int) -> None:
        admit = ours.gate.admit
        for _ in range(calls // BATCH):
            for _ in range(BATCH):
                async with admit("labelled", flow="tenant-7", priority="high", labels={"tenant": "acme"}):
                    pass

    return work


def _pair() -> Work:
    slots, rate = asyncio.Semaphore(64), peers.aiolimiter()

    async def work(calls: int) -> None:
        for _ in itertools.repeat(None, calls):
            async with slots, rate:
                pass

    return work


def _entered(limiter: peers.Entered) -> Work:
    async def work(calls: int) -> None:
        for _ in itertools.repeat(None, calls):
            async with limiter:
                pass

    return work


def _awaited(one: peers.Awaited) -> Work:
    async def work(calls: int) -> None:
        for _ in itertools.repeat(None, calls):
            await one()

    return work


class _Nothing:
    async def __aenter__(self) -> None:
        pass

    async def __aexit__(self, *_: object) -> None:
        pass


async def _nothing(calls: int) -> None:
    nothing = _Nothing()
    for _ in itertools.repeat(None, calls):
        async with nothing:
            pass


async def _future(calls: int) -> None:
    loop = asyncio.get_running_loop()
    for _ in itertools.repeat(None, calls):
        future = loop.create_future()
        future.set_result(None)
        await future


async def _task(calls: int) -> None:
    async def nothing() -> None:
        pass

    loop = asyncio.get_running_loop()
    for _ in itertools.repeat(None, calls):
        await loop.create_task(nothing())
