"""What a playing in real time costs: lateness of the loop, memory, processor time."""

from __future__ import annotations

import asyncio
import time
from typing import Any

BEAT_NANOS = 5_000_000


class Meter:
    """Measures from [`Meter.begin`] on."""

    def __init__(self) -> None:
        self._lags: list[int] = []
        self._resident = 0
        self._cpu = 0
        self._heart: asyncio.Task[None] | None = None

    def begin(self) -> None:
        _forget_the_peak()
        self._resident = _resident("VmRSS")
        self._cpu = time.process_time_ns()
        self._heart = asyncio.ensure_future(self._beat())

    @property
    def heart(self) -> asyncio.Task[None] | None:
        """The task that beats: no part of what is played."""
        return self._heart

    def facts(self) -> dict[str, Any]:
        """What was measured up to now."""
        if self._heart is not None:
            self._heart.cancel()
        peak = max(_resident("VmHWM"), self._resident)
        return {
            "lags": self._lags,
            "resident": [self._resident, peak] if self._resident else None,
            "cpu": time.process_time_ns() - self._cpu,
        }

    async def _beat(self) -> None:
        due = time.perf_counter_ns()
        while True:
            due += BEAT_NANOS
            await asyncio.sleep(max(due - time.perf_counter_ns(), 0) / 1e9)
            late = time.perf_counter_ns() - due
            self._lags.append(max(late, 0))
            # Beats that were missed are not made up for: the one late beat says how late.
            due += late if late > 0 else 0


def _resident(line: str) -> int:
    """A line of the process's own status, in bytes; 0 where there is no such file."""
    try:
        with open("/proc/self/status", encoding="ascii") as status:
            for text in status:
                if text.startswith(f"{line}:"):
                    return int(text.split()[1]) * 1024
    except OSError:
        pass
    return 0


def _forget_the_peak() -> None:
    """The peak counts from now on, where the kernel lets a process say so of itself."""
    try:
        with open("/proc/self/clear_refs", "w", encoding="ascii") as refs:
            refs.write("5")
    except OSError:
        pass
