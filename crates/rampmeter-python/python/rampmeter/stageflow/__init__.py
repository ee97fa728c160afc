"""Stageflow under the gate: its registry, its executor, turns and pipelines.

    registry = LimitedToolRegistry(gate)            # instead of ToolRegistry()
    executor = LimitedToolExecutor(gate)            # instead of AdvancedToolExecutor()
    results  = await limit_turn(gate, resolved, ctx)
    pipeline = limit_pipeline(gate, pipeline)
    with install(gate): ...                         # the global registry, whoever holds it

None of it is an interceptor of pipelines: there a refusal counts as done, `after()` comes without its
`before()`, and a cancellation skips `after()`, which would lose permits.
"""

from __future__ import annotations

try:
    import stageflow as _stageflow  # noqa: F401
except ImportError as error:
    raise ImportError(
        f"rampmeter.stageflow needs stageflow-core ({error}): "
        'with Python 3.11 or newer, pip install "rampmeter[stageflow]"'
    ) from error

from ._call import CallOptions, DescribeCall, TimedOut
from ._executor import LimitedToolExecutor
from ._install import Installed, install
from ._pipeline import LimitedPipeline, limit_pipeline
from ._registry import LimitedToolRegistry
from ._turn import TurnResult, limit_turn

TESTED = "1.2.0"
"""The version of stageflow-core that this is tested with."""

__all__ = [
    "TESTED",
    "CallOptions",
    "DescribeCall",
    "Installed",
    "LimitedPipeline",
    "LimitedToolExecutor",
    "LimitedToolRegistry",
    "TimedOut",
    "TurnResult",
    "install",
    "limit_pipeline",
    "limit_turn",
]
