"""The delay that a response asks for."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds, of `retry-after-ms` and `retry-after` the longer; `None` if neither can be read."""
    delays = [
        _seconds(headers.get("retry-after-ms"), per_second=1000),
        _seconds(headers.get("retry-after"), per_second=1),
        _until(headers.get("retry-after")),
    ]
    return max((delay for delay in delays if delay is not None), default=None)


def _seconds(text: str | None, *, per_second: int) -> float | None:
    try:
        delay = float(text or "") / per_second
    except ValueError:
        return None
    return delay if math.isfinite(delay) and delay >= 0 else None


def _until(text: str | None) -> float | None:
    try:
        return max(parsedate_to_datetime(text or "").timestamp() - time.time(), 0.0)
    except (ValueError, TypeError, OverflowError):
        return None
