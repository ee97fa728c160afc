"""How calls end: by foreign errors, after what was told of them, in other processes."""

from __future__ import annotations

import copy
import os
import pickle
import sys
from typing import Any

import pytest

from rampmeter import Gate, Refused

ONE = {"limits": {"a": {"concurrency": 1}}, "tools": {"x": {"limits": ["a"]}}}
LEARNS = {
    "limits": {"a": {"concurrency": {"size": 10, "adaptive": "aimd"}, "feedback": True}},
    "tools": {"x": {"limits": ["a"]}},
}
FAILS = {
    "limits": {"a": {"concurrency": {"size": 10, "adaptive": "aimd"}}},
    "tools": {"x": {"limits": ["a"]}},
}


class Odd(Exception):
    """As some client raises it: its response is there only at times."""

    @property
    def response(self) -> Any:
        raise RuntimeError("there was no response")


class NoRoom(Exception):
    def __init__(self, headers: Any) -> None:
        super().__init__()
        self.response = type("Response", (), {"status_code": 429, "headers": headers})()


@pytest.mark.parametrize("error", [Odd(), NoRoom(3), NoRoom([1, 2]), NoRoom({"Retry-After": 3})])
def test_an_error_that_cannot_be_read_is_raised_as_it_is(error: Exception) -> None:
    gate = Gate.from_dict(ONE)
    with pytest.raises(type(error)) as raised, gate.try_admit("x"):
        raise error
    assert raised.value is error
    permit = gate.try_admit("x")
    permit.finish(error)
    gate.try_admit("x").finish()


def test_a_server_without_room_is_heard_though_its_headers_cannot_be_read() -> None:
    gate = Gate.from_dict(LEARNS)
    with pytest.raises(NoRoom), gate.try_admit("x"):
        raise NoRoom({"Retry-After": 3})
    with pytest.raises(Refused, match="cool"):
        gate.try_admit("x")


def size(gate: Gate) -> int:
    """How many run at once."""
    permits = []
    try:
        while True:
            permits.append(gate.try_admit("x"))
    except Refused:
        return len(permits)
    finally:
        for permit in permits:
            permit.finish("cancelled")


@pytest.mark.parametrize("how", ["nothing", "an error", "an error by hand"])
def test_what_was_throttled_has_been_overloaded_whatever_is_raised(how: str) -> None:
    gate = Gate.from_dict(FAILS)
    assert size(gate) == 10
    permit = gate.try_admit("x")
    permit.throttled()
    if how == "nothing":
        with permit:
            pass
    elif how == "an error":
        with pytest.raises(ValueError), permit:
            raise ValueError
    else:
        permit.finish(ValueError())
    assert size(gate) < 10


def test_an_error_of_the_tool_alone_makes_no_limit_smaller() -> None:
    gate = Gate.from_dict(FAILS)
    with pytest.raises(ValueError), gate.try_admit("x"):
        raise ValueError
    assert size(gate) == 10


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing is forked here")
@pytest.mark.filterwarnings("ignore:This process")
def test_a_forked_child_leaves_its_parents_blocks_in_silence() -> None:
    gate = Gate.from_dict(ONE)
    child = None
    try:
        with gate.try_admit("x"):
            child = os.fork()
            if child == 0:
                # As its program ends.
                sys.exit(7)
    except SystemExit as end:
        os._exit(int(str(end.code)))
    except BaseException:
        if child == 0:
            os._exit(1)
        raise
    assert child is not None
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    gate.try_admit("x").finish()


def test_a_gate_is_copied_as_itself_and_is_not_pickled() -> None:
    gate = Gate.from_dict(ONE)
    settings = {"gate": gate}
    assert copy.deepcopy(settings)["gate"] is gate and copy.copy(gate) is gate
    with pytest.raises(TypeError, match="make one in each process"):
        pickle.dumps(gate)
