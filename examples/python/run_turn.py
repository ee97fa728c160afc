"""An agent's loop: what the model asks for is run under the gate, and answered in the model's own format.

The model here is made up and writes what OpenAI's Chat Completions would. Run it with

    python examples/python/run_turn.py
"""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

from rampmeter import Gate, current_permit

gate = Gate.from_toml(
    """
    [limits.search]
    concurrency = 3

    [tools.search]
    limits = ["search"]
    access = "read"
    timeout = "5s"
    retry = { attempts = 3, base = "1ms" }

    [tools.append]
    limits = []
    writes = ["file:{path}"]
    """
)

inside = peak = tries = 0
files = {"notes": ""}


async def search(query: str) -> list[str]:
    """Searches; the first try of each fifth query finds the server out of order."""
    global inside, peak, tries
    inside, tries = inside + 1, tries + 1
    peak = max(peak, inside)
    try:
        await asyncio.sleep(0.005)
        if tries % 5 == 0:
            raise ConnectionError("the server hung up")
        return [f"what is known of {query}"]
    finally:
        inside -= 1


def append(path: str, line: str) -> str:
    """Not async: it runs in a thread. Two calls for one file never run at once."""
    before = files[path]
    time.sleep(0.001)
    files[path] = f"{before}{line}\n"
    permit = current_permit()
    return f"{len(files[path])} characters, waited {permit.waited if permit else 0:.3f} s"


class Model:
    """Asks for 20 searches at once, then for three lines in order and a tool that is not there."""

    def __init__(self) -> None:
        self.turns = iter(
            [
                [("search", {"query": f"question {at}"}) for at in range(20)],
                [("append", {"path": "notes", "line": f"{at}."}) for at in range(3)] + [("apend", {})],
                [],
            ]
        )

    async def answer(self, messages: list[dict[str, Any]]) -> dict[str, Any]:
        calls = [
            {
                "id": f"call_{len(messages)}_{at}",
                "type": "function",
                "function": {"name": name, "arguments": text},
            }
            for at, (name, arguments) in enumerate(next(self.turns))
            for text in [json.dumps(arguments)]
        ]
        return {"role": "assistant", "content": None if calls else "done", "tool_calls": calls}


async def main() -> None:
    model = Model()
    messages: list[dict[str, Any]] = [{"role": "user", "content": "find out, and write it down"}]
    while True:
        answer = await model.answer(messages)
        report = await gate.run_turn(answer, [search, append])
        if not report.results:
            break
        messages += [answer, *report.replies()]
        good = sum(result.ok for result in report.results)
        again = sum(len(result.attempts) for result in report.results)
        print(f"{len(report.results)} calls: {good} answered, {again} tried again")
        for result in report.results:
            if not result.ok:
                print(f"  {result.name}: {result.error}")
    print(f"at most {peak} searches at once, counted in the tool; notes: {files['notes']!r}")
    roles = [message["role"] for message in messages]
    assert peak == 3 and files["notes"] == "0.\n1.\n2.\n", (peak, files)
    assert roles == ["user", "assistant", *["tool"] * 20, "assistant", *["tool"] * 4], roles
    assert messages[-1]["content"] == 'error: there is no tool named "apend"; did you mean "append"?'


if __name__ == "__main__":
    asyncio.run(main())
