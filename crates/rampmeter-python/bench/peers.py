"""What a user would otherwise take, each as its own documents show it.

Unless it is said, rates are so high that they never bind.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

Entered = AbstractAsyncContextManager[Any]
Awaited = Callable[[], Awaitable[Any]]

RATE_PER_SECOND = 1_000_000_000


def aiolimiter(rate: float = RATE_PER_SECOND, seconds: float = 1) -> Entered:
    """A leaky bucket. It belongs to the loop that it is first used under."""
    from aiolimiter import AsyncLimiter

    limiter: Entered = AsyncLimiter(rate, seconds)
    return limiter


def pyrate_limiter(rate: int = RATE_PER_SECOND, seconds: int = 1) -> Awaited:
    """A log of the calls in the window; a thread of its own clears it."""
    from pyrate_limiter import Limiter, Rate

    limiter = Limiter(Rate(rate, seconds * 1_000))
    return lambda: limiter.try_acquire_async("plain")


def limits(rate: int = RATE_PER_SECOND, seconds: int = 1) -> Awaited:
    """The cheapest of its strategies. It does not wait, so its user has to ask again."""
    import asyncio

    from limits import RateLimitItemPerSecond
    from limits.aio.storage import MemoryStorage
    from limits.aio.strategies import FixedWindowRateLimiter

    limiter = FixedWindowRateLimiter(MemoryStorage())
    item = RateLimitItemPerSecond(rate, seconds)

    async def hit() -> None:
        while not await limiter.hit(item, "plain"):
            await asyncio.sleep(1)

    return hit


def throttled_py(rate: int = RATE_PER_SECOND, seconds: int = 1) -> Awaited:
    """A token bucket, its default; the longest that it may wait has to be said."""
    from datetime import timedelta

    from throttled.asyncio import MemoryStore, Throttled, per_duration

    quota = per_duration(timedelta(seconds=seconds), rate, burst=rate)
    limiter = Throttled(key="plain", timeout=3_600, quota=quota, store=MemoryStore())
    one: Awaited = limiter.limit
    return one
