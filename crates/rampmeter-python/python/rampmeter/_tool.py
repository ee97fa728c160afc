"""`Gate.tool`: a function that passes the gate whenever it is called."""

from __future__ import annotations

import asyncio
import functools
import inspect
import sys
import types
import weakref
from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar

from ._types import Seconds

if TYPE_CHECKING:
    from ._gate import Gate
    from ._native import Permit

F = TypeVar("F", bound=Callable[..., Any])


class Terms(TypedDict):
    """What is said of every call."""

    flow: str | None
    priority: str | None
    labels: Mapping[str, str] | None
    cost: Mapping[str, int] | None
    deadline: Seconds | None


# What was made here, by what was made of it: an attribute would be taken along by whoever wraps it again.
_MADE: weakref.WeakKeyDictionary[Callable[..., Any], tuple[Gate, str, Callable[..., Any]]] = (
    weakref.WeakKeyDictionary()
)


def gated(gate: Gate, name: str | None, function: F, terms: Terms) -> F:
    """`function`, with a call of the tool `name` around each call of it."""
    name = _named(name, function)
    gate._check_call(name, **terms)
    arguments = _arguments(gate, name, function)

    @functools.wraps(function)
    async def in_task(*args: Any, **kwargs: Any) -> Any:
        async with gate.admit(name, arguments=arguments(args, kwargs), **terms) as permit:
            return await _in_time(permit, function(*args, **kwargs))

    @functools.wraps(function)
    def in_thread(*args: Any, **kwargs: Any) -> Any:
        with gate.admit_sync(name, arguments=arguments(args, kwargs), **terms):
            return _ended(name, function(*args, **kwargs))

    made: Any = in_task if is_async(function) else in_thread
    made.__rampmeter_tool__ = name
    _MADE[made] = (gate, name, function)
    return made  # type: ignore[no-any-return]


def _ended(name: str, answer: Any) -> Any:
    """The answer, unless it is one that is still to come, when the call would be over already."""
    if inspect.isawaitable(answer):
        if inspect.iscoroutine(answer):
            answer.close()
        raise TypeError(f"{name} is not async and gave {type(answer).__name__}; define it with `async def`")
    return answer


async def _in_time(permit: Permit, running: Coroutine[Any, Any, Any]) -> Any:
    """Ends it when the policy's `timeout` of its tool is over; the clock does not run while it waits."""
    seconds = permit.timeout
    if seconds is None:
        return await running
    over = TimeoutError(f"{permit.tool} was ended: its timeout of {seconds:g} s is over")
    if sys.version_info < (3, 11):
        task = asyncio.ensure_future(running)
        try:
            return await asyncio.wait_for(task, seconds)
        except asyncio.TimeoutError:
            # It may have raised one of its own.
            if task.cancelled():
                raise over from None
            raise
    try:
        async with asyncio.timeout(seconds) as clock:
            return await running
    except TimeoutError as error:
        if clock.expired() and isinstance(error.__cause__, asyncio.CancelledError):
            raise over from None
        raise


def ungated(gate: Gate, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """What `gate.tool` made this tool of, to be run where the gate has been passed; else itself."""
    made = function.__func__ if isinstance(function, types.MethodType) else function
    try:
        at, known, inner = _MADE[made]
    except (KeyError, TypeError):
        # Not made here; or something that cannot be looked for, and so was not.
        return function
    if at is not gate or known != name:
        return function
    return types.MethodType(inner, function.__self__) if isinstance(function, types.MethodType) else inner


def is_async(function: Callable[..., Any]) -> bool:
    """Whether calling it makes a coroutine."""
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)


def _named(name: str | None, function: Callable[..., Any]) -> str:
    if isinstance(function, (staticmethod, classmethod)):
        raise TypeError("gate.tool wraps functions; put it below @staticmethod or @classmethod, not above")
    if not callable(function) or isinstance(function, type):
        raise TypeError(
            f'gate.tool wraps functions, and this is {function!r}; or name the tool, as in @gate.tool("name")'
        )
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise TypeError(
            f"{function.__qualname__} is a generator, which is called long before it runs; "
            "use `async with gate.admit(...)` inside of it"
        )
    name = name or getattr(function, "__name__", None)
    if name is None:
        raise TypeError(f'{function!r} has no name; say which tool it is, as in gate.tool("name")(function)')
    return name


def _arguments(
    gate: Gate, name: str, function: Callable[..., Any]
) -> Callable[[tuple[Any, ...], dict[str, Any]], dict[str, Any] | None]:
    """What a call's arguments are by name, for a policy that asks for them."""
    signature = inspect.signature(function)

    def arguments(args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any] | None:
        if not gate._needs_arguments(name):
            return None
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{name}: {error}") from None
        bound.apply_defaults()
        named = dict(bound.arguments)
        for parameter in signature.parameters.values():
            if parameter.kind is parameter.VAR_KEYWORD:
                named |= named.pop(parameter.name)
        first = next(iter(named), None)
        if first in ("self", "cls"):
            del named[first]
        return named

    return arguments
