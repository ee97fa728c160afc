"""What a server says is heard by every client of the gate."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from httpx_kit import Kit
from httpx_server import Asked, Reply, Server

from rampmeter import Gate, Refused

WITH_FEEDBACK = {
    "limits": {"provider": {"requests": "1000/min"}},
    "tools": {"openai": {"limits": ["provider"]}},
}


def test_nothing_is_sent_while_the_server_has_nothing_left(kit: Kit) -> None:
    async def answer(asked: Asked) -> Reply:
        left = "0" if asked is server.asked[0] else "900"
        return Reply(headers={"x-ratelimit-remaining-requests": left, "x-ratelimit-reset-requests": "300ms"})

    async def main(url: str) -> None:
        gate = Gate.from_dict(WITH_FEEDBACK)
        async with kit.http.AsyncClient(transport=kit.ramp.AsyncTransport(gate, "openai")) as client:
            await client.get(url)
            await asyncio.gather(*(client.get(url) for _ in range(3)))

    with Server(answer) as server:
        asyncio.run(main(server.url))
    first, *others = [asked.at for asked in server.asked]
    assert len(others) == 3
    assert min(others) - first >= 0.29


@pytest.mark.parametrize(
    ("status", "delay"),
    [
        (429, {"retry-after": "0.3"}),
        (503, {"retry-after-ms": "300"}),
        (529, {"retry-after": "0.1", "retry-after-ms": "300"}),
    ],
)
def test_one_throttled_request_cools_the_limit_down_for_all(kit: Kit, status: int, delay: Any) -> None:
    async def answer(asked: Asked) -> Reply:
        return Reply(status, delay) if asked is server.asked[0] else Reply()

    gate = Gate.from_dict(WITH_FEEDBACK)

    def in_a_thread() -> None:
        with kit.http.Client(transport=kit.ramp.Transport(gate, "openai")) as client:
            assert client.get(server.url).status_code == 200

    async def main() -> None:
        async with kit.http.AsyncClient(transport=kit.ramp.AsyncTransport(gate, "openai")) as client:
            assert (await client.get(server.url)).status_code == status
            await asyncio.gather(client.get(server.url), asyncio.to_thread(in_a_thread))

    with Server(answer) as server:
        asyncio.run(main())
    first, *others = [asked.at for asked in server.asked]
    assert len(others) == 2
    assert min(others) - first >= 0.29


def test_a_limit_cools_down_before_the_body_of_the_throttled_response_was_read(kit: Kit) -> None:
    async def answer(asked: Asked) -> Reply:
        return Reply(429, {"retry-after": "60"})

    transport = kit.ramp.Transport(
        Gate.from_dict(WITH_FEEDBACK), "openai", call=lambda request: {"deadline": 1}
    )
    with (
        Server(answer) as server,
        kit.http.Client(transport=transport) as client,
        client.stream("GET", server.url),
    ):
        with pytest.raises(Refused) as refused:
            client.get(server.url)
        assert refused.value.retry_after is not None
        assert refused.value.retry_after > 50
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(200, "succeeded"), (404, "succeeded"), (429, "overloaded"), (500, "failed"), (503, "overloaded")],
)
def test_a_response_s_status_is_the_call_s_outcome(kit: Kit, status: int, outcome: str) -> None:
    async def answer(asked: Asked) -> Reply:
        return Reply(status)

    gate = Gate.from_dict(WITH_FEEDBACK)
    events = gate.events()
    with Server(answer) as server, kit.http.Client(transport=kit.ramp.Transport(gate, "openai")) as client:
        assert client.get(server.url).status_code == status
    assert [event.outcome for event in events.drain() if event.outcome] == [outcome]
