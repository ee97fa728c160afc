"""A policy that changes while calls run."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from rampmeter import Gate, Policy, PolicyError, Refused, UnknownLimit, UnknownTool


def pool(slots: int, **tools: Any) -> dict[str, Any]:
    return {"limits": {"pool": {"concurrency": slots}}, "tools": {"swim": {"limits": ["pool"]}, **tools}}


def slots(gate: Gate) -> tuple[int, int]:
    seen = gate.snapshot().limits["pool"].instances[0].slots
    assert seen is not None
    return seen.held, seen.size


def test_a_limit_that_grows_lets_in_who_waits() -> None:
    gate = Gate.from_dict(pool(1))

    async def main() -> None:
        events = gate.events()
        first = await gate.admit("swim")
        waits = asyncio.ensure_future(gate.admit("swim"))
        await asyncio.sleep(0)
        gate.apply(pool(2))
        second = await asyncio.wait_for(waits, 5)
        assert slots(gate) == (2, 2)
        first.finish()
        second.finish()
        assert "limit.resized" in [event.kind for event in events.drain()]

    asyncio.run(main())


def test_a_limit_that_shrinks_ends_no_running_call() -> None:
    gate = Gate.from_dict(pool(3))
    permits = [gate.try_admit("swim") for _ in range(3)]
    gate.apply(Policy.from_dict(pool(1)))
    assert slots(gate) == (3, 1)
    assert all(permit.running for permit in permits)
    for permit in permits[:2]:
        permit.finish()
        with pytest.raises(Refused):
            gate.try_admit("swim")
    permits[2].finish()
    gate.try_admit("swim").finish()


def test_a_policy_that_cannot_be_changes_nothing() -> None:
    gate = Gate.from_dict(pool(2))
    before = gate.policy.effective()
    with pytest.raises(PolicyError, match="concurency"):
        gate.apply({"limits": {"pool": {"concurency": 5}}, "tools": {"dive": {"limits": ["pool"]}}})
    # It is legal, and no gate can come to it while calls run.
    labelled = pool(5)
    labelled["limits"]["pool"]["per"] = "lane"
    with pytest.raises(PolicyError, match="pool"):
        gate.apply(labelled)
    assert gate.policy.effective() == before
    assert slots(gate) == (0, 2)
    with pytest.raises(UnknownTool):
        gate.check_tool("dive")


def test_tools_come_and_go_with_the_policy() -> None:
    gate = Gate.from_dict(pool(2))
    gate.check_tool("swim")
    gate.apply(pool(2, dive={"limits": ["pool"], "writes": ["spot:{at}"]}))
    assert gate.policy.tools() == ["swim", "dive"]
    gate.try_admit("dive", arguments={"at": "deep"}).finish()
    gate.apply({"limits": {"pool": {"concurrency": 2}}, "tools": {"dive": {"limits": ["pool"]}}})
    # What was found once is of a policy that stands no more.
    gate.try_admit("dive").finish()
    with pytest.raises(UnknownTool, match="swim"):
        gate.try_admit("swim")


def test_the_policy_is_the_one_that_stands_however_many_apply_one() -> None:
    gate = Gate.from_dict(pool(1))
    stop = threading.Event()
    wrong: list[BaseException] = []

    def apply(first: int) -> None:
        for size in range(first, first + 50):
            gate.apply(pool(size))

    def ask() -> None:
        try:
            while not stop.is_set():
                gate.try_admit("swim").finish()
        except Refused:
            pass
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=apply, args=(100 * n,)) for n in range(1, 4)]
    asking = threading.Thread(target=ask)
    for thread in (*threads, asking):
        thread.start()
    for thread in threads:
        thread.join()
    stop.set()
    asking.join()
    assert wrong == []
    assert f"size = {slots(gate)[1]}," in gate.policy.effective()


def test_a_paused_limit_starts_nothing_until_it_is_resumed() -> None:
    gate = Gate.from_dict(pool(1))

    async def main() -> None:
        gate.pause("pool")
        assert gate.snapshot().limits["pool"].paused
        waits = asyncio.ensure_future(gate.admit("swim"))
        await asyncio.sleep(0)
        assert gate.waiting()[0].waits_for == "resume"
        gate.resume("pool")
        (await asyncio.wait_for(waits, 5)).finish()
        assert not gate.snapshot().limits["pool"].paused

    asyncio.run(main())


def test_a_limit_that_there_is_not_is_named_with_the_nearest() -> None:
    gate = Gate.from_dict(pool(1))
    with pytest.raises(UnknownLimit, match='no limit "pol"; did you mean "pool"?'):
        gate.pause("pol")
    with pytest.raises(LookupError, match='no limit "lake"; the policy has pool'):
        gate.resume("lake")
