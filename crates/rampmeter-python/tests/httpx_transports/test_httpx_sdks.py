"""The SDKs of OpenAI and Anthropic, by their `http_client`."""

from __future__ import annotations

import asyncio
import importlib
import json
from collections.abc import AsyncIterator
from typing import Any

import anthropic
import openai
import pytest
from httpx_kit import Kit
from httpx_server import Asked, Reply, Server

from rampmeter import Gate, Refused

CAP_3 = {"limits": {"provider": {"concurrency": 3}}, "tools": {"model": {"limits": ["provider"]}}}
CAP_1 = {"limits": {"provider": {"concurrency": 1}}, "tools": {"model": {"limits": ["provider"]}}}
QUESTION: Any = {"model": "m", "messages": [{"role": "user", "content": "?"}]}

CHAT = {
    "id": "1",
    "object": "chat.completion",
    "created": 0,
    "model": "m",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "42"}}],
}
MESSAGE = {
    "id": "1",
    "type": "message",
    "role": "assistant",
    "model": "m",
    "content": [{"type": "text", "text": "42"}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 1, "output_tokens": 1},
}


async def answer(asked: Asked) -> Reply:
    await asyncio.sleep(0.005)
    if json.loads(asked.body).get("stream"):
        return Reply(headers={"content-type": "text/event-stream"}, body=chunks())
    return Reply.json(CHAT if asked.path.endswith("/chat/completions") else MESSAGE)


async def chunks() -> AsyncIterator[bytes]:
    for text in ("4", "2"):
        chunk = {**CHAT, "object": "chat.completion.chunk"}
        chunk["choices"] = [{"index": 0, "delta": {"content": text}}]
        yield f"data: {json.dumps(chunk)}\n\n".encode()
    yield b"data: [DONE]\n\n"


def openai_client(kit: Kit, gate: Gate, url: str) -> openai.AsyncOpenAI:
    http = kit.http.AsyncClient(transport=kit.ramp.AsyncTransport(gate, "model"))
    return openai.AsyncOpenAI(api_key="k", base_url=f"{url}/v1", http_client=http)


def test_thirty_completions_of_openai_peak_at_three(kit: Kit) -> None:
    async def main(url: str) -> list[str | None]:
        async with openai_client(kit, Gate.from_dict(CAP_3), url) as client:
            answers = await asyncio.gather(*(client.chat.completions.create(**QUESTION) for _ in range(30)))
        return [answer.choices[0].message.content for answer in answers]

    with Server(answer) as server:
        assert asyncio.run(main(server.url)) == ["42"] * 30
    assert server.peak == 3


def test_thirty_messages_of_anthropic_peak_at_three() -> None:
    httpx2 = pytest.importorskip("httpx2")
    ramp = importlib.import_module("rampmeter.httpx2")

    async def main(url: str) -> list[str]:
        http = httpx2.AsyncClient(transport=ramp.AsyncTransport(Gate.from_dict(CAP_3), "model"))
        async with anthropic.AsyncAnthropic(api_key="k", base_url=url, http_client=http) as client:
            answers = await asyncio.gather(
                *(client.messages.create(max_tokens=1, **QUESTION) for _ in range(30))
            )
        return [answer.stop_reason for answer in answers]

    with Server(answer) as server:
        assert asyncio.run(main(server.url)) == ["end_turn"] * 30
    assert server.peak == 3


def test_a_stream_of_openai_holds_its_slot_to_its_end(kit: Kit) -> None:
    gate = Gate.from_dict(CAP_1)
    events = gate.events()

    async def main(url: str) -> str:
        async with openai_client(kit, gate, url) as client:
            stream: Any = await client.chat.completions.create(stream=True, **QUESTION)
            with pytest.raises(Refused):
                gate.try_admit("model")
            text = "".join([chunk.choices[0].delta.content async for chunk in stream])
        gate.try_admit("model").finish()
        return text

    with Server(answer) as server:
        assert asyncio.run(main(server.url)) == "42"
    assert {event.outcome for event in events.drain() if event.outcome} == {"succeeded"}


def test_each_attempt_of_openai_is_a_call_and_waits_until_the_limit_is_cool(kit: Kit) -> None:
    async def throttle_once(asked: Asked) -> Reply:
        if asked is server.asked[0]:
            return Reply(429, {"retry-after-ms": "400", "x-should-retry": "true"})
        return Reply.json(CHAT)

    gate = Gate.from_dict(
        {"limits": {"provider": {"requests": "100/min"}}, "tools": {"model": {"limits": ["provider"]}}}
    )
    events = gate.events()

    async def main(url: str) -> None:
        async with openai_client(kit, gate, url) as client:
            await client.chat.completions.create(**QUESTION)

    with Server(throttle_once) as server:
        asyncio.run(main(server.url))
    first, second = [asked.at for asked in server.asked]
    assert second - first >= 0.39
    outcomes = [event.outcome for event in events.drain() if event.outcome]
    assert outcomes == ["overloaded", "succeeded"]
