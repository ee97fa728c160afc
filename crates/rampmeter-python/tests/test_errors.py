"""Bad input: an exception that names the place and the remedy."""

from __future__ import annotations

import pickle
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import rampmeter
from rampmeter import (
    ArgumentsError,
    Gate,
    Policy,
    PolicyError,
    RampmeterError,
    Refused,
    UnknownTool,
    UsageError,
)

POLICY = {
    "limits": {"a": {"concurrency": 1, "tokens": "1000/min"}},
    "tools": {"search": {"limits": ["a"]}, "edit": {"writes": ["file:{path}"]}},
}


@pytest.fixture
def gate() -> Gate:
    return Gate.from_dict(POLICY)


def looped() -> dict[str, Any]:
    policy: dict[str, Any] = {"limits": {}}
    policy["limits"]["a"] = policy
    return policy


@pytest.mark.parametrize(
    ("arguments", "keywords", "kind", "said"),
    [
        ((), {}, TypeError, "tool"),
        ((3,), {}, TypeError, "tool is int; give a text"),
        (("search",), {"flow": 3}, TypeError, "flow is int; give a text"),
        (("search",), {"priority": b"low"}, TypeError, "priority is bytes; give a text"),
        (("search",), {"id": 3}, TypeError, "id is int; give a text"),
        (("search",), {"colour": 3}, TypeError, "colour"),
        (("serch",), {}, UnknownTool, 'did you mean "search"?.*tools'),
        (("search",), {"cost": {"tokens": -1}}, ValueError, "-1 tokens; give 0 or more"),
        (("search",), {"cost": {"tokens": 2**70}}, ValueError, "tokens; give 0 or more"),
        (("search",), {"cost": {"tokens": 2**200}}, ValueError, r"less than 2\*\*64"),
        (("search",), {"cost": {"tokens": 10**5000}}, ValueError, r"less than 2\*\*64"),
        (("search",), {"deadline": -(10**400)}, ValueError, "deadline is -inf seconds"),
        (("s\ud800",), {}, ValueError, "tool holds surrogates"),
        (("search",), {"id": "\ud800"}, ValueError, "id holds surrogates"),
        (("search",), {"labels": {"a": "\ud800"}}, ValueError, r"labels\['a'\] holds surrogates"),
        (("search",), {"cost": {"tokens": 1.5}}, TypeError, "tokens is float; give a whole number"),
        (("search",), {"cost": {"tokens": True}}, TypeError, "tokens is bool"),
        (("search",), {"cost": {"tokns": 1}}, ValueError, "'tokns'; what is counted is tokens"),
        (("search",), {"cost": 3}, TypeError, "cost is int; give a dict"),
        (("search",), {"labels": {"a": 3}}, TypeError, r"labels\['a'\] is int; names and values are texts"),
        (("search",), {"deadline": -1}, ValueError, "deadline is -1 seconds; give 0 or more"),
        (("search",), {"deadline": float("nan")}, ValueError, "deadline is NaN"),
        (("search",), {"deadline": "1s"}, TypeError, "deadline is str; give seconds, or a timedelta"),
        (("search",), {"deadline": timedelta(seconds=-1)}, ValueError, "deadline"),
        (("search",), {"reads": "file:a"}, TypeError, "reads is a list of texts"),
        (("search",), {"writes": [3]}, TypeError, "writes is a list of texts"),
        (("search",), {"parent": 3}, TypeError, "parent is int; give a permit"),
        (("search",), {"labels": [1]}, TypeError, "labels is list; give a dict"),
        (("edit",), {}, UsageError, "pass arguments"),
        (("edit",), {"arguments": {}}, ArgumentsError, r"tools.edit.writes\[0\].*path"),
        (("edit",), {"arguments": "{"}, ArgumentsError, "arguments of edit"),
        (("edit",), {"arguments": {"path": "\ud800"}}, ArgumentsError, "Unicode|arguments of edit"),
    ],
)
def test_a_wrong_call_is_told_where_it_is_made(
    gate: Gate, arguments: Any, keywords: Any, kind: type[Exception], said: str
) -> None:
    for ask in (gate.admit, gate.admit_sync, gate.try_admit):
        if ask == gate.try_admit and "deadline" in keywords:
            continue
        with pytest.raises(kind, match=said):
            ask(*arguments, **keywords)
    gate.try_admit("search").finish()


def test_a_deadline_that_no_float_can_say_is_for_ever(gate: Gate) -> None:
    gate.admit_sync("search", deadline=10**400).finish()


@pytest.mark.parametrize("place", ["flow", "priority"])
def test_surrogates_are_named_where_they_are(gate: Gate, place: str) -> None:
    keywords: Any = {place: "\ud800"}
    with pytest.raises(ValueError, match=f"{place} holds surrogates"):
        gate.try_admit("search", **keywords)


def test_an_unknown_priority_names_those_that_there_are(gate: Gate) -> None:
    with pytest.raises(UsageError, match='no priority "urgent"; the policy has critical, high, normal, low'):
        gate.try_admit("search", priority="urgent")


