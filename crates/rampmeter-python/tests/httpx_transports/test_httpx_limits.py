"""Requests pass the gate, whichever client sends them."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest
from httpx_kit import Kit
from httpx_server import Asked, Reply, Server

import rampmeter
from rampmeter import Gate

CAP_3 = {"limits": {"provider": {"concurrency": 3}}, "tools": {"openai": {"limits": ["provider"]}}}
CAP_1 = {"limits": {"provider": {"concurrency": 1}}, "tools": {"openai": {"limits": ["provider"]}}}


async def slow(asked: Asked) -> Reply:
    await asyncio.sleep(0.005)
    return Reply()


async def at_once(asked: Asked) -> Reply:
    return Reply()


def test_thirty_requests_under_a_cap_of_three_peak_at_three(kit: Kit) -> None:
    async def main(url: str) -> list[int]:
        transport = kit.ramp.AsyncTransport(Gate.from_dict(CAP_3), "openai")
        async with kit.http.AsyncClient(transport=transport) as client:
            responses = await asyncio.gather(*(client.get(url) for _ in range(30)))
        return [response.status_code for response in responses]

    with Server(slow) as server:
        assert asyncio.run(main(server.url)) == [200] * 30
    assert server.peak == 3


def test_thirty_threads_under_a_cap_of_three_peak_at_three(kit: Kit) -> None:
    transport = kit.ramp.Transport(Gate.from_dict(CAP_3), "openai")
    with (
        Server(slow) as server,
        kit.http.Client(transport=transport) as client,
        ThreadPoolExecutor(30) as threads,
    ):
        responses = list(threads.map(client.get, [server.url] * 30))
    assert [response.status_code for response in responses] == [200] * 30
    assert server.peak == 3


def test_no_pool_of_connections_is_a_limit_beside_the_gate(kit: Kit) -> None:
    gate = Gate.from_dict({"tools": {"openai": {"limits": []}}})
    all_are_there: list[asyncio.Event] = []

    async def together(asked: Asked) -> Reply:
        if not all_are_there:
            all_are_there.append(asyncio.Event())
        if server.inside == 120:
            all_are_there[0].set()
        await all_are_there[0].wait()
        return Reply()

    async def main(url: str) -> None:
        async with kit.http.AsyncClient(transport=kit.ramp.AsyncTransport(gate, "openai")) as client:
            await asyncio.gather(*(client.get(url) for _ in range(120)))

    with Server(together) as server:
        asyncio.run(main(server.url))
    assert server.peak == 120


def test_clients_of_one_gate_share_its_limit(kit: Kit) -> None:
    gate = Gate.from_dict(CAP_3)

    def in_a_thread(url: str) -> None:
        with kit.http.Client(transport=kit.ramp.Transport(gate, "openai")) as client:
            for _ in range(5):
                client.get(url)

    async def on_a_loop(url: str) -> None:
        async def one() -> None:
            async with kit.http.AsyncClient(transport=kit.ramp.AsyncTransport(gate, "openai")) as client:
                await client.get(url)

        threads = (asyncio.to_thread(in_a_thread, url) for _ in range(4))
        await asyncio.gather(*(one() for _ in range(10)), *threads)

    with Server(slow) as server:
        asyncio.run(on_a_loop(server.url))
    assert server.peak == 3
    assert len(server.asked) == 30


def test_each_hop_of_a_redirect_is_a_call_and_one_slot_is_enough(kit: Kit) -> None:
    async def redirect(asked: Asked) -> Reply:
        return Reply(302, {"location": "/there"}) if asked.path == "/" else Reply()

    gate = Gate.from_dict(CAP_1)
    events = gate.events()
    with (
        Server(redirect) as server,
        kit.http.Client(transport=kit.ramp.Transport(gate, "openai"), follow_redirects=True) as client,
    ):
        assert client.get(server.url).status_code == 200
    assert [event.kind for event in events.drain()].count("tool.started") == 2


def test_the_tool_may_depend_on_the_request(kit: Kit) -> None:
    gate = Gate.from_dict(
        {
            "limits": {"chat": {"concurrency": 1}},
            "tools": {"/chat": {"limits": ["chat"]}, "/models": {"limits": []}},
        }
    )
    events = gate.events()
    transport = kit.ramp.Transport(gate, lambda request: request.url.path)
    with Server(at_once) as server, kit.http.Client(transport=transport) as client:
        with client.stream("GET", f"{server.url}/chat"):
            assert client.get(f"{server.url}/models").status_code == 200
        with pytest.raises(rampmeter.UnknownTool):
            client.get(f"{server.url}/files")
        assert [asked.path for asked in server.asked] == ["/chat", "/models"]
    started = [event.tool for event in events.drain() if event.kind == "tool.started"]
    assert started == ["/chat", "/models"]


def test_a_tool_that_the_policy_does_not_name_is_told_when_the_transport_is_made(kit: Kit) -> None:
    for transport in (kit.ramp.Transport, kit.ramp.AsyncTransport):
        with pytest.raises(rampmeter.UnknownTool):
            transport(Gate.from_dict(CAP_3), "opnai")


def test_flow_and_priority_are_ambient_or_of_the_request(kit: Kit) -> None:
    gate = Gate.from_dict(CAP_3)
    events = gate.events()
    of_request = kit.ramp.Transport(
        gate, "openai", call=lambda request: {"flow": request.headers["x-tenant"]}
    )
    with Server(at_once) as server:
        with (
            kit.http.Client(transport=kit.ramp.Transport(gate, "openai")) as client,
            rampmeter.flow("tenant-7"),
        ):
            client.get(server.url)
        with kit.http.Client(transport=of_request) as client, rampmeter.flow("tenant-7"):
            client.get(server.url, headers={"x-tenant": "tenant-8"})
    assert [event.flow for event in events.drain() if event.kind == "tool.started"] == [
        "tenant-7",
        "tenant-8",
    ]


def test_the_cost_of_a_request_is_charged(kit: Kit) -> None:
    gate = Gate.from_dict(
        {
            "limits": {"provider": {"tokens": {"rate": "1000/day", "kind": "bucket", "burst": 1000}}},
            "tools": {"openai": {"limits": ["provider"], "queue_timeout": "10ms"}},
        }
    )
    transport = kit.ramp.Transport(
        gate, "openai", call=lambda request: {"cost": {"tokens": len(request.content)}}
    )
    with Server(at_once) as server, kit.http.Client(transport=transport) as client:
        client.post(server.url, content=b"x" * 600)
        with pytest.raises(rampmeter.Refused):
            client.post(server.url, content=b"x" * 600)
        assert client.post(server.url, content=b"x" * 400).status_code == 200


def test_waiting_at_the_gate_is_not_taken_from_the_timeouts_of_the_client(kit: Kit) -> None:
    gate = Gate.from_dict(CAP_1)

    async def main(url: str) -> int:
        transport = kit.ramp.AsyncTransport(gate, "openai")
        async with kit.http.AsyncClient(transport=transport, timeout=0.3) as client:
            running = gate.try_admit("openai")
            request = asyncio.create_task(client.get(url))
            await asyncio.sleep(0.5)
            assert not request.done()
            running.finish()
            return int((await request).status_code)

    with Server(at_once) as server:
        assert asyncio.run(main(server.url)) == 200
