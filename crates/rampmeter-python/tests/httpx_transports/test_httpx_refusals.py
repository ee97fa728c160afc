"""A refusal is an exception, or for an SDK what a provider would say, and is not tried again."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Iterator
from typing import Any

import anthropic
import openai
import pytest
from httpx_kit import Kit

from rampmeter import Gate, Refused, UsageError

FULL = {
    "limits": {"provider": {"concurrency": 1, "queue": {"size": 0}}},
    "tools": {"model": {"limits": ["provider"]}},
}
QUESTION: Any = {"model": "m", "messages": [{"role": "user", "content": "?"}]}


@pytest.fixture
def gate() -> Iterator[Gate]:
    """A gate that refuses each call, since its one slot is held."""
    gate = Gate.from_dict(FULL)
    held = gate.try_admit("model")
    yield gate
    held.finish()


def refusals(events: Any) -> int:
    return [event.kind for event in events.drain()].count("tool.refused")


def test_a_refusal_is_raised_and_nothing_is_sent(kit: Kit, gate: Gate) -> None:
    def unreachable(request: Any) -> Any:
        raise AssertionError

    mock = kit.http.MockTransport(unreachable)

    async def main() -> None:
        transport = kit.ramp.AsyncTransport(gate, "model", transport=mock)
        async with kit.http.AsyncClient(transport=transport) as client:
            with pytest.raises(Refused) as refused:
                await client.get("http://provider/")
            assert refused.value.reason == "queue_full"
            assert not isinstance(refused.value, kit.http.HTTPError)

    asyncio.run(main())
    with (
        kit.http.Client(transport=kit.ramp.Transport(gate, "model", transport=mock)) as client,
        pytest.raises(Refused),
    ):
        client.get("http://provider/")


def test_a_transport_that_is_misspelt_is_told_when_it_is_made(kit: Kit, gate: Gate) -> None:
    for transport in (kit.ramp.Transport, kit.ramp.AsyncTransport):
        with pytest.raises(UsageError, match='"auto", "raise" or "respond", not \'rais\''):
            transport(gate, "model", refusal="rais")
        with pytest.raises(TypeError, match="tool is 3; name one"):
            transport(gate, 3)
        with pytest.raises(TypeError, match="gate is 'model'; give a Gate"):
            transport("model", gate)
        with pytest.raises(TypeError, match="call is 3; give a function of the request"):
            transport(gate, "model", call=3)
        with pytest.raises(TypeError, match="settle is 3; give a function of the response's JSON"):
            transport(gate, "model", settle=3)


def test_a_refusal_may_be_a_response(kit: Kit, gate: Gate) -> None:
    transport = kit.ramp.Transport(gate, "model", refusal="respond")
    with kit.http.Client(transport=transport) as client:
        response = client.get("http://provider/")
    assert response.status_code == 429
    assert response.headers["x-rampmeter-refused"] == "queue_full"
    assert response.headers["x-should-retry"] == "false"
    assert response.json()["error"]["message"] == str(response.extensions["rampmeter_refused"])


def test_openai_tells_a_refusal_as_a_rate_limit_and_does_not_try_again(kit: Kit, gate: Gate) -> None:
    events = gate.events()

    async def main() -> None:
        http = kit.http.AsyncClient(transport=kit.ramp.AsyncTransport(gate, "model"))
        async with openai.AsyncOpenAI(api_key="k", base_url="http://provider/v1", http_client=http) as client:
            with pytest.raises(openai.RateLimitError) as error:
                await client.chat.completions.create(**QUESTION)
        refused = error.value.response.extensions["rampmeter_refused"]
        assert isinstance(refused, Refused)
        assert str(refused) in str(error.value)

    asyncio.run(main())
    assert refusals(events) == 1


def test_a_refusal_is_no_word_of_a_server_to_the_tool_that_made_the_request(kit: Kit) -> None:
    limits = {"provider": {"concurrency": 1, "queue": {"size": 0}}, "agents": {"requests": "100/min"}}
    tools = {"model": {"limits": ["provider"]}, "agent": {"limits": ["agents"]}}
    gate = Gate.from_dict({"limits": limits, "tools": tools})
    held = gate.try_admit("model")
    http = kit.http.Client(transport=kit.ramp.Transport(gate, "model"))
    with openai.OpenAI(api_key="k", base_url="http://provider/v1", http_client=http) as client:
        with pytest.raises(openai.RateLimitError), gate.admit_sync("agent"):
            client.chat.completions.create(**QUESTION)
        gate.try_admit("agent").finish()
    held.finish()


def test_openai_lets_a_refusal_through_that_is_raised(kit: Kit, gate: Gate) -> None:
    events = gate.events()
    http = kit.http.Client(transport=kit.ramp.Transport(gate, "model", refusal="raise"))
    with (
        openai.OpenAI(api_key="k", base_url="http://provider/v1", http_client=http) as client,
        pytest.raises(Refused),
    ):
        client.chat.completions.create(**QUESTION)
    assert refusals(events) == 1


def test_anthropic_tells_a_refusal_as_a_rate_limit_and_does_not_try_again(gate: Gate) -> None:
    httpx2 = pytest.importorskip("httpx2")
    ramp = importlib.import_module("rampmeter.httpx2")
    events = gate.events()
    http = httpx2.Client(transport=ramp.Transport(gate, "model"))
    with (
        anthropic.Anthropic(api_key="k", base_url="http://provider", http_client=http) as client,
        pytest.raises(anthropic.RateLimitError) as error,
    ):
        client.messages.create(max_tokens=1, **QUESTION)
    assert isinstance(error.value.response.extensions["rampmeter_refused"], Refused)
    assert refusals(events) == 1
