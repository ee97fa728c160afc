"""The limited registry, on the real Stageflow."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
import stageflow_desk as desk
from stageflow.pipeline.retry import RateLimitError, ServiceUnavailableError
from stageflow.tools import ToolRegistry
from stageflow.tools.base import ToolOutput
from stageflow_desk import Action, Doing, Seen

from rampmeter import Gate, UnknownTool, UsageError, flow
from rampmeter.stageflow import LimitedToolRegistry

ONE_AT_A_TIME = '[limits.host]\nconcurrency = 1\n[tools."*"]\nlimits = ["host"]'


def limited(policy: str, does: desk.Does, *names: str, **options: Any) -> LimitedToolRegistry:
    registry = LimitedToolRegistry(Gate.from_toml(policy), **options)
    for name in names or ("work",):
        registry.register(Doing(name, does))
    return registry


async def gather(registry: ToolRegistry, actions: list[Action]) -> list[ToolOutput]:
    outputs = await asyncio.gather(*(registry.execute(action, {}) for action in actions))
    return [output for output in outputs if output is not None]


def test_a_thousand_calls_under_a_cap_of_eight_peak_at_eight() -> None:
    seen, seen_without = Seen(), Seen()
    policy = '[limits.host]\nconcurrency = 8\n[tools.work]\nlimits = ["host"]\naccess = "read"'
    calls = [Action("work") for _ in range(1000)]

    outputs = asyncio.run(gather(limited(policy, lambda _: seen.work()), calls))
    without = ToolRegistry()
    without.register(Doing("work", lambda _: seen_without.work()))
    asyncio.run(gather(without, calls))

    assert seen.peak == 8
    assert len(outputs) == len(seen.ended) == 1000
    assert all(output.success for output in outputs)
    assert seen_without.peak == 1000


def test_the_race_on_one_counter_loses_nothing_when_the_action_is_declared_a_writer() -> None:
    """The study's race: 20 tasks read, wait and write one counter."""
    policy = '[tools.add]\nwrites = ["counter"]'

    def race(registry: ToolRegistry) -> int:
        counter = {"value": 0}

        async def add(_: dict[str, Any]) -> None:
            read = counter["value"]
            await asyncio.sleep(0.001)
            counter["value"] = read + 1

        registry.register(Doing("add", add))
        asyncio.run(gather(registry, [Action("add") for _ in range(20)]))
        return counter["value"]

    assert race(LimitedToolRegistry(Gate.from_toml(policy))) == 20
    assert race(ToolRegistry()) == 1


def tolerating(per_second: float, burst: int, refused: list[int]) -> desk.Does:
    """A tool that refuses what is too fast for it, by a bucket of its own."""
    level, at = float(burst), -1.0

    async def work(payload: dict[str, Any]) -> ToolOutput:
        nonlocal level, at
        now = asyncio.get_running_loop().time()
        level, at = min(burst, level + (now - at) * per_second) if at >= 0 else burst, now
        if level < 1:
            refused.append(payload["n"])
            return ToolOutput(success=False, error="429")
        level -= 1
        return ToolOutput(success=True)

    return work


def test_a_tool_with_a_bucket_of_its_own_refuses_none_of_fifty() -> None:
    """The study's 50 requests at 10/s with a burst of 20, five times as fast.

    The policy's burst leaves room for the way to the tool, as for any provider: two calls are 40 ms.
    """
    refused: list[int] = []
    refused_without: list[int] = []
    policy = """
        [limits.api]
        requests = { rate = "50/s", kind = "bucket", burst = 18 }
        [tools.work]
        limits = ["api"]
        access = "read"
    """
    calls = [Action("work", {"n": n}) for n in range(50)]

    outputs = asyncio.run(gather(limited(policy, tolerating(50, 20, refused)), calls))
    without = ToolRegistry()
    without.register(Doing("work", tolerating(50, 20, refused_without)))
    asyncio.run(gather(without, calls))

    assert refused == []
    assert all(output.success for output in outputs)
    assert len(refused_without) == 30


def test_a_high_call_overtakes_low_ones_that_wait() -> None:
    policy = ONE_AT_A_TIME + '\n[tools.urgent]\nlimits = ["host"]\npriority = "high"'
    policy += '\n[tools.idle]\nlimits = ["host"]\npriority = "low"'
    seen = Seen()

    async def run() -> None:
        registry = limited(policy, lambda payload: seen.work(payload["n"]), "urgent", "idle", "usual")
        calls = [Action("usual", {"n": "first"})]
        calls += [Action("idle", {"n": f"low {n}"}) for n in range(5)]
        calls += [Action("urgent", {"n": "high"})]
        await gather(registry, calls)

    asyncio.run(run())
    assert seen.started == ["first", "high", *(f"low {n}" for n in range(5))]


