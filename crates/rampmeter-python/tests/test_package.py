"""What the installed package says of itself."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, metadata, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

import rampmeter


def test_every_extra_admits_what_its_adapter_is_tested_with() -> None:
    try:
        said = metadata("rampmeter")
    except PackageNotFoundError:
        pytest.skip("only an installed package has extras: cargo xtask python installs it")
    extras = said.get_all("Provides-Extra") or []
    wanted = [Requirement(line) for line in said.get_all("Requires-Dist") or []]
    tested = 0
    for requirement in wanted:
        assert requirement.marker, f"{requirement} is no extra"
        if any(requirement.marker.evaluate({"extra": extra}) for extra in extras):
            installed = version(requirement.name)
            assert requirement.specifier.contains(installed), f"{requirement}, tested with {installed}"
            tested += 1
    assert tested


def test_its_version_is_that_of_the_workspace() -> None:
    manifest = Path(__file__).parents[3] / "Cargo.toml"
    said = re.search(r'^version = "(.+)"$', manifest.read_text(encoding="utf-8"), re.MULTILINE)
    assert said and rampmeter.__version__ == said[1]
    try:
        installed = version("rampmeter")
    except PackageNotFoundError:
        return
    assert Version(installed) == Version(said[1])
