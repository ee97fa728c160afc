"""`gate.tool`: a function that passes the gate whenever it is called."""

from __future__ import annotations

import asyncio
import functools
import inspect
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from turn_support import Inside, calls, is_free, rounds, run

import rampmeter
from rampmeter import Gate, Refused, UnknownTool, UsageError

POLICY = """
undeclared = "read"
[limits.host]
concurrency = 2
[tools.work]
limits = ["host"]
[tools.other]
limits = []
[tools.edit]
limits = []
writes = ["file:{path}"]
"""


def test_async_functions_wait_on_their_loop_and_keep_what_they_are() -> None:
    gate, inside = Gate.from_toml(POLICY), Inside()

    @gate.tool
    async def work(at: int, *, by: str = "me") -> str:
        """Works."""
        with inside:
            permit = rampmeter.current_permit()
            assert permit is not None and permit.tool == "work"
            await rounds()
        return f"{at} {by}"

    async def main() -> list[str]:
        return await asyncio.gather(*[work(at) for at in range(6)])

    assert run(main()) == [f"{at} me" for at in range(6)]
    assert (inside.peak, inside.entered) == (2, 6)
    assert (work.__name__, work.__doc__) == ("work", "Works.") and inspect.iscoroutinefunction(work)
    assert list(inspect.signature(work).parameters) == ["at", "by"]
    assert work.__rampmeter_tool__ == "work"  # type: ignore[attr-defined]


def test_other_functions_block_their_thread() -> None:
    gate, inside, lock = Gate.from_toml(POLICY), Inside(), threading.Lock()

    @gate.tool("work")
    def anything(at: int) -> int:
        with lock:
            inside.__enter__()
        threading.Event().wait(0.002)
        with lock:
            inside.__exit__()
        return at

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(anything, range(12))) == list(range(12))
    assert (inside.peak, inside.entered) == (2, 12)
    assert not inspect.iscoroutinefunction(anything)


def test_what_is_said_of_the_calls_holds_for_each() -> None:
    gate = Gate.from_toml(
        """
        [limits.api]
        tokens = { rate = "100/min", kind = "bucket", burst = 100 }
        per = "tenant"
        [tools.chat]
        limits = ["api"]
        """
    )

    @gate.tool("chat", cost={"tokens": 60}, labels={"tenant": "a"}, deadline=1)
    def chat() -> str:
        return "hello"

    assert chat() == "hello"
    with pytest.raises(Refused) as refused:
        chat()
    assert refused.value.limit == "api"
    gate.try_admit("chat", cost={"tokens": 60}, labels={"tenant": "b"}).finish()


@pytest.mark.parametrize(
    ("said", "kind", "told"),
    [
        ({"flow": 3}, TypeError, "flow is int; give a text"),
        ({"priority": 3}, TypeError, "priority is int; give a text"),
        ({"priority": "hgh"}, UsageError, 'no priority "hgh"; the policy has critical, high, normal, low'),
        ({"labels": 3}, TypeError, "labels is int; give a dict"),
        ({"labels": {"tenant": 3}}, TypeError, r"labels\['tenant'\] is int"),
        ({"cost": {"tokens": -1}}, ValueError, "cost of -1 tokens; give 0 or more"),
        ({"deadline": -1}, ValueError, "deadline is -1 seconds"),
    ],
)
@pytest.mark.parametrize("name", ["work", "edit"])
def test_what_is_wrongly_said_of_the_calls_is_raised_where_it_is_said(
    name: str, said: Any, kind: type[Exception], told: str
) -> None:
    gate = Gate.from_toml(POLICY)
    with pytest.raises(kind, match=told):
        gate.tool(name, **said)(print)
    assert gate.counters()["tool.invoked"] == 0


def test_a_policy_that_asks_for_arguments_gets_them_by_name() -> None:
    gate, held = Gate.from_toml(POLICY), []

    @gate.tool
    def edit(path: str = "/default", *lines: str, **more: Any) -> None:
        held.append([name for name in ("/a", "/b", "/default") if is_locked(gate, name)])

    edit("/a", "x", "y")
    edit(path="/b", mode="w")
    edit()
    assert held == [["/a"], ["/b"], ["/default"]]
    with pytest.raises(TypeError, match="edit: multiple values for argument 'path'"):
        edit("/a", path="/b")  # type: ignore[misc]


def is_locked(gate: Gate, path: str) -> bool:
    def elsewhere() -> bool:
        try:
            gate.try_admit("edit", arguments={"path": path}).finish()
        except Refused:
            return True
        return False

    # Asked from outside of the call, which would lend what it holds.
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(elsewhere).result()


def test_keys_may_be_made_of_keywords_that_the_function_collects() -> None:
    gate, held = Gate.from_toml(POLICY), []

    @gate.tool
    def edit(**more: Any) -> None:
        held.append(is_locked(gate, "/a"))

    edit(path="/a")
    assert held == [True]


def test_methods_are_tools_as_well() -> None:
    gate = Gate.from_toml(POLICY)

    class Agent:
        name = "agent"

        def __repr__(self) -> str:
            raise AssertionError("nobody asked")

        @gate.tool
        async def work(self, at: int) -> str:
            return f"{self.name} {at}"

        @gate.tool("edit")
        def edits(self, path: str) -> str:
            return f"{self.name} {path}"

        @staticmethod
        @gate.tool
        def other(at: int) -> int:
            return at

    agent = Agent()
    assert asyncio.run(agent.work(1)) == "agent 1"
    assert (agent.edits("/a"), agent.other(3)) == ("agent /a", 3)
    asked = calls(("work", {"at": 2}), ("edit", {"path": "/b"}), ("other", {"at": 4}))
    report = run(gate.run_turn(asked, [agent.work, agent.edits, agent.other]))
    assert [result.output for result in report.results] == ["agent 2", "agent /b", "4"]


