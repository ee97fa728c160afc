"""Thirty requests at once to a provider that has room for three, without a gate and through one.

    pip install "rampmeter[httpx]"
    python httpx_client.py

The provider is a fake one on loopback. It turns away what it has no room for, and counts what it has at once.
"""

from __future__ import annotations

import asyncio
import sys

import httpx

import rampmeter.httpx
from rampmeter import Gate

POLICY = """
[limits.provider]
concurrency = 3

[tools.model]
limits = ["provider"]
"""


class Provider:
    """Answers `GET /` after 5 ms, at most three at once; the others get a 429."""

    def __init__(self) -> None:
        self.inside = 0
        self.peak = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        self.inside += 1
        self.peak = max(self.peak, self.inside)
        status = "200 OK" if self.inside <= 3 else "429 Too Many Requests"
        await asyncio.sleep(0.005)
        self.inside -= 1
        writer.write(f"HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()


async def ask_thirty_times(transport: httpx.AsyncBaseTransport | None) -> tuple[int, int]:
    """How many were turned away, and the most that the provider had at once."""
    provider = Provider()
    async with (
        await asyncio.start_server(provider.serve, "127.0.0.1", 0) as server,
        httpx.AsyncClient(transport=transport, trust_env=False) as client,
    ):
        host, port = server.sockets[0].getsockname()
        responses = await asyncio.gather(*(client.get(f"http://{host}:{port}/") for _ in range(30)))
    return [response.status_code for response in responses].count(429), provider.peak


async def main() -> int:
    turned_away, peak = await ask_thirty_times(None)
    print(f"without a gate: {turned_away} of 30 turned away, {peak} at once in the provider")

    gate = Gate.from_toml(POLICY)
    turned_away, peak = await ask_thirty_times(rampmeter.httpx.AsyncTransport(gate, "model"))
    print(f"through a gate: {turned_away} of 30 turned away, {peak} at once in the provider")
    return 0 if (turned_away, peak) == (0, 3) else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
