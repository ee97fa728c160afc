"""The gate, with what is Python of it."""

from __future__ import annotations

from . import _native


class Gate(_native.Gate):
    __doc__ = _native.Gate.__doc__