def test_a_refused_call_is_a_failed_output_and_its_siblings_succeed() -> None:
    seen = Seen()
    policy = """
        [limits.host]
        concurrency = 1
        queue = { size = 1 }
        [tools.work]
        limits = ["host"]
    """
    outputs = asyncio.run(gather(limited(policy, lambda _: seen.work()), [Action("work") for _ in range(3)]))

    assert [output.success for output in outputs] == [True, True, False]
    assert len(seen.started) == 2
    refused = outputs[2]
    assert refused.error is not None and "work was refused" in refused.error
    assert refused.data is not None
    facts = refused.data["refused"]
    assert (facts["reason"], facts["limit"]) == ("queue_full", "host")


def test_what_a_tool_raises_is_raised_and_its_slot_is_free() -> None:
    async def work(payload: dict[str, Any]) -> str:
        if payload:
            raise ValueError("broken")
        return "whole"

    async def run() -> ToolOutput | None:
        registry = limited(ONE_AT_A_TIME, work)
        with pytest.raises(ValueError, match="broken"):
            await registry.execute(Action("work", {"break": True}), {})
        return await registry.execute(Action("work"), {})

    output = asyncio.run(run())
    assert output is not None and output.success


BREAKER = """
    [limits.host]
    concurrency = 1
    breaker = { failures = "50%", min_calls = 2, open = "30s" }
    [tools.work]
    limits = ["host"]
"""


@pytest.mark.parametrize(
    "end",
    [
        lambda: ToolOutput(success=False, error="no"),
        lambda: None,
        lambda: ServiceUnavailableError("later"),
        lambda: RateLimitError("slower", retry_after=0.0),
        lambda: TimeoutError(),
    ],
)
def test_outputs_and_errors_that_say_failed_open_the_breaker(end: Callable[[], Any]) -> None:
    class Ending(Doing):
        async def execute(self, *_: Any) -> Any:
            ended = end()
            if isinstance(ended, Exception):
                raise ended
            return ended

    async def run() -> ToolOutput | None:
        registry = LimitedToolRegistry(Gate.from_toml(BREAKER))
        registry.register(Ending("work", lambda _: Seen().work()))
        for _ in range(2):
            await asyncio.gather(registry.execute(Action("work"), {}), return_exceptions=True)
        return await registry.execute(Action("work"), {})

    output = asyncio.run(run())
    assert output is not None and output.data is not None
    assert output.data["refused"]["reason"] == "open"


def test_a_rate_limit_error_of_stageflow_makes_the_limit_wait() -> None:
    policy = '[limits.api]\nrequests = "1000/min"\n[tools.work]\nlimits = ["api"]\naccess = "read"'

    async def work(_: dict[str, Any]) -> None:
        raise RateLimitError("slower", retry_after=60.0)

    async def run() -> ToolOutput | None:
        registry = limited(policy, work)
        with pytest.raises(RateLimitError):
            await registry.execute(Action("work"), {})
        return await registry.execute(Action("work"), {"_timeout_ms": 1000})

    output = asyncio.run(run())
    assert output is not None and output.data is not None
    assert output.data["refused"]["reason"] == "deadline"


def test_a_call_that_is_cancelled_frees_its_place_or_its_slot() -> None:
    seen = Seen()

    async def work(payload: dict[str, Any]) -> None:
        seen.enter(payload["n"])
        await asyncio.sleep(0 if payload["n"] == "last" else 60)

    async def run() -> ToolOutput | None:
        registry = limited(ONE_AT_A_TIME, work)
        running, waiting, last = (
            asyncio.ensure_future(registry.execute(Action("work", {"n": n}), {}))
            for n in ("running", "waiting", "last")
        )
        await desk.until(lambda: seen.inside == 1)
        waiting.cancel()
        running.cancel()
        await asyncio.gather(running, waiting, return_exceptions=True)
        return await last

    output = asyncio.run(run())
    assert output is not None and output.success
    assert seen.started == ["running", "last"]


def test_a_tool_that_calls_a_tool_borrows_its_slot() -> None:
    seen = Seen()

    async def run() -> ToolOutput | None:
        async def outer(_: dict[str, Any]) -> Any:
            return await registry.execute(Action("inner"), {})

        registry = limited(ONE_AT_A_TIME, lambda _: seen.work("inner"), "inner")
        registry.register(Doing("outer", outer))
        return await registry.execute(Action("outer"), {})

    output = asyncio.run(run())
    assert output is not None and output.success
    assert seen.started == ["inner"]


