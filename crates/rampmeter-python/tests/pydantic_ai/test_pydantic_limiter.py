"""The gate where pydantic-ai takes a concurrency limiter."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from pydantic_ai import Agent, ConcurrencyLimitExceeded, limit_model_concurrency
from pydantic_ai.exceptions import ModelHTTPError
from pydantic_ai.messages import ModelMessage, ModelRequest, ModelResponse, TextPart, UserPromptPart
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.models.function import FunctionModel
from pydantic_doubles import Inside

from rampmeter import Gate, Refused, UnknownTool, UsageError, current_permit, flow
from rampmeter.pydantic_ai import GateLimiter

MODELS = """
[limits.provider]
concurrency = 2
[tools."model:*"]
limits = ["provider"]
[tools."agent:*"]
limits = ["provider"]
[tools.ask]
limits = ["provider"]
"""


def answering(inside: Inside, name: str = "small") -> FunctionModel:
    async def answer(*_: Any) -> ModelResponse:
        await inside.stay()
        return ModelResponse(parts=[TextPart("done")])

    return FunctionModel(answer, model_name=name)


@pytest.mark.parametrize("tool", [None, "ask"])
def test_requests_of_all_models_share_the_limits_of_their_provider(tool: str | None) -> None:
    inside = Inside(meet=2)
    gate = Gate.from_toml(MODELS if tool is None else MODELS.replace("model:", "other:"))
    agents = [
        Agent(limit_model_concurrency(answering(inside, name), GateLimiter(gate, tool)))
        for name in ["small", "large"]
    ]

    async def main() -> None:
        await asyncio.gather(*(agent.run("go") for agent in agents * 4))

    asyncio.run(main())
    assert (inside.peak, inside.total) == (2, 8)


def test_the_slot_of_a_request_that_ends_first_is_its_own() -> None:
    policy = MODELS.replace("concurrency = 2", 'concurrency = 1\nper = "tenant"')

    async def main() -> None:
        may_end = asyncio.Event()

        async def answer(messages: list[ModelMessage], _: Any) -> ModelResponse:
            if "wait" in repr(messages):
                await may_end.wait()
            return ModelResponse(parts=[TextPart("done")])

        limiter = GateLimiter(Gate.from_toml(policy))
        agent = Agent(limit_model_concurrency(FunctionModel(answer, model_name="small"), limiter))

        async def ask(tenant: str, prompt: str) -> None:
            with flow(tenant, labels={"tenant": tenant}):
                await agent.run(prompt)

        waiting = asyncio.create_task(ask("a", "wait"))
        await asyncio.sleep(0.01)
        for _ in range(3):
            await ask("b", "go")
        may_end.set()
        await waiting

    asyncio.run(asyncio.wait_for(main(), 5))


def test_runs_of_an_agent_are_limited() -> None:
    inside = Inside(meet=2)
    limiter = GateLimiter(Gate.from_toml(MODELS))
    agents = [Agent(answering(inside), name=name, max_concurrency=limiter) for name in ["one", "two"]]

    async def main() -> None:
        await asyncio.gather(*(agent.run("go") for agent in agents * 4))

    asyncio.run(main())
    assert (inside.peak, inside.total) == (2, 8)


def test_a_stream_holds_its_slot_until_it_is_closed_on_whichever_task() -> None:
    async def stream(*_: Any) -> AsyncIterator[str]:
        yield "done"

    async def main() -> None:
        limiter = GateLimiter(Gate.from_toml(MODELS))
        model = limit_model_concurrency(FunctionModel(stream_function=stream), limiter)
        asked: list[ModelMessage] = [ModelRequest(parts=[UserPromptPart("go")])]

        async def open_one() -> Any:
            streaming = model.request_stream(asked, None, ModelRequestParameters())
            await streaming.__aenter__()
            return streaming

        async def close(streaming: Any) -> None:
            await streaming.__aexit__(None, None, None)

        first, second = [await asyncio.create_task(open_one()) for _ in range(2)]
        third = asyncio.create_task(open_one())
        for _ in range(20):
            await asyncio.sleep(0)
        assert not third.done()
        await asyncio.create_task(close(first))
        for each in (second, await third):
            await asyncio.create_task(close(each))
        with pytest.raises(UsageError):
            limiter.release()

    asyncio.run(asyncio.wait_for(main(), 5))


def test_a_refusal_is_pydantic_ais_own_error_and_says_which_limit() -> None:
    inside = Inside()
    gate = Gate.from_toml(MODELS.replace("concurrency = 2", "concurrency = 1\nqueue = { size = 0 }"))
    agent = Agent(limit_model_concurrency(answering(inside), GateLimiter(gate)))

    async def main() -> list[Any]:
        return list(await asyncio.gather(agent.run("go"), agent.run("go"), return_exceptions=True))

    served, refused = asyncio.run(main())
    assert served.output == "done"
    assert isinstance(refused, ConcurrencyLimitExceeded)
    assert isinstance(refused.__cause__, Refused) and refused.__cause__.limit == "provider"
    assert "provider" in str(refused)


def test_the_gate_learns_how_requests_end() -> None:
    async def no_room(*_: Any) -> ModelResponse:
        raise ModelHTTPError(429, "small")

    async def main() -> None:
        breaker = 'breaker = { failures = "50%", over = "30s", min_calls = 2, open = "30s" }'
        gate = Gate.from_toml(MODELS.replace("concurrency = 2", breaker))
        limiter = GateLimiter(gate)
        failing = Agent(limit_model_concurrency(FunctionModel(no_room, model_name="small"), limiter))
        for _ in range(2):
            with pytest.raises(ModelHTTPError):
                await failing.run("go")
        with pytest.raises(ConcurrencyLimitExceeded):
            await failing.run("go")

    asyncio.run(main())


def test_an_error_that_was_there_before_a_run_is_not_its_own() -> None:
    async def main() -> None:
        breaker = 'breaker = { failures = "50%", over = "30s", min_calls = 2, open = "30s" }'
        limiter = GateLimiter(Gate.from_toml(MODELS.replace("concurrency = 2", breaker)))
        agent = Agent(answering(Inside()), name="one", max_concurrency=limiter)
        try:
            raise ValueError
        except ValueError:
            for _ in range(4):
                assert (await agent.run("go")).output == "done"

    asyncio.run(main())


def test_a_cancelled_run_frees_its_slot() -> None:
    started, never = asyncio.Event(), asyncio.Event()

    async def hang(*_: Any) -> ModelResponse:
        started.set()
        await never.wait()
        raise AssertionError

    async def main() -> None:
        gate = Gate.from_toml(MODELS.replace("concurrency = 2", "concurrency = 1"))
        agent = Agent(limit_model_concurrency(FunctionModel(hang), GateLimiter(gate)))
        tasks = [asyncio.create_task(agent.run("go")) for _ in range(3)]
        await started.wait()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert current_permit() is None
        served = await Agent(limit_model_concurrency(answering(Inside()), GateLimiter(gate))).run("go")
        assert served.output == "done"

    asyncio.run(asyncio.wait_for(main(), 5))


def test_bad_use_is_told_what_to_do() -> None:
    gate = Gate.from_toml(MODELS)
    with pytest.raises(UnknownTool, match="aks"):
        GateLimiter(gate, "aks")
    with pytest.raises(UsageError, match="released more often"):
        GateLimiter(gate).release()
