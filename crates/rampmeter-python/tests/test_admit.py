"""Asking a gate: limits, order, and what is told to them."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta

import pytest
from runs import Run

import rampmeter
from rampmeter import Gate, Refused

THREE = {"limits": {"a": {"concurrency": 3}}, "tools": {"x": {"limits": ["a"]}}}
ONE = {"limits": {"a": {"concurrency": 1}}, "tools": {"x": {"limits": ["a"]}}}


class Inside:
    """Counts who is inside."""

    def __init__(self) -> None:
        self.now = self.peak = self.all = 0

    async def stay(self) -> None:
        self.now += 1
        self.all += 1
        self.peak = max(self.peak, self.now)
        await asyncio.sleep(0.001)
        self.now -= 1


def test_no_more_than_the_limit_are_inside(run: Run) -> None:
    gate = Gate.from_dict(THREE)
    inside = Inside()

    async def one() -> None:
        async with gate.admit("x"):
            await inside.stay()

    async def main() -> None:
        await asyncio.gather(*(one() for _ in range(100)))

    run(main())
    assert (inside.peak, inside.all) == (3, 100)


def test_a_weight_takes_that_many_slots(run: Run) -> None:
    policy = {"limits": {"a": {"concurrency": 3}}, "tools": {"x": {"limits": {"a": {"weight": 2}}}}}
    gate = Gate.from_dict(policy)
    inside = Inside()

    async def one() -> None:
        async with gate.admit("x"):
            await inside.stay()

    async def main() -> None:
        await asyncio.gather(*(one() for _ in range(10)))

    run(main())
    assert inside.peak == 1


def test_waiting_calls_start_in_the_order_in_which_they_came(run: Run) -> None:
    gate = Gate.from_dict(ONE)
    order: list[int] = []

    async def one(number: int) -> None:
        async with gate.admit("x"):
            order.append(number)
            await asyncio.sleep(0)

    async def main() -> None:
        await asyncio.gather(*(one(number) for number in range(50)))

    run(main())
    assert order == list(range(50))


def test_a_high_call_passes_low_ones_that_wait(run: Run) -> None:
    gate = Gate.from_dict(ONE)
    order: list[str] = []

    async def one(priority: str) -> None:
        async with gate.admit("x", priority=priority):
            order.append(priority)
            await asyncio.sleep(0)

    async def main() -> None:
        held = await gate.admit("x")
        low = [asyncio.create_task(one("low")) for _ in range(5)]
        await asyncio.sleep(0)
        high = asyncio.create_task(one("critical"))
        await asyncio.sleep(0)
        held.finish()
        await asyncio.gather(*low, high)

    run(main())
    assert order[0] == "critical"


def test_a_rate_is_kept_by_the_loops_own_timers(run: Run) -> None:
    policy = {
        "limits": {"r": {"requests": {"rate": "200/s", "kind": "bucket", "burst": 1}}},
        "tools": {"x": {"limits": ["r"]}},
    }
    gate = Gate.from_dict(policy)
    starts: list[float] = []

    async def one() -> None:
        async with gate.admit("x"):
            starts.append(time.monotonic())

    async def main() -> None:
        await asyncio.gather(*(one() for _ in range(21)))

    run(main())
    # 20 intervals of 5 ms; a call may be early by the gate's tolerance of 2 ms, and by no more.
    assert starts[-1] - starts[0] >= 0.098


def test_the_deadline_ends_the_wait_with_a_refusal(run: Run) -> None:
    gate = Gate.from_dict(ONE)

    async def main() -> Refused:
        held = await gate.admit("x")
        with pytest.raises(Refused) as refused:
            await gate.admit("x", deadline=timedelta(milliseconds=5))
        held.finish()
        return refused.value

    error = run(main())
    assert (error.tool, error.reason, error.limit) == ("x", "deadline", "a")
    assert error.waited >= 0.004


def test_try_admit_says_that_it_would_wait() -> None:
    gate = Gate.from_dict(ONE)
    permit = gate.try_admit("x")
    with pytest.raises(Refused) as refused:
        gate.try_admit("x")
    assert (refused.value.reason, refused.value.retry) == ("would_wait", "on_release")
    permit.finish()
    gate.try_admit("x").finish()


def test_a_refusal_says_when_to_come_back() -> None:
    policy = {
        "limits": {"r": {"requests": {"rate": "1/min", "kind": "bucket", "burst": 1}}},
        "tools": {"x": {"limits": ["r"]}},
    }
    gate = Gate.from_dict(policy)
    gate.try_admit("x").finish()
    with pytest.raises(Refused) as refused:
        gate.try_admit("x")
    assert refused.value.retry == "after"
    assert refused.value.retry_after is not None and 55 < refused.value.retry_after <= 60


def test_a_permit_that_is_awaited_is_held_until_it_is_finished(run: Run) -> None:
    gate = Gate.from_dict(ONE)

    async def main() -> None:
        permit = await gate.admit("x")
        assert permit.running and permit.tool == "x" and permit.waited == 0
        with pytest.raises(Refused):
            gate.try_admit("x")
        permit.finish()
        assert not permit.running
        permit.finish()
        gate.try_admit("x").finish()

    run(main())


def test_a_permit_that_is_dropped_is_given_back() -> None:
    gate = Gate.from_dict(ONE)
    permit = gate.try_admit("x")
    del permit
    gate.try_admit("x").finish()


def test_a_nested_call_runs_on_the_slot_of_its_caller(run: Run) -> None:
    gate = Gate.from_dict(ONE)

    async def inner() -> str:
        async with gate.admit("x"):
            return "inside"

    async def main() -> None:
        async with gate.admit("x"):
            assert await inner() == "inside"
            # A task inherits what surrounds it.
            assert await asyncio.create_task(inner()) == "inside"
            assert await asyncio.to_thread(sync) == "inside"

    def sync() -> str:
        with gate.admit_sync("x"):
            return "inside"

    run(main())


def test_a_task_that_outlives_its_call_makes_calls_of_its_own(run: Run) -> None:
    gate = Gate.from_dict(ONE)

    async def later(go: asyncio.Event) -> bool:
        await go.wait()
        async with gate.admit("x"):
            return True

    async def main() -> None:
        go = asyncio.Event()
        async with gate.admit("x"):
            task = asyncio.create_task(later(go))
            await asyncio.sleep(0)
        assert rampmeter.current_permit() is None
        go.set()
        assert await task

    run(main())


def test_an_explicit_parent_must_run(run: Run) -> None:
    gate = Gate.from_dict(ONE)

    async def main() -> None:
        parent = await gate.admit("x")
        child = await gate.admit("x", parent=parent)
        child.finish()
        parent.finish()
        with pytest.raises(rampmeter.UsageError, match="parent has ended"):
            gate.admit("x", parent=parent)

    run(main())


def test_a_flow_surrounds_the_calls_in_its_block() -> None:
    policy = {
        "limits": {"a": {"concurrency": 1, "per": "key"}},
        "tools": {"x": {"limits": ["a"]}},
    }
    gate = Gate.from_dict(policy)
    with pytest.raises(Refused, match="lacks the label `key` that the limit is per"):
        gate.try_admit("x")
    with rampmeter.flow("one", labels={"key": "1"}):
        first = gate.try_admit("x")
        with rampmeter.flow("two", labels={"key": "2"}):
            second = gate.try_admit("x")
        with pytest.raises(Refused):
            gate.try_admit("x")
        # What a call says itself goes before.
        third = gate.try_admit("x", labels={"key": "3"})
    for permit in (first, second, third):
        permit.finish()


def test_keys_that_are_filled_from_arguments_exclude(run: Run) -> None:
    gate = Gate.from_dict({"tools": {"edit": {"writes": ["file:{path}"]}, "note": {"writes": ["notes"]}}})
    first = gate.try_admit("edit", arguments={"path": "a"})
    other = gate.try_admit("edit", arguments='{"path": "b"}')
    with pytest.raises(Refused) as refused:
        gate.try_admit("edit", arguments={"path": "a"})
    assert refused.value.limit == "key file:a"
    note = gate.try_admit("note")
    with pytest.raises(Refused):
        gate.try_admit("note")
    for permit in (first, other, note):
        permit.finish()


def test_keys_that_the_caller_names_exclude() -> None:
    gate = Gate.from_dict({"tools": {"x": {}}})
    readers = [gate.try_admit("x", reads=["file:a"]) for _ in range(2)]
    with pytest.raises(Refused):
        gate.try_admit("x", writes=["file:a"])
    for permit in readers:
        permit.finish()
    gate.try_admit("x", writes=["file:a"]).finish()


def test_what_a_call_took_is_settled_once() -> None:
    policy = {
        "limits": {"t": {"tokens": {"rate": "1000/min", "kind": "bucket", "burst": 1000}}},
        "tools": {"x": {"limits": ["t"]}},
    }
    gate = Gate.from_dict(policy)
    permit = gate.try_admit("x", cost={"tokens": 900})
    with pytest.raises(Refused):
        gate.try_admit("x", cost={"tokens": 900})
    assert permit.settle(tokens=10)
    assert not permit.settle(tokens=1)
    gate.try_admit("x", cost={"tokens": 900}).finish()
    permit.finish()
    assert not permit.settle(tokens=1)


class NoRoom(Exception):
    """As an HTTP client raises it."""

    def __init__(self, status: int, headers: dict[str, str]) -> None:
        super().__init__(str(status))
        self.response = type("Response", (), {"status_code": status, "headers": headers})()


@pytest.mark.parametrize("status", [429, 503, 529])
def test_a_response_without_room_stops_the_whole_limit(status: int) -> None:
    policy = {"limits": {"a": {"concurrency": 9, "feedback": True}}, "tools": {"x": {"limits": ["a"]}}}
    gate = Gate.from_dict(policy)
    with pytest.raises(NoRoom), gate.try_admit("x"):
        raise NoRoom(status, {"Retry-After": "30"})
    with pytest.raises(Refused) as refused:
        gate.try_admit("x")
    assert refused.value.retry_after is not None and 29 < refused.value.retry_after <= 33


def test_a_refusal_that_came_as_a_response_stops_nothing() -> None:
    policy = {"limits": {"a": {"concurrency": 9, "feedback": True}}, "tools": {"x": {"limits": ["a"]}}}
    gate = Gate.from_dict(policy)
    with pytest.raises(NoRoom), gate.try_admit("x"):
        raise NoRoom(429, {"x-rampmeter-refused": "queue_full"})
    gate.try_admit("x").finish()


def test_headers_are_heard() -> None:
    policy = {
        "limits": {"a": {"requests": "100/min", "feedback": True}},
        "tools": {"x": {"limits": ["a"]}},
    }
    gate = Gate.from_dict(policy)
    with gate.try_admit("x") as permit:
        assert permit.feedback({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "20s"})
    with pytest.raises(Refused) as refused:
        gate.try_admit("x")
    assert refused.value.retry_after is not None and 15 < refused.value.retry_after <= 21


def test_failures_open_a_breaker_and_time_outs_count() -> None:
    policy = {
        "limits": {"a": {"concurrency": 9, "breaker": {"failures": "50%", "min_calls": 2}}},
        "tools": {"x": {"limits": ["a"]}},
    }
    gate = Gate.from_dict(policy)
    for kind in (TimeoutError, ValueError):
        with pytest.raises(kind), gate.try_admit("x"):
            raise kind
    with pytest.raises(Refused) as refused:
        gate.try_admit("x")
    assert refused.value.reason == "open"
