"""Many tasks on 64 slots: each asks, yields once inside and releases, so that nearly every call waits."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from functools import partial

import peers
from loops import Loops
from ours import Ours
from rows import PAIR, Row

SLOTS = 64
ROUNDS = 7
#: How many tasks there are, and how many times each asks.
SIZES = [(100, 200), (1_000, 20), (10_000, 5)]

PRIORITIES = ["critical", "high", "normal", "low"]


class Waited:
    """How many calls did. It is counted in the first round only, which is not measured."""

    def __init__(self) -> None:
        self.counts = True
        self.calls = 0


#: What one task does, which is told its number and how many times it asks.
Task = Callable[[int, int], Awaitable[None]]
Contestant = tuple[str, Callable[[Waited], Task], "Ours | None"]


def waiting(loops: Loops, quick: bool) -> Iterator[list[Row]]:
    for tasks, calls in SIZES:
        yield from _of(loops, quick, tasks, calls)


def _of(loops: Loops, quick: bool, tasks: int, calls: int) -> Iterator[list[Row]]:
    unit = f"ns per admission held across a yield, {tasks} tasks on {SLOTS} slots"
    under = {kind: _contestants() for kind in loops.kinds}
    measured: dict[str, list[tuple[Row, Waited, Task, Ours | None]]] = {}
    for kind, contestants in under.items():
        measured[kind] = []
        for case, make, ours in contestants:
            row, waited = Row(case, unit, kind, notes={"tasks": tasks, "calls_a_task": calls}), Waited()
            measured[kind].append((row, waited, make(waited), ours))
    for round_ in range(2 if quick else ROUNDS + 1):
        for kind, those in measured.items():
            for row, waited, task, ours in those:
                took = loops.time(kind, partial(_run, task, tasks, calls))
                if ours:
                    ours.read()
                if round_:
                    row.figures.append(took / (tasks * calls))
                else:
                    row.notes["share_that_waited"] = round(waited.calls / (tasks * calls), 3)
                    waited.counts = False
    for those in measured.values():
        rows = [row for row, *_ in those]
        alone = rows[0].median
        pair = next(row.median for row in rows if row.case == PAIR)
        for row in rows[1:]:
            # Tasks and yields are everybody's; this is of what is left.
            row.notes["ratio_without_tasks_alone"] = round((row.median - alone) / (pair - alone), 3)
        for row, _, _, ours in those:
            if ours:
                ours.describe(row)
        yield rows


async def _run(task: Task, tasks: int, calls: int) -> None:
    await asyncio.gather(*(task(number, calls) for number in range(tasks)))


def _contestants() -> list[Contestant]:
    one, many, unheard = Ours(), Ours(), Ours(is_heard=False)
    return [
        ("tasks alone", lambda _: _alone, None),
        (PAIR, _pair, None),
        ("gate, one flow and priority", lambda waited: _gate(one, waited, flows=1, priorities=1), one),
        ("gate, one flow and priority, no subscriber", lambda it: _gate(unheard, it, 1, 1), unheard),
        ("gate, 1000 flows, four priorities", lambda waited: _gate(many, waited, 1_000, 4), many),
        ("asyncio.Semaphore alone", lambda waited: _with(waited, None), None),
        ("asyncio.Semaphore and pyrate-limiter", lambda it: _with(it, peers.pyrate_limiter()), None),
        ("asyncio.Semaphore and limits", lambda it: _with(it, peers.limits()), None),
        ("asyncio.Semaphore and throttled-py", lambda it: _with(it, peers.throttled_py()), None),
    ]


async def _alone(number: int, calls: int) -> None:
    for _ in range(calls):
        await asyncio.sleep(0)


def _gate(ours: Ours, waited: Waited, flows: int, priorities: int) -> Task:
    names = [f"tenant-{number}" for number in range(flows)]

    async def task(number: int, calls: int) -> None:
        admit, flow = ours.gate.admit, names[number % flows]
        priority = PRIORITIES[1 if priorities == 1 else number % priorities]
        for _ in range(calls):
            async with admit("plain", flow=flow, priority=priority) as permit:
                if waited.counts and permit.waited > 0:
                    waited.calls += 1
                await asyncio.sleep(0)

    return task


def _pair(waited: Waited) -> Task:
    slots, rate = asyncio.Semaphore(SLOTS), peers.aiolimiter()

    async def task(number: int, calls: int) -> None:
        for _ in range(calls):
            if waited.counts and slots.locked():
                waited.calls += 1
            async with slots, rate:
                await asyncio.sleep(0)

    return task


def _with(waited: Waited, one: peers.Awaited | None) -> Task:
    slots = asyncio.Semaphore(SLOTS)

    async def task(number: int, calls: int) -> None:
        for _ in range(calls):
            if waited.counts and slots.locked():
                waited.calls += 1
            async with slots:
                if one:
                    await one()
                await asyncio.sleep(0)

    return task
