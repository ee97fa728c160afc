"""`rampmeter.httpx` and `rampmeter.httpx2` are one text, and are tested with what they say."""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from httpx_kit import Kit

import rampmeter

HERE = Path(rampmeter.__file__).parent


def test_the_two_modules_differ_in_the_name_of_their_package_alone() -> None:
    text = (HERE / "httpx.py").read_text().replace("httpx", "httpx2").replace('"0.28.1"', '"2.16.2"')
    assert (HERE / "httpx2.py").read_text() == text


def test_the_installed_package_is_the_one_it_is_tested_with(kit: Kit) -> None:
    if kit.http.__name__ == "httpx2" and sys.version_info < (3, 11):
        pytest.skip("the newest httpx2 for this Python is older")
    assert version(kit.http.__name__).split(".")[:2] == kit.ramp.TESTED.split(".")[:2]


@pytest.mark.parametrize("package", ["httpx", "httpx2"])
def test_a_package_that_is_missing_is_named_with_its_extra(
    package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules, f"rampmeter.{package}", raising=False)
    with pytest.raises(ImportError, match=rf'pip install "rampmeter\[{package}\]"'):
        __import__(f"rampmeter.{package}")


@pytest.mark.parametrize(("package", "other"), [("httpx", "httpx2"), ("httpx2", "httpx")])
def test_neither_module_needs_the_other_package(
    package: str, other: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip(package)
    monkeypatch.setitem(sys.modules, other, None)
    monkeypatch.delitem(sys.modules, f"rampmeter.{package}", raising=False)
    __import__(f"rampmeter.{package}")
