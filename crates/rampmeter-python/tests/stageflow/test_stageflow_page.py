"""The page for users of Stageflow, and the versions that it names."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import pytest

from rampmeter.stageflow import TESTED

PAGE = Path(__file__).parents[4] / "docs" / "python-stageflow.md"


def test_the_example_of_the_page_does_what_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    example = PAGE.read_text().split("```python\n")[1].split("```")[0]
    exec(compile(example, PAGE.name, "exec"), {})
    assert capsys.readouterr().out == "100\n"


def test_the_version_that_is_named_is_the_one_that_is_tested() -> None:
    assert version("stageflow-core").split(".")[:2] == TESTED.split(".")[:2]
    assert f"`stageflow-core` {TESTED}" in PAGE.read_text()
