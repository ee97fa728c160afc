"""What happened, call by call, and what is known of the whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from script import Script


@dataclass
class Run:
    """One stay inside a tool."""

    started: int
    ended: int | None = None
    end: str = "running"

    def close(self, now: int, end: str) -> None:
        """It has ended; once is enough."""
        if self.ended is None:
            self.ended, self.end = now, end


@dataclass
class Record:
    """What became of one call."""

    asked: int
    answered: int | None = None
    status: str = "lost"
    runs: list[Run] = field(default_factory=list)
    given_up: bool = False
    told: str = ""

    def line(self, call: int, now: int) -> str:
        """The record as it is at that moment, as a line of JSON. It is put together by hand: in real
        time whoever measures must not keep the loop from what is measured."""
        runs = ",".join(
            f'{{"started":{run.started},"ended":{now if run.ended is None else run.ended},"end":"{run.end}"}}'
            for run in self.runs
        )
        answered = "null" if self.answered is None else self.answered
        what = f'"asked":{self.asked},"answered":{answered},"status":"{self.status}"'
        return f'{{"record":{{"call":{call},{what},"runs":[{runs}]}}}}\n'


class Book:
    """All records, by the call's index in the script; each is told when its call is answered, and again
    at the end if there is more to say of it."""

    def __init__(self, script: Script, tell: Callable[[str], None]) -> None:
        self._script = script
        self._tell = tell
        self.records: dict[int, Record] = {}
        self.runs_of_tool: Counter[int] = Counter()
        self.counters: dict[str, int] = {}
        self.writers: Counter[str] = Counter()
        self.held = 0
        self.held_peak = 0
        self.last = 0
        self._closed = False

    def ask(self, call: int, now: int) -> Record:
        """A call is asked for; one that is asked again keeps its first moment."""
        return self.records.setdefault(call, Record(now))

    def is_answered(self, call: int) -> bool:
        record = self.records.get(call)
        return record is not None and record.answered is not None

    def answer(self, call: int, now: int, status: str) -> None:
        """Whoever asked for it knows, unless nobody waits any more."""
        record = self.records[call]
        if record.given_up:
            return
        record.answered, record.status = now, status
        self.last = max(self.last, now)
        if not self._closed:
            self._tell_of(call, now)

    def give_up(self, call: int, now: int, status: str) -> None:
        """Nobody waits for its answer any more, if it has none yet."""
        if not self.is_answered(call):
            self.answer(call, now, status)
            self.records[call].given_up = True

    def start(self, call: int, now: int) -> tuple[Run, int]:
        """A call has come as far as its tool: its run, and the how-manieth of its tool, from 0."""
        run = Run(now)
        self.records[call].runs.append(run)
        tool = self._script.calls[call].tool
        nth = self.runs_of_tool[tool]
        self.runs_of_tool[tool] += 1
        return run, nth

    def end(self, call: int, run: Run, now: int, end: str) -> None:
        """A run is over; what comes of a call that was given up is wanted by nobody."""
        run.close(now, "cut" if self.records[call].given_up else end)
        self.last = max(self.last, now)

    def cut(self, now: int) -> None:
        """Whatever runs is gone."""
        for record in self.records.values():
            for run in record.runs:
                if run.ended is None:
                    run.close(now, "cut")
                    self.last = max(self.last, now)

    def hold(self, memory: int) -> None:
        self.held += memory
        self.held_peak = max(self.held_peak, self.held)

    def let_go(self, memory: int) -> None:
        self.held -= memory

    def close(self, ended: int) -> None:
        """Everything is over: what is known now is what is told, whatever ends later."""
        self._closed = True
        for call in sorted(self.records):
            self._tell_of(call, ended)

    def _tell_of(self, call: int, now: int) -> None:
        record = self.records[call]
        line = record.line(call, now)
        if line != record.told:
            record.told = line
            self._tell(line)

    def facts(self, ended: int) -> dict[str, Any]:
        """What is known of the whole."""
        return {
            "ended": ended,
            "never_asked": len(self._script.calls) - len(self.records),
            "counters": {
                name: [writers, self.counters.get(name, 0)]
                for name, writers in sorted(self.writers.items())
            },
            "held_bytes_peak": self.held_peak,
        }
