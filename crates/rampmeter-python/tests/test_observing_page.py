"""The page on watching and changing a gate."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[3] / "docs" / "python-observing.md"


def test_the_examples_of_the_page_do_what_they_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    examples = [part.split("```")[0] for part in PAGE.read_text().split("```python\n")[1:]]
    exec(compile("\n".join(examples), PAGE.name, "exec"), {})
    told = capsys.readouterr().out.splitlines()
    assert told[:5] == [
        "tool.invoked web_search tenant-7 None",
        "tool.started web_search tenant-7 None",
        "tool.completed web_search tenant-7 succeeded",
        "0 0 normal",
        "0 2 2",
    ]
    assert told[5].startswith("web_search (flow tenant-8, priority normal) has waited ")
    assert "for limit search, where another call must end" in told[5]
    assert told[6:] == ["0 ()"]
    lines = [json.loads(line)["event"] for line in Path("events.jsonl").read_text().splitlines()]
    assert lines == ["tool.invoked", "tool.started", "tool.completed"]
