"""`gate.run_turn`: results in the model's order, under the limits, from whatever the model wrote."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import pickle
import threading
from typing import Any

import pytest
from turn_support import Inside, calls, is_free, rounds, run

import rampmeter
from rampmeter import Gate, Refused, UnknownTool, UsageError

POLICY = """
undeclared = "read"
[limits.host]
concurrency = 3
[tools."*"]
limits = ["host"]
"""


async def echo(**arguments: Any) -> Any:
    return arguments.get("say", arguments)


def test_results_come_in_the_models_order_whatever_ends_first() -> None:
    gate = Gate.from_toml(POLICY)
    ended: list[int] = []

    async def work(at: int, turns: int) -> str:
        await rounds(turns)
        ended.append(at)
        return f"did {at}"

    asked = [("work", {"at": at, "turns": 10 - 4 * at}) for at in range(3)]
    report = run(gate.run_turn(calls(*asked), [work]))
    assert ended == [2, 1, 0]
    assert [result.output for result in report.results] == ["did 0", "did 1", "did 2"]
    assert [result.id for result in report.results] == ["c0", "c1", "c2"]
    assert report.ok and report.format == "openai-chat"
    assert report.replies()[2] == {"role": "tool", "tool_call_id": "c2", "content": "did 2"}


def test_many_turns_share_one_cap_that_is_counted_in_the_tools() -> None:
    gate, inside = Gate.from_toml(POLICY), Inside()

    async def work(at: int) -> int:
        with inside:
            await rounds()
        return at

    async def main() -> None:
        turns = [gate.run_turn(calls(*[("work", {"at": at})] * 20), {"work": work}) for at in range(5)]
        for at, report in enumerate(await asyncio.gather(*turns)):
            assert [result.output for result in report.results] == [str(at)] * 20

    run(main())
    assert (inside.peak, inside.entered) == (3, 100)
    assert is_free(gate, "work", 3)


def test_threads_share_the_cap_with_tasks() -> None:
    gate, inside, lock = Gate.from_toml(POLICY), Inside(), threading.Lock()

    async def in_task() -> None:
        with lock:
            inside.__enter__()
        await asyncio.sleep(0.002)
        with lock:
            inside.__exit__()

    def in_thread() -> str:
        with lock:
            inside.__enter__()
        threading.Event().wait(0.002)
        with lock:
            inside.__exit__()
        return threading.current_thread().name

    asked = calls(*[("in_task", {}), ("in_thread", {})] * 10)
    report = run(gate.run_turn(asked, [in_task, in_thread]))
    assert report.ok and inside.entered == 20 and inside.peak == 3
    assert report.results[0].output == "null"
    assert threading.main_thread().name not in {result.output for result in report.results[1::2]}


def test_a_malformed_call_is_its_own_error_and_its_siblings_run() -> None:
    asked = calls(("echo", {"say": "one"}), ("echo", {}), ("echo", {"say": "three"}))
    asked[1]["function"]["arguments"] = '{"say": '
    report = run(Gate.from_toml(POLICY).run_turn(asked, [echo]))
    assert [result.status for result in report.results] == ["succeeded", "failed", "succeeded"]
    assert report.results[1].kind == "malformed" and not report.ok
    assert "is not JSON" in (report.results[1].error or "")
    assert report.replies()[1]["content"].startswith("error: ")


def test_a_tool_that_is_not_there_names_the_nearest() -> None:
    report = run(Gate.from_toml(POLICY).run_turn(calls(("ecko", {})), [echo]))
    assert report.results[0].kind == "unknown_tool"
    assert 'did you mean "echo"?' in (report.results[0].error or "")
    assert report.results[0].ran is None


def test_arguments_that_the_function_does_not_take_are_told_to_the_model() -> None:
    def blocks(q: str) -> str:
        return q

    async def waits(q: str) -> str:
        return q + 1  # type: ignore[operator, no-any-return]

    asked = calls(("blocks", {"p": 1}), ("waits", {}), ("waits", {"q": "x"}))
    first, second, third = run(Gate.from_toml(POLICY).run_turn(asked, [blocks, waits])).results
    assert (first.kind, second.kind, third.kind) == ("arguments", "arguments", "failed")
    # Not where the function stands in the code.
    assert (first.error or "").startswith(
        "arguments (line 1, byte 1): got an unexpected keyword argument 'p'"
    )
    assert "1): missing 1 required positional argument: 'q'" in (second.error or "")
    assert isinstance(third.exception, TypeError) and (third.error or "").startswith("TypeError: ")


def test_tools_that_nobody_can_tell_apart_or_knows_are_errors_at_once() -> None:
    gate = Gate.from_toml("[tools.echo]\nlimits = []\n")
    with pytest.raises(UnknownTool, match='"ecko".*did you mean "echo"'):
        gate.run_turn([], {"ecko": echo})
    with pytest.raises(TypeError, match=r"tools\[0\] has no name.*tools={name: function}"):
        gate.run_turn([], [functools.partial(echo)])
    with pytest.raises(UsageError, match="two tools are named 'echo'"):
        gate.run_turn([], [echo, echo])
    with pytest.raises(TypeError, match="tools\\['echo'\\] is 3"):
        gate.run_turn([], {"echo": 3})  # type: ignore[arg-type]
    for wrong in (None, echo, "echo"):
        with pytest.raises(TypeError, match="^tools is .*; give a list of functions"):
            gate.run_turn([], wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="deadline is -1"):
        gate.run_turn([], [echo], deadline=-1)
    with pytest.raises(TypeError, match="flow is int; give a text"):
        gate.run_turn([], [echo], flow=7)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="labels"):
        gate.run_turn([], [echo], labels={"tenant": 7})  # type: ignore[dict-item]


def test_a_turn_is_awaited_once_and_by_a_task_of_its_own_if_need_be() -> None:
    gate = Gate.from_toml(POLICY)

    async def main() -> None:
        turn = gate.run_turn(calls(("echo", {"say": "a"})), [echo])
        assert repr(turn) == "<rampmeter.Turn not awaited yet>"
        assert (await asyncio.create_task(turn)).results[0].output == "a"
        with pytest.raises(UsageError, match="call gate.run_turn for each"):
            await turn
        report = await asyncio.wait_for(gate.run_turn(calls(("echo", {"say": "b"})), [echo]), 10)
        assert pickle.loads(pickle.dumps(report)) == report
        assert repr(report) == "<rampmeter.TurnReport openai-chat: 1 call, 0 not ok>"
        report = await gate.run_turn(calls(*[("echo", {})] * 49, ("nobody", {})), [echo])
        assert repr(report) == "<rampmeter.TurnReport openai-chat: 50 calls, 1 not ok>"

    run(main())
    with pytest.warns(RuntimeWarning, match="run_turn.* was never awaited"):
        gate.run_turn([], [echo])


def test_for_whom_a_turn_is_may_be_said_or_follows_from_where_it_is_run() -> None:
    gate = Gate.from_toml(POLICY)
    asked = calls(("echo", {}))

    async def main() -> None:
        own = await gate.run_turn(asked, [echo], priority="low")
        with rampmeter.flow("tenant-7", priority="high"):
            around = await gate.run_turn(asked, [echo])
        assert (own.results[0].priority, around.results[0].priority) == ("low", "high")
        wrong = await gate.run_turn(asked, [echo], priority="urgent")
        assert wrong.results[0].status == "refused"
        refused = wrong.results[0].refused
        assert isinstance(refused, Refused) and refused.retry == "never" and "urgent" in str(refused)

    run(main())


def test_labels_are_the_turns_own_before_those_around_it() -> None:
    gate = Gate.from_toml(
        """
        [limits.api]
        requests = { rate = "1/h", kind = "bucket", burst = 1 }
        per = "tenant"
        [tools.echo]
        limits = ["api"]
        """
    )
    asked = calls(("echo", {}))

    async def main() -> None:
        with rampmeter.flow(labels={"tenant": "around"}):
            assert (await gate.run_turn(asked, [echo], labels={"tenant": "own"})).ok
            assert (await gate.run_turn(asked, [echo])).ok
        for tenant in ("around", "own"):
            with pytest.raises(Refused):
                gate.try_admit("echo", labels={"tenant": tenant})

    run(main())


def test_tools_see_the_callers_context_and_keep_their_own() -> None:
    gate = Gate.from_toml(POLICY)
    who: contextvars.ContextVar[str] = contextvars.ContextVar("who")

    async def in_task(own: str) -> str:
        seen = who.get()
        who.set(own)
        await rounds()
        return f"{seen} {who.get()}"

    def in_thread(own: str) -> str:
        seen = who.get()
        who.set(own)
        return f"{seen} {who.get()}"

    async def main() -> None:
        who.set("caller")
        asked = calls(*[(name, {"own": str(at)}) for at in range(2) for name in ("in_task", "in_thread")])
        report = await gate.run_turn(asked, [in_task, in_thread])
        assert [it.output for it in report.results] == ["caller 0", "caller 0", "caller 1", "caller 1"]
        assert who.get() == "caller"

    run(main())


def test_uvloop_runs_turns_as_well() -> None:
    uvloop = pytest.importorskip("uvloop")
    gate, inside = Gate.from_toml(POLICY), Inside()

    async def work() -> str:
        with inside:
            await asyncio.sleep(0.001)
        return "done"

    async def main() -> rampmeter.TurnReport:
        assert type(asyncio.get_running_loop()).__module__.startswith("uvloop")
        return await gate.run_turn(calls(*[("work", {}), ("echo", {})] * 10), [work, echo])

    loop = uvloop.new_event_loop()
    try:
        report = loop.run_until_complete(main())
    finally:
        loop.close()
    assert report.ok and inside.peak <= 3
