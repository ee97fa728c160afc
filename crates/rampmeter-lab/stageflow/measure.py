"""What a playing in real time costs: lateness of the loop, memory, processor time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

BEAT_NANOS = 5_000_000


class Meter:
    """Measures from [`Meter.begin`] on, and has `beat` done with each beat."""

    def __init__(self, beat: Callable[[], None]) -> None:
        self._beat = beat
        self._lags: list[int] = []
        self._resident = 0
        self._cpu = 0

    def begin(self) -> asyncio.Task[None]:
        """Begins; the task that beats is no part of what is played."""
        _forget_the_peak()
        self._resident = _resident("VmRSS")
        self._cpu = time.process_time_ns()
        return asyncio.ensure_future(self._beats())

    def end(self) -> dict[str, Any]:
        """What was measured up to now."""
        peak = max(_resident("VmHWM"), self._resident)
        return {
            "lags": self._lags,
            "resident": [self._resident, peak] if self._resident else None,
            "cpu": time.process_time_ns() - self._cpu,
        }

    async def _beats(self) -> None:
        # After a late beat the next one is due a whole beat later.
        while True:
            due = time.perf_counter_ns() + BEAT_NANOS
            await asyncio.sleep(BEAT_NANOS / 1e9)
            self._lags.append(max(time.perf_counter_ns() - due, 0))
            self._beat()


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
