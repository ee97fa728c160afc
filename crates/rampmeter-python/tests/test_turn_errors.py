"""Exceptions of all kinds: the call's own, and those that end more than a call."""

from __future__ import annotations

import asyncio

import pytest
from turn_support import Inside, calls, is_free, rounds, run

from rampmeter import Gate

MANY = """
undeclared = "read"
[limits.many]
concurrency = 8
[tools."*"]
limits = ["many"]
"""


async def hang() -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("blocks", [False, True])
def test_what_ends_the_program_is_not_swallowed(kind: type[BaseException], blocks: bool) -> None:
    gate, ended = Gate.from_toml(MANY), []

    async def in_task() -> None:
        await rounds(2)
        raise kind("now")

    def in_thread() -> None:
        raise kind("now")

    async def main() -> None:
        asked = calls(("hang", {}), ("ends", {}))
        try:
            await gate.run_turn(asked, {"hang": hang, "ends": in_thread if blocks else in_task})
        finally:
            ended.append(is_free(gate, "hang", 8))

    with pytest.raises(kind, match="now"):
        asyncio.run(main())
    assert ended == [True]


class Stop(BaseException):
    pass


def test_a_base_exception_is_raised_by_the_turn_when_its_other_tools_have_ended() -> None:
    gate, inside = Gate.from_toml(MANY), Inside()

    async def stops() -> None:
        await rounds(2)
        raise Stop("all of it")

    async def other() -> None:
        with inside:
            await asyncio.Event().wait()

    async def main() -> None:
        with pytest.raises(Stop, match="all of it"):
            await gate.run_turn(calls(("other", {}), ("stops", {}), ("other", {})), [stops, other])
        assert (inside.entered, inside.now) == (2, 0)
        assert is_free(gate, "stops", 8)

    run(main())


def test_a_tool_that_cancels_itself_has_failed() -> None:
    async def cancels() -> None:
        raise asyncio.CancelledError

    async def is_cancelled() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await rounds()

    def in_thread() -> None:
        raise StopIteration

    asked = calls(("cancels", {}), ("is_cancelled", {}), ("in_thread", {}))
    report = run(Gate.from_toml(MANY).run_turn(asked, [cancels, is_cancelled, in_thread]))
    assert [result.status for result in report.results] == ["failed"] * 3
    assert report.results[0].error == "CancelledError: the tool was cancelled, and not by its turn"
    assert report.results[2].error == "RuntimeError: the tool raised StopIteration"


class Mute(Exception):
    def __str__(self) -> str:
        raise ValueError("no")


def test_an_exception_that_cannot_even_be_read_has_failed() -> None:
    def mute() -> None:
        raise Mute

    report = run(Gate.from_toml(MANY).run_turn(calls(("mute", {})), [mute]))
    assert "Mute" in (report.results[0].error or "")
    assert isinstance(report.results[0].exception, Mute)
