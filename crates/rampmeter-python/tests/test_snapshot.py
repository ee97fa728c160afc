"""What is so at a gate, why its calls wait, and how hard it is pressed."""

from __future__ import annotations

import asyncio
import json

import pytest
from runs import Run

from rampmeter import Gate, Slots, UsageError

POLICY = {
    "limits": {
        "door": {"concurrency": 2, "requests": {"rate": "60/min", "kind": "bucket", "burst": 10}},
        "key": {"tokens": "1000/min", "per": "api_key"},
    },
    "tools": {
        "enter": {"limits": ["door"]},
        "ask": {"limits": {"key": {"tokens": 100}}},
        "edit": {"limits": [], "writes": ["file:{path}"]},
    },
}


def test_a_snapshot_shows_what_is_held_used_and_waiting() -> None:
    gate = Gate.from_dict({key: POLICY[key] for key in ("limits", "tools")})

    async def main() -> None:
        one = await gate.admit("enter")
        two = await gate.admit("enter")
        third = asyncio.ensure_future(gate.admit("enter", flow="late"))
        await asyncio.sleep(0)
        first = gate.try_admit("ask", labels={"api_key": "a"})
        writer = gate.try_admit("edit", arguments={"path": "/x"})
        reader = asyncio.ensure_future(gate.admit("edit", arguments={"path": "/x"}))
        await asyncio.sleep(0)
        seen = gate.snapshot()
        assert (seen.running, seen.waiting, seen.pressure) == (4, 2, "normal")
        assert set(seen.limits) == {"door", "key"}
        door = seen.limits["door"]
        assert (door.waiting, door.peak, door.paused) == (1, 2, False)
        (instance,) = door.instances
        assert instance.slots == Slots(size=2, held=2, peak=2, abandoned=0)
        (rate,) = instance.rates
        assert (rate.unit, rate.amount, rate.period, rate.capacity) == ("requests", 60, 60.0, 10)
        assert rate.used == 2
        assert (instance.cooling, instance.breaker, instance.probes_in) == (None, None, None)
        (of_a,) = seen.limits["key"].instances
        assert (of_a.label, of_a.slots, of_a.rates[0].unit, of_a.rates[0].used) == ("a", None, "tokens", 100)
        key = seen.keys["file:/x"]
        assert (key.written, key.readers, key.waiting) == (True, 0, 1)
        plain = json.loads(json.dumps(seen.as_dict()))
        assert plain["limits"]["door"]["instances"][0]["slots"]["held"] == 2
        for permit in (one, two, first, writer):
            permit.finish()
        for waits in (third, reader):
            (await waits).finish()
        after = gate.snapshot()
        assert (after.running, after.waiting, after.keys) == (0, 0, {})
        assert after.at >= seen.at

    asyncio.run(main())


def test_a_limit_that_cools_down_says_for_how_long() -> None:
    gate = Gate.from_dict({"limits": {"door": {"requests": "9/s"}}, "tools": {"enter": {"limits": ["door"]}}})
    with gate.try_admit("enter") as permit:
        permit.throttled(30)
    cooling = gate.snapshot().limits["door"].instances[0].cooling
    # Up to a sixteenth is added by chance.
    assert cooling is not None and 25 < cooling <= 32


def test_a_breaker_says_whether_it_is_open() -> None:
    breaker = {"failures": "50%", "over": "10s", "min_calls": 2, "open": "30s"}
    limits = {"door": {"concurrency": 1, "breaker": breaker}}
    gate = Gate.from_dict({"limits": limits, "tools": {"enter": {"limits": ["door"]}}})
    before = gate.snapshot().limits["door"].instances[0]
    assert (before.breaker, before.probes_in) == ("closed", None)
    for _ in range(2):
        gate.try_admit("enter").finish("failed")
    after = gate.snapshot().limits["door"].instances[0]
    assert after.breaker == "open"
    assert after.probes_in is not None and 20 < after.probes_in <= 30


