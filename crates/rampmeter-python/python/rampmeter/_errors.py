"""What is raised: one base, a class for each cause."""

from __future__ import annotations

from ._types import Retry


class RampmeterError(Exception):
    """Whatever this package raises of its own."""


class PolicyError(RampmeterError, ValueError):
    """A policy that cannot be: each fault with its place and remedy."""


class FormatError(RampmeterError, ValueError):
    """What a model wrote cannot be read as a turn: the place and the remedy."""


class UnknownTool(RampmeterError, LookupError):
    """The policy says nothing of this tool, so nobody knows its limits."""


class UnknownLimit(RampmeterError, LookupError):
    """The policy has no limit of this name."""


class StateError(RampmeterError, OSError):
    """A state file cannot be used: another process uses it, or it cannot be read or written."""


class UsageError(RampmeterError, RuntimeError):
    """Something was used where it cannot work: without a loop, twice, after its end."""


class ArgumentsError(UsageError, ValueError):
    """The arguments of a call do not say which keys it touches."""


class ForkedError(UsageError):
    """The gate was made before this process was forked; make one in this process."""


class Refused(RampmeterError):
    """The limits said no: why, by which limit, and when to come back."""

    def __init__(
        self,
        message: str,
        *,
        tool: str,
        reason: str,
        limit: str | None = None,
        retry: Retry = "never",
        retry_after: float | None = None,
        waited: float = 0.0,
    ) -> None:
        super().__init__(message)
        self.tool = tool
        """The tool that was not run."""
        self.reason = reason
        """Why, in the words of events: `queue_full`, `deadline`, `would_wait`."""
        self.limit = limit
        """The limit that said no, if it was one; a key as `key NAME`."""
        self.retry: Retry = retry
        """When asking again could be answered otherwise."""
        self.retry_after = retry_after
        """Seconds, if `retry` is `after`."""
        self.waited = waited
        """Seconds."""

    def __reduce__(self) -> tuple[object, ...]:
        return _again, (str(self), self.__dict__)


def _again(message: str, fields: dict[str, object]) -> Refused:
    return Refused(message, **fields)  # type: ignore[arg-type]
