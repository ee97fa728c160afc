"""Turns: what a model asked for and the functions that do it, put in the executor's words."""

from __future__ import annotations

import asyncio
import contextvars
import dataclasses
import functools
import inspect
import json
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ._errors import FormatError, UsageError
from ._outcome import no_room, timed_out
from ._tool import is_async, ungated

if TYPE_CHECKING:
    from ._gate import Gate
    from ._native import Permit, ThreadWork

Tools = Mapping[str, Callable[..., Any]] | Iterable[Callable[..., Any]]


# Of which a message's `content` is made, in Anthropic's words.
_BLOCKS = ("text", "thinking", "redacted_thinking", "tool_use")


def written(tool_calls: Any, format: str | None) -> str:
    """The text of an assistant message that asks for these calls. Lists that stand within a message, as an
    SDK hands them over, get the message around them."""
    if tool_calls is None:
        # What SDKs have where the model called nothing.
        return '{"role":"assistant","content":null}'
    if isinstance(tool_calls, (str, bytes, bytearray)):
        text = _unicode(tool_calls)
    else:
        text = json.dumps(tool_calls, default=_asked)
    if not text.lstrip().startswith("["):
        return text
    try:
        items = json.loads(text)
    except ValueError:
        # Whoever reads it next tells the place.
        return text
    parts = [item for item in items if isinstance(item, dict)]
    blocks = not items or any(part.get("type") in _BLOCKS or "toolUse" in part for part in parts)
    if blocks and format in (None, "anthropic", "bedrock"):
        return f'{{"role":"assistant","content":{text}}}'
    if format is None and any("function" in part and "name" not in part for part in parts):
        return f'{{"role":"assistant","tool_calls":{text}}}'
    return text


def _unicode(text: str | bytes | bytearray) -> str:
    """The text, if it is one that the rest can read."""
    try:
        if not isinstance(text, str):
            return text.decode()
        text.encode()
    except (UnicodeDecodeError, UnicodeEncodeError) as error:
        place = f"{'character' if isinstance(text, str) else 'byte'} {error.start + 1}"
        raise FormatError(
            f"tool_calls, {place}: it is no Unicode; pass one assistant message as JSON, in UTF-8"
        ) from None
    return text


def _asked(value: Any) -> Any:
    if (plain := _dumped(value)) is NotImplemented:
        raise TypeError(
            f"tool_calls holds {value!r}; pass an assistant message, or its calls, as JSON or as plain dicts"
        )
    return plain


def _dumped(value: Any) -> Any:
    """An SDK's object, or one of the tool's own, as plain data."""
    if callable(dump := getattr(value, "model_dump", None)):
        return dump(mode="json")
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    return NotImplemented


def functions(gate: Gate, tools: Tools) -> list[tuple[str, Callable[..., Any], bool]]:
    """The tools by name, and whether they are async."""
    if isinstance(tools, str) or not isinstance(tools, Iterable):
        raise TypeError(f"tools is {tools!r}; give a list of functions, or functions by their names")
    named: dict[str, Callable[..., Any]] = {}
    for name, function in tools.items() if isinstance(tools, Mapping) else _by_own_name(tools):
        if not isinstance(name, str) or not callable(function):
            raise TypeError(f"tools[{name!r}] is {function!r}; give functions by their names")
        if name in named:
            raise UsageError(
                f"two tools are named {name!r}; give them other names, as in tools={{name: function}}"
            )
        gate.check_tool(name)
        named[name] = ungated(gate, name, function)
    return [(name, function, is_async(function)) for name, function in named.items()]


def _by_own_name(tools: Iterable[Callable[..., Any]]) -> Iterable[tuple[str, Callable[..., Any]]]:
    for place, function in enumerate(tools):
        name = getattr(function, "__rampmeter_tool__", None) or getattr(function, "__name__", None)
        if name is None:
            raise TypeError(f"tools[{place}] has no name; give it one, as in tools={{name: function}}")
        yield name, function


async def in_task(permit: Permit, function: Callable[..., Any], arguments: str) -> str:
    """A call of an async function, as the body of a task of its own."""
    with permit:
        return content(await function(**json.loads(arguments)))


async def in_thread(permit: Permit, function: Callable[..., Any], arguments: str, work: ThreadWork) -> str:
    """A call of a function that blocks, in a thread of the loop's. Cancelled, it leaves the thread alone."""
    with permit:
        context = contextvars.copy_context()
        try:
            # Python reads less than the model may write, such as a number of 5,000 digits.
            run = functools.partial(context.run, _run, function, json.loads(arguments), work)
            answer = await asyncio.get_running_loop().run_in_executor(None, run)
        finally:
            work.give_up()
        return content(await answer if inspect.isawaitable(answer) else answer)


def _run(function: Callable[..., Any], arguments: dict[str, Any], work: ThreadWork) -> Any:
    if not work.begin():
        return None
    try:
        return function(**arguments)
    except StopIteration as error:
        # A future cannot hold one, and nobody would hear of the end.
        raise RuntimeError("the tool raised StopIteration") from error
    finally:
        work.end()


def content(answer: Any) -> str:
    """What the model is told: a text as it is, anything else as JSON."""
    if isinstance(answer, str):
        return answer
    return json.dumps(answer, ensure_ascii=False, separators=(",", ":"), default=_said)


def _said(value: Any) -> Any:
    if isinstance(value, (set, frozenset)):
        return list(value)
    # Of a date, a path, a decimal the model reads the text.
    return str(value) if (plain := _dumped(value)) is NotImplemented else plain


def failure(error: Exception) -> tuple[str, str, Any]:
    """How a call failed that raised this, what the model is told, and the response's headers."""
    said = str(error)
    told = f"{type(error).__name__}: {said}" if said else type(error).__name__
    if timed_out(error):
        return "no_answer", told, None
    if (refusal := no_room(error)) is not None:
        # What was turned away has not run; of a server that broke off nobody knows.
        return "turned_away" if refusal.status == 429 else "broken_off", told, refusal.headers
    if _was_misled(error):
        # Python begins with where the function stands in the code, of which the model knows nothing.
        return "arguments", said.partition("() ")[2] or said, None
    return "failed", told, None


def _was_misled(error: Exception) -> bool:
    """Whether the function took the arguments at all: what raises in the frame that calls it never began."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    callers = (in_task.__code__, _run.__code__)
    return isinstance(error, TypeError) and trace is not None and trace.tb_frame.f_code in callers
