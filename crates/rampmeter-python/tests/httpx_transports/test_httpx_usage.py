"""A call that reserved an estimate is settled by what its response says."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
from httpx_kit import Kit
from httpx_server import Asked, Reply, Server

from rampmeter import Gate, Refused
from rampmeter._usage import usage

CHAT = {"usage": {"prompt_tokens": 80, "completion_tokens": 20, "total_tokens": 100}}
RESPONSES = {"usage": {"input_tokens": 80, "output_tokens": 20, "total_tokens": 100}}
MESSAGES = {
    "usage": {
        "input_tokens": 50,
        "cache_creation_input_tokens": 30,
        "cache_read_input_tokens": 4000,
        "output_tokens": 20,
    }
}


@pytest.mark.parametrize("document", [CHAT, RESPONSES, MESSAGES])
def test_usage_is_read_as_each_provider_counts(document: Any) -> None:
    assert usage(document) == {"tokens": 100, "input_tokens": 80, "output_tokens": 20}


@pytest.mark.parametrize("document", [{}, [], None, {"usage": None}, {"usage": {"total_tokens": "many"}}])
def test_what_says_nothing_of_usage_keeps_the_estimate(document: Any) -> None:
    assert usage(document) is None


def left_after(kit: Kit, reply: Reply, settle: Any = usage) -> int:
    """Tokens of 1,000 that are left after one request that reserved 900."""

    async def answer(asked: Asked) -> Reply:
        return reply

    tokens = {"rate": "1000/day", "kind": "bucket", "burst": 1000}
    gate = Gate.from_dict(
        {"limits": {"provider": {"tokens": tokens}}, "tools": {"openai": {"limits": ["provider"]}}}
    )

    async def main(url: str) -> None:
        transport = kit.ramp.AsyncTransport(
            gate, "openai", call=lambda request: {"cost": {"tokens": 900}}, settle=settle
        )
        async with kit.http.AsyncClient(transport=transport) as client, client.stream("GET", url) as response:
            async for line in response.aiter_lines():
                if line == "data: [DONE]":
                    break

    with Server(answer) as server:
        asyncio.run(main(server.url))
    return most(gate)


def most(gate: Gate) -> int:
    """The most tokens, in hundreds, that may start now."""
    for tokens in range(1000, 0, -100):
        try:
            gate.try_admit("openai", cost={"tokens": tokens}).finish()
        except Refused:
            continue
        return tokens
    return 0


def test_a_response_settles_its_call(kit: Kit) -> None:
    assert left_after(kit, Reply.json(CHAT)) == 900


def test_a_compressed_response_settles_its_call(kit: Kit) -> None:
    reply = Reply.json(CHAT, content_encoding="gzip")
    reply.body = gzip.compress(json.dumps(CHAT).encode())
    assert left_after(kit, reply) == 900


def test_without_settle_or_without_usage_the_estimate_stands(kit: Kit) -> None:
    assert left_after(kit, Reply.json(CHAT), settle=None) == 100
    assert left_after(kit, Reply.json({})) == 100
    assert left_after(kit, Reply(body=b"no JSON")) == 100


def test_a_settle_that_raises_is_logged_and_the_response_is_good(
    kit: Kit, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="rampmeter.httpx"):
        assert (
            left_after(
                kit, Reply.json({"usage": None}), settle=lambda document: {"tokens": document["usage"]["n"]}
            )
            == 100
        )
    assert [record.levelname for record in caplog.records if record.name == "rampmeter.httpx"] == ["WARNING"]


def test_a_body_that_is_too_long_to_keep_keeps_the_estimate(
    kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rampmeter._usage._MOST", 10)
    assert left_after(kit, Reply.json(CHAT)) == 100


def events(*events: Any) -> Reply:
    async def body() -> AsyncIterator[bytes]:
        for event in events:
            yield f"data: {event if isinstance(event, str) else json.dumps(event)}\n\n".encode()

    return Reply(headers={"content-type": "text/event-stream; charset=utf-8"}, body=body())


def test_a_stream_that_came_to_its_end_settles_its_call(kit: Kit) -> None:
    assert left_after(kit, events({"choices": [1], "usage": None}, CHAT, "[DONE]")) == 900
    assert left_after(kit, events({"type": "response.completed", "response": RESPONSES})) == 900
    begins = {"type": "message_start", "message": {"usage": {"input_tokens": 80, "output_tokens": 1}}}
    delta = {"type": "message_delta", "usage": {"output_tokens": 20}}
    assert left_after(kit, events(begins, delta, {"type": "message_stop"})) == 900


def test_a_stream_that_stopped_midway_keeps_the_estimate(kit: Kit) -> None:
    begins = {"type": "message_start", "message": {"usage": {"input_tokens": 80, "output_tokens": 1}}}
    assert left_after(kit, events(begins, {"type": "content_block_delta"})) == 100
    assert left_after(kit, events(begins), settle=never) == 100


def never(document: Any) -> dict[str, int]:
    return {"tokens": 1}