def test_a_call_that_waits_can_say_why() -> None:
    gate = Gate.from_dict({key: POLICY[key] for key in ("limits", "tools")})

    async def main() -> None:
        permits = [await gate.admit("enter") for _ in range(2)]
        admission = gate.admit("enter", flow="late", priority="high", id="call_9")
        assert admission.explain() is None
        waits = asyncio.ensure_future(admission)
        await asyncio.sleep(0)
        why = admission.explain()
        assert why is not None
        assert (why.tool, why.flow, why.priority, why.id) == ("enter", "late", "high", "call_9")
        assert (why.limit, why.waits_for, why.room_in, why.kept_for) == ("door", "release", None, None)
        assert (why.ahead, why.waiting, why.rescued) == (0, 1, False)
        assert 0 <= why.waited < 5
        assert str(why).startswith("enter (flow late, priority high) has waited ")
        assert "for limit door, where another call must end" in str(why)
        (listed,) = gate.waiting()
        assert (listed.id, listed.limit) == ("call_9", "door")
        assert gate.waiting(most=0) == []
        for permit in permits:
            permit.finish()
        (await waits).finish()
        assert admission.explain() is None
        assert gate.waiting() == []

    asyncio.run(main())


def test_a_call_that_waits_for_a_rate_says_how_long() -> None:
    tools = {"enter": {"limits": ["door"], "queue_timeout": "2h"}}
    gate = Gate.from_dict({"limits": {"door": {"requests": "1/h"}}, "tools": tools})

    async def main() -> None:
        gate.try_admit("enter").finish()
        waits = asyncio.ensure_future(gate.admit("enter"))
        await asyncio.sleep(0)
        (why,) = gate.waiting()
        assert why.waits_for == "time"
        assert why.room_in is not None and 3500 < why.room_in < 3700
        waits.cancel()

    asyncio.run(main())


PRESSED = {
    "limits": {"door": {"concurrency": 1, "queue": {"size": 2}}},
    "tools": {"enter": {"limits": ["door"]}},
    "pressure": {"dwell": "1ms"},
}


def test_pressure_says_which_queue_is_filled() -> None:
    gate = Gate.from_dict(PRESSED)
    calm = gate.pressure()
    assert (calm.level, calm.queues, calm.oldest, calm.memory) == ("normal", (), None, None)

    async def main() -> None:
        permit = await gate.admit("enter")
        waits = [asyncio.ensure_future(gate.admit("enter")) for _ in range(2)]
        await asyncio.sleep(0)
        pressure = gate.pressure()
        assert pressure.level == "severe" == gate.snapshot().pressure
        (queue,) = pressure.queues
        assert (queue.limit, queue.waiting, queue.size) == ("door", 2, 2)
        assert pressure.oldest is not None and str(pressure).startswith("pressure is severe")
        permit.finish()
        for task in waits:
            (await task).finish()

    asyncio.run(main())


def test_ready_holds_producers_back_until_pressure_has_passed(run: Run) -> None:
    gate = Gate.from_dict(PRESSED)

    async def main() -> None:
        await gate.ready()
        permit = await gate.admit("enter")
        waits = [asyncio.ensure_future(gate.admit("enter")) for _ in range(2)]
        await asyncio.sleep(0)
        producers = [asyncio.create_task(gate.ready()) for _ in range(3)]
        await asyncio.sleep(0.01)
        assert not any(producer.done() for producer in producers)
        # Who gives up lets those behind go on.
        producers[0].cancel()
        permit.finish()
        for task in waits:
            (await task).finish()
        await asyncio.wait_for(asyncio.gather(*producers[1:]), 5)
        assert producers[0].cancelled()

    run(main())


def test_ready_is_awaited_once() -> None:
    gate = Gate.from_dict(PRESSED)

    async def main() -> None:
        ready = gate.ready()
        await ready
        with pytest.raises(UsageError, match="call gate.ready"):
            await ready

    asyncio.run(main())
