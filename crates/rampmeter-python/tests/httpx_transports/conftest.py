from __future__ import annotations

import importlib

import pytest
from httpx_kit import Kit


@pytest.fixture(params=["httpx", "httpx2"])
def kit(request: pytest.FixtureRequest) -> Kit:
    return Kit(pytest.importorskip(request.param), importlib.import_module(f"rampmeter.{request.param}"))
