"""Chat models that draw on an entry of the policy."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.language_models.fake_chat_models import FakeListChatModel

from rampmeter import Gate, Refused, UnknownTool, flow
from rampmeter.langchain import GateRateLimiter

FIVE_IN_ALL = """
[limits.groq]
requests = { rate = "5/day", kind = "sliding" }

[tools.chat]
limits = ["groq"]
queue_timeout = "1s"
"""
FIVE_FOR_EACH_KEY = FIVE_IN_ALL.replace("[tools", 'per = "api_key"\n\n[tools')


def test_exactly_as_many_requests_pass_as_the_policy_says() -> None:
    limiter = GateRateLimiter(Gate.from_toml(FIVE_IN_ALL), "chat")
    assert sum(limiter.acquire(blocking=False) for _ in range(20)) == 5


def test_threads_loops_and_limiters_share_the_count() -> None:
    gate = Gate.from_toml(FIVE_IN_ALL)

    async def in_a_loop() -> int:
        limiter = GateRateLimiter(gate, "chat")
        return sum(await asyncio.gather(*(limiter.aacquire(blocking=False) for _ in range(5))))

    with ThreadPoolExecutor(4) as threads:
        passed = sum(threads.map(lambda _: asyncio.run(in_a_loop()), range(4)))
    assert passed == 5


def test_a_request_counts_once_however_it_is_made() -> None:
    limiter = GateRateLimiter(Gate.from_toml(FIVE_IN_ALL), "chat")
    model: BaseChatModel = FakeListChatModel(responses=["yes"], rate_limiter=limiter)

    async def run() -> None:
        await model.ainvoke("go")
        assert [chunk.text async for chunk in model.astream("go")][:3] == ["y", "e", "s"]

    model.invoke("go")
    assert [chunk.text for chunk in model.stream("go")][:3] == ["y", "e", "s"]
    asyncio.run(run())
    assert [limiter.acquire(blocking=False) for _ in range(3)] == [True, False, False]


def test_a_request_that_waits_starts_when_the_rate_allows() -> None:
    policy = """
    [limits.groq]
    requests = { rate = "50/s", kind = "bucket", burst = 1 }

    [tools.chat]
    limits = ["groq"]
    """
    limiter = GateRateLimiter(Gate.from_toml(policy), "chat")

    async def run() -> list[bool]:
        return await asyncio.gather(*(limiter.aacquire() for _ in range(3)))

    began = time.monotonic()
    assert asyncio.run(run()) == [True] * 3
    assert [limiter.acquire() for _ in range(2)] == [True] * 2
    # Four have waited for 20 ms each; a timer may be 2 ms early.
    assert time.monotonic() - began >= 0.078


def test_a_refused_request_never_reaches_the_model() -> None:
    gate = Gate.from_toml(FIVE_IN_ALL)
    model = FakeListChatModel(responses=list("abc"), rate_limiter=GateRateLimiter(gate, "chat"))
    for _ in range(5):
        gate.try_admit("chat").finish()
    with pytest.raises(Refused, match="groq") as refused:
        model.invoke("go")
    assert refused.value.retry == "after"
    with pytest.raises(Refused, match="groq"):
        asyncio.run(model.ainvoke("go"))
    assert model.i == 0


def test_what_can_never_start_is_raised_without_blocking_too() -> None:
    limiter = GateRateLimiter(Gate.from_toml(FIVE_FOR_EACH_KEY), "chat")
    with pytest.raises(Refused, match="label") as refused:
        limiter.acquire(blocking=False)
    assert refused.value.retry == "never"


def test_slots_are_free_again_once_a_request_has_started() -> None:
    gate = Gate.from_toml('[limits.groq]\nconcurrency = 1\n\n[tools.chat]\nlimits = ["groq"]\n')
    limiter = GateRateLimiter(gate, "chat")
    assert limiter.acquire() and limiter.acquire(blocking=False)


def test_the_flow_and_labels_are_the_limiters_own_or_those_around_it() -> None:
    gate = Gate.from_toml(FIVE_FOR_EACH_KEY)
    one = GateRateLimiter(gate, "chat", labels={"api_key": "1"})
    assert sum(one.acquire(blocking=False) for _ in range(9)) == 5
    around = GateRateLimiter(gate, "chat")
    with flow("tenant", labels={"api_key": "2"}):
        assert sum(around.acquire(blocking=False) for _ in range(9)) == 5


def test_an_entry_that_the_policy_lacks_is_said_when_the_limiter_is_made() -> None:
    with pytest.raises(UnknownTool, match="chatt"):
        GateRateLimiter(Gate.from_toml(FIVE_IN_ALL), "chatt")