def test_arguments_fill_the_keys_of_the_policy() -> None:
    one, two = Seen(), Seen()
    policy = '[tools.edit]\nwrites = ["file:{path}"]'

    def peak(seen: Seen, paths: list[str]) -> int:
        registry = limited(policy, lambda _: seen.work(), "edit")
        asyncio.run(gather(registry, [Action("edit", {"path": path}) for path in paths]))
        return seen.peak

    assert peak(one, ["a", "a", "a"]) == 1
    assert peak(two, ["a", "b", "c"]) == 3


def test_a_policy_that_lacks_a_tool_is_told_when_the_tool_is_registered() -> None:
    registry = limited("[tools.work]", lambda _: Seen().work())
    with pytest.raises(UnknownTool, match="other"):
        registry.register(Doing("other", lambda _: Seen().work()))
    with pytest.raises(UnknownTool, match="other"):
        registry.register_factory("other", lambda: Doing("other", lambda _: Seen().work()))
    inner = ToolRegistry()
    inner.register(Doing("other", lambda _: Seen().work()))
    with pytest.raises(UnknownTool, match="other"):
        LimitedToolRegistry(Gate.from_toml("[tools.work]"), inner)
    assert not registry.has("other")


def test_a_tool_that_nobody_registered_is_a_failed_output_as_ever() -> None:
    output = asyncio.run(limited("[tools.work]", lambda _: Seen().work()).execute(Action("other"), {}))
    assert output == ToolOutput(success=False, error="No tool registered for action type: other")


def test_a_registry_that_is_wrapped_shares_its_tools() -> None:
    inner = ToolRegistry()
    registry = LimitedToolRegistry(Gate.from_toml('[tools."*"]'), inner)
    registry.register(Doing("one", lambda _: Seen().work()))
    inner.register_factory("two", lambda: Doing("two", lambda _: Seen().work()))
    for each in (inner, registry):
        assert each.get("one") is not None and "two" in each
        assert [tool.action_type for tool in each.list()] == ["one"]


# Whom a call is for.

BY_TENANT = '[limits.api]\nconcurrency = 1\nper = "tenant"\n[tools.work]\nlimits = ["api"]\naccess = "read"'


def peak_by(contexts: list[dict[str, Any]], **options: Any) -> int:
    """The peak of calls, one with each context, at a limit of one slot a tenant."""
    seen = Seen()
    registry = limited(BY_TENANT, lambda _: seen.work(), **options)

    async def run() -> list[ToolOutput | None]:
        return await asyncio.gather(*(registry.execute(Action("work"), ctx) for ctx in contexts))

    assert all(output and output.success for output in asyncio.run(run()))
    return seen.peak


def test_labels_come_from_the_data_or_the_metadata_of_the_context() -> None:
    a, b = ({"rampmeter": {"labels": {"tenant": tenant}}} for tenant in "ab")
    assert peak_by([{"data": a}, {"data": a}]) == 1
    assert peak_by([{"data": a}, {"metadata": b}]) == 2
    assert peak_by([a, b]) == 2


def test_a_callable_describes_each_call() -> None:
    def describe(tool: str, arguments: Any, ctx: Any) -> Any:
        return {"labels": {"tenant": ctx["org_id"]}}

    assert peak_by([{"org_id": "a"}, {"org_id": "a"}], describe=describe) == 1
    assert peak_by([{"org_id": "a"}, {"org_id": "b"}], describe=describe) == 2
    # It knows better than the context's data.
    data = {"rampmeter": {"labels": {"tenant": "same"}}}
    assert peak_by([{"org_id": tenant, "data": data} for tenant in "ab"], describe=describe) == 2


def test_the_ambient_flow_gives_the_priority() -> None:
    seen = Seen()

    async def run() -> None:
        registry = limited(ONE_AT_A_TIME, lambda payload: seen.work(payload["n"]))

        async def ask(n: str, priority: str) -> None:
            with flow("tenant-7", priority=priority):
                await registry.execute(Action("work", {"n": n}), {})

        await asyncio.gather(ask("first", "low"), ask("low", "low"), ask("high", "high"))

    asyncio.run(run())
    assert seen.started == ["first", "high", "low"]


@pytest.mark.parametrize(
    ("ctx", "told"),
    [
        ({"data": {"rampmeter": {"prio": "high"}}}, "no `prio`: what can be said is flow, priority"),
        ({"data": {"rampmeter": "high"}}, "make it a dict of flow, priority"),
        ({"data": {"_timeout_ms": "fast"}}, "`_timeout_ms` of the context is 'fast'"),
        ({"_timeout_ms": True}, "make it a number of milliseconds"),
    ],
)
def test_a_context_that_says_what_cannot_be_is_told_so(ctx: dict[str, Any], told: str) -> None:
    seen = Seen()
    registry = limited("[tools.work]", lambda _: seen.work())
    with pytest.raises(UsageError, match=told):
        asyncio.run(registry.execute(Action("work"), ctx))
    assert seen.started == []
