"""Quotas that survive a restart."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from runs import Run

from rampmeter import Gate, Refused, StateError, UsageError

QUOTA = {"limits": {"quota": {"requests": "20/day"}}, "tools": {"ask": {"limits": ["quota"]}}}
# What happens at each step, and how the interpreter ends, is for a process of its own.
BEGIN = """
import asyncio, os, sys, threading
from rampmeter import Gate
gate = Gate.from_dict({policy!r})
restored = gate.persist({path!r}, durability={durability!r})
"""


def used(gate: Gate) -> int:
    return gate.snapshot().limits["quota"].instances[0].rates[0].used


def play(path: Path, body: str, durability: str = "interval") -> str:
    program = BEGIN.format(policy=QUOTA, path=str(path), durability=durability) + body
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout


def test_a_quota_goes_on_where_it_ended(tmp_path: Path) -> None:
    path = tmp_path / "quota.state"
    gate = Gate.from_dict(QUOTA)
    found = gate.persist(path)
    assert (found.age, found.clean, found.rates, found.left_out, found.set_aside) == (
        None,
        False,
        0,
        (),
        None,
    )
    for _ in range(3):
        gate.try_admit("ask").finish()
    del gate
    gate = Gate.from_dict(QUOTA)
    found = gate.persist(path)
    assert found.age is not None and found.age < 60
    assert (found.clean, found.rates, found.ahead) == (True, 1, None)
    assert used(gate) == 3
    gate.try_admit("ask").finish()
    gate.save()
    kept = gate.persisted()
    assert kept is not None and kept.path == str(path)
    assert kept.writes >= 2 and (kept.failures, kept.last_error) == (0, None)


def test_what_a_strict_gate_admits_reaches_the_loops_from_its_thread(tmp_path: Path, run: Run) -> None:
    gate = Gate.from_dict(QUOTA)
    gate.persist(tmp_path / "quota.state", durability="strict")
    events = gate.events()

    async def visitor() -> None:
        async with gate.admit("ask"):
            await asyncio.sleep(0)

    async def main() -> None:
        await asyncio.wait_for(asyncio.gather(*(visitor() for _ in range(8))), 5)

    threads = [threading.Thread(target=run, args=(main(),)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
    kinds = [event.kind for event in events.drain()]
    assert kinds.count("tool.completed") == 16
    # The first at least had to wait for the disk.
    assert "tool.queued" in kinds
    assert used(gate) == 16


def test_who_cannot_wait_for_a_loop_waits_for_the_disk(tmp_path: Path) -> None:
    gate = Gate.from_dict(QUOTA)
    gate.persist(tmp_path / "quota.state", durability="strict")

    async def main() -> None:
        # Somebody waits on a loop for the same write, and has to be told first.
        waits = asyncio.ensure_future(gate.admit("ask"))
        await asyncio.sleep(0)
        gate.try_admit("ask").finish()
        with gate.admit_sync("ask"):
            pass
        (await asyncio.wait_for(waits, 5)).finish()

    asyncio.run(main())
    assert used(gate) == 3


def test_an_interpreter_that_ends_forgets_nothing(tmp_path: Path) -> None:
    for durability in ("interval", "strict"):
        path = tmp_path / f"{durability}.state"
        body = "for _ in range(5): gate.try_admit('ask').finish()\nprint(restored.rates)"
        assert play(path, body, durability) == "0\n"
        # Kept by a thread that is never done, so that it is never dropped.
        body += "\nhang = threading.Event().wait\nkeep = lambda gate: hang()"
        body += "\nthreading.Thread(target=keep, args=(gate,), daemon=True).start()"
        assert play(path, body, durability) == "1\n"
        gate = Gate.from_dict(QUOTA)
        gate.persist(path)
        assert used(gate) == 10


def test_an_interpreter_ends_while_calls_wait_for_the_disk(tmp_path: Path) -> None:
    # Loops that nobody runs any more, and a thread that waits for ever, are told by a thread of Rust's that
    # their calls are admitted, just when the interpreter ends.
    body = """
