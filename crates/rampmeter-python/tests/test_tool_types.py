"""Whoever checks types gets the same ones back."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import rampmeter

TYPED = """
import asyncio
from collections.abc import Callable, Coroutine
from typing import Any
from typing_extensions import assert_type
from rampmeter import CallResult, Gate, Permit, TurnReport

gate = Gate.from_dict({})

@gate.tool
async def search(query: str, *, pages: int = 1) -> list[str]:
    return [query] * pages

@gate.tool("other", flow="f", cost={"tokens": 1})
def other(path: str) -> int:
    return len(path)

async def main() -> None:
    assert_type(await search("a", pages=2), list[str])
    assert_type(other("a"), int)
    report = await gate.run_turn([], [search, other], deadline=1.5)
    assert_type(report, TurnReport)
    assert_type(report.results, tuple[CallResult, ...])
    await gate.run_turn("[]", {"search": search}, format="anthropic")

async def as_tasks() -> None:
    jobs: list[Coroutine[Any, Any, Permit | TurnReport]] = [gate.admit("other"), gate.run_turn([], [search])]
    for job in jobs:
        await job
    assert_type(await asyncio.create_task(gate.admit("other")), Permit)
    assert_type(await asyncio.wait_for(gate.admit("other"), 1), Permit)
    assert_type(await asyncio.create_task(gate.run_turn([], [search])), TurnReport)

# What is wrong is seen: an ignore that nothing needs is an error.
_ = search(1)  # type: ignore[arg-type]
other("a", "b")  # type: ignore[call-arg]
gate.run_turn([], [search], format="antropic")  # type: ignore[arg-type]
gate.tool("a", cost={"tokens": "x"})  # type: ignore[dict-item]
"""


def test_types_are_kept(tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    (file := tmp_path / "typed.py").write_text(TYPED)
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", os.devnull, str(file)]
    # Where it is installed it is found, and naming the place is an error.
    home = Path(rampmeter.__file__).parent.parent
    environment = dict(os.environ)
    if home.name != "site-packages":
        environment["MYPYPATH"] = str(home)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