def test_within_a_turn_the_gate_is_passed_once() -> None:
    gate = Gate.from_toml(
        """
        undeclared = "read"
        [limits.rate]
        requests = { rate = "2/min", kind = "bucket", burst = 2 }
        [tools."*"]
        limits = ["rate"]
        """
    )

    @gate.tool
    async def one() -> str:
        return "one"

    @gate.tool("two")
    def blocks() -> str:
        return "two"

    report = run(gate.run_turn(calls(("one", {}), ("two", {})), [one, blocks]))
    assert [result.output for result in report.results] == ["one", "two"]
    with pytest.raises(Refused):
        gate.try_admit("one")


def test_another_gate_and_another_wrapper_are_not_left_out() -> None:
    gate, other, passed = Gate.from_toml(POLICY), Gate.from_toml(POLICY), list[Any]()

    @other.tool
    async def work() -> str:
        # Asked from outside of the call, which would lend what it holds.
        passed.append(await asyncio.get_running_loop().run_in_executor(None, is_free, other, "work", 2))
        return "done"

    @functools.wraps(work)
    async def wrapped() -> str:
        passed.append("wrapper")
        return await work()

    async def main() -> None:
        await gate.run_turn(calls(("work", {})), [work])
        await other.run_turn(calls(("work", {})), [work])
        await gate.run_turn(calls(("work", {})), [wrapped])

    run(main())
    assert passed == [False, False, "wrapper", False], "each time one of its slots is taken"


def test_what_no_tool_can_be_made_of_says_why_and_what_to_do() -> None:
    gate = Gate.from_toml(POLICY)

    async def pages() -> AsyncIterator[int]:
        yield 1

    def lines() -> Iterator[int]:
        yield 1

    with pytest.raises(UnknownTool, match='"wrok".*did you mean "work"'):
        gate.tool("wrok")(lambda: None)
    for function in (pages, lines):
        with pytest.raises(TypeError, match="is a generator.*use `async with gate.admit"):
            gate.tool("work")(function)
    with pytest.raises(TypeError, match="put it below @staticmethod"):
        gate.tool("work")(staticmethod(len))
    with pytest.raises(TypeError, match="gate.tool wraps functions, and this is <class"):
        gate.tool("work")(dict)
    with pytest.raises(TypeError, match="gate.tool wraps functions, and this is 7"):
        gate.tool(7)  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="has no name"):
        gate.tool(functools.partial(print, "x"))


def test_objects_that_are_called_are_tools_by_a_name_that_is_said() -> None:
    gate = Gate.from_toml(POLICY)

    class Asks:
        async def __call__(self, at: int) -> int:
            return at

    async def main() -> None:
        asks = gate.tool("work")(Asks())
        assert await asks(1) == 1
        part = gate.tool("work")(functools.partial(asks, 2))
        assert await part() == 2
        report = await gate.run_turn(calls(("work", {"at": 3})), {"work": Asks()})
        assert report.results[0].output == "3"

    run(main())


def test_how_a_call_ended_is_told_to_its_limits() -> None:
    gate = Gate.from_toml(
        """
        [limits.api]
        concurrency = 4
        breaker = { failures = "50%", min_calls = 2, open = "1h" }
        [tools.work]
        limits = ["api"]
        """
    )

    @gate.tool
    def work() -> None:
        raise ValueError("down")

    for _ in range(2):
        with pytest.raises(ValueError, match="down"):
            work()
    with pytest.raises(Refused):
        work()


def test_a_function_that_outlasts_its_timeout_is_ended_and_its_slot_is_free() -> None:
    gate = Gate.from_dict(
        {"limits": {"a": {"concurrency": 1}}, "tools": {"slow": {"limits": ["a"], "timeout": "5ms"}}}
    )
    ended: list[str] = []

    @gate.tool
    async def slow(own: bool = False) -> None:
        if own:
            raise TimeoutError("of its own")
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cancelled")

    async def main() -> None:
        # The clock does not run while it waits.
        held = await gate.admit("slow")
        waiting = asyncio.create_task(slow())
        await asyncio.sleep(0.01)
        assert not waiting.done() and ended == []
        held.finish()
        with pytest.raises(TimeoutError, match="slow was ended: its timeout of 0.005 s is over"):
            await waiting
        with pytest.raises(TimeoutError, match="of its own"):
            await slow(own=True)
        cancelled = asyncio.create_task(slow())
        await asyncio.sleep(0)
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled

    asyncio.run(main())
    assert ended[0] == "cancelled"
    gate.try_admit("slow").finish()


def test_an_answer_that_is_still_to_come_would_not_be_limited_and_is_an_error() -> None:
    gate, ran = Gate.from_toml("[tools.ask]"), []

    async def ask() -> None:
        ran.append("ask")

    @functools.wraps(ask)
    def wrapped() -> Any:
        return ask()

    with pytest.raises(TypeError, match="ask is not async and gave coroutine; define it with `async def`"):
        gate.tool(wrapped)()
    assert (ran, gate.snapshot().running) == ([], 0)
