"""What models write and tools answer, in every format."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from turn_support import calls, run

from rampmeter import FormatError, Gate

POLICY = """
[tools."*"]
limits = []
"""


async def echo(**arguments: Any) -> Any:
    return arguments.get("say", arguments)


@dataclasses.dataclass
class Point:
    x: int


class Model:
    def model_dump(self, mode: str) -> dict[str, Any]:
        return {"mode": mode}


@pytest.mark.parametrize(
    ("answer", "output"),
    [
        ("as it is", "as it is"),
        (None, "null"),
        ({"é": [1, 2.5, True]}, '{"é":[1,2.5,true]}'),
        (Point(3), '{"x":3}'),
        (Model(), '{"mode":"json"}'),
        ([{4}], "[[4]]"),
        ([1 + 2j], '["(1+2j)"]'),
    ],
)
def test_an_answer_is_text_or_json(answer: Any, output: str) -> None:
    report = run(Gate.from_toml(POLICY).run_turn(calls(("tool", {})), {"tool": lambda: answer}))
    assert report.results[0].output == output


def test_an_answer_that_cannot_be_written_is_the_calls_own_error() -> None:
    answers = {"a": lambda: {(1, 2): 3}, "b": lambda: "\ud800"}
    a, b = run(Gate.from_toml(POLICY).run_turn(calls(("a", {}), ("b", {})), answers)).results
    assert a.status == b.status == "failed"
    assert "TypeError: keys must be" in (a.error or "")
    assert "its answer: UnicodeEncodeError" in (b.error or "")


ANTHROPIC: list[dict[str, Any]] = [
    {"type": "text", "text": "let me see"},
    {"type": "tool_use", "id": "toolu_1", "name": "echo", "input": {"say": "hello"}},
]


class Said:
    """As the objects of SDKs are."""

    def __init__(self, plain: dict[str, Any]) -> None:
        self.plain = plain

    def model_dump(self, mode: str) -> dict[str, Any]:
        assert mode == "json"
        return self.plain


@pytest.mark.parametrize(
    ("written", "format"),
    [
        (calls(("echo", {"say": "hello"})), "openai-chat"),
        ([Said(call) for call in calls(("echo", {"say": "hello"}))], "openai-chat"),
        ({"role": "assistant", "tool_calls": calls(("echo", {"say": "hello"}))}, "openai-chat"),
        (ANTHROPIC, "anthropic"),
        ([Said(block) for block in ANTHROPIC], "anthropic"),
        (json.dumps(ANTHROPIC), "anthropic"),
        ({"role": "assistant", "content": ANTHROPIC}, "anthropic"),
        (json.dumps({"role": "assistant", "content": ANTHROPIC}).encode(), "anthropic"),
        (
            [{"type": "function_call", "call_id": "1", "name": "echo", "arguments": '{"say": "hello"}'}],
            "openai-responses",
        ),
        (
            {"role": "model", "parts": [{"functionCall": {"name": "echo", "args": {"say": "hello"}}}]},
            "gemini",
        ),
        ([{"id": "1", "name": "echo", "arguments": {"say": "hello"}}], "stageflow"),
        (
            {
                "jsonrpc": "2.0",
                "id": 7,
                "method": "tools/call",
                "params": {"name": "echo", "arguments": {"say": "hello"}},
            },
            "mcp",
        ),
    ],
)
def test_every_format_is_read_and_answered_in_its_own(written: Any, format: str) -> None:
    report = run(Gate.from_toml(POLICY).run_turn(written, [echo]))
    assert (report.format, report.results[0].output) == (format, "hello")
    assert "hello" in json.dumps(report.replies())


def test_a_format_may_be_named() -> None:
    report = run(Gate.from_toml(POLICY).run_turn(calls(("echo", {})), [echo], format="stageflow"))
    assert report.format == "stageflow"
    assert report.replies()[0]["call_id"] == "c0"


@pytest.mark.parametrize("nothing", [None, [], ANTHROPIC[:1], {"role": "assistant", "content": "done"}])
def test_a_turn_without_calls_is_over_at_once(nothing: Any) -> None:
    report = run(Gate.from_toml(POLICY).run_turn(nothing, [echo]))
    assert report.results == () and report.replies() == [] and report.ok


def test_what_cannot_be_read_as_a_turn_says_where_and_what_to_do() -> None:
    gate = Gate.from_toml(POLICY)
    with pytest.raises(FormatError, match="byte 2: it is no Unicode.*in UTF-8"):
        gate.run_turn(b"{\xff", [])
    with pytest.raises(FormatError, match="character 3: it is no Unicode"):
        gate.run_turn('["\ud800"]', [])
    with pytest.raises(FormatError, match="line 1, byte 2.*pass one assistant message as JSON"):
        gate.run_turn("{nonsense", [echo])
    with pytest.raises(ValueError, match="assistant"):
        gate.run_turn({"role": "user", "content": "hi"}, [echo])
    with pytest.raises(FormatError, match="name its own format, or none"):
        gate.run_turn({"role": "assistant", "content": ANTHROPIC}, [echo], format="openai-chat")
    with pytest.raises(ValueError, match="format: .*openai-chat"):
        gate.run_turn([], [echo], format="openai")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="tool_calls holds <object object"):
        gate.run_turn([object()], [echo])