def test_a_call_that_can_never_fit_is_refused_for_ever() -> None:
    # All of its slots are never there for anybody but a critical call.
    limit = {"concurrency": 2, "reserved": {"critical": 1}}
    gate = Gate.from_dict(
        {"limits": {"a": limit}, "tools": {"x": {"limits": {"a": {"weight": 2}}, "priority": "critical"}}}
    )
    with pytest.raises(Refused) as refused:
        gate.try_admit("x", priority="low")
    assert (refused.value.reason, refused.value.retry) == ("too_large", "never")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[limits.a]\nconcurency = 3", "policy:2:1.*concurency.*did you mean `concurrency`"),
        ("[limits.a]\nconcurrency = 0", "policy:2:15"),
        ("[tools.x]\nlimits = ['b']", "b"),
        ("[limits", "policy:1"),
    ],
)
def test_a_wrong_policy_shows_the_line_and_the_remedy(text: str, said: str) -> None:
    with pytest.raises(PolicyError, match=f"(?s){said}"):
        Gate.from_toml(text)


@pytest.mark.parametrize(
    ("policy", "kind", "said"),
    [
        (3, TypeError, "the policy is int; give a dict, Policy.from_file"),
        ("gate.toml", TypeError, r"the policy is str; give .* or Policy.from_toml\(text\)"),
        ({"limits": {"a": {"concurrency": 3.5}}}, PolicyError, "concurrency"),
        ({"limits": {3: {}}}, TypeError, "limits has the key 3; keys are texts"),
        ({"limits": {"a": {"concurrency": object()}}}, TypeError, "limits.a.concurrency is object"),
        ({"limits": {"a": {"concurrency": 2**70}}}, ValueError, "limits.a.concurrency is more than"),
        ({"limits": {"a": {"concurrency": 10**5000}}}, ValueError, "limits.a.concurrency is more than"),
        ({"limits": {"a": {"concurrency": None}}}, PolicyError, "`limits.a` has no budget"),
        ({"limit": {}}, PolicyError, "did you mean `limits`"),
        (looped(), ValueError, "does it hold itself"),
    ],
)
def test_a_wrong_dict_names_the_key(policy: Any, kind: type[Exception], said: str) -> None:
    with pytest.raises(kind, match=said):
        Gate(policy)


def test_a_dict_says_what_a_file_says(tmp_path: Path) -> None:
    text = """
    undeclared = "read"
    [limits.a]
    concurrency = 3
    requests = ["30/min", { rate = "14400/day", kind = "calendar", zone = "UTC" }]
    [tools.free]
    [tools."fs_*"]
    limits = { a = { weight = 2 } }
    writes = ["file:{path}"]
    timeout = "10s"
    [flows]
    "tenant 7" = { weight = 3 }
    """
    policy = {
        "undeclared": "read",
        "limits": {
            "a": {
                "concurrency": 3,
                "requests": ["30/min", {"rate": "14400/day", "kind": "calendar", "zone": "UTC"}],
                "queue": None,
            }
        },
        "tools": {
            "free": {},
            "fs_*": {"limits": {"a": {"weight": 2}}, "writes": ["file:{path}"], "timeout": "10s"},
        },
        "flows": {"tenant 7": {"weight": 3}},
    }
    file = tmp_path / "rampmeter.toml"
    file.write_text(text)
    told = {Policy.from_toml(text).effective(), Policy.from_dict(policy).effective()}
    told.add(Policy.from_file(file).effective())
    assert len(told) == 1
    assert Policy.from_dict(policy).tools() == ["free", "fs_*"]


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="nowhere.toml"):
        Gate.from_file(tmp_path / "nowhere.toml")


def test_everything_that_is_raised_has_one_base() -> None:
    for kind in (PolicyError, UnknownTool, UsageError, rampmeter.ForkedError, Refused):
        assert issubclass(kind, RampmeterError)
    assert issubclass(PolicyError, ValueError) and issubclass(UnknownTool, LookupError)


def test_a_refusal_survives_a_process_boundary(gate: Gate) -> None:
    with gate.try_admit("search"), pytest.raises(Refused) as refused:
        import contextvars

        contextvars.Context().run(gate.try_admit, "search")
    again = pickle.loads(pickle.dumps(refused.value))
    assert (str(again), again.__dict__) == (str(refused.value), refused.value.__dict__)


@pytest.mark.parametrize("outcome", ["done", 3])
def test_an_outcome_that_there_is_not(gate: Gate, outcome: Any) -> None:
    permit = gate.try_admit("search")
    with pytest.raises((ValueError, TypeError)):
        permit.finish(outcome)
    assert permit.running
    permit.finish()


@pytest.mark.parametrize("headers", [3, [("a",)], {"a": 3}])
def test_headers_that_are_none(gate: Gate, headers: Any) -> None:
    with gate.try_admit("search") as permit, pytest.raises(TypeError, match="headers are"):
        permit.feedback(headers)


def test_a_flow_is_entered_once() -> None:
    flow = rampmeter.flow("a")
    with flow, pytest.raises(UsageError, match="make one for each block"), flow:
        pass


def test_a_policy_says_what_is_odd_in_it_and_nothing_of_commands() -> None:
    told = "\n".join(Policy.from_toml("[limits.a]\nconcurrency = 1\n[tools.x]\nlimits = ['a']").warnings)
    assert "its calls of one turn run one by one" in told and "command line" not in told