async def ask():
    calls = [asyncio.ensure_future(gate.admit("ask")) for _ in range(3)]
    read = asyncio.ensure_future(events.__anext__())
    await asyncio.sleep(0)
    return calls, read

events = gate.events()
loops = [asyncio.new_event_loop() for _ in range(3)]
waits = [loop.run_until_complete(ask()) for loop in loops]
threading.Thread(target=gate.admit_sync, args=("ask",), daemon=True).start()
print("done", flush=True)
"""
    for number in range(6):
        path = tmp_path / f"{number}.state"
        program = BEGIN.format(policy=QUOTA, path=str(path), durability="strict") + body
        arguments = [sys.executable, "-W", "ignore", "-c", program]
        done = subprocess.run(arguments, capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stdout) == (0, "done\n"), done


def test_a_state_file_is_one_gates(tmp_path: Path) -> None:
    path = tmp_path / "quota.state"
    gate = Gate.from_dict(QUOTA)
    with pytest.raises(UsageError, match="gate.persist"):
        gate.save()
    assert gate.persisted() is None
    gate.persist(path)
    with pytest.raises(UsageError, match="already"):
        gate.persist(tmp_path / "other.state")
    with pytest.raises(StateError, match="another gate keeps its state here"):
        Gate.from_dict(QUOTA).persist(path)
    with pytest.raises(OSError, match="name a file in a folder that exists"):
        Gate.from_dict(QUOTA).persist(tmp_path / "nowhere" / "quota.state")


def test_a_file_that_is_no_state_is_set_aside_and_told_of(tmp_path: Path) -> None:
    path = tmp_path / "quota.state"
    path.write_text("not a state")
    gate = Gate.from_dict(QUOTA)
    found = gate.persist(path)
    assert found.set_aside is not None and "quota.state.corrupt-1" in found.set_aside
    assert (tmp_path / "quota.state.corrupt-1").read_text() == "not a state"


def test_what_the_policy_has_no_place_for_is_named(tmp_path: Path) -> None:
    path = tmp_path / "quota.state"
    gate = Gate.from_dict(QUOTA)
    gate.persist(path)
    gate.try_admit("ask").finish()
    del gate
    other = {"limits": {"other": {"requests": "5/day"}}, "tools": {"ask": {"limits": ["other"]}}}
    found = Gate.from_dict(other).persist(path)
    (left_out,) = found.left_out
    assert left_out == "what limit quota had used is left out: the policy has no such limit"


def test_durability_is_one_of_two(tmp_path: Path) -> None:
    gate = Gate.from_dict(QUOTA)
    path = tmp_path / "quota.state"
    with pytest.raises(ValueError, match='it is "interval" or "strict"'):
        gate.persist(path, durability="always")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="leave it out"):
        gate.persist(path, durability="strict", interval=1)
    with pytest.raises(ValueError, match="interval is 0"):
        gate.persist(path, interval=0)
    gate.persist(path, interval=0.01)
    with pytest.raises(Refused):
        for _ in range(21):
            gate.try_admit("ask").finish()


def test_a_gate_that_cannot_be_saved_at_exit_keeps_no_other_from_it(tmp_path: Path) -> None:
    program = """
import shutil, sys
from rampmeter import Gate
gates = [Gate.from_toml("") for _ in sys.argv[1:]]
for gate, folder in zip(gates, sys.argv[1:]):
    gate.persist(f"{folder}/state")
for folder in sys.argv[1:]:
    shutil.rmtree(folder)
    open(folder, "w").close()
"""
    folders = [tmp_path / name for name in ("one", "two", "three")]
    for folder in folders:
        folder.mkdir()
    ended = subprocess.run(
        [sys.executable, "-c", program, *map(str, folders)], capture_output=True, text=True, check=True
    )
    assert [folder for folder in folders if f"{folder}/state: " not in ended.stderr] == []
