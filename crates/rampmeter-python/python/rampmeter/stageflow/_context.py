"""What a call's context says of it: Stageflow hands on dicts, pipeline contexts and stage contexts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from stageflow.core import StageContext
from stageflow.pipeline.interceptors import TimeoutInterceptor
from stageflow.tools.adapters import DictContextAdapter

from .._errors import UsageError

TIMEOUT_KEY = "_timeout_ms"
"""Stageflow's own key for the time-out of a run."""

OPTIONS_KEY = "rampmeter"
"""Where a run's data or metadata says whom its calls are for."""


@dataclass(slots=True)
class RunningStage:
    """A stage of a limited pipeline: what its own `StageContext` does not know of its run."""

    data: Mapping[str, Any]
    seconds: float
    """How long Stageflow lets the stage run."""
    ends: float
    """When Stageflow ends it, on the loop's clock."""
    done: bool = False

    def is_over(self, now: float) -> bool:
        """Whether a stage that is cut now is cut for its time, which is so in the last tenth of it.

        Stageflow's clock of the stage began before this one, by as much as its loop was behind.
        """
        return now > self.ends - self.seconds / 10


_running_stage: ContextVar[RunningStage | None] = ContextVar("rampmeter_running_stage", default=None)


@contextmanager
def running(stage: RunningStage) -> Iterator[None]:
    """Within it, the calls of a stage know their stage."""
    token = _running_stage.set(stage)
    try:
        yield
    finally:
        stage.done = True
        _running_stage.reset(token)


def current_stage() -> RunningStage | None:
    """The stage that makes the call; none for a task that has outlived its stage."""
    stage = _running_stage.get()
    return None if stage is None or stage.done else stage


def find(ctx: Any, key: str) -> Any:
    """The nearest value of the key: in the context's data, its metadata, itself, or the run's data."""
    return next((layer[key] for layer in _layers(ctx) if key in layer), None)


def time_out(ctx: Any) -> float | None:
    """Seconds that the context gives a call; none if it names no time-out, or 0 as Stageflow means it."""
    return _seconds(find(ctx, TIMEOUT_KEY))


def stage_time_out(data: Mapping[str, Any]) -> float | None:
    """Seconds that Stageflow gives a stage of a run with such data."""
    return _seconds(data.get(TIMEOUT_KEY, TimeoutInterceptor.DEFAULT_TIMEOUT_MS))


def as_mapping(ctx: Any) -> Mapping[str, Any]:
    """The context as tools are given it."""
    if ctx is None:
        return {}
    return ctx if isinstance(ctx, Mapping) else dict(ctx.to_dict())


def stage_arguments(ctx: StageContext, data: Mapping[str, Any]) -> dict[str, Any]:
    """What fills the keys that the policy declares for a stage: texts and whole numbers of its run."""
    told = {**ctx.snapshot.metadata, **data, "stage": ctx.stage_name, "input_text": ctx.snapshot.input_text}
    return {name: value for name, value in told.items() if isinstance(value, str | int)}


def _layers(ctx: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(ctx, DictContextAdapter):
        ctx = ctx.to_dict()
    own: tuple[Any, ...]
    if isinstance(ctx, Mapping):
        own = (ctx.get("data"), ctx.get("metadata"), ctx)
    elif isinstance(ctx, StageContext):
        own = (ctx.snapshot.metadata,)
    else:
        own = (getattr(ctx, "data", None), getattr(ctx, "metadata", None))
    stage = current_stage()
    for layer in (*own, stage.data if stage else None):
        if isinstance(layer, Mapping):
            yield layer


def _seconds(timeout_ms: Any) -> float | None:
    if timeout_ms is None:
        return None
    if isinstance(timeout_ms, bool) or not isinstance(timeout_ms, int | float):
        raise UsageError(
            f"`{TIMEOUT_KEY}` of the context is {timeout_ms!r}: make it a number of milliseconds, 0 for none"
        )
    return timeout_ms / 1000 if timeout_ms > 0 else None
