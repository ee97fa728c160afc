from __future__ import annotations

import importlib
from typing import Any, NamedTuple

import pytest


class Kit(NamedTuple):
    """One of the packages, and its transports."""

    http: Any
    ramp: Any


@pytest.fixture(params=["httpx", "httpx2"])
def kit(request: pytest.FixtureRequest) -> Kit:
    http = pytest.importorskip(request.param)
    return Kit(http, importlib.import_module(f"rampmeter.{request.param}"))
