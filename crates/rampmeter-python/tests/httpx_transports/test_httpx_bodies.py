"""A request holds its slot until its response's body is closed, and no longer, however that comes about."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from httpx_kit import Kit
from httpx_server import Asked, Reply, Server

from rampmeter import Gate, Refused

CAP_1 = {"limits": {"provider": {"concurrency": 1}}, "tools": {"openai": {"limits": ["provider"]}}}


def is_free(gate: Gate) -> bool:
    try:
        gate.try_admit("openai").finish()
    except Refused:
        return False
    return True


def outcomes(events: Any) -> list[str]:
    return [event.outcome for event in events.drain() if event.outcome]


async def chunks() -> AsyncIterator[bytes]:
    for n in range(3):
        yield b"%d\n" % n


async def endless() -> AsyncIterator[bytes]:
    yield b"0\n"
    await asyncio.Event().wait()


async def broken() -> AsyncIterator[bytes]:
    yield b"0\n"
    raise ConnectionError


async def stream(asked: Asked) -> Reply:
    bodies: dict[str, Callable[[], AsyncIterator[bytes]]] = {
        "/": chunks,
        "/endless": endless,
        "/broken": broken,
    }
    return Reply(body=bodies[asked.path]())


async def never(asked: Asked) -> Reply:
    await asyncio.Event().wait()
    raise AssertionError


def test_a_stream_holds_its_slot_until_it_is_closed(kit: Kit) -> None:
    gate = Gate.from_dict(CAP_1)
    events = gate.events()

    async def main(url: str) -> None:
        async with kit.http.AsyncClient(transport=kit.ramp.AsyncTransport(gate, "openai")) as client:
            async with client.stream("GET", url) as response:
                assert not is_free(gate)
                lines = [line async for line in response.aiter_lines()]
            assert lines == ["0", "1", "2"]
            assert is_free(gate)

    with Server(stream) as server:
        asyncio.run(main(server.url))
        with kit.http.Client(transport=kit.ramp.Transport(gate, "openai")) as client:
            with client.stream("GET", server.url) as response:
                assert not is_free(gate)
                assert list(response.iter_lines()) == ["0", "1", "2"]
            assert is_free(gate)
    assert set(outcomes(events)) == {"succeeded"}


def test_a_stream_that_is_left_early_frees_its_slot_and_has_succeeded(kit: Kit) -> None:
    gate = Gate.from_dict(CAP_1)
    events = gate.events()

    async def main(url: str) -> None:
        async with kit.http.AsyncClient(transport=kit.ramp.AsyncTransport(gate, "openai")) as client:
            async with client.stream("GET", url) as response:
                async for _ in response.aiter_lines():
                    break
            assert outcomes(events) == ["succeeded"]

    with Server(stream) as server:
        asyncio.run(main(f"{server.url}/endless"))
        with kit.http.Client(transport=kit.ramp.Transport(gate, "openai")) as client:
            with client.stream("GET", f"{server.url}/endless") as response:
                for _ in response.iter_lines():
                    break
            assert outcomes(events) == ["succeeded"]


def test_a_response_that_nobody_closed_frees_its_slot_when_it_is_collected(kit: Kit) -> None:
    gate = Gate.from_dict(CAP_1)
    with Server(stream) as server, kit.http.Client(transport=kit.ramp.Transport(gate, "openai")) as client:
        response = client.send(client.build_request("GET", f"{server.url}/endless"), stream=True)
        assert not is_free(gate)
        del response
        gc.collect()
        assert is_free(gate)


@pytest.mark.parametrize("answer", [never, stream])
def test_a_cancelled_request_frees_its_slot(kit: Kit, answer: Any) -> None:
    gate = Gate.from_dict(CAP_1)
    events = gate.events()

    async def main(server: Server) -> None:
        async with kit.http.AsyncClient(transport=kit.ramp.AsyncTransport(gate, "openai")) as client:
            request = asyncio.create_task(client.get(f"{server.url}/endless"))
            while not server.asked:
                await asyncio.sleep(0.001)
            await asyncio.sleep(0.02)
            assert not is_free(gate)
            request.cancel()
            with pytest.raises(asyncio.CancelledError):
                await request
            assert outcomes(events) == ["cancelled"]

    with Server(answer) as server:
        asyncio.run(main(server))


def test_a_request_that_is_cancelled_at_the_gate_was_never_sent(kit: Kit) -> None:
    gate = Gate.from_dict(CAP_1)

    async def main(server: Server) -> None:
        async with kit.http.AsyncClient(transport=kit.ramp.AsyncTransport(gate, "openai")) as client:
            running = gate.try_admit("openai")
            request = asyncio.create_task(client.get(server.url))
            await asyncio.sleep(0.01)
            request.cancel()
            with pytest.raises(asyncio.CancelledError):
                await request
            running.finish()
            assert is_free(gate)
            assert not server.asked

    with Server(stream) as server:
        asyncio.run(main(server))


def test_a_broken_body_has_failed_and_one_that_takes_too_long_is_overloaded(kit: Kit) -> None:
    gate = Gate.from_dict(CAP_1)
    events = gate.events()

    async def main(url: str) -> None:
        transport = kit.ramp.AsyncTransport(gate, "openai")
        async with kit.http.AsyncClient(transport=transport) as client:
            with pytest.raises(kit.http.RemoteProtocolError):
                await client.get(f"{url}/broken")
            with pytest.raises(kit.http.ReadTimeout):
                await client.get(f"{url}/endless", timeout=0.1)

    with Server(stream) as server:
        asyncio.run(main(server.url))
        with kit.http.Client(transport=kit.ramp.Transport(gate, "openai")) as client:
            with pytest.raises(kit.http.RemoteProtocolError):
                client.get(f"{server.url}/broken")
            with pytest.raises(kit.http.ReadTimeout):
                client.get(f"{server.url}/endless", timeout=0.1)
    assert outcomes(events) == ["failed", "overloaded"] * 2
    assert is_free(gate)


def test_a_request_that_gets_no_response_has_failed_or_was_overloaded(kit: Kit) -> None:
    gate = Gate.from_dict(CAP_1)
    events = gate.events()
    with kit.http.Client(transport=kit.ramp.Transport(gate, "openai")) as client:
        with Server(never) as server, pytest.raises(kit.http.ReadTimeout):
            client.get(server.url, timeout=0.1)
        with pytest.raises(kit.http.ConnectError):
            client.get(server.url)
    assert outcomes(events) == ["overloaded", "failed"]


def test_who_leaves_a_body_leaves_what_is_inside_of_it_too(kit: Kit) -> None:
    left: list[bool] = []

    class Inner(kit.http.AsyncByteStream):  # type: ignore[misc, name-defined]
        async def __aiter__(self) -> AsyncIterator[bytes]:
            try:
                yield b"0"
            finally:
                left.append(True)

    mock = kit.http.MockTransport(lambda request: kit.http.Response(200, stream=Inner()))

    async def main() -> None:
        transport = kit.ramp.AsyncTransport(Gate.from_dict(CAP_1), "openai", transport=mock)
        response = await transport.handle_async_request(kit.http.Request("GET", "http://provider/"))
        chunks = response.stream.__aiter__()
        await chunks.__anext__()
        await chunks.aclose()
        assert left == [True]
        await response.aclose()

    asyncio.run(main())


def test_a_response_that_was_read_already_frees_its_slot(kit: Kit) -> None:
    gate = Gate.from_dict(CAP_1)
    mock = kit.http.MockTransport(lambda request: kit.http.Response(200, json={"answer": 42}))

    async def main() -> Any:
        transport = kit.ramp.AsyncTransport(gate, "openai", transport=mock)
        async with kit.http.AsyncClient(transport=transport) as client:
            return (await client.get("http://provider/")).json()

    assert asyncio.run(main()) == {"answer": 42}
    with kit.http.Client(transport=kit.ramp.Transport(gate, "openai", transport=mock)) as client:
        assert client.get("http://provider/").json() == {"answer": 42}
    assert is_free(gate)
