"""How somebody who uses Stageflow runs the calls of a turn: through the registry, or a pipeline."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from stageflow.core import StageContext, StageKind, StageOutput
from stageflow.pipeline import Pipeline, UnifiedStageExecutionError
from stageflow.pipeline.interceptors import BaseInterceptor, get_default_interceptors
from stageflow.stages.context import PipelineContext
from stageflow.stages.result import StageResult
from stageflow.tools.base import ToolOutput
from stageflow.tools.registry import ResolvedToolCall, ToolRegistry

from faults import Throttled
from tools import Action, LabTool, Playing


class Desk:
    """Takes turns and runs them."""

    def __init__(self, playing: Playing) -> None:
        self._playing = playing
        self._registry = ToolRegistry()
        for index in range(len(playing.script.tools)):
            self._registry.register(LabTool(playing, index))
        playing.nested = self._nested
        # A pipeline would take the driver's own errors for those of a stage.
        self._bugs: list[Exception] = []

    def ask(self, index: int) -> None:
        """A turn is there: its calls are asked for, or the first of a sequence."""
        turn = self._playing.script.turns[index]
        for call in turn.calls[:1] if turn.sequence else turn.calls:
            self._playing.book.ask(call, self._playing.clock.now())

    async def turn(self, index: int) -> None:
        """Runs the calls of a turn that have no answer yet, and waits for all of them."""
        turn = self._playing.script.turns[index]
        calls = self._resolve(
            [call for call in turn.calls if not self._playing.book.is_answered(call)]
        )
        if not calls:
            return
        if self._playing.script.pipeline:
            await self._by_pipeline(calls, turn.sequence)
        elif turn.sequence:
            for call in calls:
                await self._by_registry(call)
        else:
            await asyncio.gather(*(self._by_registry(call) for call in calls))

    def _resolve(self, calls: Sequence[int]) -> list[ResolvedToolCall]:
        resolved, unresolved = self._registry.parse_and_resolve(list(map(self._shape, calls)))
        for call in unresolved:
            raise RuntimeError(f"stageflow did not resolve its calls: {call.error}")
        return resolved

    def _shape(self, call: int) -> dict[str, Any]:
        """A call as OpenAI's models write it."""
        spec = self._playing.script.calls[call]
        function = {"name": self._playing.script.tools[spec.tool].name, "arguments": spec.arguments}
        return {"id": str(call), "type": "function", "function": function}

    async def _by_registry(self, call: ResolvedToolCall) -> None:
        """One call through the registry; its answer is in the book when it is there."""
        self._ask(call)
        try:
            output = await self._execute(call, {})
        except Throttled:
            self._answer(call, "throttled")
        else:
            self._answer(call, "succeeded" if output.success else "failed")

    async def _nested(self, call: int) -> None:
        [resolved] = self._resolve([call])
        await self._by_registry(resolved)

    async def _by_pipeline(self, calls: list[ResolvedToolCall], sequence: bool) -> None:
        """All calls as stages of one pipeline: side by side, or each after the one before it.

        A stage that fails ends the pipeline, which then has no results to give: what was not done is
        given up, whether Stageflow cuts it short or lets it run on unseen.
        """
        pipeline = Pipeline(name="turn")
        after: str | None = None
        for call in calls:
            pipeline = pipeline.with_stage(
                _stage_name(call),
                self._as_stage(call),
                StageKind.WORK,
                after=after if sequence else None,
            )
            after = _stage_name(call)
        watch = _TimeOuts({_stage_name(call): call for call in calls}, self._give_up)
        context = PipelineContext.create(topology="turn")
        try:
            await pipeline.run(context, interceptors=[*get_default_interceptors(), watch])
        except UnifiedStageExecutionError:
            for bug in self._bugs:
                raise bug from None
            for call in calls:
                if int(call.call_id) in self._playing.book.records:
                    self._give_up(call, "cancelled")

    def _as_stage(self, call: ResolvedToolCall) -> Any:
        async def stage(ctx: StageContext) -> StageOutput:
            self._ask(call)
            try:
                output = await self._execute(call, ctx.to_dict())
            except Throttled:
                self._answer(call, "throttled")
                raise
            except Exception as bug:
                self._bugs.append(bug)
                raise
            if not output.success:
                self._answer(call, "failed")
                return StageOutput.fail(error=output.error)
            self._answer(call, "succeeded")
            return StageOutput.ok(data=output.data)

        return stage

    async def _execute(self, call: ResolvedToolCall, ctx: dict[str, Any]) -> ToolOutput:
        output = await self._registry.execute(
            Action(call.name, call.arguments, int(call.call_id)), ctx
        )
        if output is None:
            raise RuntimeError(f"stageflow's registry gave nothing for {call.name}")
        return output

    def _ask(self, call: ResolvedToolCall) -> None:
        self._playing.book.ask(int(call.call_id), self._playing.clock.now())

    def _answer(self, call: ResolvedToolCall, status: str) -> None:
        self._playing.book.answer(int(call.call_id), self._playing.clock.now(), status)

    def _give_up(self, call: ResolvedToolCall, status: str) -> None:
        self._playing.book.give_up(int(call.call_id), self._playing.clock.now(), status)


class _TimeOuts(BaseInterceptor):
    """Sees the stages that Stageflow ends: after 30 s, unless a context says otherwise."""

    name = "lab"

    def __init__(
        self,
        calls: dict[str, ResolvedToolCall],
        give_up: Callable[[ResolvedToolCall, str], None],
    ) -> None:
        self._calls = calls
        self._give_up = give_up

    async def before(self, _stage_name: str, _ctx: PipelineContext) -> None:
        return None

    async def after(self, stage_name: str, result: StageResult, _ctx: PipelineContext) -> None:
        # What fails by itself has its answer already.
        if result.status == "failed":
            self._give_up(self._calls[stage_name], "timed-out")


def _stage_name(call: ResolvedToolCall) -> str:
    return f"call-{call.call_id}"
