"""What `help()` says is what the stubs say."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest

import rampmeter
from rampmeter import _native

_STUB = Path(rampmeter.__file__).with_name("_native.pyi")
_Documented = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def _documented(body: list[ast.stmt], within: str = "") -> Iterator[tuple[str, str]]:
    for node in body:
        if isinstance(node, _Documented):
            name = f"{within}{node.name}"
            if (said := ast.get_docstring(node)) and not node.name.startswith("_"):
                yield name, said
            if isinstance(node, ast.ClassDef):
                yield from _documented(node.body, f"{name}.")


_SAID = dict(_documented(ast.parse(_STUB.read_text(encoding="utf-8")).body))


@pytest.mark.parametrize("name", _SAID)
def test_what_the_stub_says_is_there_at_run_time(name: str) -> None:
    found: object = _native
    for part in name.split("."):
        found = inspect.getattr_static(found, part)
    if isinstance(found, (classmethod, staticmethod)):
        found = found.__func__
    assert inspect.cleandoc(found.__doc__ or "") == _SAID[name]


@pytest.mark.parametrize("kind", [rampmeter.Gate, rampmeter.Policy])
def test_every_method_of_a_gate_and_a_policy_is_documented(kind: type) -> None:
    public = [name for name in dir(kind) if not name.startswith("_")]
    assert [name for name in public if not inspect.getdoc(getattr(kind, name))] == []
