"""What surrounds a call: blocks within blocks, in whatever order they are left."""

from __future__ import annotations

import asyncio

import pytest
from runs import Run

import rampmeter
from rampmeter import Gate, UsageError

ONE = {"limits": {"a": {"concurrency": 1}}, "tools": {"x": {"limits": ["a"]}}}


def test_a_permit_is_around_one_block() -> None:
    gate = Gate.from_dict(ONE)
    with gate.try_admit("x") as permit:
        with pytest.raises(UsageError, match="around a block already"), permit:
            pass
        assert rampmeter.current_permit() is permit
    # It hung where it was looked for what surrounded it: itself.
    assert rampmeter.current_permit() is None
    gate.try_admit("x").finish()


def test_a_permit_that_async_with_gave_is_around_one_block(run: Run) -> None:
    gate = Gate.from_dict(ONE)

    async def main() -> None:
        async with gate.admit("x") as permit:
            with pytest.raises(UsageError, match="around a block already"), permit:
                pass
        async with gate.admit("x"):
            assert rampmeter.current_permit() is not permit

    run(main())


def test_a_call_that_somebody_else_tries_to_enter_surrounds_nobody(run: Run) -> None:
    gate = Gate.from_dict(ONE)

    async def main() -> None:
        held = await gate.admit("x")
        call = gate.admit("x")

        async def wait() -> None:
            permit = await call
            assert rampmeter.current_permit() is None
            permit.finish()

        task = asyncio.create_task(wait())
        await asyncio.sleep(0)
        with pytest.raises(UsageError, match="ask again"):
            async with call:
                pass
        held.finish()
        await task

    run(main())
