"""What several tests share."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Coroutine
from typing import Any

import pytest
from runs import Run


def _uvloop(main: Coroutine[Any, Any, Any]) -> Any:
    import uvloop

    return uvloop.run(main)


def pytest_collection_finish() -> None:
    """Frameworks are large, and no test leaves any of it behind: the collector need not look there."""
    gc.collect()
    gc.freeze()


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """Runs a coroutine on asyncio's own loop, and on uvloop's."""
    if request.param == "asyncio":
        return asyncio.run
    pytest.importorskip("uvloop")
    return _uvloop


@pytest.fixture(autouse=True)
def nothing_left() -> Any:
    """What a test leaves to the collector is collected in that test, so that its warnings are its own."""
    yield
    gc.collect()
