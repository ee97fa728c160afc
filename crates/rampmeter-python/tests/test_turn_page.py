"""What the page and the example show."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def test_the_pages_first_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    page = (ROOT / "docs/python-turns.md").read_text()
    exec(page.split("```python\n")[1].split("```")[0], {"__name__": "page"})
    assert capsys.readouterr().out.count("'tool_result'") == 20


def test_the_example_shows_what_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(ROOT / "examples/python/run_turn.py"), run_name="__main__")
    said = capsys.readouterr().out
    assert "at most 3 searches at once" in said and 'did you mean "append"?' in said
