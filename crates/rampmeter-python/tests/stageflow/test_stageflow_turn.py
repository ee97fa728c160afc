"""A turn's calls under the gate: one result each, in the model's order."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
import stageflow_desk as desk
from stageflow.stages.context import PipelineContext
from stageflow.tools import ToolRegistry
from stageflow.tools.base import ToolInput, ToolOutput
from stageflow.tools.definitions import ToolOutput as OtherOutput
from stageflow_desk import Doing, Seen, Sink

from rampmeter import Gate, Refused, UnknownTool, UsageError
from rampmeter.stageflow import CallOptions, LimitedToolRegistry, TurnResult, limit_turn


def as_openai(call_id: str, name: str, arguments: dict[str, Any] | str) -> dict[str, Any]:
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": text}}


def run_turn(policy: str, does: desk.Does, calls: list[dict[str, Any]]) -> list[TurnResult]:
    """A turn of calls of `read` and `write`, resolved by a plain registry and run by `limit_turn`."""
    registry = ToolRegistry()
    for name in ("read", "write"):
        registry.register(Doing(name, does))
    resolved, unresolved = registry.parse_and_resolve(calls)
    assert unresolved == []
    return asyncio.run(limit_turn(Gate.from_toml(policy), resolved))


def test_results_come_in_the_models_order_however_the_calls_end() -> None:
    async def work(payload: dict[str, Any]) -> int:
        for _ in range(10 - payload["n"]):
            await asyncio.sleep(0)
        return int(payload["n"])

    calls = [as_openai(f"call-{n}", "read", {"n": n}) for n in range(10)]
    results = run_turn('[tools."*"]\naccess = "read"', work, calls)

    assert [result.call_id for result in results] == [f"call-{n}" for n in range(10)]
    assert [result.output.data for result in results] == [{"done": n} for n in range(10)]


def test_calls_go_side_by_side_up_to_the_cap() -> None:
    seen = Seen()
    policy = '[limits.host]\nconcurrency = 3\n[tools."*"]\nlimits = ["host"]\naccess = "read"'
    results = run_turn(policy, lambda _: seen.work(), [as_openai(str(n), "read", {}) for n in range(12)])

    assert seen.peak == 3
    assert all(result.output.success for result in results)


def test_calls_that_conflict_over_a_key_run_in_the_models_order_and_others_beside_them() -> None:
    seen = Seen()
    policy = '[tools.read]\nreads = ["file:{path}"]\n[tools.write]\nwrites = ["file:{path}"]'
    calls = [
        ("write", "a", 5),
        ("read", "a", 4),
        ("read", "a", 1),
        ("write", "a", 1),
        ("read", "a", 1),
        ("write", "b", 1),
    ]

    async def work(payload: dict[str, Any]) -> None:
        await seen.work(payload["mark"], payload["pauses"])

    turn = [
        as_openai(str(n), name, {"path": path, "pauses": pauses, "mark": f"{n} {name} {path}"})
        for n, (name, path, pauses) in enumerate(calls)
    ]
    results = run_turn(policy, work, turn)

    assert all(result.output.success for result in results)
    # The file b has nothing to do with a; the readers of a are inside together, and its writer waits.
    assert seen.started[:2] == ["0 write a", "5 write b"]
    assert seen.started[2:] == ["1 read a", "2 read a", "3 write a", "4 read a"]
    assert seen.ended.index("2 read a") < seen.ended.index("1 read a") < seen.started.index("3 write a")


@pytest.mark.parametrize(
    ("policy", "kept"),
    [
        ('[tools."*"]\naccess = "write"', 20),
        ('[tools."*"]', 20),
        ('[tools."*"]\naccess = "write"\nreads = ["config"]', 20),
        ('undeclared = "read"\n[tools."*"]', 1),
        ('[tools."*"]\naccess = "read"', 1),
    ],
)
def test_calls_of_a_tool_that_writes_run_in_the_models_order(policy: str, kept: int) -> None:
    counter = 0
    order: list[int] = []

    async def work(payload: dict[str, Any]) -> None:
        nonlocal counter
        order.append(payload["n"])
        seen = counter
        await asyncio.sleep(0)
        counter = seen + 1

    results = run_turn(policy, work, [as_openai(str(n), "write", {"n": n}) for n in range(20)])

    assert all(result.output.success for result in results)
    assert (counter, order) == (kept, list(range(20)))


def test_a_failure_a_refusal_and_an_error_are_results_and_touch_nobody() -> None:
    policy = """
        [limits.narrow]
        concurrency = 1
        queue = { size = 0 }
        [tools.read]
        access = "read"
        [tools.write]
        limits = ["narrow"]
        writes = ["file:{path}"]
    """

    async def work(payload: dict[str, Any]) -> Any:
        await asyncio.sleep(0)
        match payload.get("end"):
            case "says so":
                return ToolOutput(success=False, error="it said so")
            case "raises":
                raise ValueError("it raised")
            case "cancels itself":
                raise asyncio.CancelledError
        return "good"

    calls = [
        as_openai("good", "read", {}),
        as_openai("said", "read", {"end": "says so"}),
        as_openai("raised", "read", {"end": "raises"}),
        as_openai("cancelled", "read", {"end": "cancels itself"}),
        as_openai("admitted", "write", {"path": "a"}),
        as_openai("refused", "write", {"path": "b"}),
        as_openai("lacking", "write", {}),
        as_openai("good too", "read", {}),
    ]
    results = {result.call_id: result for result in run_turn(policy, work, calls)}

    assert list(results) == [call["id"] for call in calls]
    good = [call_id for call_id, result in results.items() if result.output.success]
    assert good == ["good", "admitted", "good too"]
    assert results["said"].output.error == "it said so"
    assert results["raised"].output.error == "it raised"
    assert isinstance(results["raised"].error, ValueError)
    assert isinstance(results["cancelled"].error, asyncio.CancelledError)
    assert results["cancelled"].output.error == "CancelledError"
    assert "queue" in str(results["refused"].output.error)
    assert "needs the argument `path`" in str(results["lacking"].output.error)
    assert not isinstance(results["refused"].error, Refused)


def test_a_turn_as_the_model_wrote_it_has_a_result_for_each_call_also_for_what_is_none() -> None:
    async def run() -> list[TurnResult]:
        registry = LimitedToolRegistry(Gate.from_toml('[tools."*"]\naccess = "read"'))
        registry.register(Doing("read", lambda _: Seen().work()))
        calls: list[Any] = [
            as_openai("0", "read", {}),
            as_openai("1", "invented", {}),
            as_openai("2", "read", "{broken"),
            "no call at all",
            as_openai("4", "read", "[1, 2]"),
            {"id": "5", "name": "read", "arguments": {}},
        ]
        return await registry.run_turn(calls)

    results = asyncio.run(run())
    assert [result.output.success for result in results] == [True, False, False, False, True, True]
    assert [result.call_id for result in results] == ["0", "1", "2", "unknown", "4", "5"]
    assert results[1].output.error == "No tool registered for action type: invented"
    assert "Invalid JSON arguments" in str(results[2].output.error)
    assert results[3].output.error == "Failed to parse tool call: it is str, not a dict"


def test_the_fields_of_other_formats_are_those_of_parse_and_resolve() -> None:
    async def run() -> list[TurnResult]:
        registry = LimitedToolRegistry(Gate.from_toml('[tools."*"]\naccess = "read"'))
        registry.register(Doing("read", lambda payload: Seen().work()))
        call = {"type": "tool_use", "id": "toolu_1", "name": "read", "input": {"path": "a"}}
        return await registry.run_turn([call], arguments_field="input")

    [result] = asyncio.run(run())
    assert (result.call_id, result.output.success) == ("toolu_1", True)


def test_a_tool_that_the_policy_lacks_is_told_before_anything_runs() -> None:
    seen = Seen()
    with pytest.raises(UnknownTool, match="write"):
        run_turn(
            "[tools.read]", lambda _: seen.work(), [as_openai("0", "read", {}), as_openai("1", "write", {})]
        )
    assert seen.started == []


def test_a_context_that_says_what_cannot_be_is_told_before_anything_runs() -> None:
    seen = Seen()

    async def run() -> None:
        registry = LimitedToolRegistry(Gate.from_toml('[tools."*"]'))
        registry.register(Doing("read", lambda _: seen.work()))
        with pytest.raises(UsageError, match="no `prio`"):
            await registry.run_turn([as_openai("0", "read", {})], {"rampmeter": {"prio": "high"}})
        with pytest.raises(UsageError, match="milliseconds"):
            await registry.run_turn([as_openai("0", "read", {})], {"_timeout_ms": "fast"})

    asyncio.run(run())
    assert seen.started == []


def test_a_description_that_fails_is_the_failure_of_its_call_alone() -> None:
    def describe(tool: str, arguments: Any, ctx: Any) -> CallOptions:
        return {"flow": arguments["tenant"]}

    async def run() -> list[TurnResult]:
        registry = LimitedToolRegistry(Gate.from_toml('[tools."*"]\naccess = "read"'), describe=describe)
        registry.register(Doing("read", lambda _: Seen().work()))
        calls = [as_openai("0", "read", {}), as_openai("1", "read", {"tenant": "a"})]
        return await registry.run_turn(calls)

    first, second = asyncio.run(run())
    assert isinstance(first.error, KeyError) and not first.output.success
    assert second.output.success


def test_outputs_of_stageflows_other_class_and_nothing_are_what_they_say(sink: Sink) -> None:
    class Giving(Doing):
        async def execute(self, input: ToolInput, ctx: dict[str, Any]) -> Any:
            match input.action.payload["gives"]:
                case "good":
                    return OtherOutput.ok({"n": 1})
                case "bad":
                    return OtherOutput.fail("no")

    async def run() -> list[TurnResult]:
        registry = LimitedToolRegistry(Gate.from_toml('[tools."*"]\naccess = "read"'))
        registry.register(Giving("read", lambda _: Seen().work()))
        return await registry.run_turn([as_openai(g, "read", {"gives": g}) for g in ("good", "bad", "none")])

    outputs = [result.output for result in asyncio.run(run())]
    assert [(output.success, output.data, output.error) for output in outputs] == [
        (True, {"n": 1}, None),
        (False, None, "no"),
        (False, None, "the tool gave nothing"),
    ]
    assert sorted(sink.names)[:3] == ["tool.completed", "tool.failed", "tool.failed"]


def test_tools_get_the_context_of_the_turn_as_a_dict() -> None:
    got: list[dict[str, Any]] = []

    class Looking(Doing):
        async def execute(self, input: ToolInput, ctx: dict[str, Any]) -> ToolOutput:
            got.append(ctx)
            return ToolOutput(success=True)

    async def run() -> None:
        registry = LimitedToolRegistry(Gate.from_toml('[tools."*"]'))
        registry.register(Looking("read", lambda _: Seen().work()))
        ctx = PipelineContext.create(topology="chat", data={"rampmeter": {"priority": "high"}})
        await registry.run_turn([as_openai("0", "read", {})], ctx)
        await registry.run_turn([as_openai("0", "read", {})], {"topology": "plain"})
        await registry.run_turn([as_openai("0", "read", {})])

    asyncio.run(run())
    assert [ctx.get("topology") for ctx in got] == ["chat", "plain", None]
    assert got[0]["data"] == {"rampmeter": {"priority": "high"}}


def test_a_turn_that_is_cancelled_ends_its_calls_and_frees_what_they_held() -> None:
    seen = Seen()
    gate = Gate.from_toml('[limits.host]\nconcurrency = 2\n[tools."*"]\nlimits = ["host"]\naccess = "read"')

    async def hang(_: dict[str, Any]) -> None:
        seen.enter()
        try:
            await asyncio.sleep(60)
        finally:
            # Cleaning up takes its time, and the turn waits for it.
            await asyncio.sleep(0)
            seen.inside -= 1

    async def run() -> list[TurnResult]:
        registry = LimitedToolRegistry(gate)
        registry.register(Doing("read", hang))
        registry.register(Doing("write", lambda _: seen.work("after")))
        turn = asyncio.ensure_future(registry.run_turn([as_openai(str(n), "read", {}) for n in range(5)]))
        await desk.until(lambda: seen.inside == 2)
        turn.cancel()
        with pytest.raises(asyncio.CancelledError):
            await turn
        assert seen.inside == 0
        return await registry.run_turn([as_openai("after", "write", {})])

    [result] = asyncio.run(run())
    assert result.output.success
    assert len(seen.started) == 3


def test_a_critical_turn_that_comes_last_goes_before_those_that_wait() -> None:
    seen = Seen()
    gate = Gate.from_toml('[limits.host]\nconcurrency = 1\n[tools."*"]\nlimits = ["host"]\naccess = "read"')

    async def run() -> None:
        registry = LimitedToolRegistry(gate)
        registry.register(Doing("read", lambda payload: seen.work(payload["who"])))

        async def turn(who: str) -> None:
            ctx = {"data": {"rampmeter": {"priority": who}}}
            await registry.run_turn([as_openai(str(n), "read", {"who": who}) for n in range(2)], ctx)

        await asyncio.gather(turn("low"), turn("normal"), turn("critical"))

    asyncio.run(run())
    # The first low one found the limit free; the second waits for whoever has the greatest share.
    assert seen.started[:2] == ["low", "critical"]
