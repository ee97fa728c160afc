"""Stageflow needs Python 3.11; where it is not installed these tests are left out."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

import pytest

try:
    version("stageflow-core")
except PackageNotFoundError:
    collect_ignore_glob = ["test_*.py"]
else:
    from stageflow.events import clear_event_sink, set_event_sink
    from stageflow.tools import clear_tool_registry
    from stageflow_desk import Sink

    @pytest.fixture(autouse=True)
    def _fresh_stageflow() -> Iterator[None]:
        """Stageflow's globals as they are in a new process."""
        clear_tool_registry()
        yield
        clear_tool_registry()

    @pytest.fixture
    def sink() -> Iterator[Sink]:
        """An event sink that keeps what it is told."""
        sink = Sink()
        set_event_sink(sink)
        yield sink
        clear_event_sink()
