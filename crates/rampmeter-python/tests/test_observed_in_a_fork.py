"""A forked process has a copy of the gate, and may not use it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import asyncio, gc, os, sys
from rampmeter import ForkedError, Gate
gate = Gate.from_dict({"limits": {"door": {"concurrency": 1}}, "tools": {"enter": {"limits": ["door"]}}})
gate.persist(sys.argv[1], durability="strict")
events = gate.events()
permit = gate.try_admit("enter")

async def read():
    return [event.kind async for event in events][-1]

async def begin():
    # Somebody waits for each kind of thing when it is forked.
    waits = [asyncio.ensure_future(gate.admit("enter")), asyncio.ensure_future(read())]
    await asyncio.sleep(0.01)
    return waits

async def end():
    permit.finish()
    (await waits[0]).finish()
    await asyncio.sleep(0)
    events.close()
    return await waits[1]

def refused():
    uses = [gate.events, gate.snapshot, gate.counters, gate.waiting, gate.pressure, gate.save, gate.persisted]
    uses += [events.drain, lambda: events.missed, lambda: gate.apply({}), lambda: gate.pause("door")]
    uses += [lambda: gate.resume("door"), lambda: gate.persist("x"), lambda: gate.ready().send(None)]
    uses += [lambda: events.__anext__().send(None), lambda: gate.admit("enter").explain()]
    for use in uses:
        try:
            use()
        except ForkedError:
            continue
        return False
    return True

loop = asyncio.new_event_loop()
waits = loop.run_until_complete(begin())
if os.fork() == 0:
    all_refused = refused()
    events.close()
    # What is dropped here is the parent's.
    del gate, events, permit, waits, loop
    gc.collect()
    os._exit(7 if all_refused else 1)
status = os.waitstatus_to_exitcode(os.wait()[1])
print(status, loop.run_until_complete(end()), events.drain())
loop.close()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")
def test_all_that_a_child_tries_raises_forked_error(tmp_path: Path) -> None:
    arguments = [sys.executable, "-W", "ignore", "-c", PROGRAM, str(tmp_path / "state")]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "7 tool.completed []\n"), done
