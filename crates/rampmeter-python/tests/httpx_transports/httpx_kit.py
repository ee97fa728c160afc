from __future__ import annotations

from typing import Any, NamedTuple


class Kit(NamedTuple):
    """One of the packages, and its transports."""

    http: Any
    ramp: Any
