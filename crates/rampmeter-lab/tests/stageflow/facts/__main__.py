"""What the real `stageflow-core` does, claim by claim, each on virtual time of its own.

Prints one JSON object: for each claim what was seen. `seen.json` says what it must be.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "stageflow"))

import pipelines  # noqa: F401
import registry  # noqa: F401

from clock import VirtualLoop
from probe import CLAIMS, Seen


def main() -> None:
    logging.getLogger().addHandler(logging.NullHandler())
    seen: Seen = {}
    for name, check in CLAIMS.items():
        loop = VirtualLoop()
        asyncio.set_event_loop(loop)
        seen[name] = loop.run_until_complete(check())
        loop.close()
    print(json.dumps(seen))


if __name__ == "__main__":
    main()
