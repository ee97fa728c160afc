"""What a call costs in Python, beside what a user would otherwise take.

`cargo xtask bench python` runs it and keeps the rows. `floor`, `uncontended`, `waiting` or `memory` alone are
run if they are named; `quick` runs too few rounds to be kept.
"""

from __future__ import annotations

import gc
import sys

import memory
import uncontended
import waiting
from loops import Loops
from rows import environment, show

GROUPS = {
    "floor": uncontended.floor,
    "uncontended": uncontended.uncontended,
    "waiting": waiting.waiting,
    "memory": memory.memory,
}


def main(words: list[str]) -> int:
    named = [word for word in words if word != "quick"]
    unknown = [word for word in named if word not in GROUPS]
    if unknown:
        print(f"there is no `{unknown[0]}` to measure: name some of {', '.join(GROUPS)}", file=sys.stderr)
        return 2
    # As programs have it: collections that happen meanwhile are part of what is measured.
    gc.enable()
    print(environment(), flush=True)
    with Loops() as loops:
        for name in named or GROUPS:
            for rows in GROUPS[name](loops, quick="quick" in words):
                show(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
