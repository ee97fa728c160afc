"""The module itself: which versions it is for, and what it says where they are not."""

from __future__ import annotations

import importlib
import sys

import langchain
import pytest

from rampmeter.langchain import TESTED


@pytest.mark.skipif(sys.version_info < (3, 11), reason="langchain 1.4 is the last for Python 3.10")
def test_the_version_is_the_one_that_was_tested() -> None:
    assert langchain.__version__.split(".")[:2] == TESTED.split(".")[:2]


def test_without_langchain_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("rampmeter.langchain")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "langchain.agents.middleware", None)
    with pytest.raises(ImportError, match=r"pip install \"rampmeter\[langchain\]\""):
        importlib.import_module("rampmeter.langchain")
