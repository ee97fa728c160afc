"""What a gate tells of its calls."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import threading

import pytest
from runs import Run

from rampmeter import Event, Events, Gate, Refused, UsageError

DOOR = {
    "limits": {"door": {"concurrency": 1, "requests": "1000/s"}},
    "tools": {"enter": {"limits": ["door"]}},
}


def gate() -> Gate:
    return Gate.from_dict(DOOR)


def kinds(events: Events) -> list[str]:
    return [event.kind for event in events.drain()]


def visit(at: Gate, times: int = 1) -> None:
    for _ in range(times):
        with at.try_admit("enter"):
            pass


def test_one_call_is_told_from_beginning_to_end() -> None:
    door = gate()
    events = door.events()
    with door.admit_sync("enter", flow="tenant-7", priority="high", id="call_1"):
        pass
    invoked, started, completed = events.drain()
    assert [invoked.kind, started.kind, completed.kind] == ["tool.invoked", "tool.started", "tool.completed"]
    assert [invoked.seq, started.seq, completed.seq] == [0, 1, 2]
    assert 0 <= invoked.at <= started.at <= completed.at < 60
    for event in (invoked, started, completed):
        call = (event.tool, event.flow, event.priority, event.id, event.turn, event.attempt)
        assert call == ("enter", "tenant-7", "high", "call_1", None, 1)
        assert (event.limit, event.reason, event.lane, event.obstacle, event.by, event.lasts) == (None,) * 6
        assert event.place == invoked.place
    assert (started.took, started.outcome) == (0.0, None)
    assert completed.outcome == "succeeded"
    assert completed.took is not None and completed.took <= completed.at - started.at + 1e-6


def test_a_call_that_waits_says_where_and_why() -> None:
    door = gate()
    events = door.events()

    async def main() -> None:
        permit = await door.admit("enter")
        task = asyncio.create_task(leave())
        await asyncio.sleep(0)
        permit.finish()
        await task

    async def leave() -> None:
        async with door.admit("enter"):
            raise ValueError("on purpose")

    with contextlib.suppress(ValueError):
        asyncio.run(main())
    told = events.drain()
    expected = ["tool.invoked", "tool.started", "tool.invoked", "tool.queued", "limit.saturated"]
    expected += ["tool.completed", "limit.relieved", "tool.started", "tool.failed"]
    assert [event.kind for event in told] == expected
    queued = next(event for event in told if event.kind == "tool.queued")
    assert (queued.limit, queued.obstacle) == ("door", "slots")
    assert queued.lane is not None
    started = [event for event in told if event.kind == "tool.started"][1]
    assert started.place == queued.place
    assert started.took is not None and started.took > 0


def test_a_refused_call_says_by_which_limit() -> None:
    door = gate()
    permit = door.try_admit("enter")
    with door.events() as events:
        with pytest.raises(Refused):
            door.try_admit("enter")
        told = events.drain()
        assert [event.kind for event in told] == ["tool.invoked", "tool.refused"]
        assert (told[1].reason, told[1].limit, told[1].outcome) == ("would_wait", "door", None)
    permit.finish()


def test_a_call_that_is_given_up_is_told_as_cancelled() -> None:
    door = gate()
    events = door.events()

    async def main() -> None:
        permit = await door.admit("enter")
        waits = asyncio.ensure_future(door.admit("enter"))
        await asyncio.sleep(0)
        waits.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await waits
        permit.finish("overloaded")

    asyncio.run(main())
    ends = [(event.kind, event.outcome) for event in events.drain() if event.outcome]
    assert ends == [("tool.cancelled", "cancelled"), ("tool.failed", "overloaded")]


def test_what_is_missed_is_counted_and_counters_are_exact() -> None:
    door = gate()
    small, large = door.events(capacity=5), door.events()
    visit(door, 100)
    told = small.drain()
    # Calls that start at once are told in pairs, so that one place may be left.
    assert 4 <= len(told) <= 5
    assert len(told) + small.missed == 300
    assert [event.seq for event in told] == list(range(len(told)))
    visit(door)
    assert len(told) + len(small.drain()) + small.missed == 303
    assert (len(large.drain()), large.missed) == (303, 0)
    counters = door.counters()
    assert counters["tool.invoked"] == counters["tool.started"] == counters["tool.completed"] == 101
    assert counters["tool.refused"] == counters["limit.cooling"] == counters["gate.severe"] == 0


def test_a_subscription_hears_of_what_comes_after_it() -> None:
    door = gate()
    visit(door)
    events = door.events()
    assert events.drain() == []
    visit(door)
    assert [event.seq for event in events.drain()] == [3, 4, 5]


def test_a_loop_is_woken_by_calls_of_another_thread(run: Run) -> None:
    door = gate()

    async def main() -> list[str]:
        events = door.events()
        waits = asyncio.ensure_future(first_three(events))
        await asyncio.sleep(0)
        thread = threading.Thread(target=visit, args=(door,))
        thread.start()
        told = await asyncio.wait_for(waits, 5)
        thread.join()
        return told

    assert run(main()) == ["tool.invoked", "tool.started", "tool.completed"]


async def first_three(events: Events) -> list[str]:
    told: list[str] = []
    async for event in events:
        told.append(event.kind)
        if len(told) == 3:
            break
    return told


def test_who_is_cancelled_while_it_waits_loses_nothing(run: Run) -> None:
    door = gate()

    async def main() -> None:
        events = door.events()
        waits = asyncio.ensure_future(events.__anext__())
        await asyncio.sleep(0)
        visit(door)
        # It has been woken, and is cancelled before it could look.
        waits.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waits
        assert await asyncio.wait_for(first_three(events), 5) == [
            "tool.invoked",
            "tool.started",
            "tool.completed",
        ]

    run(main())


def test_of_several_that_wait_each_event_goes_to_one() -> None:
    door = gate()

    async def main() -> None:
        events = door.events()
        readers = [asyncio.ensure_future(events.__anext__()) for _ in range(6)]
        await asyncio.sleep(0)
        visit(door)
        # One that is cancelled now takes none with it.
        readers[0].cancel()
        await asyncio.sleep(0.01)
        visit(door, 2)
        told = [event.seq for event in await asyncio.gather(*readers[1:])]
        assert sorted(told) == [0, 1, 2, 3, 4]
        assert [event.seq for event in events.drain()] == [5, 6, 7, 8]

    asyncio.run(main())


def test_several_loops_read_one_subscription() -> None:
    door = gate()
    events = door.events()
    told: list[int] = []

    def read() -> None:
        async def main() -> None:
            async for event in events:
                told.append(event.seq)

        asyncio.run(main())

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    visit(door, 500)
    while len(told) < 1500:
        threads[0].join(0.001)
    events.close()
    for thread in threads:
        thread.join(5)
        assert not thread.is_alive()
    assert sorted(told) == list(range(1500))


def test_a_thread_blocks_until_there_is_something_to_read() -> None:
    door = gate()
    told: list[int] = []
    events = door.events()
    # This is the main thread, which hears signals while it waits.
    late = threading.Timer(0.01, visit, args=(door,))
    late.start()
    assert [next(events).seq for _ in range(3)] == [0, 1, 2]
    late.join()
    threads = [threading.Thread(target=lambda: told.extend(event.seq for event in events)) for _ in range(2)]
    for thread in threads:
        thread.start()
    visit(door, 200)
    while len(told) < 600:
        threads[0].join(0.001)
    events.close()
    for thread in threads:
        thread.join(5)
        assert not thread.is_alive()
    assert sorted(told) == list(range(3, 603))
    with pytest.raises(StopIteration):
        next(events)


def test_closing_it_ends_who_waits(run: Run) -> None:
    door = gate()

    async def main() -> list[Event]:
        with door.events() as events:
            waits = asyncio.ensure_future(collect(events))
            await asyncio.sleep(0)
        told = await asyncio.wait_for(waits, 5)
        visit(door)
        assert events.drain() == []
        assert await collect(events) == []
        return told

    assert run(main()) == []


async def collect(events: Events) -> list[Event]:
    return [event async for event in events]


def test_it_ends_with_its_gate_when_all_has_been_read() -> None:
    async def main() -> list[str]:
        door: Gate | None = gate()
        assert door is not None
        events = door.events(capacity=2)
        door.try_admit("enter").finish()
        waits = asyncio.ensure_future(collect(events))
        door = None
        told = await asyncio.wait_for(waits, 5)
        assert events.missed == 1
        return [event.kind for event in told]

    assert asyncio.run(main()) == ["tool.invoked", "tool.started"]


def test_who_waits_learns_that_the_gate_is_gone(run: Run) -> None:
    async def main() -> list[Event]:
        door: Gate | None = gate()
        assert door is not None
        waits = asyncio.ensure_future(collect(door.events()))
        await asyncio.sleep(0)
        door = None
        return await asyncio.wait_for(waits, 5)

    assert run(main()) == []


def test_who_waits_learns_that_the_collector_has_taken_the_gate() -> None:
    async def main() -> list[Event]:
        door = gate()
        door.itself = door  # type: ignore[attr-defined]
        waits = asyncio.ensure_future(collect(door.events()))
        await asyncio.sleep(0)
        del door
        gc.collect()
        return await asyncio.wait_for(waits, 5)

    assert asyncio.run(main()) == []


def test_a_task_that_reads_events_is_no_garbage() -> None:
    async def main() -> list[str]:
        door = gate()
        told: list[str] = []

        async def read() -> None:
            async for event in door.events():
                told.append(event.kind)

        asyncio.get_running_loop().call_soon(asyncio.ensure_future, read())
        await asyncio.sleep(0.001)
        gc.collect()
        visit(door)
        await asyncio.sleep(0.001)
        return told

    assert asyncio.run(main()) == ["tool.invoked", "tool.started", "tool.completed"]


def test_what_time_alone_changes_is_told_though_no_call_waits_any_more(run: Run) -> None:
    queue = {"concurrency": 1, "queue": {"size": 1}}
    policy = {"limits": {"door": queue}, "tools": DOOR["tools"], "pressure": {"dwell": "20ms"}}
    door = Gate.from_dict(policy)

    async def main() -> list[tuple[str, str | None]]:
        events = door.events()
        permit = await door.admit("enter")
        waits = asyncio.ensure_future(door.admit("enter"))
        await asyncio.sleep(0)
        waits.cancel()
        told: list[tuple[str, str | None]] = []
        async for event in events:
            if event.kind.startswith("gate."):
                told.append((event.kind, event.limit))
            if event.kind == "gate.normal":
                break
        permit.finish()
        return told

    assert run(asyncio.wait_for(main(), 5)) == [("gate.severe", "door"), ("gate.normal", None)]


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="memory is measured on Linux")
def test_what_time_alone_changes_is_told_though_no_call_has_ever_waited() -> None:
    mib = 1024 * 1024
    with open("/proc/self/statm") as file:
        used = int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE") // mib
    memory = {"stop": f"{used + 64}MiB", "resume": f"{used + 32}MiB", "every": "5ms"}
    door = Gate.from_dict({**DOOR, "pressure": {"dwell": "5ms", "memory": memory}})

    async def main() -> list[str]:
        events = door.events()
        ballast = b"x" * (128 * mib)
        with pytest.raises(Refused):
            door.try_admit("enter")
        del ballast
        told: list[str] = []
        async for event in events:
            told.append(event.kind)
            if event.kind == "gate.normal":
                break
        return told

    told = asyncio.run(asyncio.wait_for(main(), 5))
    assert "gate.severe" in told and told[-1] == "gate.normal"


def test_an_event_as_a_dict_has_the_names_of_event_files() -> None:
    door = gate()
    events = door.events()
    with door.try_admit("enter", flow="f", id="c"):
        pass
    lines = [json.loads(json.dumps(event.as_dict())) for event in events.drain()]
    for line in lines:
        assert line.pop("at_us") >= 0
    completed = lines[2]
    assert completed.pop("took_us") >= 0
    call = {"tool": "enter", "call": "c", "flow": "f", "priority": "normal", "place": 0}
    assert lines == [
        {"seq": 0, "event": "tool.invoked", **call},
        {"seq": 1, "event": "tool.started", "took_us": 0, **call},
        {"seq": 2, "event": "tool.completed", "outcome": "succeeded", **call},
    ]


def test_an_event_shows_what_is_known_of_it() -> None:
    door = gate()
    events = door.events()
    visit(door)
    shown = repr(events.drain()[2])
    assert shown.startswith("<rampmeter.Event seq=2 at_us=") and shown.endswith(">")
    assert 'event="tool.completed" tool="enter"' in shown and "lasts" not in shown


def test_misuse_says_what_to_do() -> None:
    door = gate()
    with pytest.raises(ValueError, match="give 1 or more"):
        door.events(capacity=0)
    with pytest.raises(UsageError, match="no asyncio loop runs here"):
        door.events().__anext__().send(None)
