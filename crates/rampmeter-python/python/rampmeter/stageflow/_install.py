"""The gate in Stageflow's global registry, and out of it again."""

from __future__ import annotations

from types import TracebackType

from stageflow.tools import ToolRegistry, get_tool_registry

from .. import Gate
from .._errors import UsageError
from ._call import DescribeCall
from ._registry import LimitedToolRegistry


class Installed:
    """The gate as it is in the global registry: `uninstall()`, or leave the `with` block."""

    def __init__(self, registry: ToolRegistry, limited: LimitedToolRegistry) -> None:
        self._registry = registry
        self._limited: LimitedToolRegistry | None = limited
        registry.execute = limited.execute  # type: ignore[method-assign]

    def uninstall(self) -> None:
        """Takes the gate out; calls that run already end under it. A second time does nothing."""
        if self._limited is not None:
            self._limited = None
            del self._registry.execute

    def __enter__(self) -> Installed:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None:
        self.uninstall()


def install(gate: Gate, *, describe: DescribeCall | None = None) -> Installed:
    """Puts the gate into the global registry, for everybody who holds it already or gets it later.

    Raises `UnknownTool` if the policy says nothing of a tool in it; what is registered later is looked up
    when it is called. After `clear_tool_registry()` there is another global registry: install again.
    """
    registry = get_tool_registry()
    if "execute" in vars(registry):
        raise UsageError("the global registry has a gate already: call `uninstall()` of what `install` gave")
    return Installed(registry, LimitedToolRegistry(gate, registry, describe=describe))
