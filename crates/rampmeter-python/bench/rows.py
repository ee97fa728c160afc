"""Rows: a case, its figures from every round, their median, and what was in force."""

from __future__ import annotations

import gc
import importlib.metadata
import json
import platform
import statistics
import sys
from dataclasses import dataclass, field
from typing import Any

PACKAGES = ["rampmeter", "aiolimiter", "pyrate-limiter", "limits", "throttled-py", "uvloop"]

#: What the others are compared with: what a user would otherwise combine.
PAIR = "pair: asyncio.Semaphore and aiolimiter"


@dataclass
class Row:
    """One case over all rounds."""

    case: str
    unit: str
    loop: str | None = None
    policy: str | None = None
    """The policy in force, if it is ours."""
    subscribers: int = 0
    figures: list[float] = field(default_factory=list)
    notes: dict[str, Any] = field(default_factory=dict)

    @property
    def median(self) -> float:
        return statistics.median(self.figures)

    def line(self, base: Row) -> str:
        return json.dumps(
            {
                "case": self.case,
                "loop": self.loop,
                "unit": self.unit,
                "median": round(self.median, 1),
                "least": round(min(self.figures), 1),
                "ratio": round(self.median / base.median, 3),
                "ratio_to": base.case,
                "rounds": [round(figure, 1) for figure in self.figures],
                "subscribers": self.subscribers,
                **self.notes,
                "policy": self.policy,
            }
        )


def show(rows: list[Row]) -> None:
    """Prints rows that were measured together, for machines and then for people, each with its ratio to the
    pair, or to the first where the pair has no part.
    """
    base = next((row for row in rows if row.case == PAIR), rows[0])
    for row in rows:
        print(row.line(base))
    print(f"\n{rows[0].unit}; {rows[0].loop or 'no loop'}; ratio to {base.case}")
    for row in rows:
        print(f"{row.case:58} {row.median:10.0f} {row.median / base.median:8.2f}")
    print(flush=True)


def environment() -> str:
    """The row that says by what was measured."""
    return json.dumps(
        {
            "row": "python",
            "python": sys.version,
            "implementation": platform.python_implementation(),
            "packages": {name: _version(name) for name in PACKAGES},
            "gc": f"enabled, thresholds {gc.get_threshold()}, collected before each timing",
        }
    )


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
