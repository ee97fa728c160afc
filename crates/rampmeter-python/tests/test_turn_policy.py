"""What the policy says of a tool holds for Python functions: the executor is Rust's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from turn_support import Inside, calls, is_free, rounds, run

import rampmeter
from rampmeter import Gate, TurnReport

HOST = """
[retries]
burst = 100
[limits.host]
concurrency = 4
[tools.ask]
limits = ["host"]
access = "read"
"""

RETRY = HOST + 'retry = { attempts = 3, base = "1ms" }\n'


class Response:
    def __init__(self, status_code: int, headers: dict[str, str] | None = None) -> None:
        self.status_code = status_code
        self.headers = headers or {}


class HTTPError(Exception):
    def __init__(self, response: Response) -> None:
        super().__init__(f"status {response.status_code}")
        self.response = response


def failing(*errors: Exception) -> tuple[Callable[[], Any], list[int]]:
    """A tool that raises these, one a call, then answers; and its calls."""
    left, asked = list(errors), [0]

    async def ask() -> str:
        asked[0] += 1
        if left:
            raise left.pop(0)
        return "answered"

    return ask, asked


def test_what_only_reads_is_tried_again_and_every_try_is_told() -> None:
    ask, asked = failing(ValueError("one"), OSError("two"))
    (result,) = run(Gate.from_toml(RETRY).run_turn(calls(("ask", {})), {"ask": ask})).results
    assert (result.output, asked, result.exception) == ("answered", [3], None)
    assert [attempt.error for attempt in result.attempts] == ["ValueError: one", "OSError: two"]
    assert all(attempt.tool == "ask" and attempt.again_after is not None for attempt in result.attempts)


def test_what_may_have_been_done_is_not_done_twice() -> None:
    gate = Gate.from_toml(RETRY.replace('access = "read"', 'access = "write"'))
    ask, asked = failing(ValueError("one"))
    (result,) = run(gate.run_turn(calls(("ask", {})), {"ask": ask})).results
    assert (result.error, asked) == ("ValueError: one", [1])
    assert "not idempotent" in (result.no_retry or "")
    # One that was turned away has not run.
    ask, asked = failing(HTTPError(Response(429)))
    (result,) = run(gate.run_turn(calls(("ask", {})), {"ask": ask})).results
    assert (result.output, asked) == ("answered", [2])
    # Of a server that broke off nobody knows.
    ask, asked = failing(HTTPError(Response(503)))
    (result,) = run(gate.run_turn(calls(("ask", {})), {"ask": ask})).results
    assert (result.status, result.kind, asked) == ("throttled", "throttled", [1])


def test_a_servers_delay_is_told_to_the_limits_and_to_the_model() -> None:
    gate = Gate.from_toml(HOST.replace("concurrency = 4", "concurrency = 4\nfeedback = true"))

    async def main() -> None:
        ask, _ = failing(HTTPError(Response(429, {"retry-after": "30"})))
        (result,) = (await gate.run_turn(calls(("ask", {})), {"ask": ask})).results
        assert result.status == "throttled"
        assert result.error == "HTTPError: status 429; try again in 30.0s"
        assert isinstance(result.exception, HTTPError)
        with pytest.raises(rampmeter.Refused) as refused:
            gate.try_admit("ask")
        assert refused.value.retry == "after" and (refused.value.retry_after or 0) > 25

    run(main())


def test_our_own_refusal_in_disguise_is_no_word_of_a_server() -> None:
    ask, _ = failing(HTTPError(Response(429, {"x-rampmeter-refused": "queue_full"})))
    (result,) = run(Gate.from_toml(HOST).run_turn(calls(("ask", {})), {"ask": ask})).results
    assert (result.status, result.kind) == ("failed", "failed")


def test_a_nested_refusal_is_the_tools_own_error() -> None:
    gate = Gate.from_toml(HOST + "[limits.none]\nconcurrency = 1\n[tools.inner]\nlimits = ['none']\n")

    async def ask() -> None:
        gate.try_admit("inner")

    held = gate.try_admit("inner")
    (result,) = run(gate.run_turn(calls(("ask", {})), [ask])).results
    held.finish()
    assert result.status == "failed" and (result.error or "").startswith("Refused: ")
    assert isinstance(result.exception, rampmeter.Refused) and result.refused is None


def test_a_tool_that_got_no_answer_in_time_is_timed_out() -> None:
    async def ask() -> None:
        await asyncio.wait_for(asyncio.Event().wait(), 0.001)

    (result,) = run(Gate.from_toml(HOST).run_turn(calls(("ask", {})), [ask])).results
    assert (result.status, result.kind, result.error) == ("failed", "timed_out", "TimeoutError")


def test_another_tool_stands_in_and_then_a_value() -> None:
    gate = Gate.from_toml(
        HOST + 'fallback = [{ tool = "spare" }, { value = "nothing" }]\n[tools.spare]\nlimits = ["host"]\n'
    )
    ask, _ = failing(*[OSError("down")] * 9)
    spare, spared = failing()

    async def main() -> None:
        tools = {"ask": ask, "spare": spare}
        (result,) = (await gate.run_turn(calls(("ask", {})), tools)).results
        assert (result.output, result.degraded, result.ok) == ("answered", "tool spare", True)
        assert [attempt.error for attempt in result.attempts] == ["OSError: down"]
        (result,) = (await gate.run_turn(calls(("ask", {})), {**tools, "spare": ask})).results
        assert (result.output, result.degraded) == ("nothing", "value")

    run(main())
    assert spared == [1]


def test_what_one_turn_was_answered_stands_in_for_another_with_other_functions() -> None:
    gate = Gate.from_toml(HOST + 'fallback = [{ cache = "5m" }]\n')

    async def main() -> None:
        (first,) = (await gate.run_turn(calls(("ask", {"q": 1})), {"ask": lambda q: f"hits {q}"})).results
        assert (first.output, first.degraded) == ("hits 1", None)

        def down(q: int) -> None:
            raise OSError("down")

        same, other = (
            await gate.run_turn(calls(("ask", {"q": 1}), ("ask", {"q": 2})), {"ask": down})
        ).results
        assert (same.output, same.degraded) == ("hits 1", "cache")
        assert other.error == "OSError: down" and isinstance(other.exception, OSError)

    run(main())


def test_another_policy_holds_for_the_turns_that_begin_after_it() -> None:
    gate = Gate.from_toml(HOST + 'fallback = [{ cache = "5m" }]\n')

    def down(q: int) -> None:
        raise OSError("down")

    async def main() -> None:
        asked = calls(("ask", {"q": 1}))
        await gate.run_turn(asked, {"ask": lambda q: "first"})
        unbegun = gate.run_turn(asked, {"ask": down})
        gate.apply(rampmeter.Policy.from_toml(HOST + 'fallback = [{ value = "none" }]\n'))
        (result,) = (await gate.run_turn(asked, {"ask": down})).results
        assert (result.output, result.degraded) == ("none", "value")
        assert (await unbegun).results[0].output == "none"
        gate.apply(rampmeter.Policy.from_toml(HOST + 'fallback = [{ cache = "5m" }]\n'))
        (result,) = (await gate.run_turn(asked, {"ask": down})).results
        assert (result.output, result.degraded) == ("first", "cache"), "what is kept outlives the change"

    run(main())


def test_identical_calls_of_turns_that_run_at_once_are_run_once() -> None:
    gate = Gate.from_toml(HOST + "single_flight = true\n")
    inside = Inside()

    async def ask(q: int) -> int:
        with inside:
            await rounds(10)
        return q

    async def main() -> None:
        turns = [gate.run_turn(calls(*[("ask", {"q": 1})] * 3), {"ask": ask}) for _ in range(3)]
        results = [it for report in await asyncio.gather(*turns) for it in report.results]
        assert {result.output for result in results} == {"1"} and len(results) == 9
        assert [result.shared for result in results].count(False) == 1

    run(main())
    assert inside.entered == 1


def test_a_leader_that_is_cancelled_is_succeeded() -> None:
    gate = Gate.from_toml(HOST + "single_flight = true\n")
    go_on: list[asyncio.Event] = []

    async def ask() -> str:
        go_on.append(asyncio.Event())
        await go_on[-1].wait()
        return "done"

    async def main() -> None:
        leads = asyncio.ensure_future(gate.run_turn(calls(("ask", {})), [ask]))
        await rounds()
        follows = asyncio.ensure_future(gate.run_turn(calls(("ask", {})), [ask]))
        await rounds()
        assert len(go_on) == 1
        leads.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leads
        await rounds()
        go_on[1].set()
        assert (await follows).results[0].output == "done"

    run(main())


FILES = """
[limits.host]
concurrency = 8
[tools.read]
limits = ["host"]
reads = ["file:{path}"]
[tools.edit]
limits = ["host"]
writes = ["file:{path}"]
"""


def test_conflicting_calls_take_effect_in_the_models_order() -> None:
    gate, files, inside = Gate.from_toml(FILES), {"/a": "0", "/b": "0"}, Inside()

    async def edit(path: str, by: str) -> None:
        with inside:
            before = files[path]
            await rounds()
            files[path] = before + by

    def read(path: str) -> str:
        return files[path]

    asked = calls(
        ("edit", {"path": "/a", "by": "1"}),
        ("edit", {"path": "/b", "by": "9"}),
        ("read", {"path": "/a"}),
        ("edit", {"path": "/a", "by": "2"}),
        ("read", {"path": "/a"}),
    )
    report = run(gate.run_turn(asked, [edit, read]))
    assert [result.output for result in report.results] == ["null", "null", "01", "null", "012"]
    assert files == {"/a": "012", "/b": "09"}
    assert inside.peak == 2, "what does not conflict goes side by side"


def test_the_race_on_one_counter_is_won_by_nobody() -> None:
    gate = Gate.from_toml('[tools.add]\nlimits = []\nwrites = ["counter"]\n')
    counter = [0]

    async def add() -> None:
        seen = counter[0]
        await rounds(2)
        counter[0] = seen + 1

    async def main() -> None:
        await asyncio.gather(*[gate.run_turn(calls(*[("add", {})] * 5), [add]) for _ in range(4)])

    run(main())
    assert counter == [20]


def test_a_retry_waits_until_the_last_try_has_really_ended() -> None:
    gate = Gate.from_toml(HOST + 'timeout = "100ms"\ngrace = "10s"\nretry = { attempts = 2, base = "1ms" }\n')
    inside = Inside()

    async def ask() -> str:
        with inside:
            if inside.entered == 1:
                try:
                    await asyncio.Event().wait()
                finally:
                    await asyncio.sleep(0.01)
        return "second"

    (result,) = run(gate.run_turn(calls(("ask", {})), [ask])).results
    assert (result.output, inside.peak, inside.entered) == ("second", 1, 2)
    assert [attempt.kind for attempt in result.attempts] == ["timed_out"]
    assert is_free(gate, "ask", 4)


def test_what_an_earlier_try_raised_is_not_why_a_later_one_had_no_answer_in_time() -> None:
    first = True

    async def ask() -> None:
        nonlocal first
        if first:
            first = False
            raise ValueError("one")
        await asyncio.Event().wait()

    async def main() -> TurnReport:
        gate = Gate.from_toml(RETRY.replace("attempts = 3", "attempts = 2") + 'timeout = "20ms"')
        report = await gate.run_turn(calls(("ask", {})), [ask])
        await rounds()
        return report

    (result,) = run(main()).results
    assert (result.kind, result.exception) == ("timed_out", None)
    assert [attempt.error for attempt in result.attempts] == ["ValueError: one"]


def test_what_an_earlier_try_raised_is_not_why_a_later_one_was_refused() -> None:
    policy = RETRY.replace("concurrency = 4", 'requests = "1/h"')
    ask, asked = failing(ValueError("one"))
    turn = Gate.from_toml(policy).run_turn(calls(("ask", {})), {"ask": ask}, deadline=60)
    (result,) = run(turn).results
    assert (asked, result.status, result.kind, result.exception) == ([1], "refused", "deadline", None)
